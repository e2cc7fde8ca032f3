"""Which redactor holds for what: for an app in an environment, and for what belongs to no app.

A redactor takes a tenth of a second of CPU to make, so it is made in another thread: of an app when it is
loaded, and anew before a new value is in use (`expect`). Until its redactor is there a value is not: so
nothing waits for a redactor where things leave, and nothing leaves past it. What is known of a value is kept:
the change of one secret costs its own forms only. A value that was replaced or deleted is hidden for a while
longer, as an answer to a request that it was sent with may still come.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.types import ByteSource
from aiwe_engine.vault.form import Form
from aiwe_engine.vault.forms import forms
from aiwe_engine.vault.redactor import BARE, Redactor
from aiwe_engine.vault.replay import Defused, defused, defused_json

_LINGER = 3600.0  # seconds for which a value stays hidden that is in use no more
_ENOUGH = 200  # such values, at most

Whose: TypeAlias = "tuple[str, str] | None"  # of an app in an environment; None: all of the engine
Name: TypeAlias = "tuple[str, str | None, str | None]"  # id, app, environment


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


@dataclass(frozen=True, slots=True)
class _Made:
    """A redactor, and what it was made of.

    Attributes:
        revision: of the vault, when it was last compared.
        visible: the values of secrets there are.
        gone: values that are in use no more, and until when they are hidden.
        hidden: what it hides: all of these, and maybe more.
        redactor: None: there is nothing to hide.
    """

    revision: int
    visible: frozenset[bytes]
    gone: dict[bytes, float]
    hidden: frozenset[bytes]
    redactor: Redactor | None = None


class Redaction:
    """Redactors by app and environment.

    Args:
        vault: where the values are.
        holds: whether references of an app are alive in an environment.
        clock: seconds that only grow.

    Attributes:
        forms_of: tells the forms of a value that is new here.
    """

    def __init__(
        self,
        vault: Values,
        holds: Callable[[str, str], bool] = lambda _app, _env: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault, self._holds, self._clock = vault, holds, clock
        self.forms_of: Callable[[bytes], list[Form]] = forms
        self._forms: dict[bytes, list[Form]] = {}
        self._made: dict[Whose, _Made] = {}
        self._making = asyncio.Lock()

    def of(self, app: str, env: str) -> Redactor | None:
        """What hides the secrets of an app; None where there is nothing to hide."""
        made = self._of((app, env))
        if made is None and self._holds(app, env):
            return BARE
        return made

    def text(self, app: str, env: str, text: str) -> str:
        """A text of an app without what must not be told; one of no app tells nothing of any."""
        redactor = self.of(app, env) if app else self.everything()
        return text if redactor is None else redactor.text(text)

    def json(self, app: str, env: str, value: Any) -> Any:
        """A JSON value of an app without what must not be told."""
        redactor = self.of(app, env)
        return value if redactor is None else redactor.json(value)

    def incoming(self, app: str, env: str, values: dict[str, Any]) -> dict[str, Any]:
        """What somebody sends, with nothing in it that could be taken for a reference."""
        if not self._holds(app, env):
            return values
        harmless: dict[str, Any] = defused_json(values)
        if isinstance(values.get("body"), orjson.Fragment):  # JSON, whose text stands beside it
            harmless["body"] = orjson.Fragment(harmless["text"])
        if harmless.get("text") != values.get("text"):
            harmless.pop("raw", None)  # the same in bytes
        for name in ("base64", "raw"):
            if name in harmless:
                harmless[name] = b64encode(defused(b64decode(values[name]))).decode()
        return harmless

    def stream(self, app: str, env: str, source: ByteSource) -> ByteSource:
        """What somebody sends piece by piece, in the same way."""
        return Defused(source) if self._holds(app, env) else source

    def everything(self) -> Redactor | None:
        """What hides all secrets of the engine; None where there are none."""
        return self._of(None)

    async def prepare(self, app: str, env: str) -> None:
        """Makes the redactor of an app in another thread, before it is asked for."""
        await self._prepare((app, env))

    async def prepared(self) -> Redactor | None:
        """As `everything`, made in another thread."""
        await self._prepare(None)
        return self.everything()

    async def expect(self, values: Mapping[Name, bytes]) -> None:
        """Hides values that are about to be in use, wherever they will be. Whoever has them waits for it."""
        async with self._making:
            for whose in list(self._made):
                coming = {value for name, value in values.items() if _concerns(name, whose)}
                if coming:
                    await self._make_apart(whose, frozenset(coming))

    async def _prepare(self, whose: Whose) -> None:
        made = self._made.get(whose)
        if made is None or made.revision != self._vault.revision:
            async with self._making:
                await self._make_apart(whose, frozenset())

    async def _make_apart(self, whose: Whose, coming: frozenset[bytes]) -> None:
        """Makes a redactor, if another is needed, while the loop does other things."""
        made = self._compared(whose, coming)
        if made.redactor is None and made.hidden:
            made = replace(made, redactor=await asyncio.to_thread(self._make, made.hidden))
        self._keep(whose, made)

    def _of(self, whose: Whose) -> Redactor | None:
        made = self._made.get(whose)
        if made is None or made.revision != self._vault.revision:
            made = self._compared(whose, frozenset())
            if made.redactor is None and made.hidden:
                made = replace(made, redactor=self._make(made.hidden))
            self._keep(whose, made)
        return made.redactor

    def _compared(self, whose: Whose, coming: frozenset[bytes]) -> _Made:
        """What must be hidden now; with the redactor there is, where that hides all of it."""
        vault, before, now = self._vault, self._made.get(whose), self._clock()
        secrets = vault.everything() if whose is None else vault.visible(*whose)
        visible = frozenset(self._values(secrets))
        gone: dict[bytes, float] = {}
        if before is not None:
            gone = before.gone | dict.fromkeys(before.visible - visible, now + _LINGER)
        kept = [(one, end) for one, end in gone.items() if one not in visible and end > now]
        gone = dict(kept[-_ENOUGH:])
        hidden = visible | gone.keys() | coming
        if before is not None and hidden <= before.hidden and (hidden or not before.hidden):
            return _Made(vault.revision, visible, gone, before.hidden, before.redactor)
        same = (one.redactor for one in self._made.values() if one.hidden == hidden)
        return _Made(vault.revision, visible, gone, hidden, next(same, None))

    def _make(self, values: Iterable[bytes]) -> Redactor:
        return Redactor(values, self._known)

    def _known(self, value: bytes) -> list[Form]:
        """The forms of a value, made once."""
        known = self._forms.get(value)
        if known is None:
            known = self._forms[value] = self.forms_of(value)
        return known

    def _keep(self, whose: Whose, made: _Made) -> None:
        self._made[whose] = made
        used: frozenset[bytes] = frozenset().union(*(one.hidden for one in self._made.values()))
        for value in self._forms.keys() - used:
            del self._forms[value]

    def _values(self, secrets: Iterable[Any]) -> list[bytes]:
        """What secrets hide. One that its key does not open goes nowhere, so it is in nothing."""
        values = []
        for secret in secrets:
            with suppress(AiweError):
                values.append(self._vault.value(secret))
        return values


def _concerns(name: Name, whose: Whose) -> bool:
    """Whether a secret of this name may be meant there."""
    _, app, env = name
    return whose is None or (app in {None, whose[0]} and env in {None, whose[1]})
