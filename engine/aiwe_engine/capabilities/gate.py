"""The one door between programs and the host: budget → effects → capability.

Every host call of every kind of invocation passes here, once. What a program does to the world
while it loads happens on the first activation of a version and is recorded; every other isolate of
that version gets the recorded results.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from difflib import get_close_matches
from typing import Any

from aiwe_engine.capabilities.transactions import outside
from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.protocols import Capability, Method
from aiwe_engine.types import EffectLog, Invocation
from aiwe_engine.vault.redactor import BARE
from aiwe_engine.vault.references import References

_CARRIERS = frozenset({"fetch", "secrets"})  # whose arguments may hold references to secrets
CALLS = 10_000  # host calls one invocation may make
_MISPLACED = (
    "What Secrets.get gives was handed to a call that keeps or sends it, and is [redacted] there: only "
    "fetch puts the value in its place. Call Secrets.get where the request is made."
)

Log = Callable[[Invocation, str, str, tuple[str, str, str]], None]


class Gate:
    """Finds the capability, checks what must be checked, makes the call."""

    def __init__(
        self, capabilities: Iterable[Capability], references: References, log: Log
    ) -> None:
        self._references, self._log = references, log
        self._capabilities = {c.name: c for c in capabilities}
        self._key = secrets.token_bytes(32)

    async def call(self, invocation: Invocation, name: str, method: str, args: list[Any]) -> Any:
        """One host call.

        Raises:
            AiweError: `unknown_call`, `too_many_calls`, `init_diverged`, `fetch_in_transaction`,
                `outside_transaction`, or the capability's own.
        """
        capability, declared = self._find(name, method)
        if declared.free:
            return await capability.call(invocation, method, args)
        invocation.calls += 1
        if invocation.calls > CALLS:
            raise ProgramError(
                f"One request made more than {CALLS} host calls.",
                code="too_many_calls",
                hint="Read or write many documents in one call: query, createMany, deleteMany.",
            )
        if name not in _CARRIERS and self._references.holds(invocation.app, invocation.env):
            args = self._without_references(invocation, f"{name}.{method}", args)
        if declared.write:
            invocation.wrote = True
        if invocation.effects is None or not (declared.write or declared.recorded):
            return await _make(capability, declared, invocation, method, args)
        return await self._effect(
            capability, declared, invocation, invocation.effects, method, args
        )

    def _without_references(self, invocation: Invocation, call: str, args: list[Any]) -> list[Any]:
        """What may be kept or sent: a program that meant the value learns why it is not there."""
        clean: list[Any] = BARE.json(args)
        if clean != args:
            owner = invocation.app, invocation.env, invocation.version
            self._log(invocation, "warn", f"{_MISPLACED} ({call})", owner)
        return clean

    def _find(self, name: str, method: str) -> tuple[Capability, Method]:
        capability = self._capabilities.get(name)
        declared = capability.methods.get(method) if capability is not None else None
        if capability is None or declared is None:
            known = list(capability.methods) if capability else list(self._capabilities)
            near = get_close_matches(method if capability else name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else None
            raise ProgramError(
                f"There is no host call {name}.{method}.", code="unknown_call", hint=hint
            )
        return capability, declared

    async def _effect(
        self,
        capability: Capability,
        declared: Method,
        invocation: Invocation,
        effects: EffectLog,
        method: str,
        args: list[Any],
    ) -> Any:
        call = f"{capability.name}.{method}"
        text = self._references.named(invocation, args)
        if declared.private:  # of a password, say: enough to compare it, and of no use elsewhere
            text = hmac.digest(self._key, text, "sha256").hex().encode()
        if invocation.replay is not None:
            return _replay(invocation, call, text)
        entries = effects.entries.setdefault(invocation.piece, [])
        at = len(entries)
        entries.append((call, text, None, True))
        try:
            result = await _make(capability, declared, invocation, method, args)
        except AiweError as error:
            entries[at] = (call, text, error, False)
            raise
        entries[at] = (call, text, result, True)
        return result


def _make(
    capability: Capability, declared: Method, invocation: Invocation, method: str, args: list[Any]
) -> Awaitable[Any]:
    begun = invocation.transactions
    if begun is not None and begun.is_open and declared.outside:
        raise outside(capability.name, method)
    return capability.call(invocation, method, args)


def _replay(invocation: Invocation, call: str, text: bytes) -> Any:
    recorded = invocation.replay
    assert recorded is not None
    entry = next(recorded, None)
    if entry is None or entry[0] != call or entry[1] != text:
        expected = f"{entry[0]}({entry[1].decode()})" if entry else "nothing more"
        raise ProgramError(
            f"While loading, {invocation.piece} asked for {call}({text.decode()[:200]}), "
            f"but on its first activation this version did {expected[:200]}.",
            code="init_diverged",
            hint="Effects at top level and in init() must be the same each time: no random ids, no clock, "
            "no dependence on what is stored. Move them into a handler.",
        )
    if not entry[3]:
        raise entry[2]
    return entry[2]
