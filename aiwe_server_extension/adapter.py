"""Tornado outside, ASGI inside: one request of Jupyter's server answered by an ASGI application.

The faces of the engine are ASGI applications, Jupyter's server is Tornado's. Who may ask, and what
is taken out on the way in and out, the handlers decide; this file only translates. The body has
arrived whole before a handler runs (that is how Jupyter's server reads it; where it streams too is in
`uploads.py`); the answer streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from aiwe_engine.http.arrival import BROKEN, LEFT

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

_KEPT = "content-security-policy"  # a second one only narrows the first


class AsgiHandler(web.RequestHandler):
    """A handler that can pass its request on to an ASGI application."""

    _gone: asyncio.Event
    _on_left: Callable[[], None] | None = None

    async def pass_on(
        self, application: Application, path: str, headers: Iterable[Header], **scope: object
    ) -> None:
        """Let `application` answer.

        Args:
            application: any ASGI 3 application.
            path: the raw path that it sees, without the query.
            headers: what it sees of the request's headers.
            scope: further entries of the scope.
        """
        self._gone = asyncio.Event()
        self._on_left = None
        request = self.request
        await application(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": request.version.removeprefix("HTTP/"),
                "method": request.method,
                "scheme": request.protocol,
                "path": unquote(path),
                "raw_path": path.encode("latin-1"),
                "query_string": request.query.encode("latin-1"),
                "root_path": "",
                "headers": list(headers),
                "client": (request.remote_ip, 0),
                "server": None,
                "extensions": {LEFT: self._call_when_left, BROKEN: self._break_off},
                **scope,
            },
            self.receiving(self._gone),
            self._send,
        )

    def receiving(self, gone: asyncio.Event) -> Receive:
        """What the application receives: here the body, which came whole."""
        return _Inbox(self.request.body, gone).receive

    def request_headers(self) -> list[Header]:
        """The request's headers as ASGI has them."""
        return [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in self.request.headers.get_all()
        ]

    def answer_headers(self, headers: list[Header]) -> list[Header]:
        """What leaves of an answer's headers: all of them, unless a handler knows better."""
        return headers

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], self.answer_headers(list(message.get("headers", ()))))
            return
        if not message.get("more_body"):
            self.finish(message.get("body") or None)  # not b"": a 204 writes nothing
            return
        self.write(message.get("body", b""))
        try:
            await self.flush()
        except StreamClosedError:
            self._gone.set()

    def _start(self, status: int, headers: list[Header]) -> None:
        self.set_status(status)
        named = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        self.clear_header("Content-Type")
        for name in {name for name, _ in named} - {_KEPT}:
            self.clear_header(name)
        for name, value in named:
            self.add_header(name, value)

    def _call_when_left(self, callback: Callable[[], None]) -> None:
        """The ASGI extension `aiwe.left` of the engine's faces."""
        self._on_left = callback

    def _break_off(self) -> None:
        """The extension `aiwe.broken`: an answer that cannot be finished ends with its connection."""
        self._gone.set()
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.close()

    def on_connection_close(self) -> None:
        """The client left before the answer was whole: tell the application."""
        if hasattr(self, "_gone"):
            self._gone.set()
        if self._on_left is not None:
            self._on_left()
        super().on_connection_close()

    def compute_etag(self) -> str | None:
        """None: an answer leaves as the application made it."""
        return None


class _Inbox:
    """What an application receives: the body once, then the client's leaving."""

    def __init__(self, body: bytes, gone: asyncio.Event) -> None:
        self._body: bytes | None = body
        self._gone = gone

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}
