"""Answers that go on: events one after another, until they end or the client leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.http.arrival import Receive, Send
from aiwe_engine.types import ByteSource, Response

LOOK = 1.0  # seconds between two looks whether who reads a stream may go on


class Told:
    """A source that tells of its failure, for the log, before who reads it learns of it.

    Args:
        source: what is read.
        tell: told the error, once.
    """

    def __init__(self, source: ByteSource, tell: Callable[[AiweError], None]) -> None:
        self._source, self._tell = source, tell

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: as the source.
        """
        try:
            return await self._source.read()
        except AiweError as error:
            self._tell(error)
            raise

    async def close(self) -> None:
        """Says that nobody wants the rest."""
        await self._source.close()


async def whole_body(response: Response, most: int) -> bytes:
    """The body of an answer, also of one that streams, cut at `most` bytes."""
    if response.stream is None:
        return response.body
    pieces, size = [], 0
    try:
        while size < most and (piece := await response.stream.read()):
            pieces.append(piece)
            size += len(piece)
    finally:
        await response.stream.close()
    return b"".join(pieces)[:most]


async def stream(
    receive: Receive,
    send: Send,
    pieces: AsyncIterator[bytes],
    headers: list[tuple[bytes, bytes]],
    *,
    beat: tuple[float, bytes] | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """Sends pieces as they come.

    The iterator is closed when the client leaves, so that what makes them can end too.

    Args:
        receive: the ASGI callable.
        send: the ASGI callable.
        pieces: what to send.
        headers: of the answer.
        beat: seconds of silence after which something is sent all the same, and what.
        goes_on: whether who reads may go on; asked before each piece, and each second of silence.
    """
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.create_task(_gone(receive))
    coming = asyncio.create_task(_next(pieces))
    clock = asyncio.get_running_loop().time
    sent = clock()
    try:
        while True:
            silent = clock() - sent
            done, _ = await asyncio.wait(
                {gone, coming},
                timeout=min(LOOK, max(0.0, beat[0] - silent)) if beat else LOOK,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if gone in done:
                return
            if not goes_on():
                await send({"type": "http.response.body", "body": b""})
                return
            if coming in done:
                piece = coming.result()
                if piece is None:
                    await send({"type": "http.response.body", "body": b""})
                    return
                coming = asyncio.create_task(_next(pieces))
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                sent = clock()
            elif beat and clock() - sent >= beat[0]:
                await send({"type": "http.response.body", "body": beat[1], "more_body": True})
                sent = clock()
    finally:
        await _end(gone)
        await _end(coming)
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
