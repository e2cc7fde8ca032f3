"""Bytes on their way between a program and its host, with a bound on how many wait.

One side writes, the other reads. Who writes waits while too much is there, so that a slow reader
holds a fast writer back and memory stays flat; a reader that leaves is told to the writer.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiwe_engine.errors import AiweError, ProgramError, RequestError

#: Numbers of the bodies that every invocation may have: what it answers, and what its request brings.
ANSWER, REQUEST = 0, 1
ROOM = 256 * 1024  # bytes that may wait; one piece more, whatever its size, is let in
MOST_OFFERED = 4 * ROOM  # bytes in writes that wait; a program's own window is far below


class Channel:
    """A queue of pieces of bytes. A `ByteSource` for its reader."""

    __slots__ = ("_changed", "_ended", "_error", "_left", "_offered", "_pieces", "_size", "_turn")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._offered = 0  # bytes of writes that have not returned
        self._turn = asyncio.Lock()  # who writes waits in line
        self._ended = self._left = False
        self._error: AiweError | None = None
        self._changed = asyncio.Event()

    async def write(self, piece: bytes) -> None:
        """Adds a piece; returns when there is room for another.

        Raises:
            RequestError: `client_gone`, the reader has left.
            ProgramError: `stream_overrun`, too much waits already.
        """
        if self._offered > MOST_OFFERED:
            raise _overrun()
        self._offered += len(piece)
        try:
            async with self._turn:
                await self._add(piece)
        finally:
            self._offered -= len(piece)

    async def _add(self, piece: bytes) -> None:
        if self._left or self._ended:
            raise reader_gone()
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.set()
        while self._size > ROOM and not self._left:
            await self._wait()
        if self._left:
            raise reader_gone()

    def end(self) -> None:
        """No more pieces come."""
        self._ended = True
        self._changed.set()

    def fail(self, error: AiweError) -> None:
        """No more pieces come, because of an error; what has come is still read."""
        if not self._ended:
            self._error = error
            self.end()

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: the writer failed.
        """
        while not self._pieces and not self._ended and not self._left:
            await self._wait()
        if self._pieces and not self._left:
            piece = self._pieces.popleft()
            self._size -= len(piece)
            self._changed.set()
            return piece
        if self._error is not None and not self._left:
            raise self._error
        return b""

    async def close(self) -> None:
        """The reader leaves: what waits is dropped, and the writer is told."""
        self.leave()

    def leave(self) -> None:
        """As `close`, for who cannot wait."""
        self._left = True
        self._pieces.clear()
        self._size = 0
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _overrun() -> ProgramError:
    return ProgramError(
        "More was written to a stream than its reader takes, without waiting for it.",
        code="stream_overrun",
        hint="Wait for each piece before the next one is written.",
    )


def reader_gone() -> RequestError:
    """What a writer is told when nobody reads any more."""
    return RequestError(
        "The client has left: nobody reads this stream any more.",
        code="client_gone",
        hint="Stop writing; req.signal tells of it too.",
        name="AbortError",
    )
