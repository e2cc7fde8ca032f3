"""What was given, where: `aiwe.toml` and environment variables, read and taken apart.

Nothing is judged here but the form: that a file is TOML, that tables stand where tables must. What
names and values mean is `configuration`'s.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiwe_engine.configuration.mistakes import Mistake, suggest
from aiwe_engine.configuration.values import Form
from aiwe_engine.settings import ROWS, SECTIONS

FILE = "aiwe.toml"
ENVIRONMENTS = ("dev", "staging", "production")
CONFIG = "config"  # the section of an app that is the program's own
PROVIDERS = "auth.providers."  # and a name: the section of one provider of OpenID Connect
SECRETS = "secrets"  # the section whose tables are secrets

_VARIABLE = "AIWE_"
_APP = re.compile(r"(?=.{1,63}$)[a-z0-9]+(?:-[a-z0-9]+)*")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|(end of document))\)$")


@dataclass(frozen=True, slots=True)
class Given:
    """One value that somebody gave.

    Attributes:
        source: the file, environment variable or option.
        section: as it was written.
        key: as it was written.
        value: not looked at yet.
        form: how a value is written there.
        env: the environment it is for; None: each.
        app: the app it is for; None: all.
    """

    source: str
    section: str
    key: str
    value: Any
    form: Form = "file"
    env: str | None = None
    app: str | None = None

    @property
    def place(self) -> str:
        """Its whole name: `env.production.apps.shop.http.body_limit`."""
        env = ("env", self.env) if self.env else ()
        app = ("apps", self.app) if self.app else ()
        return ".".join((*env, *app, self.section, self.key))

    @property
    def origin(self) -> str:
        """Where it stands, for people."""
        return f"{self.source}, {self.place}" if self.form == "file" else self.source

    def wrong(self, message: str) -> Mistake:
        """A mistake in this place."""
        return Mistake(self.source, self.place, message)


def read_file(root: Path, file: Path | None, mistakes: list[Mistake]) -> list[Given]:
    """What the configuration file says.

    Args:
        root: the project's folder, in which `aiwe.toml` may stand.
        file: another file instead, which must be there.
        mistakes: what is wrong is added here.
    """
    path = file or root / FILE
    source = short(path)
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        if file is not None:
            mistakes.append(Mistake("--config", "", f"There is no file {source}."))
        return []
    except OSError as error:
        mistakes.append(Mistake(source, "", f"It cannot be read: {error.strerror}."))
        return []
    except UnicodeDecodeError as error:
        mistakes.append(Mistake(source, "", f"It is not UTF-8 text: byte {error.start}."))
        return []
    except tomllib.TOMLDecodeError as error:
        mistakes.append(Mistake(source, "", _syntax(str(error))))
        return []
    except RecursionError:
        mistakes.append(Mistake(source, "", "It is nested too deeply."))
        return []
    return list(_File(source, mistakes).document(document))


def read_variables(environ: Mapping[str, str]) -> list[Given]:
    """The settings among the environment variables: `AIWE_SECTION__KEY`.

    Names without `__` are the kernel's and others', and no settings.
    """
    return [
        Given(name, section.lower(), key.lower(), environ[name], "variable")
        for name in sorted(environ)
        if name.startswith(_VARIABLE) and "__" in name
        for section, _, key in [name.removeprefix(_VARIABLE).partition("__")]
    ]


class _File:
    """Takes a parsed file apart."""

    def __init__(self, source: str, mistakes: list[Mistake]) -> None:
        self._source, self._mistakes = source, mistakes

    def document(self, document: dict[str, Any]) -> Iterator[Given]:
        """The whole of it; what is for one environment comes last, to win."""
        named = document.pop("env", {})
        yield from self._environment(document, None)
        for env, table in self._tables(named, "env"):
            if env in ENVIRONMENTS:
                yield from self._environment(table, env)
            else:
                known = ", ".join(ENVIRONMENTS)
                said = f'There is no environment "{env}", only {known}.'
                self._wrong(f"env.{env}", said + suggest(env, ENVIRONMENTS))

    def _environment(self, document: dict[str, Any], env: str | None) -> Iterator[Given]:
        place = f"env.{env}." if env else ""
        apps = document.pop("apps", {})
        yield from self._sections(document, place, env, None)
        for app, table in self._tables(apps, f"{place}apps"):
            if _APP.fullmatch(app):
                yield from self._sections(table, f"{place}apps.{app}.", env, app)
            else:
                said = f'No app has the name "{app}": small letters, digits and single dashes.'
                self._wrong(f"{place}apps.{app}", said)

    def _sections(
        self, document: dict[str, Any], place: str, env: str | None, app: str | None
    ) -> Iterator[Given]:
        for section, table in document.items():
            if isinstance(table, dict):
                for key, value in table.items():
                    yield from self._values(
                        Given(self._source, section, key, value, "file", env, app)
                    )
            else:
                self._wrong(place + section, _outside(section, place, app))

    def _values(self, given: Given) -> Iterator[Given]:
        """One value; the tables of providers are sections of their own."""
        if f"{given.section}.{given.key}." != PROVIDERS:
            yield given
            return
        for name, table in self._tables(given.value, given.place):
            for key, value in table.items():
                yield replace(given, section=PROVIDERS + name, key=key, value=value)

    def _tables(self, value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tables in a table."""
        if not isinstance(value, dict):
            self._wrong(place, f"Expected tables below it, such as {_example(place, 'NAME')}.")
            return
        for name, table in value.items():
            if isinstance(table, dict):
                yield name, table
            else:
                said = f"Expected tables below it, such as {_example(place, name)}."
                self._wrong(f"{place}.{name}", said)

    def _wrong(self, key: str, message: str) -> None:
        self._mistakes.append(Mistake(self._source, key, message))


def _example(place: str, name: str) -> str:
    table = f"{place}.{name}"
    return f"[{table}]" if f"{place}.".endswith(PROVIDERS) else f"[{table}.http]"


def _outside(name: str, place: str, app: str | None) -> str:
    """What to say about a value where a section must be."""
    if name in SECTIONS or name == CONFIG:
        return f"Expected a table: [{place}{name}]."
    keys = {row.key: row for row in ROWS.values()} | dict(ROWS)
    row = keys.get(name)
    if row is not None:
        return f"It stands outside a section. Write {row.key} below [{place}{row.section}]."
    own = f" What the program itself reads stands below [{place}{CONFIG}]." if app else ""
    return f"It stands outside a section, and is no setting.{own or suggest(name, keys)}"


def _syntax(text: str) -> str:
    """A parser's complaint, its place first."""
    found = _AT.search(text)
    if found is None:
        return f"It is not TOML: {text}."
    place = f"line {found[1]}, column {found[2]}" if found[1] else "at its end"
    return f"It is not TOML, {place}: {text[: found.start()]}."


def short(path: Path) -> str:
    """A path as people write it: without the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
