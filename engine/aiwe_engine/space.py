"""How much the data folder holds, and when that is enough.

Whoever writes asks first whether there is room, and says afterwards what it took. The folder itself
is measured now and then, on another thread: what was taken since counts in full until the next time.
Deleting always goes; and what the database frees in its file counts as room again. A full folder has the
database free what it can.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiwe_engine.errors import AiweError, EngineError

_LOG = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between two looks whether to measure
_AT_LEAST = 60.0  # seconds between two measurements when little is written
_SHARE = 4  # it is measured when a part of what is left was taken


class Space:
    """The room in a folder.

    Args:
        folder: what is measured, with all below it.
        limit: bytes that it may hold; 0: any number.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit = limit
        #: Tells the bytes in files of the folder that are free for what is written next. Blocks.
        self.spare: Callable[[], int] = lambda: 0
        #: Frees what can be freed; False: nothing can.
        self.reclaim: Callable[[], Awaitable[bool]] | None = None
        self._folder = folder
        self._used = 0  # bytes, when it was last measured
        self._taken = 0  # since then
        self._measured = -_AT_LEAST  # when that was

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be written."""
        return 0 < self.limit <= self._used + self._taken

    def admit(self) -> None:
        """Lets a writer go on.

        Raises:
            EngineError: `storage_full` (507).
        """
        if self.is_full:
            raise EngineError(
                f"The data folder holds the {self.limit:,} bytes that it may",
                code="storage_full",
                status=507,
                hint="Delete what is not needed, or raise the setting data.limit.",
            )

    def took(self, size: int) -> None:
        """Counts what was written. On any thread."""
        self._taken += size

    async def run(self) -> None:
        """Measures when it is worth it, until it is cancelled."""
        while True:
            if self.limit and self._is_due():
                await asyncio.to_thread(self.measure)
                if self.is_full and self.reclaim is not None:
                    await self._reclaim(self.reclaim)
            await asyncio.sleep(_LOOK)

    def measure(self) -> None:
        """Looks at every file. Blocks."""
        taken = self._taken
        size = _size(self._folder)
        if size >= self.limit:
            size -= self.spare()
        self._used = size
        self._taken -= taken
        self._measured = time.monotonic()

    async def _reclaim(self, reclaim: Callable[[], Awaitable[bool]]) -> None:
        try:
            if await reclaim():
                await asyncio.to_thread(self.measure)
        except AiweError as error:  # the folder stays full, which every writer hears
            _LOG.warning("no room could be made: %s", error.message)

    def _is_due(self) -> bool:
        left = max(self.limit - self._used, 0)
        often = self.is_full or self._taken > left / _SHARE
        return often or time.monotonic() - self._measured >= _AT_LEAST


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; what goes meanwhile counts as nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  there may be many
            except FileNotFoundError:
                continue
    return size
