"""Bodies both ways: pieces that are read when somebody wants them, and counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from aiwe_engine.errors import AiweError
from aiwe_engine.outbound import errors, failures
from aiwe_engine.outbound.clock import Clock
from aiwe_engine.types import ByteSource


class Upload:
    """The body of one request, sent as it is read.

    Args:
        source: where it comes from; a stream can be sent once.
        limit: bytes it may have.
        declared: bytes that Content-Length says it has, None where the length is not known.
    """

    def __init__(self, source: ByteSource, limit: int, declared: int | None) -> None:
        self._source, self._limit, self._declared = source, limit, declared
        self.started = False
        self.error: AiweError | None = None
        self.timer: asyncio.Timeout | None = None
        self.clock: Clock | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """For aiohttp, which wraps what is raised here; it is kept in `error`."""
        self.started = True
        size = 0
        try:
            while piece := await self._source.read():
                size += len(piece)
                self._check(size, at_end=False)
                self._renew()
                yield piece
            self._check(size, at_end=True)
        except AiweError as error:
            self.error = error
            raise
        finally:
            await self.close()

    def _check(self, size: int, *, at_end: bool) -> None:
        if size > self._limit:
            raise errors.body_too_large(self._limit)
        declared = self._declared
        if declared is not None and (size > declared or (at_end and size < declared)):
            raise errors.body_length(declared)

    def _renew(self) -> None:
        """Something was sent: waiting for the answer begins anew."""
        if self.timer is not None and self.clock is not None and not self.timer.expired():
            self.timer.reschedule(self.clock.until())

    async def close(self) -> None:
        """Nobody wants the rest."""
        await self._source.close()


class Download:
    """The body of one answer. A `ByteSource`; nothing is read ahead of its reader but a buffer.

    Args:
        response: aiohttp's answer, whose head is there.
        place: host and port, for messages.
        limit: bytes it may have, decoded.
        clock: the time it has.
        upload: what may still be on its way out.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        place: str,
        limit: int,
        clock: Clock,
        upload: Upload | None,
    ) -> None:
        self._response, self._place, self._limit = response, place, limit
        self._clock, self._upload = clock, upload
        self._ahead: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._error: AiweError | None = None
        connection = response.connection
        self._protocol = None if connection is None else connection.protocol
        self._closed = None if self._protocol is None else self._protocol.closed
        if self._closed is not None:
            self._closed.remove_done_callback(_look)
            self._closed.add_done_callback(_look)
            self._closed.add_done_callback(self._lost)

    def _lost(self, _: asyncio.Future[None]) -> None:
        """The connection is closed. aiohttp leaves a reader waiting where the body was no HTTP."""
        content = self._response.content
        if content.is_eof() or content.exception() is not None or self._protocol is None:
            return
        content.set_exception(self._protocol.exception() or aiohttp.ClientPayloadError())

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: `fetch_reset`, `fetch_timeout`, `fetch_too_large`, `fetch_bad_encoding`.
        """
        if self._ahead:
            return self._ahead.popleft()
        if self._error is not None:
            raise self._error
        if self._ended:
            return b""
        try:
            piece = await self._next()
        except AiweError as error:
            self._error = error
            await self._leave()
            raise
        if not piece:
            await self._leave()
        return piece

    async def _next(self) -> bytes:
        declared = self._response.content_length
        if declared is not None and declared > self._limit:
            raise errors.too_large(self._place, self._limit)
        try:
            async with asyncio.timeout_at(self._clock.until()):
                piece = await self._response.content.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError) as error:
            ours = failures.of(error, self._place, self._clock.seconds)
            raise ours or errors.reset(self._place) from error
        self._size += len(piece)
        if self._size > self._limit:
            raise errors.too_large(self._place, self._limit)
        return piece

    async def gather(self, most: int, seconds: float) -> bytes | None:
        """The whole body, where it is small and already here, or almost; else None, and nothing is lost.

        Args:
            most: bytes it may have for that.
            seconds: how long to wait for what is missing.
        """
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(seconds):
                while piece := await self.read():
                    pieces.append(piece)
                    if sum(map(len, pieces)) > most:
                        break
                else:
                    return b"".join(pieces)
        except (TimeoutError, AiweError):
            pass  # an error is kept, and told to who reads so far
        self._ahead.extend(pieces)
        return None

    async def whole(self) -> bytes:
        """All of it.

        Raises:
            AiweError: as `read`.
        """
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    async def close(self) -> None:
        """Nobody wants the rest: the connection is closed, unless the answer was complete."""
        self._ahead.clear()
        await self._leave()

    async def _leave(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
        if not self._response.content.at_eof():
            self._response.close()
        if self._upload is not None:
            await self._upload.close()


def _look(closed: asyncio.Future[None]) -> None:
    """Nobody asks how a connection ended that carries nothing: asyncio is not to complain of that."""
    if not closed.cancelled():
        closed.exception()
