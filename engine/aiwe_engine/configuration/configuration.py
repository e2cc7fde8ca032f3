"""The configuration in effect: the settings, each app's own, and where every value came from.

    configuration = read_configuration(root=Path.cwd(), env="production")
    configuration.for_app("shop").body_limit

Later wins: defaults, `aiwe.toml`, its `[env.NAME.…]` tables, environment variables, options. What
is said for one app (`[apps.NAME.…]`) goes before what is said for all, wherever that was said.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any

from aiwe_engine.configuration.given import (
    CONFIG,
    PROVIDERS,
    SECRETS,
    Given,
    read_file,
    read_variables,
)
from aiwe_engine.configuration.mistakes import InvalidConfiguration, Mistake, suggest
from aiwe_engine.configuration.providers import Providers
from aiwe_engine.configuration.secrets import Configured, Secrets
from aiwe_engine.configuration.tables import Table
from aiwe_engine.configuration.values import Unfit, value_of
from aiwe_engine.settings import ROWS, SECTIONS, Row, Settings, contradictions
from aiwe_engine.types import Json

_DEEPEST = 100  # tables and lists in each other
_EXACT = 1 << 53  # numbers of JavaScript are exact below


@dataclass(frozen=True, slots=True)
class AppConfiguration:
    """What holds for one app.

    Attributes:
        settings: the engine's, with what is said for this app.
        origins: where that was said, by the setting's attribute.
        config: the program's own values: `app.config`.
    """

    settings: Settings
    origins: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an engine is told.

    Attributes:
        settings: those of the engine, and of every app that says nothing else.
        origins: where a setting was given, by its attribute; what is not here is the default.
        apps: those that something is said for.
        secrets: those of this environment, with their values.
        tables: what was written of providers and secrets.
        warnings: what is not good and stops nothing.
    """

    settings: Settings = field(default_factory=Settings)
    origins: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, AppConfiguration] = field(default_factory=dict)
    secrets: Configured = field(default_factory=dict, repr=False)
    tables: tuple[Table, ...] = ()
    warnings: tuple[Mistake, ...] = ()

    def for_app(self, name: str) -> Settings:
        """The settings of one app."""
        app = self.apps.get(name)
        return self.settings if app is None else app.settings

    def app_config(self, name: str) -> Mapping[str, Json]:
        """The values that a program reads as `app.config`."""
        app = self.apps.get(name)
        return {} if app is None else app.config

    def keeping(self, running: Settings) -> tuple[Configuration, list[str]]:
        """The same without what cannot change while an engine runs, and the names of that."""
        waiting = [
            row
            for row in ROWS.values()
            if row.restart and getattr(self.settings, row.name) != getattr(running, row.name)
        ]
        kept = self.changed(**{row.name: getattr(running, row.name) for row in waiting})
        return kept, [row.full for row in waiting]

    def differences(self, other: Configuration) -> list[str]:
        """The full names of what is not the same in another one."""
        names = _unequal(self.settings, other.settings, "")
        for app in sorted({*self.apps, *other.apps}):
            own = _unequal(self.for_app(app), other.for_app(app), f"apps.{app}.")
            names += [name for name in own if name.removeprefix(f"apps.{app}.") not in names]
            if self.app_config(app) != other.app_config(app):
                names.append(f"apps.{app}.{CONFIG}")
        changed = {
            name
            for name in {*self.secrets, *other.secrets}
            if self.secrets.get(name) != other.secrets.get(name)
        }
        names += [f"{SECRETS}.{one}" for one in sorted({secret for secret, _, _ in changed})]
        return names

    def changed(self, **values: Any) -> Configuration:
        """The same with other values of some of the engine's settings, for every app."""
        apps = {
            name: replace(app, settings=replace(app.settings, **values))
            for name, app in self.apps.items()
        }
        return replace(self, settings=replace(self.settings, **values), apps=apps)


def _unequal(one: Settings, other: Settings, place: str) -> list[str]:
    names = [
        place + row.full
        for row in ROWS.values()
        if getattr(one, row.name) != getattr(other, row.name)
    ]
    if one.auth_providers != other.auth_providers:
        names.append(place + PROVIDERS.rstrip("."))
    return names


def read_configuration(
    *,
    root: Path,
    env: str,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    options: Iterable[Given] = (),
    values: bool = True,
) -> Configuration:
    """Reads every source.

    Args:
        root: the project's folder, where `aiwe.toml` may stand.
        env: the environment that the engine serves.
        file: a file instead of `aiwe.toml`; it must be there.
        environ: environment variables, the process's own if None.
        options: what else was given; it wins.
        values: the values of secrets must be there. A command beside an engine may do without.

    Raises:
        InvalidConfiguration: with all mistakes there are, also those for other environments.
    """
    mistakes: list[Mistake] = []
    environ = os.environ if environ is None else environ
    given = [*read_file(root, file, mistakes), *read_variables(environ), *options]
    secrets = Secrets(env, environ, file.parent if file else root, needed=values)
    accepted = _Accepted(env, environ, secrets)
    mistakes += [one.wrong(said) for one in given if (said := accepted.take(one))]
    mistakes += secrets.mistakes
    if not mistakes:
        mistakes += accepted.providers.mistakes()
    if not mistakes:
        configuration = accepted.configuration()
        mistakes += accepted.contradictions(configuration)
    if mistakes:
        raise InvalidConfiguration(mistakes)
    return configuration


class _Accepted:
    """Values found good, by app (None: all)."""

    def __init__(self, env: str, environ: Mapping[str, str], secrets: Secrets) -> None:
        self._env, self._secrets = env, secrets
        self.providers = Providers(environ)
        self._values: dict[str | None, dict[str, Any]] = {None: {}}
        self._given: dict[str | None, dict[str, Given]] = {None: {}}
        self._configs: dict[str, dict[str, Json]] = {}

    def take(self, given: Given) -> str | None:
        """Looks at one value and keeps it, if it is for this environment; or what is wrong."""
        try:
            if given.section == CONFIG and given.app is not None:
                own = _json(given.value)
                if given.env in {None, self._env}:
                    self._configs.setdefault(given.app, {})[given.key] = own
                return None
            if given.section.startswith(PROVIDERS):
                self.providers.take(given, mine=given.env in {None, self._env})
                return None
            if given.section == SECRETS and isinstance(given.value, dict):
                self._secrets.take(given)
                return None
            row = _row(given)
            value = value_of(row, given.value, given.form)
        except Unfit as unfit:
            return str(unfit)
        if given.env in {None, self._env}:
            self._values.setdefault(given.app, {})[row.name] = value
            self._given.setdefault(given.app, {})[row.name] = given
        return None

    def configuration(self) -> Configuration:
        """All of it together."""
        providers = self.providers.of
        general = Settings(**self._values[None], auth_providers=providers(None))
        tables = (*self.providers.tables(), *self._secrets.tables)
        named = (*self._values, *self._configs, *(table.app for table in tables))
        names = {name for name in named if name is not None}
        apps = {
            name: AppConfiguration(
                replace(general, **self._values.get(name, {}), auth_providers=providers(name)),
                self._origins(name),
                self._configs.get(name, {}),
            )
            for name in sorted(names)
        }
        warnings = tuple(self._secrets.warnings)
        return Configuration(
            general, self._origins(None), apps, self._secrets.found, tables, warnings
        )

    def contradictions(self, configuration: Configuration) -> Iterator[Mistake]:
        """What is good by itself and cannot be meant together."""
        for app in (None, *configuration.apps):
            own = self._given.get(app, {})
            for names, said in contradictions(configuration.for_app(app or "")):
                if given := next((own[name] for name in names if name in own), None):
                    yield given.wrong(said)

    def _origins(self, app: str | None) -> dict[str, str]:
        return {name: given.origin for name, given in self._given.get(app, {}).items()}


def _row(given: Given) -> Row:
    """The setting that is meant.

    Raises:
        Unfit: there is none, or not for one app alone.
    """
    section, key = given.section, given.key
    if f"{section}.{key}".startswith(PROVIDERS.rstrip(".")):
        raise Unfit("Providers stand in aiwe.toml, each below a table [auth.providers.NAME].")
    for row in ROWS.values():
        if (row.section, row.key) == (section, key):
            if given.app is not None and not row.app:
                raise Unfit(f"It holds for all apps alike. Write it below [{section}].")
            return row
    if section == "apps" and given.form == "variable":
        raise Unfit("What is for one app alone stands in aiwe.toml, below [apps.NAME.SECTION].")
    elsewhere = [row for row in ROWS.values() if key in {row.key, row.name}]
    if elsewhere:
        row = elsewhere[0]
        written = row.variable if given.form == "variable" else row.full
        raise Unfit(f"There is no setting {section}.{key}. Did you mean {written}?")
    if section not in SECTIONS:
        raise Unfit(f"There is no section {section}.{suggest(section, SECTIONS)}")
    keys = [row.key for row in ROWS.values() if row.section == section]
    if section == SECRETS:
        raise Unfit(
            f'There is no setting secrets.{key}.{suggest(key, keys)} A secret is a table of aiwe.toml: [secrets.{key}] with env = "VARIABLE" '
            f'or file = "PATH".'
        )
    raise Unfit(f"The section {section} has no setting {key}.{suggest(key, keys)}")


def _json(value: Any, depth: int = 1) -> Json:
    """A value of a file as a program gets it; dates and times become text in ISO 8601.

    Raises:
        Unfit: it is no value of JSON, or JavaScript could not hold it exactly.
    """
    if depth > _DEEPEST:
        raise Unfit(f"It is nested more than {_DEEPEST} deep")
    if isinstance(value, dict):
        return {key: _json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item, depth + 1) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit(f"{value} is no value of JSON")
    if isinstance(value, int) and abs(value) > _EXACT:
        raise Unfit(f"{value} is too large for a number of JavaScript; write it as text")
    return value  # type: ignore[no-any-return]
