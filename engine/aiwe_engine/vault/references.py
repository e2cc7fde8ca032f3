"""References: what a program holds instead of the value of a secret.

A reference is a random word of letters and digits, made for one isolate; it says nothing of the secret, of
its value or of its length, and means nothing where it was not made. One that was asked for inside a
request is good for that request alone; one that a program asked for while it loaded, for every request
of its isolate. A reference stands for the secret's id: what it is put in for is found when it is sent.
"""

from __future__ import annotations

import re
import secrets
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
    """

    def __init__(self, isolate: int, prefix: str) -> None:
        self.isolate, self.prefix = isolate, prefix
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

    def issue(self, invocation: Invocation, secret: str, user: str | None = None) -> str:
        """A reference for whoever runs this invocation; the same when asked for again.

        Args:
            invocation: on whose behalf.
            secret: the id of a secret.
            user: see `Reference`.
        """
        table = self._isolates.get(invocation.isolate) or self._begin(invocation.isolate)
        if invocation.kind not in _LASTING:
            own = _own(invocation)
            if own is None:
                own = invocation.references = _Table(table.isolate, table.prefix)
            table = own
        found = table.names.get((secret, user))
        if found is None:
            token = MARK + table.prefix + _random(LENGTH - _OF_ISOLATE)
            place = (invocation.app, invocation.env)
            found = Reference(token, secret, user, *place, table.isolate)
            table.add(found)
            self._places.add(place)
        return found.token

    def _begin(self, isolate: int) -> _Table:
        prefix = _random(_OF_ISOLATE)
        table = self._isolates[isolate] = _Table(isolate, prefix)
        self._prefixes[prefix] = isolate
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
        """Whether a reference was made in this isolate, for a request other than this one."""
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
        return self._prefixes.get(token[len(MARK) : len(MARK) + _OF_ISOLATE])

    def end(self, isolate: int) -> None:
        """An isolate is gone, and its references with it."""
        table = self._isolates.pop(isolate, None)
        if table is not None:
            del self._prefixes[table.prefix]

    def named(self, invocation: Invocation, args: list[Any]) -> bytes:
        """The arguments of a host call as JSON text, with the names of secrets for their references.

        Another isolate of the program has other references for the same secrets.
        """
        text = orjson.dumps(args)
        if not self.concerns(invocation):
            return text

        def name(found: re.Match[bytes]) -> bytes:
            reference = self.resolve(invocation, found[0].decode())
            return found[0] if reference is None else orjson.dumps(reference.name)[1:-1]

        return PATTERN_BYTES.sub(name, text)


def _own(invocation: Invocation) -> _Table | None:
    """What the invocation has asked for where it runs now; it may have been lost elsewhere before."""
    table: _Table | None = invocation.references
    return table if table is not None and table.isolate == invocation.isolate else None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
