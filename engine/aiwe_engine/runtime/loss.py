"""The loss of an isolate: why, what was under way there, and what those who asked are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiwe_engine.errors import AiweError, EngineError, ProgramError

if TYPE_CHECKING:
    from aiwe_engine.runtime.isolate import Flight, Isolate

OnLost = Callable[["Isolate", "Loss"], None]


@dataclass(frozen=True, slots=True)
class Loss:
    """What its host knows of a loss.

    Attributes:
        reason: "oom", "stuck" (a turn that cannot be cut), "crash" (the process ended), "killed" (by
            somebody else), or "stranded" (the isolate lives, and what these flights waited for will
            not come).
        flights: what was under way.
        suspects: those of them that may have been running.
        guilty: the one of them that was running, where the worker could tell.
    """

    reason: str
    flights: list[Flight]
    suspects: list[Flight] = field(default_factory=list)
    guilty: Flight | None = None


def over_limit(seconds: float) -> ProgramError:
    """The error of an invocation whose turn used up its CPU time."""
    return ProgramError(
        f"This code used more than {seconds:g} s of CPU time at a stretch and was stopped.",
        code="cpu_limit",
        status=500,
        hint="Look for a loop that does not end, or do less work in one request.",
        name="CpuLimitError",
    )


def lost_error(reason: str, cpu_limit: float) -> AiweError:
    """The error of the invocation that cost an isolate or a worker its life, or ran there alone."""
    if reason == "stuck":
        return over_limit(cpu_limit)
    if reason == "oom":
        return ProgramError(
            "This code used more memory than an isolate has.",
            code="memory_limit",
            hint="Keep less in memory: read data in pages, and do not collect in module variables.",
            name="MemoryLimitError",
        )
    if reason == "killed":
        return EngineError(
            "The worker that ran this code was killed from outside.",
            code="worker_lost",
            status=503,
            hint="Look whether the machine is short of memory, and at what was written, before you try again.",
        )
    return ProgramError(
        "This code ended the worker it ran in, most likely by asking for more memory than there is.",
        code="worker_crashed",
        hint="Look for very large arrays, strings or buffers.",
        name="WorkerCrashedError",
    )


def worker_lost(*, wrote: bool) -> EngineError:
    """The error of an innocent request that is not run again.

    Args:
        wrote: whether it has written data, or begun its answer.
    """
    if wrote:
        return EngineError(
            "The worker that ran this request was lost after the request had written data or streamed.",
            code="worker_lost",
            status=503,
            hint="Look at what was written before you send the request again.",
        )
    return EngineError(
        "The worker that ran this request was lost.",
        code="worker_lost",
        status=503,
        hint="The request has written nothing: send it again.",
    )
