"""How an answer is written down: whole in one go, or piece by piece as fast as the client takes it.

What stands in it was decided before; here come only its length, our own two headers, and what a client
must see when an answer cannot be finished: that it ends short.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.http.arrival import BROKEN, LEFT, UNFRAMED, WHOLE, Message, Send
from aiwe_engine.types import ByteSource, Request, Response

_NONE: dict[str, Any] = {}
_NOSNIFF = ("x-content-type-options", "nosniff")
_BODYLESS = frozenset({204, 304})


async def write(send: Send, request: Request, response: Response, scope: Message) -> None:
    """Sends an answer.

    Args:
        send: ASGI's.
        request: what is answered.
        response: the answer.
        scope: the request's, for the extensions of our own listener.
    """
    body = response.body
    headers = [*response.headers, _NOSNIFF, ("x-request-id", request.id)]
    bodyless = request.method == "HEAD" or response.status in _BODYLESS
    extensions = scope.get("extensions", _NONE)
    if response.stream is not None:
        if response.status in _BODYLESS:
            headers = [pair for pair in headers if pair[0] != "content-length"]
        await _write_stream(send, request, response, headers, scope, bodyless=bodyless)
        return
    if response.status not in _BODYLESS:
        headers.append(("content-length", str(len(body))))
    if bodyless:
        body = b""
    whole = extensions.get(WHOLE)
    if whole and not response.close and whole(scope, response.status, headers, body):
        return
    await send(_start(response, headers))
    await send({"type": "http.response.body", "body": body})


async def _write_stream(
    send: Send,
    request: Request,
    response: Response,
    headers: list[tuple[str, str]],
    scope: Message,
    *,
    bodyless: bool,
) -> None:
    """Sends an answer whose pieces come one after the other."""
    stream = response.stream
    assert stream is not None
    extensions = scope.get("extensions", _NONE)
    closing: list[asyncio.Task[None]] = []

    def left() -> None:
        closing.append(asyncio.create_task(stream.close()))
        if request.left:
            request.left()

    if LEFT in extensions:
        extensions[LEFT](left)
    unframed = _begin_unframed(response, headers, scope)
    try:
        await send(_start(response, headers))
        if not bodyless:
            await _write_pieces(send, stream)
        if unframed:
            extensions[BROKEN]()
        else:
            await send({"type": "http.response.body", "body": b""})
    except (AiweError, asyncio.CancelledError) as error:
        # The head is out: all that is left to say is that this is not the whole of it.
        if BROKEN not in extensions:
            raise RuntimeError("The answer broke off.") from error
        extensions[BROKEN]()
    finally:
        await stream.close()


async def _write_pieces(send: Send, stream: ByteSource) -> None:
    while piece := await stream.read():
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _begin_unframed(response: Response, headers: list[tuple[str, str]], scope: Message) -> bool:
    """HTTP/1.0 knows no chunks: there the end of the connection is the end of the body."""
    extensions = scope.get("extensions", _NONE)
    if UNFRAMED not in extensions or scope["http_version"] != "1.0":
        return False
    if any(name == "content-length" for name, _ in headers):
        return False
    extensions[UNFRAMED]()
    response.close = True
    return True


def _start(response: Response, headers: list[tuple[str, str]]) -> Message:
    if response.close:
        headers.append(("connection", "close"))
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": response.status, "headers": pairs}
