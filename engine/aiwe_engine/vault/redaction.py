"""Which redactor holds for what: for an app in an environment, and for what belongs to no app.

Redactors are made when they are needed and kept until a secret changes. A value that was replaced or
deleted is hidden for a while longer, as an answer to a request that it was sent with may still come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.vault.redactor import BARE, Redactor

_LINGER = 3600.0  # seconds for which a value stays hidden that is in use no more
_ENOUGH = 200  # such values, at most


class Values(Protocol):
    """What redaction needs of the vault."""

    @property
    def revision(self) -> int:
        """Grows with every change of any secret."""
        ...

    def visible(self, app: str, env: str) -> Iterable[Any]:
        """The secrets of an app."""
        ...

    def everything(self) -> Iterable[Any]:
        """The secrets of all apps."""
        ...

    def value(self, secret: Any) -> bytes:
        """What a secret hides."""
        ...


class Redaction:
    """Redactors by app and environment.

    Args:
        vault: where the values are.
        holds: whether references of an app are alive in an environment.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        vault: Values,
        holds: Callable[[str, str], bool] = lambda _app, _env: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault, self._holds, self._clock = vault, holds, clock
        self._revision = -1
        self._made: dict[tuple[str, str] | None, Redactor | None] = {}
        self._current: frozenset[bytes] = frozenset()
        self._gone: dict[bytes, float] = {}  # values that are in use no more, and until when

    def of(self, app: str, env: str) -> Redactor | None:
        """What hides the secrets of an app; None where there is nothing to hide."""
        made = self._of((app, env))
        if made is None and self._holds(app, env):
            return BARE
        return made

    def text(self, app: str, env: str, text: str) -> str:
        """A text of an app without what must not be told."""
        redactor = self.of(app, env)
        return text if redactor is None else redactor.text(text)

    def json(self, app: str, env: str, value: Any) -> Any:
        """A JSON value of an app without what must not be told."""
        redactor = self.of(app, env)
        return value if redactor is None else redactor.json(value)

    def incoming(self, app: str, env: str, values: dict[str, Any]) -> dict[str, Any]:
        """What somebody sends, with nothing in it that could be taken for a reference."""
        if not self._holds(app, env):
            return values
        harmless: dict[str, Any] = BARE.json(values)
        if isinstance(values.get("body"), orjson.Fragment):  # JSON, whose text stands beside it
            harmless["body"] = orjson.Fragment(harmless["text"])
        return harmless

    def everything(self) -> Redactor | None:
        """What hides all secrets of the engine; None where there are none."""
        return self._of(None)

    def _of(self, whose: tuple[str, str] | None) -> Redactor | None:
        if self._vault.revision != self._revision:
            self._renew()
        try:
            return self._made[whose]
        except KeyError:
            pass
        secrets = self._vault.everything() if whose is None else self._vault.visible(*whose)
        values = self._values(secrets)
        now = self._clock()
        values += [value for value, until in self._gone.items() if until > now]
        made = self._made[whose] = Redactor(values) if values else None
        return made

    def _values(self, secrets: Iterable[Any]) -> list[bytes]:
        """What secrets hide. One that its key does not open goes nowhere, so it is in nothing."""
        values = []
        for secret in secrets:
            with suppress(AiweError):
                values.append(self._vault.value(secret))
        return values

    def _renew(self) -> None:
        """Forgets the redactors that were made of values that have changed."""
        self._made.clear()
        self._revision = self._vault.revision
        values = frozenset(self._values(self._vault.everything()))
        until = self._clock() + _LINGER
        self._gone |= dict.fromkeys(self._current - values, until)
        now = self._clock()
        kept = [
            (value, end) for value, end in self._gone.items() if value not in values and end > now
        ]
        self._gone = dict(kept[-_ENOUGH:])
        self._current = values
