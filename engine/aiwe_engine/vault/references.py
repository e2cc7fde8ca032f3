"""References: what a program holds instead of the value of a secret.

A reference is a random word of letters and digits, made for one isolate; it says nothing of the secret, of
its value or of its length, and means nothing where it was not made. One that was asked for inside a
request is good for that request alone; one that a program asked for while it loaded, for every request
of its isolate. A reference stands for the secret's id: what it is put in for is found when it is sent.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import Any

import orjson

from aiwe_engine.types import Invocation

MARK = "aiwesecret"
LENGTH = 40  # letters and digits after the mark
PATTERN = re.compile(rf"{MARK}[a-z0-9]{{{LENGTH}}}")
PATTERN_BYTES = re.compile(PATTERN.pattern.encode())

_ALPHABET = ascii_lowercase + digits
_OF_ISOLATE = 12  # of these say whose it is; what is left holds 144 bits of chance
_REMEMBERED = 1000  # isolates that are gone
_LASTING = frozenset(["load", "cell"])  # kinds of invocations that outlive themselves in an isolate


@dataclass(frozen=True, slots=True)
class Reference:
    """What one reference stands for.

    Attributes:
        secret: the id of the secret.
        user: it stands for the credentials of Basic authentication with this user's name; None: for the
            secret's value.
    """

    token: str
    secret: str
    user: str | None
    app: str
    env: str
    isolate: int

    @property
    def name(self) -> str:
        """The same for every isolate of a program: what effects are compared by."""
        return f"secret:{self.secret}" if self.user is None else f"basic:{self.user}:{self.secret}"


class _Table:
    """References of one isolate, or of one invocation in it.

    Args:
        isolate: the number of the isolate.
        prefix: what the random part of each reference begins with.
        place: the app and environment whose isolate it is.
    """

    def __init__(self, isolate: int, prefix: str, place: tuple[str, str]) -> None:
        self.isolate, self.prefix, self.place = isolate, prefix, place
        self.tokens: dict[str, Reference] = {}
        self.names: dict[tuple[str, str | None], Reference] = {}

    def add(self, reference: Reference) -> None:
        self.tokens[reference.token] = reference
        self.names[reference.secret, reference.user] = reference


class References:
    """The references of one engine."""

    def __init__(self) -> None:
        self._isolates: dict[int, _Table] = {}  # what programs have asked for while they loaded
        self._prefixes: dict[str, int] = {}
        self._places: set[tuple[str, str]] = set()
        self._ended: dict[str, tuple[str, str]] = {}  # prefix → whose isolate it was, the latest

    def issue(self, invocation: Invocation, secret: str, user: str | None = None) -> str:
        """A reference for whoever runs this invocation; the same when asked for again.

        Args:
            invocation: on whose behalf.
            secret: the id of a secret.
            user: see `Reference`.
        """
        table = self._isolates.get(invocation.isolate) or self._begin(invocation)
        if invocation.kind not in _LASTING:
            own = _own(invocation)
            if own is None:
                own = invocation.references = _Table(table.isolate, table.prefix, table.place)
            table = own
        found = table.names.get((secret, user))
        if found is None:
            token = MARK + table.prefix + _random(LENGTH - _OF_ISOLATE)
            place = (invocation.app, invocation.env)
            found = Reference(token, secret, user, *place, table.isolate)
            table.add(found)
            self._places.add(place)
        return found.token

    def _begin(self, invocation: Invocation) -> _Table:
        prefix, isolate = _random(_OF_ISOLATE), invocation.isolate
        table = _Table(isolate, prefix, (invocation.app, invocation.env))
        self._isolates[isolate], self._prefixes[prefix] = table, isolate
        return table

    def resolve(self, invocation: Invocation, token: str) -> Reference | None:
        """What a reference stands for in this invocation; None where it is only text."""
        for table in self._tables(invocation):
            found = table.tokens.get(token)
            if found is not None and (found.app, found.env) == (invocation.app, invocation.env):
                return found
        return None

    def _tables(self, invocation: Invocation) -> list[_Table]:
        tables = (_own(invocation), self._isolates.get(invocation.isolate))
        return [table for table in tables if table is not None]

    def is_over(self, invocation: Invocation, token: str) -> bool:
        """Whether a reference was good once: for another request, or in an isolate of the app that is gone."""
        if self._ended.get(_prefix(token)) == (invocation.app, invocation.env):
            return True
        return self._owner(token) == invocation.isolate and self.resolve(invocation, token) is None

    def usable(self, invocation: Invocation) -> list[Reference]:
        """Those that mean something in this invocation."""
        return [one for table in self._tables(invocation) for one in table.tokens.values()]

    def concerns(self, invocation: Invocation) -> bool:
        """Whether any was ever made in this invocation's isolate."""
        return invocation.isolate in self._isolates

    def holds(self, app: str, env: str) -> bool:
        """Whether a program of this app and environment has ever had one."""
        return (app, env) in self._places

    def known(self, token: str) -> bool:
        """Whether a reference was made in an isolate that is there."""
        return self._owner(token) is not None

    def _owner(self, token: str) -> int | None:
        return self._prefixes.get(_prefix(token))

    def end(self, isolate: int) -> None:
        """An isolate is gone, and its references with it."""
        table = self._isolates.pop(isolate, None)
        if table is not None:
            del self._prefixes[table.prefix]
            self._ended[table.prefix] = table.place
            if len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]

    def named(self, invocation: Invocation, args: list[Any]) -> bytes:
        """The arguments of a host call as JSON text, with the names of secrets for their references.

        Another isolate of the program has other references for the same secrets.
        """
        if not self.concerns(invocation):
            return orjson.dumps(args)

        def name(found: re.Match[bytes]) -> bytes:
            reference = self.resolve(invocation, found[0].decode())
            return found[0] if reference is None else orjson.dumps(reference.name)[1:-1]

        return PATTERN_BYTES.sub(name, orjson.dumps(_clear(args)))


def _prefix(token: str) -> str:
    return token[len(MARK) : len(MARK) + _OF_ISOLATE]


def _own(invocation: Invocation) -> _Table | None:
    """What the invocation has asked for where it runs now; it may have been lost elsewhere before."""
    table: _Table | None = invocation.references
    return table if table is not None and table.isolate == invocation.isolate else None


def _clear(value: Any) -> Any:
    """Arguments with bytes, which come in base64, as text where they hold a reference."""
    if isinstance(value, dict):
        return {key: _bytes(one) if key == "base64" else _clear(one) for key, one in value.items()}
    return [_clear(one) for one in value] if isinstance(value, list | tuple) else value


def _bytes(value: Any) -> Any:
    try:
        data = b64decode(value, validate=True)
    except (TypeError, ValueError):
        return value
    return ["bytes", data.decode("latin-1")] if PATTERN_BYTES.search(data) else value


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
