"""The providers of OpenID Connect that were given: by app, by name, key by key.

What is said for one app goes before what is said for all, as with settings: an app may have another
client_id at a provider of all, or none of it by `enabled = false`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiwe_engine.configuration.given import PROVIDERS, Given
from aiwe_engine.configuration.mistakes import Mistake, suggest
from aiwe_engine.configuration.tables import HIDDEN, Row, Table
from aiwe_engine.configuration.values import Unfit
from aiwe_engine.openid import KEYS, Provider, name_mistake

_Tables = dict[str, dict[str, Any]]


class Providers:
    """Gathers them.

    Args:
        environ: environment variables, which may hold secrets of clients.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._given: dict[str | None, _Tables] = {}
        self._last: dict[tuple[str | None, str], Given] = {}
        self._rows: dict[tuple[str | None, str], dict[str, Row]] = {}

    @property
    def apps(self) -> list[str]:
        """The apps that have something of their own."""
        return [app for app in self._given if app is not None]

    def take(self, given: Given, *, mine: bool) -> None:
        """Looks at one value, and keeps it if it is for this environment.

        Raises:
            Unfit: there is no such key, or it cannot have this value.
        """
        name = given.section.removeprefix(PROVIDERS)
        if said := name_mistake(name):
            raise Unfit(said)
        if given.key not in KEYS:
            raise Unfit(f"A provider has no {given.key}.{suggest(given.key, KEYS)}")
        try:
            value = KEYS[given.key](given.value)
        except ValueError as error:
            raise Unfit(str(error)) from None
        if mine:
            self._given.setdefault(given.app, {}).setdefault(name, {})[given.key] = value
            self._last[given.app, name] = given
            # What stands there is an id; but somebody may have written the secret itself.
            shown = HIDDEN if given.key == "client_secret" else given.value
            row = Row(given.key, shown, given.origin)
            self._rows.setdefault((given.app, name), {})[given.key] = row

    def of(self, app: str | None) -> tuple[Provider, ...]:
        """Those of one app, by name; None: of every app that says nothing else."""
        found = (Provider.made(*one, self._environ) for one in self._tables(app).items())
        return tuple(one for one in found if one.enabled)

    def tables(self) -> list[Table]:
        """What was written of them for this environment."""
        return [
            Table(f"{f'apps.{app}.' if app else ''}{PROVIDERS}{name}", app, tuple(rows.values()))
            for (app, name), rows in self._rows.items()
        ]

    def mistakes(self) -> Iterator[Mistake]:
        """What is missing of a provider, or cannot be meant together."""
        for app, own in self._given.items():
            tables = self._tables(app)
            for name in own:
                try:
                    Provider.made(name, tables[name], self._environ)
                except ValueError as error:
                    given = self._last[app, name]
                    place = given.place.removesuffix(f".{given.key}")
                    yield Mistake(given.source, place, str(error))

    def _tables(self, app: str | None) -> _Tables:
        general, own = self._given.get(None, {}), self._given.get(app, {})
        return {
            name: general.get(name, {}) | own.get(name, {}) for name in sorted({*general, *own})
        }
