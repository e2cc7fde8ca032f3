"""One connection of a client: uvicorn's httptools protocol, made strict.

uvicorn has no limit on the time or the size of a request's header, none on what follows a chunked
body or waits in a pipeline, goes on with a connection whose upgrade it did not understand, and
answers a malformed request at once even where the answer to the one before is still owed. Here a
header has a time and a size, a client that takes nothing is cut off, a malformed request gets one
answer in the engine's error shape, in its turn, and after it the connection is deaf and closed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.http import faults
from aiwe_engine.http.arrival import BROKEN, LEFT, UNFRAMED, WHOLE, Message, transfer_coding
from aiwe_engine.http.cork import Cork
from aiwe_engine.http.faults import (
    HEADER_COUNT,
    HEADER_LIMIT,
    TARGET_LIMIT,
    fault_answer,
    fault_body,
    fault_headers,
)
from aiwe_engine.settings import Settings

_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_PARTING = 1.0  # seconds in which a client may read why it was refused, before it is cut off
_TOLD = 100  # connections over their number that are told so at a time; others are cut off
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Shared(ServerState):
    """What the connections of one listener share.

    Attributes:
        lines: `default_headers` as they stand in an answer.
    """

    lines = b""

    def stamp(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Sets the headers that every answer has."""
        self.default_headers = headers
        self.lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])


class Connection(HttpToolsProtocol):
    """The protocol of one connection.

    Args:
        config: uvicorn's, loaded.
        state: shared by the connections of one listener.
        left: called when the connection has ended.
        most: connections that there may be; one that is too many is told so.
    """

    def __init__(self, config: Config, state: Shared, left: Callable[[], None], most: int) -> None:
        super().__init__(config, state, {})
        self._most, self._shared = most, state
        self.access_log = False
        self._left = left
        self._heading: float | None = None  # since when a header is awaited
        self._idle: float | None = None  # since when the connection waits between two requests
        self._begun = False  # the header began in the piece of data that is being read
        self._piece = 0  # the size of that piece
        self._received = 0  # header bytes in pieces after the first
        self._lingering: float | None = None  # answered, and still receiving a body since
        self._silent = 0  # bytes since the last of a body: what wraps chunks, and trailers
        self._taking: tuple[float, int] | None = None  # since when bytes wait, and what was taken
        self._parted: float | None = None  # since when nothing more is said
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
        over = len(self.connections) - self._most
        if over > _TOLD:
            self.transport.abort()
        elif over > 0:
            self._refuse(faults.too_busy())

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
            self._refuse(self._fault or faults.malformed(error))
        else:
            if self._heading is not None:
                self._count()
            elif self.cycle is not None and self.cycle.more_body:
                self._silent += len(data)
                if self._silent > HEADER_LIMIT + self._piece:
                    self._refuse(faults.header_too_large())

    def on_message_begin(self) -> None:
        """The first byte of a request: empty lines before it do not count as a sign of life."""
        self._idle = None
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._heading = self.loop.time()
        self._begun = True
        self._received = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self.url += url
        if len(self.url) > TARGET_LIMIT:
            raise self._because(faults.target_too_long())

    def on_headers_complete(self) -> None:
        """The header is whole: the request goes to the application.

        As uvicorn's, without what is for WebSockets and mounted applications, and in one pass.
        """
        if self._received or self._piece > HEADER_LIMIT:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > HEADER_LIMIT:
                raise self._because(faults.header_too_large())
        if len(self.headers) > HEADER_COUNT:
            raise self._because(faults.too_many_headers())
        parser = self.parser
        version = parser.get_http_version()
        if version != "1.1":
            self._look_at_version(version)
        if not self.url.startswith(b"/"):
            self._look_at_target()
        if parser.should_upgrade() and any(name in _BODY_HEADERS for name, _ in self.headers):
            # The parser does not read the body of an upgrade: it would become the next request.
            raise self._because(faults.upgrade_with_body())
        before = self.cycle
        self.cycle = cycle = self._cycle(version)
        self._heading = None
        self._silent = 0
        self.headers = []  # trailers do not become headers of a request that is under way
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _cycle(self, version: str) -> RequestResponseCycle:
        """The request whose header is whole, and what its answer needs."""
        target = httptools.parse_url(self.url)
        path = target.path.decode("ascii")
        scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": target.path,
            "query_string": target.query or b"",
            "headers": self.headers,
            "extensions": self._extensions,
        }
        lasting = version != "1.0"
        self.scope = scope
        return RequestResponseCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            False,
            self._shared.default_headers,
            asyncio.Event(),
            lasting and self.expect_100_continue,  # in 1.0 it would be taken for the answer
            lasting and self.parser.should_keep_alive(),
            self.on_response_complete,
        )

    def _look_at_version(self, version: str) -> None:
        if version != "1.0":
            raise self._because(faults.wrong_version(version))
        if any(name == b"transfer-encoding" for name, _ in self.headers):
            raise self._because(transfer_coding())  # HTTP/1.0 knows none

    def _look_at_target(self) -> None:
        """A target that is no path: a whole URL, as for a proxy, is taken for its path."""
        if self.url == b"*":
            return
        try:
            target = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            raise self._because(faults.malformed("its target is no address")) from None
        host = target.host or b""
        if target.port:
            host += b":%d" % target.port
        named = [value.lower() for name, value in self.headers if name == b"host"]
        if named != [host.lower()]:
            raise self._because(faults.two_hosts())
        query = b"?" + target.query if target.query else b""
        self.url = (target.path or b"/") + query

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._silent = 0
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, self._on_left = cycle, None
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

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
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        answer = (STATUS_LINE[status], self._shared.lines, text.encode("latin-1"), end, body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cast(Cork, self.transport).finish(b"".join(answer))
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
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle = self.loop.time()
        if not self.pipeline:  # Else more would come in than goes out.
            self.flow.resume_reading()
        if self._heading is not None:  # The next request has begun: its own clock runs.
            self._idle = None
        if self.cycle.response_complete and self.cycle.more_body:
            self._lingering = self.loop.time()

    def check(self, now: float, settings: Settings) -> None:
        """Ends the connection if it is over its time. Called by the listener, coarsely."""
        if self._parted is not None:
            if now - self._parted > _PARTING:
                self.transport.abort()
            return
        if self._is_stuck(now, settings):
            self.transport.abort()
            return
        if self._lingering is not None and now - self._lingering > settings.body_timeout:
            self.transport.close()
        if self._idle is not None and now - self._idle > settings.idle_timeout:
            self.transport.close()
        owed = self.cycle is not None and not self.cycle.response_complete
        since = None if owed else self._heading
        if since is not None and now - since > settings.header_timeout:
            self._give_up(settings.header_timeout)

    def _is_stuck(self, now: float, settings: Settings) -> bool:
        """Whether the client takes what is written for it so slowly that it may as well be gone."""
        cork = cast(Cork, self.transport)
        if not cork.waiting:
            self._taking = None
            return False
        if self._taking is None:
            self._taking = (now, cork.taken())
        since, before = self._taking
        if now - since <= settings.body_timeout:
            return False
        taken = cork.taken()
        self._taking = (now, taken)
        return taken - before < max(settings.min_rate * (now - since), 1)

    def _give_up(self, waited: float) -> None:
        if self._begun or self._received:
            self._refuse(faults.header_too_slow(waited))
        else:  # Not a byte came, so nobody waits for an answer.
            self.transport.close()

    def _count(self) -> None:
        """Adds a piece to a header that is not whole yet."""
        if self._begun and not self._received:
            self._received = 1  # how much of the first piece is header is not known
        else:
            self._received += self._piece
        if self._received > HEADER_LIMIT:
            self._refuse(faults.header_too_large())

    def _because(self, fault: RequestError) -> RequestError:
        """Keeps the reason: the parser wraps what its callbacks raise."""
        self._fault = fault
        return fault

    def _ignore_upgrade(self) -> None:
        """The request is answered as it is, and what follows may be another protocol's."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _refuse(self, error: AiweError) -> None:
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

    def _write(self, error: AiweError) -> None:
        self.transport.write(fault_answer(error, self.server_state.default_headers))
        # A connection that is closed while more comes in is reset, and the answer lost with it.
        self.transport.write_eof()
        self._parted = self.loop.time()


def _refusing(error: AiweError) -> Any:
    """An ASGI application that answers with an error."""

    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        body = fault_body(error)
        headers = fault_headers(error, body)
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return refuse
