"""The session of an open notebook: one isolate, in a worker of its own, where its cells run.

What is served lives elsewhere: a crash there does not cost a person's variables, nor the reverse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiwe_engine.deployments.release import Workshop
from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.runtime.isolate import Display, Flight, Isolate
from aiwe_engine.runtime.loading import init_names
from aiwe_engine.runtime.loss import Loss, lost_error
from aiwe_engine.settings import Settings
from aiwe_engine.types import Compiled, EffectLog, Invocation

Print = Callable[[str, str], None]
SESSION = "session"  # what stands for a version where a cell runs


class Session:
    """Runs cells one after the other; declarations persist from cell to cell."""

    def __init__(self, workshop: Workshop, key: str, app: str, env: str) -> None:
        self._workshop, self._key = workshop, f"session/{key}"
        self._owner = (app, env, SESSION)
        self._isolate: Isolate | None = None
        self._modules: dict[str, str] = {}
        self._running: tuple[Isolate, int] | None = None
        self._print: Print | None = None
        self._turn = asyncio.Lock()

    async def run(
        self,
        piece: Compiled,
        modules: list[Compiled],
        *,
        display: Display,
        show: Callable[[str, str], None],
    ) -> tuple[dict[str, Any], EffectLog]:
        """Runs one cell: its result and registrations, and what it did to the world.

        Args:
            piece: the cell, compiled.
            modules: files the cell imports; defined again when their text changed.
            display: takes what `display(value)` shows.
            show: takes console lines as (level, text).

        Raises:
            AiweError: the cell threw, ran over a limit, was interrupted, or ended its worker.
        """
        async with self._turn:
            isolate = await self._ready()
            self._print = show
            try:
                for module in modules:
                    if self._modules.get(module.name) != module.code:
                        self._modules[module.name] = module.code
                        await isolate.define(module.code)
                await isolate.define(piece.code)
                effects = EffectLog()
                message = ("p", "cell", "", piece.name, True)
                result = await self._fly(isolate, piece.name, message, effects, display)
                for name in init_names([piece]):
                    more = await self._fly(
                        isolate, f"init:{name}", ("f", "", name), effects, display
                    )
                    result["routes"] += more["routes"]
                return result, effects
            finally:
                self._print = None

    async def _ready(self) -> Isolate:
        if self._isolate is None or not self._isolate.alive:
            process = await self._workshop.pool.lease(self._key, keep=True)
            limit = self._settings.cell_cpu_limit
            isolate = self._workshop.isolate(
                process, self._owner, ["*"], self._lost, limit, self._log
            )
            self._isolate = isolate
            self._modules.clear()
        return self._isolate

    async def _fly(
        self,
        isolate: Isolate,
        piece: str,
        message: tuple[Any, ...],
        effects: EffectLog,
        display: Display,
    ) -> dict[str, Any]:
        app, env, version = self._owner
        effects.entries[piece] = []
        invocation = Invocation(
            id="", kind="cell", app=app, env=env, version=version, handler=piece,
            effects=effects, piece=piece, caller=None,
        )  # fmt: skip
        flight = Flight(isolate.process.loop, invocation, message, display)
        self._running = isolate, isolate.take(flight)
        try:
            result: dict[str, Any] = await flight.future
        finally:
            self._running = None
        for route in result["routes"]:
            route["piece"] = piece
        return result

    def _log(self, _: Invocation | None, level: str, text: str) -> bool:
        """Lines of a running cell go to its output."""
        if self._print is None:
            return False
        self._print(level, text)
        return True

    def _lost(self, isolate: Isolate, loss: Loss) -> None:
        if loss.reason != "stranded":
            self._isolate = None
        for flight in loss.flights:
            error = lost_error(loss.reason, isolate.cpu_limit)
            error.hint = (
                f"{error.hint} The session's variables are gone: run the cells above again."
            )
            flight.fail(error)

    async def interrupt(self) -> bool:
        """Stops what is running; a worker that does not stop is ended. False: nothing ran."""
        if self._running is None:
            return False
        isolate, number = self._running
        isolate.cut()
        isolate.abandon(number, interrupted())
        isolate.process.loop.call_later(
            self._settings.kill_grace, self._end_stuck, isolate, isolate.waiting_since
        )
        return True

    def _end_stuck(self, isolate: Isolate, since: float) -> None:
        if isolate.alive and since and isolate.waiting_since == since:
            isolate.process.kill()

    @property
    def _settings(self) -> Settings:
        return self._workshop.configuration.for_app(self._owner[0])

    def close(self) -> None:
        """Ends the isolate and its worker."""
        self._isolate = None
        self._workshop.pool.release(self._key)


def interrupted() -> AiweError:
    """The error of a cell that a person stopped."""
    return ProgramError("The cell was interrupted.", code="interrupted", name="Interrupted")
