"""Loading a program into an isolate: define its pieces, run them in order, call its init functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.programs.parts import is_initialiser
from aiwe_engine.runtime.isolate import Flight, Isolate
from aiwe_engine.types import Compiled, EffectLog, Invocation, Program


class LoadFailed(Exception):
    """A piece did not load; `error` is what it threw, `piece` its name."""

    def __init__(self, piece: str, error: AiweError) -> None:
        super().__init__(error.message)
        self.piece, self.error = piece, error


def init_names(pieces: Iterable[Compiled]) -> list[str]:
    """The functions `init` and `initSomething` that the program does not call itself, in order."""
    pieces = list(pieces)
    called = {name for piece in pieces for name in piece.eager}
    found = [name for p in pieces for name in p.declares if is_initialiser(name) and not p.module]
    return [name for name in dict.fromkeys(found) if name not in called]


async def load_program(
    isolate: Isolate, program: Program, owner: tuple[str, str, str], effects: EffectLog
) -> list[dict[str, Any]]:
    """Loads every piece; returns what was registered, in order.

    Args:
        isolate: a fresh one.
        program: what to load.
        owner: app, environment and version, on whose behalf host calls are made.
        effects: what an earlier activation did; filled in by this one where it has no entry.

    Raises:
        LoadFailed: a piece threw, ran over a limit, or ended its worker.
    """
    routes: list[dict[str, Any]] = []
    for piece in program.pieces:
        try:
            await isolate.define(piece.code)
        except AiweError as error:
            raise LoadFailed(piece.name, error) from error
    for piece in program.pieces:
        message = ("p", "load", "", piece.name, False)
        routes += await _run(isolate, piece.name, message, owner, effects)
    for name in init_names(program.pieces):
        routes += await _run(isolate, f"init:{name}", ("f", "", name), owner, effects)
    return routes


async def _run(
    isolate: Isolate,
    piece: str,
    message: tuple[Any, ...],
    owner: tuple[str, str, str],
    effects: EffectLog,
) -> list[dict[str, Any]]:
    app, env, version = owner
    invocation = Invocation(
        id="", kind="load", app=app, env=env, version=version, handler=piece,
        effects=effects, piece=piece, caller=None,
    )  # fmt: skip
    if piece in effects.entries:
        invocation.replay = iter(effects.entries[piece])
    else:
        effects.entries[piece] = []
    flight = Flight(isolate.process.loop, invocation, message)
    isolate.take(flight)
    try:
        result = await flight.future
    except AiweError as error:
        raise LoadFailed(piece, error) from error
    registered: list[dict[str, Any]] = result["routes"]
    for route in registered:
        route["piece"] = piece
    return registered
