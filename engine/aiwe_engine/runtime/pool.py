"""The worker processes of an engine: one per key, and a started spare.

A key is an app in an environment, or a session. The spare is there so that a first request or a
crash does not wait for a process to come up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiwe_engine.errors import EngineError
from aiwe_engine.runtime.process import WorkerProcess, process_limits
from aiwe_engine.settings import Settings


class WorkerPool:
    """Leases processes by key. A process that ended is replaced at the next lease."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leased: dict[str, WorkerProcess] = {}
        self._starting: dict[str, asyncio.Future[WorkerProcess]] = {}
        self._spares: list[asyncio.Task[WorkerProcess]] = []
        self._leaving: list[WorkerProcess] = []  # replaced, with isolates that still answer
        self._unwanted: set[asyncio.Task[WorkerProcess]] = set()  # spares that still start
        self._closed = False
        self.confined: dict[str, Any] = {}  # what binds the process that started last
        self.on_missing: Callable[[str], None] | None = None  # told once what could not be applied

    def configure(self, settings: Settings) -> None:
        """Other settings. A process that has other limits is replaced when it is leased again."""
        changed = process_limits(settings) != process_limits(self._settings)
        self._settings = settings
        kept = 0 if changed else settings.spare_workers
        for spare in self._spares[kept:]:
            self._unwanted.add(spare)
            spare.add_done_callback(self._discard)
        del self._spares[kept:]
        self.start()

    def start(self) -> None:
        """Begins to start the spares."""
        while len(self._spares) < self._settings.spare_workers and not self._closed:
            self._spares.append(asyncio.create_task(self._start_one()))

    async def _start_one(self) -> WorkerProcess:
        process = WorkerProcess(self._settings)
        await process.start()
        missing = process.confined.get("missing")
        if missing and missing != self.confined.get("missing") and self.on_missing is not None:
            self.on_missing("; ".join(missing))
        self.confined = process.confined
        return process

    async def open(self) -> None:
        """Starts the spares; where confinement is required, one process must prove it first.

        Raises:
            EngineError: `confinement_missing`, or `worker_lost`.
        """
        self.start()
        if self._settings.confinement != "require":
            return
        try:
            process = await self._take()
        except BaseException:
            await self.close()
            raise
        self._spares.insert(0, asyncio.ensure_future(_there(process)))

    async def lease(self, key: str) -> WorkerProcess:
        """The process of this key, started if there is none.

        Raises:
            EngineError: `worker_lost`, when none can be started.
        """
        process = self._leased.get(key)
        if process is not None and not process.ended:
            if process.limits == process_limits(self._settings):
                return process
            self._leaving = [one for one in self._leaving if not one.ended]
            self._leaving.append(self._leased.pop(key))
            process.leave()
        waiting = self._starting.get(key)
        if waiting is None:
            waiting = self._starting[key] = asyncio.ensure_future(self._take())
            waiting.add_done_callback(lambda done: self._arrived(key, done))
        process = await asyncio.shield(waiting)
        # Others waited too, and may have found it outdated and let it go.
        return await self.lease(key) if process.ended else process

    async def _take(self) -> WorkerProcess:
        while self._spares:
            spare = self._spares.pop(0)
            self.start()
            try:
                process = await spare
            except EngineError:  # told below, if the next one does not start either
                break
            if not process.ended:
                return process
        return await self._start_one()

    def _arrived(self, key: str, done: asyncio.Future[WorkerProcess]) -> None:
        self._starting.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._leased[key] = done.result()

    def release(self, key: str) -> None:
        """Ends the process of this key, if it has one."""
        process = self._leased.pop(key, None)
        if process is not None:
            process.kill()

    def processes(self) -> dict[str, int]:
        """Key → process id, for status and tests."""
        return {key: p.pid for key, p in self._leased.items() if not p.ended}

    def _discard(self, spare: asyncio.Task[WorkerProcess]) -> None:
        """Ends a spare that nobody needs, now that it has started."""
        self._unwanted.discard(spare)
        if not spare.cancelled() and spare.exception() is None:
            spare.result().kill()

    async def close(self) -> None:
        """Ends every process."""
        self._closed = True
        spares, self._spares = self._spares, []
        starting = [*spares, *self._unwanted, *self._starting.values()]
        for done in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(done, WorkerProcess):
                done.kill()
        for key in list(self._leased):
            self.release(key)
        for process in self._leaving:
            process.kill()


async def _there(process: WorkerProcess) -> WorkerProcess:
    return process
