"""How a request's body arrives: piece by piece, within a size and within a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from aiwe_engine.errors import RequestError
from aiwe_engine.settings import Settings
from aiwe_engine.types import ByteSource

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
WHOLE = "aiwe.whole"  # the ASGI extension by which an answer leaves in one call
#: Answers the request of a scope with status, headers and body in one go; False where it cannot.
Whole: TypeAlias = Callable[[Message, int, list[tuple[str, str]], bytes], bool]
LEFT = "aiwe.left"  # the extension that calls back when the client leaves before its answer
OnLeft: TypeAlias = Callable[[Callable[[], None]], None]
BROKEN = "aiwe.broken"  # the extension that ends a connection whose answer cannot be finished
UNFRAMED = "aiwe.unframed"  # the extension for a body that only the end of the connection ends

BASE = "aiwe.base"  # in a scope: the path below which the client finds the app, where it is not /
KNOWN = "aiwe.user"  # in a scope: the User whom the place knows that the request came by
UNKNOWN = -1  # the length of a body that only its end tells
UNREADABLE = -2  # of one that is wrapped in a way that nobody unwraps
# Many clients lose an answer that comes while they still send: read on for a while.
_DROP_SECONDS = 2.0


class BodyRefused(RequestError):
    """The rest of the body was not read, so the connection cannot go on."""


class ClientGone(RequestError):
    """The client left before its request was whole."""

    code = "client_gone"

    def __init__(self) -> None:
        super().__init__("The client left before its request was whole.")


class Arrival:
    """The body of one request, under way. A `ByteSource`.

    Args:
        receive: the ASGI callable.
        length: what Content-Length says, or `UNKNOWN`.
        headers: the request's, for Expect.
        settings: for `body_limit`, `body_timeout` and `min_rate`.

    Attributes:
        limit: the most bytes that may come; set anew where a route has a limit of its own.
        finished: the body has come to its end.
        gone: the client has left.
    """

    __slots__ = (
        "_before",
        "_expected",
        "_rate",
        "_receive",
        "_silent",
        "_size",
        "_timeout",
        "_waited",
        "finished",
        "gone",
        "length",
        "limit",
    )

    def __init__(
        self, receive: Receive, length: int, headers: list[tuple[str, str]], settings: Settings
    ) -> None:
        self._receive = receive
        self._timeout = settings.body_timeout
        self._rate = settings.min_rate
        self._size = 0
        self._waited = 0.0  # for the client, since `_before` bytes had come
        self._before = 0
        self._expected = next((value.lower() for name, value in headers if name == "expect"), "")
        # Nothing comes by itself: the client waits to be asked, or has stopped sending.
        self._silent = self._expected == "100-continue"
        self.length = length
        self.limit = settings.body_limit
        self.finished = self.gone = False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            BodyRefused: `body_too_large` (413), `body_timeout` (408), `expectation_failed` (417)
                or `transfer_encoding` (400).
            ClientGone: the client left.
        """
        if self.length > self.limit:
            raise too_large(self.limit)
        if self.length == UNREADABLE:
            raise transfer_coding()
        if self._expected not in {"", "100-continue"}:
            raise _expectation(self._expected)
        while not self.finished:
            piece = await self._wait()
            if self._size > self.limit:
                raise too_large(self.limit)
            if piece:
                return piece
        return b""

    async def close(self) -> None:
        """Reads on and forgets, until the body ends or the time for that is over."""
        if self._silent or self.length == UNREADABLE:
            return
        try:
            async with asyncio.timeout(min(_DROP_SECONDS, self._timeout)):
                while not self.finished:
                    await self._next()
        except (TimeoutError, ClientGone):
            pass

    async def _wait(self) -> bytes:
        """The next message, within its time and not too slowly."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(self._timeout):
                piece = await self._next()
        except TimeoutError:
            self._silent = True
            raise _too_slow(f"Nothing more of the body came for {self._timeout:g} s.") from None
        self._waited += clock() - begun
        if self._waited > self._timeout and not self.finished:
            if self._size - self._before < self._rate * self._waited:
                raise _too_slow(f"The body came at less than {self._rate} bytes a second.")
            self._waited, self._before = 0.0, self._size
        return piece

    async def _next(self) -> bytes:
        self._silent = False
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = self.finished = True
            raise ClientGone
        self.finished = not message.get("more_body")
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        return piece


async def whole(source: ByteSource) -> bytes:
    """All that a source gives.

    Raises:
        AiweError: as its `read`.
    """
    pieces = []
    while piece := await source.read():
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def too_large(limit: int) -> BodyRefused:
    """What is said of a body of more bytes than may come."""
    return BodyRefused(
        f"The body is larger than {limit} bytes.",
        code="body_too_large",
        status=413,
        hint="Send less at a time, or raise http.body_limit, or the route's own bodyLimit.",
        details={"limit": limit},
    )


def _too_slow(message: str) -> BodyRefused:
    return BodyRefused(
        message,
        code="body_timeout",
        status=408,
        hint="Send it faster, raise http.body_timeout, or lower http.min_rate.",
    )


def _expectation(text: str) -> BodyRefused:
    return BodyRefused(
        f'What the request expects, "{text[:40]}", is not known here.',
        code="expectation_failed",
        status=417,
        hint="Leave the Expect header out.",
    )


def transfer_coding() -> BodyRefused:
    """The body is wrapped in a way that nobody unwraps."""
    return BodyRefused(
        "The only Transfer-Encoding that is read is chunked, in HTTP/1.1.",
        code="transfer_encoding",
        hint="Send the body with a Content-Length, or with Transfer-Encoding: chunked.",
    )
