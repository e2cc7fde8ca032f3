"""Guessing slows down, and nobody can lock somebody else out.

Failed tries are counted in three ways:

- by account and by where they come from: an address, or a device that the account has come in from before
  (it holds a signed cookie: see `devices`). Nobody elsewhere is bound by these.
- by account, over all devices that are not known. Known ones are not bound.
- by address, over all names, against one password that is tried on everybody. Known devices are not bound.

The first tries of each are free; then each failure doubles the wait. A try that comes during the wait is
refused unchecked and does not count. Names that nobody has count as others do. A count fades with time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope

Kind = Literal["source", "account", "address"]
#: Failures that cost nothing, and the seconds after which one is forgotten.
_RULES: dict[Kind, tuple[int, float]] = {
    "source": (5, 3600.0),
    "account": (30, 600.0),
    "address": (50, 300.0),
}
_FIRST = 1.0  # seconds of the first wait


@dataclass(slots=True)
class _Count:
    """Failures of one kind and of one subject."""

    free: int
    fades: float
    failures: float = 0.0
    seen: float = 0.0
    until: float = 0.0  # when the next try may come
    flying: int = 0  # tries that are being checked
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def now(self, time: float) -> float:
        """How many failures there are, less what has faded."""
        return max(0.0, self.failures - (time - self.seen) / self.fades)

    def is_full(self, time: float) -> bool:
        """Whether another try at this moment would be one more than is free."""
        return self.flying > 0 and math.ceil(self.now(time)) + self.flying >= self.free

    def failed(self, time: float, longest: float) -> None:
        self.failures, self.seen = self.now(time) + 1, time
        over = math.ceil(self.failures) - self.free
        if over >= 0:
            self.until = time + min(_FIRST * 2.0 ** min(over, 40), longest)

    def landed(self) -> None:
        self.flying -= 1
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


@dataclass(slots=True)
class Try:
    """One try that may be checked; `success` is None where it was not."""

    success: bool | None = None


class Lockout:
    """Counts failed tries of all apps of an engine.

    Args:
        size: subjects counted at a time; those that were not seen for the longest time go first.
        clock: seconds that only grow.

    Attributes:
        clock: the same.
    """

    def __init__(self, size: int = 50_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self.clock = size, clock
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()
        self._known: OrderedDict[Hashable, None] = OrderedDict()

    @asynccontextmanager
    async def trying(
        self, scope: Scope, name: str, address: str, device: str | None, longest: float
    ) -> AsyncIterator[Try]:
        """Around the check of one try. As many are checked at a time as would be free.

        Args:
            scope: app and environment.
            name: whose account it is about, as names are compared; there need be none.
            address: where it comes from.
            device: that is known to belong to the account, if it is one.
            longest: seconds of the longest wait.

        Raises:
            RequestError: `too_many_attempts` (429).
        """
        counts = await self._begin(scope, name, address, device)
        tried = Try()
        try:
            yield tried
        finally:
            now = self.clock()
            for count in counts:
                if tried.success is False:
                    count.failed(now, longest)
                count.landed()
            if tried.success:
                counts[0].failures = counts[0].until = 0.0
                self._remember((scope, name, address))

    async def _begin(
        self, scope: Scope, name: str, address: str, device: str | None
    ) -> list[_Count]:
        while True:
            now = self.clock()
            counts = self._subjects(scope, name, address, device)
            wait = max(count.until for count in counts) - now
            if wait > 0:
                raise _too_many(math.ceil(wait))
            full = [one for one in counts if one.is_full(now)]
            if not full:
                for count in counts:
                    count.flying += 1
                return counts
            landing = asyncio.get_running_loop().create_future()
            full[0].waiting.append(landing)
            await landing

    def _subjects(self, scope: Scope, name: str, address: str, device: str | None) -> list[_Count]:
        """What a try counts for, its own source first."""
        if device is not None:
            return [self._count("source", (scope, name, "device", device))]
        counts = [
            self._count("source", (scope, name, "address", address)),
            self._count("address", (scope, address)),
        ]
        if (scope, name, address) not in self._known:
            counts.append(self._count("account", (scope, name)))
        return counts

    def _count(self, kind: Kind, subject: Hashable) -> _Count:
        key = kind, subject
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(*_RULES[kind], seen=self.clock())
            if len(self._counts) > self._size:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        return count

    def _remember(self, source: Hashable) -> None:
        self._known[source] = None
        self._known.move_to_end(source)
        if len(self._known) > self._size:
            self._known.popitem(last=False)


def _too_many(wait: int) -> RequestError:
    return RequestError(
        "There were too many failed attempts to sign in.",
        code="too_many_attempts",
        status=429,
        hint=f"Wait {wait} s, then try again; each failure makes the wait longer.",
        details={"retry_after": wait},
    )
