"""Turns: transactions that have lost against others go one after the other.

A transaction that has lost once may lose again and again where many want the same document. So from
the second time on those of one app and environment wait for each other, first come first served;
whoever has its turn keeps it until it is through. Both are bounded, so that nobody waits for long for
one that is slow: then they go on together, as before.
"""

from __future__ import annotations

import asyncio

Place = tuple[str, str]  # app, environment

WAIT = 10.0  # seconds for one's turn
HOLD = 1.0  # seconds that one's turn lasts


class Turn:
    """The right of one transaction to go before the others that have lost."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self.is_over = False
        self._timer = asyncio.get_running_loop().call_later(HOLD, self.end)

    def end(self) -> None:
        """The next one has its turn."""
        if not self.is_over:
            self.is_over = True
            self._timer.cancel()
            self._lock.release()


class Turns:
    """Whose turn it is, by app and environment."""

    def __init__(self) -> None:
        self._locks: dict[Place, asyncio.Lock] = {}

    async def take(self, place: Place) -> Turn | None:
        """Waits for a turn; None where it did not come."""
        lock = self._locks.setdefault(place, asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT):
                await lock.acquire()
        except TimeoutError:
            return None
        return Turn(lock)
