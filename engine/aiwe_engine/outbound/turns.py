"""Turns: how many requests of an app are under way at a time, over all of its invocations.

So no app takes all the connections there are. Who comes when all turns are taken waits in line.
"""

from __future__ import annotations

import asyncio
from collections import deque


class AppTurns:
    """The turns of one app. `limit` may change at any time."""

    def __init__(self) -> None:
        self.limit = 1
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Returns when it is one's turn."""
        if self._taken < self.limit and not self._waiting:
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._call()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the same moment
                self.release()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Gives a turn back."""
        self._taken -= 1
        self._call()

    def _call(self) -> None:
        """Gives turns that are free to who waits, first come, first served."""
        while self._taken < self.limit and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
