"""What happens in an engine, for those who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from aiwe_engine.types import Json

_WAITING = 1000  # events that one who watches may be behind; what comes then is not theirs


class Feed:
    """Tells events to everybody who follows.

    Args:
        first: what somebody is told at first.
    """

    def __init__(self, first: Callable[[], dict[str, Json]]) -> None:
        self._first = first
        self._followers: list[asyncio.Queue[dict[str, Json]]] = []

    @property
    def is_followed(self) -> bool:
        """Whether anybody listens."""
        return bool(self._followers)

    def tell(self, event: dict[str, Json]) -> None:
        """Tells an event; who does not keep up misses it."""
        for queue in self._followers:
            if not queue.full():
                queue.put_nowait(event)

    async def follow(self) -> AsyncIterator[dict[str, Json]]:
        """Events as they happen, until whoever follows has enough."""
        queue: asyncio.Queue[dict[str, Json]] = asyncio.Queue(_WAITING)
        self._followers.append(queue)
        try:
            yield self._first()
            while True:
                yield await queue.get()
        finally:
            self._followers.remove(queue)
