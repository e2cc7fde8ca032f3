"""The worker processes of an engine: one per key, and a started spare; so many and no more.

A key is an app in an environment, or a session. The spare is there so that a first request or a
crash does not wait for a process to come up.

Where all places are taken, the process that rested longest makes room for the next one; the first
request to its app brings up another. A session's never does: it holds a person's variables.
Where none rests, who asks waits, in the order of asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiwe_engine.errors import EngineError
from aiwe_engine.runtime.overload import Overloaded, Refusals, no_worker
from aiwe_engine.runtime.process import WorkerProcess, process_limits
from aiwe_engine.settings import Settings

LOOK = 0.02  # seconds between two looks for a process that rests, while somebody waits for a place
REST = 0.05  # seconds without a word to or from it, after which a process rests


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
        self._count = 0  # processes there are, those that start too
        self._kept: set[str] = set()  # keys whose process makes room for nobody
        self._waiting: set[str] = set()  # keys for which there is no place yet
        self._turn = asyncio.Lock()  # whose turn it is to get the next place
        self._refused = Refusals(self._tell_full)
        self.confined: dict[str, Any] = {}  # what binds the process that started last
        self.on_missing: Callable[[str], None] | None = None  # told once what could not be applied
        self.on_full: Callable[[str], None] | None = None  # told that requests find no worker

    def configure(self, settings: Settings) -> None:
        """Other settings. A process that has other limits is replaced when it is leased again."""
        changed = process_limits(settings) != process_limits(self._settings)
        self._settings = settings
        places = settings.workers - self._count + len(self._spares)
        kept = 0 if changed else max(0, min(settings.spare_workers, places))
        for spare in self._spares[kept:]:
            self._unwanted.add(spare)
            spare.add_done_callback(self._discard)
        del self._spares[kept:]
        while self._count > settings.workers and self._rest_one():
            pass
        self.start()

    def start(self) -> None:
        """Begins to start the spares, as far as there are places that nobody waits for."""
        while (
            len(self._spares) < self._settings.spare_workers
            and self._has_place
            and not self._waiting
            and not self._closed
        ):
            self._spares.append(asyncio.create_task(self._start_one(self._admit())))

    @property
    def _has_place(self) -> bool:
        return self._count < self._settings.workers

    def _admit(self) -> WorkerProcess:
        """A process that takes one of the places until it ends."""
        process = WorkerProcess(self._settings)
        process.on_end = self._left
        self._count += 1
        return process

    def _left(self, _: WorkerProcess) -> None:
        self._count -= 1

    async def _start_one(self, process: WorkerProcess) -> WorkerProcess:
        try:
            await process.start()
        except BaseException:
            process.kill()  # its place is free, whatever it died of
            raise
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

    async def lease(self, key: str, *, keep: bool = False) -> WorkerProcess:
        """The process of this key, started if there is none.

        Args:
            key: whose it is.
            keep: it stays until it is released, however long it rests.

        Raises:
            EngineError: `worker_lost`, when none can be started.
            Overloaded: all places are taken, and none became free in the time that a request has.
        """
        if keep:
            self._kept.add(key)
        process = self._leased.get(key)
        if process is not None and not process.ended:
            if process.limits == process_limits(self._settings):
                return process
            self._leaving = [one for one in self._leaving if not one.ended]
            self._leaving.append(self._leased.pop(key))
            process.leave()
        waiting = self._starting.get(key)
        if waiting is None:
            waiting = self._starting[key] = asyncio.ensure_future(self._take(key))
            waiting.add_done_callback(lambda done: self._arrived(key, done))
        process = await asyncio.shield(waiting)
        # Others waited too, and may have found it outdated and let it go.
        return await self.lease(key) if process.ended else process

    def full(self) -> Overloaded:
        """The error of who waited for a place in vain."""
        sessions = sum(not p.ended for key, p in self._leased.items() if key in self._kept)
        return no_worker(self._settings.workers, sessions)

    def waits(self, key: str) -> bool:
        """Whether this key has no process because there is no place for one."""
        return key in self._waiting

    async def _take(self, key: str = "") -> WorkerProcess:
        while self._spares:
            spare = self._spares.pop(0)
            self.start()
            try:
                process = await spare
            except EngineError:  # told below, if the next one does not start either
                break
            if not process.ended:
                return process
        if not self._has_place or self._waiting:
            await self._wait(key)
        return await self._start_one(self._admit())

    async def _wait(self, key: str) -> None:
        """Waits for a place, behind those who wait already.

        Raises:
            Overloaded: none became free in time.
        """
        self._waiting.add(key)
        try:
            async with asyncio.timeout(self._settings.deadline), self._turn:
                await self._make_place()
        except TimeoutError:
            self._refused.note("Requests find no worker: all that runtime.workers allows are busy")
            raise self.full() from None
        finally:
            self._waiting.discard(key)

    async def _make_place(self) -> None:
        while True:
            if self._has_place or self._rest_one():
                return
            if self._closed:
                raise EngineError("The engine ends.", code="worker_lost")
            await asyncio.sleep(LOOK)

    def _tell_full(self, text: str) -> None:
        if self.on_full is not None:
            self.on_full(text)

    def _rest_one(self) -> bool:
        """Ends the process that has rested longest. False: none rests."""
        since = asyncio.get_running_loop().time() - REST
        resting = [
            key
            for key, process in self._leased.items()
            if not (key in self._kept or process.ended or process.used > since or process.busy)
        ]
        if not resting:
            return False
        key = min(resting, key=lambda one: self._leased[one].used)
        self._leased.pop(key).kill()
        return True

    def _arrived(self, key: str, done: asyncio.Future[WorkerProcess]) -> None:
        self._starting.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            process = self._leased[key] = done.result()
            process.used = process.loop.time()

    def release(self, key: str) -> None:
        """Ends the process of this key, if it has one."""
        self._kept.discard(key)
        process = self._leased.pop(key, None)
        if process is not None:
            process.kill()
            self.start()

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
