"""How long a request may take: all of it, where the program says so; else how long nothing may come."""

from __future__ import annotations

import asyncio


class Clock:
    """The time of one request, its redirects, its retries and its body.

    Args:
        total: seconds for all of it, None where the program set none.
        patience: seconds without progress, where there is no total.
    """

    def __init__(self, total: float | None, patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._end = None if total is None else self._loop.time() + total
        self.seconds = patience if total is None else total

    def until(self) -> float:
        """When patience ends if nothing happens from now on, as loop time."""
        return self._loop.time() + self._patience if self._end is None else self._end

    def has(self, seconds: float) -> bool:
        """Whether so much time is left."""
        return self._end is None or self._loop.time() + seconds < self._end
