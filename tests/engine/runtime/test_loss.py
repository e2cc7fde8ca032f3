"""Why a worker ended, and what those are told who were in it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.runtime.loss import lost_error, worker_lost
from aiwe_engine.runtime.process import WorkerProcess
from tests.engine.runtime.bench import settings


class Witness:
    """Something that lives in a worker, and learns how that ends."""

    busy = True

    def __init__(self) -> None:
        self.told = asyncio.get_running_loop().create_future()

    def received(self, op: int, number: int, body: bytes) -> None:
        raise AssertionError((op, number, body))

    def lost(self, reason: str) -> None:
        self.told.set_result(reason)


SIGNALS = {
    signal.SIGTRAP: "oom",  # as V8 ends a process that has no memory
    signal.SIGABRT: "oom",
    signal.SIGKILL: "killed",
    signal.SIGTERM: "killed",
    signal.SIGSEGV: "crash",
    signal.SIGSYS: "crash",  # as the kernel ends a process that does what it may not
}


@pytest.mark.parametrize(("number", "reason"), SIGNALS.items(), ids=[s.name for s in SIGNALS])
async def test_how_a_worker_ended_is_told(number: signal.Signals, reason: str) -> None:
    process = WorkerProcess(settings())
    await process.start()
    witness = Witness()
    process.admit(witness)
    os.kill(process.pid, number)
    async with asyncio.timeout(10):
        assert await witness.told == reason


async def test_a_worker_that_is_ended_by_its_host_was_not_killed_by_somebody_else() -> None:
    process = WorkerProcess(settings())
    await process.start()
    witness = Witness()
    process.admit(witness)
    process.kill()
    assert await witness.told == "crash"


WORDS = [
    (
        lost_error("stuck", 0.25),
        (
            500,
            "cpu_limit",
            "This code used more than 0.25 s of CPU time at a stretch and was stopped.",
        ),
        "Look for a loop that does not end, or do less work in one request.",
    ),
    (
        lost_error("oom", 1.0),
        (500, "memory_limit", "This code used more memory than an isolate has."),
        "Keep less in memory: read data in pages, and do not collect in module variables.",
    ),
    (
        lost_error("killed", 1.0),
        (503, "worker_lost", "The worker that ran this code was killed from outside."),
        "Look whether the machine is short of memory, and at what was written, before you try again.",
    ),
    (
        lost_error("crash", 1.0),
        (
            500,
            "worker_crashed",
            "This code ended the worker it ran in, most likely by asking for more memory than there is.",
        ),
        "Look for very large arrays, strings or buffers.",
    ),
    (
        worker_lost(wrote=True),
        (
            503,
            "worker_lost",
            "The worker that ran this request was lost after the request had written data or streamed.",
        ),
        "Look at what was written before you send the request again.",
    ),
    (
        worker_lost(wrote=False),
        (503, "worker_lost", "The worker that ran this request was lost."),
        "The request has written nothing: send it again.",
    ),
]


@pytest.mark.parametrize(
    ("error", "said", "hint"), WORDS, ids=[said[2][:40] for _, said, _ in WORDS]
)
def test_what_is_said_of_a_loss(error: AiweError, said: tuple[int, str, str], hint: str) -> None:
    assert (error.status or 500, error.code, error.message) == said
    assert error.hint == hint
