"""The secrets that were given: tables `[secrets.ID]`, each with the variable or the file of its value.

A value stands in no table: files of settings are copied and committed. Each table is one secret and whole by
itself; nothing is taken over from another, as hosts that were meant for one value must not get another.
No message repeats what might be a value.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aiwe_engine.configuration.given import ENVIRONMENTS, Given, short
from aiwe_engine.configuration.mistakes import Mistake, suggest
from aiwe_engine.configuration.tables import Row, Table
from aiwe_engine.configuration.values import Unfit
from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.secret import (
    LONGEST,
    Name,
    Secret,
    check_description,
    check_hosts,
    check_id,
    check_places,
    check_value,
)

#: By name: what is known of a secret and its value, or why it has none here.
Configured = Mapping[Name, tuple[Secret, bytes | AiweError]]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USUAL = re.compile(r"[A-Z][A-Z0-9_]{0,60}")  # as variables are called; other words may be values
_VALUES = frozenset({"value", "secret", "password", "token", "key", "plain"})
_OTHERS = 0o077
_BY = "configuration"


class Secrets:
    """Gathers them.

    Args:
        env: the environment that is served.
        environ: environment variables, which may hold values.
        folder: where the paths of files begin.
        needed: a value that is not there is a mistake; else it is only told when it is asked for.

    Attributes:
        mistakes: what is wrong, so far.
        warnings: what is not wrong and not good.
        found: those of this environment.
        tables: what was written of them.
    """

    def __init__(self, env: str, environ: Mapping[str, str], folder: Path, *, needed: bool) -> None:
        self._env, self._environ, self._folder, self._needed = env, environ, folder, needed
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []
        self.found: dict[Name, tuple[Secret, bytes | AiweError]] = {}
        self.tables: list[Table] = []
        self._places: dict[Name, str] = {}

    def take(self, given: Given) -> None:
        """Looks at one table, and keeps its secret if it is for this environment."""
        before = len(self.mistakes)
        values = dict(self._values(given))
        one = _Written(given, values)
        if len(self.mistakes) == before:
            for said in one.contradictions():
                self._wrong(given, "", said)
        if len(self.mistakes) > before:
            return
        secret = one.secret()
        if (other := self._places.setdefault(secret.name, given.place)) != given.place:
            self._wrong(given, "", f"It is the secret of [{other}] again. Leave one out.")
        elif one.env in {None, self._env}:
            self._keep(given, values, secret)

    def _values(self, given: Given) -> Iterator[tuple[str, Any]]:
        """What is good in a table."""
        try:
            check_id(given.key)
        except RequestError as error:
            self._wrong(given, "", _told(error))
        for key, value in given.value.items():
            try:
                yield key, _good(key, value)
            except Unfit as unfit:
                self._wrong(given, key, str(unfit))
            except RequestError as error:
                self._wrong(given, key, _told(error))

    def _keep(self, given: Given, values: Mapping[str, Any], secret: Secret) -> None:
        key = "env" if "env" in values else "file"
        value: bytes | AiweError
        try:
            value = self._value(given, key, values[key])
        except AiweError as error:
            if self._needed:
                self._wrong(given, key, _told(error))
                return
            value = error
        self.found[secret.name] = secret, value
        origin = f"{given.source}, {given.place}"
        rows = (Row(one, said, f"{origin}.{one}") for one, said in given.value.items())
        self.tables.append(Table(_place(given), given.app, tuple(rows)))

    def _value(self, given: Given, key: str, said: str) -> bytes:
        """The value that a variable or a file holds.

        Raises:
            AiweError: there is none, or it cannot be one.
        """
        if key == "file":
            return check_value(self._content(given, self._folder / said))
        text = self._environ.get(said)
        if text is None:
            named = (
                f"The variable {said}" if _USUAL.fullmatch(said) else "The variable of this name"
            )
            raise _missing(f"{named} is not set.", "Set it where the engine is started.")
        return check_value(text.encode(errors="surrogateescape"))

    def _content(self, given: Given, path: Path) -> bytes:
        name = short(path)
        try:
            # What is no file could keep whoever opens it waiting.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                about = os.fstat(handle)
                if not stat.S_ISREG(about.st_mode):
                    raise _missing(f"{name} is no file.", "Name the file that holds the value.")
                content = file.read(LONGEST + 3)
        except FileNotFoundError:
            hint = "A path is relative to the folder of aiwe.toml."
            raise _missing(f"There is no file {name}.", hint) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "its name cannot be one"
            hint = "See that the user whom the engine runs as can read it."
            raise _missing(f"{name} cannot be read: {why}.", hint) from None
        if about.st_mode & _OTHERS:
            mode = f"mode {stat.S_IMODE(about.st_mode):04o}"
            said = f"{name} can be read by others than its owner ({mode}). Run: chmod 600 {name}"
            self.warnings.append(Mistake(given.source, f"{given.place}.file", said))
        return content.removesuffix(b"\n").removesuffix(b"\r")

    def _wrong(self, given: Given, key: str, message: str) -> None:
        place = f"{given.place}.{key}" if key else given.place
        self.mistakes.append(Mistake(given.source, place, message))


class _Written:
    """One table, whose values are each good by themselves."""

    def __init__(self, given: Given, values: Mapping[str, Any]) -> None:
        self._given, self._values = given, values
        self.app: str | None = given.app or values.get("app")
        self.env: str | None = given.env or values.get("environment")

    def contradictions(self) -> Iterator[str]:
        """What is missing, or cannot be meant together."""
        given, values = self._given, self._values
        if "env" in values and "file" in values:
            yield "It has both env and file. Leave one out."
        elif "env" not in values and "file" not in values:
            yield (
                'It has neither env = "VARIABLE" nor file = "PATH", one of which says where its value is.'
            )
        for key, table in (("app", given.app), ("environment", given.env)):
            if table is not None and values.get(key, table) != table:
                yield f"Its table is that of {table}, and {key} says another. Leave {key} out."

    def secret(self) -> Secret:
        """What is known of it."""
        values, given = self._values, self._given
        value = f"env {values['env']}" if "env" in values else f"file {values['file']}"
        return Secret(
            given.key,
            self.app,
            self.env,
            values.get("hosts", ()),
            values.get("in", frozenset()),
            values.get("description", ""),
            created_by=_BY,
            configured=f"{given.origin}: {value}",
        )


def _place(given: Given) -> str:
    """The name of its table as it is written: an id with dots is quoted."""
    key = f'"{given.key}"' if "." in given.key else given.key
    return f"{given.place.removesuffix(given.key)}{key}"


def _told(error: AiweError) -> str:
    return f"{error.message} {error.hint}" if error.hint else error.message


def _missing(message: str, hint: str) -> EngineError:
    return EngineError(message, code="secret_value_missing", hint=hint)


def _good(key: str, value: Any) -> Any:
    """The value of a key.

    Raises:
        Unfit: there is no such key, or it is not of its type.
        RequestError: it cannot be one of its kind.
    """
    if key not in KEYS:
        raise Unfit(_unknown(key, value))
    return KEYS[key](value)


def _unknown(key: str, value: Any) -> str:
    if key in _VALUES and not isinstance(value, dict):
        return (
            "The value of a secret does not stand in aiwe.toml, which is copied and committed. Put it into a "
            'variable and write env = "VARIABLE", or into a file of its own and write file = "PATH".'
        )
    if isinstance(value, dict):
        return (
            'There is no table in a secret. An id with a dot is quoted, as in [secrets."mail.key"].'
        )
    shown = key if re.fullmatch(r"[a-z_]{1,20}", key) else "such key"
    return f"A secret has no {shown}.{suggest(key, KEYS) or ' It has ' + ', '.join(KEYS) + '.'}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Unfit("expected a text on one line")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Unfit('expected a list of texts, as in ["api.example.com"]')
    return value


def _variable(value: Any) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise Unfit("expected the name of an environment variable, not its value")
    return value


def _app(value: Any) -> str:
    check_id("id", text := _text(value))
    return text


def _environment(value: Any) -> str:
    text = _text(value)
    if text not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise Unfit(f"There is no such environment, only {known}.{suggest(text, ENVIRONMENTS)}")
    return text


def _places(value: Any) -> frozenset[str]:
    return check_places(_texts(value))


def _hosts(value: Any) -> tuple[str, ...]:
    return check_hosts(_texts(value))


def _description(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("expected a text on one line")
    return check_description(value)


#: What may stand below [secrets.ID]. Each raises Unfit or RequestError where a value is not good.
KEYS: Mapping[str, Callable[[Any], Any]] = {
    "env": _variable,
    "file": _text,
    "hosts": _hosts,
    "in": _places,
    "app": _app,
    "environment": _environment,
    "description": _description,
}
