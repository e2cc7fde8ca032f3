"""How a request's body arrives: piece by piece, within a size and within a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from aiwe_engine.errors import RequestError
from aiwe_engine.settings import Settings

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
WHOLE = "aiwe.whole"  # the ASGI extension by which an answer leaves in one call
#: Answers the request of a scope with status, headers and body in one go; False where it cannot.
Whole: TypeAlias = Callable[[Message, int, list[tuple[str, str]], bytes], bool]

UNKNOWN = -1  # the length of a body that only its end tells
# Many clients lose an answer that comes while they still send: read on for a while.
_DROP_SECONDS = 2.0


class BodyRefused(RequestError):
    """The rest of the body was not read, so the connection cannot go on."""


class ClientGone(Exception):
    """The client left before its request was whole."""


async def receive_body(
    receive: Receive, length: int, headers: list[tuple[str, str]], settings: Settings
) -> bytes:
    """The whole body.

    Args:
        receive: the ASGI callable.
        length: what Content-Length says, or `UNKNOWN`.
        headers: the request's, for Expect.
        settings: for `body_limit` and `body_timeout`.

    Raises:
        BodyRefused: `body_too_large` (413) or `body_timeout` (408).
        ClientGone: the client left.
    """
    limit = settings.body_limit
    if length > limit:
        if ("expect", "100-continue") not in headers:
            await _drop(receive)
        raise _too_large(limit)
    pieces = []
    size = 0
    while True:
        try:
            async with asyncio.timeout(settings.body_timeout):
                message = await receive()
        except TimeoutError:
            raise BodyRefused(
                f"Nothing more of the body came for {settings.body_timeout:g} s.",
                code="body_timeout",
                status=408,
                hint="Send it faster, or raise body_timeout.",
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            if message.get("more_body"):
                await _drop(receive)
            raise _too_large(limit)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces) if len(pieces) > 1 else piece


async def _drop(receive: Receive) -> None:
    """Reads on and forgets, until the body ends or its time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DROP_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                if not message.get("more_body"):
                    return


def _too_large(limit: int) -> BodyRefused:
    return BodyRefused(
        f"The body is larger than {limit} bytes.",
        code="body_too_large",
        status=413,
        hint="Send less at a time, or raise body_limit.",
        details={"limit": limit},
    )
