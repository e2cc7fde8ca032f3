"""What waits is done together: while one batch is under way, the next one gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Gathering(Generic[Job]):
    """Jobs of one event loop, done in the order in which they came, many at a time.

    Args:
        work: does a batch; it must not raise.
        most: jobs in a batch.
        width: batches under way at a time; over one, their order is free.
    """

    def __init__(
        self, work: Callable[[list[Job]], Awaitable[None]], *, most: int, width: int = 1
    ) -> None:
        self._work, self._most, self._width = work, most, width
        self._waiting: list[Job] = []
        self._workers = 0
        self._running: set[asyncio.Task[None]] = set()

    def put(self, job: Job) -> None:
        """Gives a job its place."""
        self._waiting.append(job)
        if self._workers < self._width:
            self._workers += 1
            task = asyncio.get_running_loop().create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Waits until everything is done."""
        while self._running:
            await asyncio.wait(self._running)

    async def _run(self) -> None:
        while self._waiting:
            jobs = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._work(jobs)
        self._workers -= 1  # at once: what comes from now on needs another
