"""The bytes of a file, piece by piece, without holding up the event loop."""

from __future__ import annotations

import asyncio
from typing import IO

from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.settings import KB

PIECE = 256 * KB


class FileSource:
    """Part of a file, read off the event loop in pieces of 256 KB.

    Args:
        file: opened; closed at the end.
        start: where in the file to begin.
        length: how many bytes.
    """

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file = file
        self._left = length
        self._file.seek(start)

    @property
    def closed(self) -> bool:
        """Whether there is nothing left to read."""
        return self._file.closed

    async def read(self) -> bytes:
        """The next piece, empty at the end.

        Raises:
            EngineError: `file_changed`, the file has become shorter.
        """
        if not self._left:
            await self.close()
            return b""
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(None, self._file.read, min(PIECE, self._left))
        if not piece:
            raise EngineError(
                f"A file ended {self._left} bytes before its end.", code="file_changed", status=500
            )
        self._left -= len(piece)
        return piece

    async def close(self) -> None:
        """Closes the file; a piece that a thread is reading is waited for."""
        self._left = 0
        self._file.close()


def file_not_found() -> RequestError:
    """What is said of a file that is not there, and of one that is somebody else's."""
    return RequestError(
        "There is no such file.",
        code="file_not_found",
        status=404,
        hint="Ask with the id that save() returned; files belong to one app and environment.",
    )
