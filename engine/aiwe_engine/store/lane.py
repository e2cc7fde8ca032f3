"""A lane: threads that take what is waiting, many jobs at a time, and how results come back.

While a lane's thread works, the next jobs gather; so the more is asked, the more is done in one
go, and nobody ever waits for a timer.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

Job = TypeVar("Job")
Outcome: TypeAlias = tuple["Future[Any]", Any, BaseException | None]


class Lane(Generic[Job]):
    """Threads that call `work` with the jobs that were waiting, in order, at most `most` at once.

    They start with the first job. `work` must not raise.
    """

    def __init__(
        self, name: str, work: Callable[[list[Job]], None], *, threads: int = 1, most: int = 1
    ) -> None:
        self._name = name
        self._work = work
        self._most = most
        self._wanted = threads
        self._threads: list[Thread] = []
        self._queue: SimpleQueue[Job | None] = SimpleQueue()

    def put(self, job: Job) -> None:
        """Gives a job its place. Always from the same thread."""
        self._queue.put(job)
        if len(self._threads) < self._wanted:
            name = f"aiwe-{self._name}-{len(self._threads) + 1}"
            thread = Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Works off what is waiting and ends the threads. Blocks."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            jobs = [job]
            ended = self._gather(jobs)
            self._work(jobs)
            if ended:
                return

    def _gather(self, jobs: list[Job]) -> bool:
        """Takes what is waiting; True when the end was among it."""
        with suppress(Empty):
            while len(jobs) < self._most:
                job = self._queue.get_nowait()
                if job is None:
                    return True
                jobs.append(job)
        return False


def deliver(outcomes: list[Outcome]) -> None:
    """Settles futures of one loop from a lane's thread, by one call."""
    if outcomes:
        with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
            outcomes[0][0].get_loop().call_soon_threadsafe(settle, outcomes)


def settle(outcomes: list[Outcome]) -> None:
    """Tells whoever still waits what came of it. On the loop only."""
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
