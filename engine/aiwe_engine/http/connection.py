"""One connection of a client: uvicorn's httptools protocol, made strict.

uvicorn has no limit on the time or the size of a request's header, goes on with a connection whose
upgrade it did not understand, and answers a malformed request at once even where the answer to the
one before is still owed. Here a header has a time and a size, a malformed request gets one answer
in the engine's error shape, in its turn, and after it the connection is deaf and closed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, cast

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from aiwe_engine.errors import RequestError
from aiwe_engine.http.arrival import BROKEN, LEFT, UNFRAMED, WHOLE, Message
from aiwe_engine.settings import KB, Settings

HEADER_LIMIT = 64 * KB

_GATHERED = 64 * KB  # what is written in one pass of the loop and may wait for its end
_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


class Cork:
    """A transport that gathers what is written in one pass of the loop into one system call.

    uvicorn writes the head and the body of an answer apart, which is a third of an answer's cost.
    What is large goes out at once, so that the transport can say when it has too much.
    """

    __slots__ = ("_loop", "_pieces", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Keeps a piece until the loop's next pass."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _GATHERED:
            self._flush()
        elif len(self._pieces) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces and not self._transport.is_closing():  # the client may have left meanwhile
            self._transport.write(b"".join(pieces))

    def close(self) -> None:
        """Closes the connection once everything is written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """The protocol of one connection.

    Args:
        config: uvicorn's, loaded.
        state: uvicorn's, shared by the connections of one listener.
        left: called when the connection has ended.
    """

    def __init__(self, config: Config, state: ServerState, left: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self.access_log = False
        self._left = left
        self._heading: float | None = None  # since when a header is awaited
        self._idle: float | None = None  # since when the connection waits between two requests
        self._begun = False  # the header began in the piece of data that is being read
        self._piece = 0  # the size of that piece
        self._received = 0  # header bytes in pieces after the first
        self._lingering: float | None = None  # answered, and still receiving a body since
        self._deaf = False  # what comes now is not read any more
        self._fault: RequestError | None = None
        self._on_left: Callable[[], None] | None = None  # waits for an answer
        self._running: RequestResponseCycle | None = None  # what the application answers now
        self._extensions: dict[str, Any] = {
            WHOLE: self._whole,
            LEFT: self._call_when_left,
            BROKEN: self._break_off,
            UNFRAMED: self._leave_unframed,
        }

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: its first header is awaited."""
        super().connection_made(cast(asyncio.Transport, Cork(transport, self.loop)))
        self._heading = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            if self._on_left is not None:
                self._on_left()
        self._on_left = self._running = None
        super().connection_lost(exc)
        self._left()

    def data_received(self, data: bytes) -> None:
        """Reads a piece of what the client sends."""
        if self._deaf:
            return
        self._piece = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignore_upgrade()
        except httptools.HttpParserError as error:
            self._refuse(self._fault or _malformed(error))
        else:
            if self._heading is not None:
                self._count()

    def on_message_begin(self) -> None:
        """The first byte of a request: empty lines before it do not count as a sign of life."""
        self._idle = None
        super().on_message_begin()
        self._heading = self.loop.time()
        self._begun = True
        self._received = 0

    def on_headers_complete(self) -> None:
        """The header is whole: the request goes to the application."""
        if self._received or self._piece > HEADER_LIMIT:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > HEADER_LIMIT:
                raise self._because(_too_long())
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            raise self._because(_version(version))
        if self.parser.should_upgrade() and any(name in _BODY_HEADERS for name, _ in self.headers):
            # The parser does not read the body of an upgrade: it would become the next request.
            raise self._because(_upgrade_with_body())
        super().on_headers_complete()
        self._heading = None
        self.scope["extensions"] = self._extensions

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, self._on_left = cycle, None
        super()._start_asgi_task(cycle, app)

    def _call_when_left(self, callback: Callable[[], None]) -> None:
        """The ASGI extension `aiwe.left`: `callback` runs if the client leaves before its answer."""
        self._on_left = callback

    def _leave_unframed(self) -> None:
        """The ASGI extension `aiwe.unframed`: the answer about to begin ends with its connection."""
        assert self._running is not None
        self._running.chunked_encoding = False
        self._running.expected_content_length = sys.maxsize

    def _break_off(self) -> None:
        """The ASGI extension `aiwe.broken`: the answer under way stops short, with its connection."""
        if self._running is not None:
            self._running.disconnected = True
        self.transport.close()

    def _whole(
        self, scope: Message, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> bool:
        """Answers a request in one go; False where that cannot be, and `send` is to be used.

        It cannot be where the client reads too slowly, or has sent the next request already.

        The ASGI extension `aiwe.whole`. As uvicorn's `send`, without two messages for one answer
        and without the check of each header, which the engine has made; line breaks are refused
        all the same. `body` is as long as its content-length says, or empty for HEAD.
        """
        cycle = self.cycle
        if self.flow.write_paused or cycle.scope is not scope:
            return False
        if cycle.disconnected:
            return True
        text = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if text.count("\n") != len(headers) or text.count("\r") != len(headers):
            raise RuntimeError("A header has a line break.")
        defaults = b"".join([b"%b: %b\r\n" % pair for pair in cycle.default_headers])
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        answer = (STATUS_LINE[status], defaults, text.encode("latin-1"), end, body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        self.transport.write(b"".join(answer))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._lingering = None

    def on_response_complete(self) -> None:
        """An answer is out; its body may still be coming in.

        As uvicorn's, but without a timer for each answer: the listener's one looks at `_idle`.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle = self.loop.time()
        if self._heading is not None:  # The next request has begun: its own clock runs.
            self._idle = None
        if self.cycle.response_complete and self.cycle.more_body:
            self._lingering = self.loop.time()

    def check(self, now: float, settings: Settings) -> None:
        """Ends the connection if it is over its time. Called by the listener, coarsely."""
        if self._lingering is not None and now - self._lingering > settings.body_timeout:
            self.transport.close()
        if self._idle is not None and now - self._idle > settings.idle_timeout:
            self.transport.close()
        owed = self.cycle is not None and not self.cycle.response_complete
        since = None if owed else self._heading
        if since is not None and now - since > settings.header_timeout:
            self._give_up(settings.header_timeout)

    def _give_up(self, waited: float) -> None:
        if self._begun or self._received:
            self._refuse(_too_slow(waited))
        else:  # Not a byte came, so nobody waits for an answer.
            self.transport.close()

    def _count(self) -> None:
        """Adds a piece to a header that is not whole yet."""
        if self._begun and not self._received:
            self._received = 1  # how much of the first piece is header is not known
        else:
            self._received += self._piece
        if self._received > HEADER_LIMIT:
            self._refuse(_too_long())

    def _because(self, fault: RequestError) -> RequestError:
        """Keeps the reason: the parser wraps what its callbacks raise."""
        self._fault = fault
        return fault

    def _ignore_upgrade(self) -> None:
        """The request is answered as it is, and what follows may be another protocol's."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _refuse(self, error: RequestError) -> None:
        """Answers a malformed request once, after the answers that are owed, and ends."""
        self._deaf = True
        self._heading = None
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and self._lingering is None):
            self._write(error)
        elif cycle.response_complete:
            self.transport.close()
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif self.pipeline and self.pipeline[0][0] is cycle:
            cycle.keep_alive = False
            self.pipeline[0] = (cycle, _refusing(error))
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
            else:
                self._write(error)

    def _write(self, error: RequestError) -> None:
        body = orjson.dumps(error.to_json(public=True))
        lines = [STATUS_LINE[error.status]]
        for name, value in [*self.server_state.default_headers, *_headers(body)]:
            lines += [name, b": ", value, b"\r\n"]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        self.transport.close()


def _headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]


def _refusing(error: RequestError) -> Any:
    """An ASGI application that answers with an error."""

    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        body = orjson.dumps(error.to_json(public=True))
        await send(
            {"type": "http.response.start", "status": error.status, "headers": _headers(body)}
        )
        await send({"type": "http.response.body", "body": body})

    return refuse


def _malformed(error: Exception) -> RequestError:
    return RequestError(
        f"The request is not well-formed HTTP: {error}.",
        code="malformed_request",
        hint="Send HTTP/1.1 as in RFC 9112.",
    )


def _too_long() -> RequestError:
    return RequestError(
        f"The header of the request is longer than {HEADER_LIMIT} bytes.",
        code="header_too_large",
        status=431,
        hint="Send fewer or shorter headers and cookies, or put data in the body.",
    )


def _too_slow(seconds: float) -> RequestError:
    return RequestError(
        f"The header of the request was not whole after {seconds:g} s.",
        code="header_timeout",
        status=408,
        hint="Send it faster, or raise http.header_timeout.",
    )


def _version(version: str) -> RequestError:
    return RequestError(
        f"HTTP/{version} is not spoken here.",
        code="http_version",
        status=505,
        hint="Use HTTP/1.1.",
    )


def _upgrade_with_body() -> RequestError:
    return RequestError(
        "A request with an Upgrade header cannot have a body here.",
        code="upgrade_with_body",
        hint="Leave the Upgrade header out.",
    )
