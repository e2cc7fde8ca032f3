"""The counters, in the memory of this process: when each subject called within its window.

A storage of the `limits` library for its moving window, so that another one (Redis) can stand in
its place. The library's own keeps every call for ever longer lists, looks through all its keys at
each call, and has no end of them. Here a window is cut into slots, in each of which calls count as
made at its latest one: a subject takes a kilobyte at most, and is never allowed more than its limit.
What has expired goes; of too many subjects those go that have not called for the longest time.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

SLOTS = 64
_AT_ONCE = 1000  # expired windows that one call clears away


def limiter(windows: Windows) -> MovingWindowRateLimiter:
    """The library's way of counting, on these windows."""
    return MovingWindowRateLimiter(windows)


def item(text: str) -> RateLimitItem:
    """A limit as the library has it."""
    return parse(text)


class Window:
    """The calls of one subject, oldest first, as (time, how many)."""

    __slots__ = ("begun", "counts", "last", "times", "total")

    def __init__(self) -> None:
        self.times = array("d")
        self.counts = array("L")
        self.total = 0
        self.begun = 0.0  # of the latest slot
        self.last = 0.0

    def forget(self, before: float) -> None:
        """Lets go of calls that lie that far back."""
        while self.times and self.times[0] <= before:
            self.total -= self.counts.pop(0)
            self.times.pop(0)

    def add(self, now: float, slot: float, amount: int) -> None:
        """Notes calls."""
        if self.times and now - self.begun < slot:
            self.times[-1] = now
            self.counts[-1] += amount
        else:
            self.begun = now
            self.times.append(now)
            self.counts.append(amount)
        self.total += amount
        self.last = now


class Windows(MemoryStorage):
    """Windows by key.

    Args:
        most: how many there may be.
        clock: seconds since the epoch.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self._most = most
        self._clock = clock
        # By length, because those of one length expire in the order of their latest calls.
        self._windows: dict[int, OrderedDict[str, Window]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Counts a call, unless that would be more than the limit."""
        now = self._clock()
        windows = self._windows.get(expiry)
        if windows is None:
            windows = self._windows[expiry] = OrderedDict()
        window = windows.get(key)
        if window is None:
            if amount > limit:
                return False
            window = windows[key] = Window()
            self._count += 1
            self._make_room(now)
        else:
            window.forget(now - expiry)
            if window.total + amount > limit:
                return False
            windows.move_to_end(key)
        window.add(now, expiry / SLOTS, amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """When the oldest call of the window was, and how many there are."""
        now = self._clock()
        windows = self._windows.get(expiry)
        window = windows.get(key) if windows else None
        if window is None:
            return now, 0
        window.forget(now - expiry)
        return (window.times[0], window.total) if window.times else (now, 0)

    async def clear(self, key: str) -> None:
        """Forgets one subject."""
        for windows in self._windows.values():
            if windows.pop(key, None) is not None:
                self._count -= 1

    async def reset(self) -> int:
        """Forgets everybody; returns how many there were."""
        count, self._count = self._count, 0
        self._windows.clear()
        return count

    def _make_room(self, now: float) -> None:
        """Drops windows that are over; where there are still too many, those longest unused."""
        left = _AT_ONCE
        for expiry, windows in self._windows.items():
            while windows and left:
                key, window = next(iter(windows.items()))
                if window.last > now - expiry or not window.times:
                    break
                del windows[key]
                self._count -= 1
                left -= 1
        while self._count > self._most:
            max(self._windows.values(), key=len).popitem(last=False)
            self._count -= 1
