"""Compressed copies of assets, kept in memory: one that is asked for often is compressed once.

A copy is found by what it is a copy of, so it never has to be made anew or thrown away for a change. Of
those used least lately some go when there is no room.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiwe_engine.http.compression import compress

#: The larger share of the room that one content may take; others are sent as they are.
SHARE = 4


class Packed:
    """The copies of one engine.

    Args:
        room: bytes that they may take together.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._used = 0
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._making: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    def fits(self, size: int) -> bool:
        """Whether copies of a content of this size are kept."""
        return size * SHARE <= self._room

    def find(self, sha256: str, coding: str) -> bytes | None:
        """The copy that is there."""
        copy = self._kept.get((sha256, coding))
        if copy is not None:
            self._kept.move_to_end((sha256, coding))
        return copy

    async def make(self, sha256: str, coding: str, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """The copy, made off the event loop and kept; who asks meanwhile waits for the same one.

        Args:
            sha256: of the content.
            coding: how to compress it.
            read: gives the content. Called only where nobody is reading it already.

        Raises:
            AiweError: what `read` says.
        """
        key = sha256, coding
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, read))
        return await asyncio.shield(task)

    async def _make(self, key: tuple[str, str], read: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            content = await read()
            copy = await asyncio.to_thread(compress, key[1], content)
        finally:
            del self._making[key]
        self._kept[key] = copy
        self._used += len(copy)
        while self._used > self._room:
            _, old = self._kept.popitem(last=False)
            self._used -= len(old)
        return copy
