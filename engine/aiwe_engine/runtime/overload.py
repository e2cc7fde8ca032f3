"""Too much at a time: who is refused, with which words, and how often the log is told.

Where more is asked than can be done, some are refused at once and the others go on as if nothing
were. A refusal is cheap: it is counted, and the log gets one line about many of them.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from aiwe_engine.errors import AiweError, EngineError

TELL_EVERY = 10.0  # seconds between two lines about the same
_AGAIN = [("retry-after", "1")]


class Overloaded(EngineError):
    """More is asked for at this moment than may be done at a time."""

    code = "overloaded"


class Leaves(Protocol):
    """What counts among those that wait, until it is told to leave: a flight."""

    entered: Entry | None

    def fail(self, error: AiweError) -> None:
        """Ends it with an error."""
        ...


class Entry:
    """How many requests of an app wait for their answer, over all its versions.

    A streamed answer that has begun is not waited for any more.
    """

    __slots__ = ("_refused", "waiting")

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.waiting = 0
        self._refused = Refusals(tell)

    def check(self, most: int) -> None:
        """Lets nobody in where all places are taken.

        Raises:
            Overloaded: they are.
        """
        if self.waiting >= most:
            raise self.refuse(most)

    def enter(self, one: Leaves, most: int) -> bool:
        """Counts one in. False: all places are taken, and it has been failed."""
        if self.waiting >= most:
            one.fail(self.refuse(most))
            return False
        self.waiting += 1
        one.entered = self
        return True

    def refuse(self, most: int) -> Overloaded:
        """The error of a request for which there is no place."""
        self._refused.note(
            f"{most} requests wait for their answers (runtime.queue): more are refused"
        )
        return Overloaded(
            "This app has as many requests to answer as it may have at a time.",
            hint="Come back in a moment; the setting runtime.queue says how many may wait.",
            headers=_AGAIN,
        )


class Refusals:
    """Tells of refusals: of the first at once, of those that follow together."""

    __slots__ = ("_count", "_tell", "_told")

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told, self._count = tell, -TELL_EVERY, 0

    def note(self, text: str) -> None:
        """Counts one; `text` says what is refused and why, without a full stop."""
        self._count += 1
        now = monotonic()
        if now - self._told >= TELL_EVERY:
            more = f", {self._count} since the last line like this" if self._count > 1 else ""
            self._told, self._count = now, 0
            self._tell(f"{text}{more}.")


def no_worker(most: int, sessions: int) -> Overloaded:
    """The error of whoever finds every worker at work.

    Args:
        most: how many there may be.
        sessions: how many of them belong to open notebooks.
    """
    kept = f", {sessions} of them for open notebooks" if sessions else ""
    return Overloaded(
        f"All {most} workers are at work{kept}.",
        hint="Try again in a moment. The setting runtime.workers says how many there may be; the kernel of "
        "an open notebook keeps one until it is shut down.",
        headers=_AGAIN,
    )
