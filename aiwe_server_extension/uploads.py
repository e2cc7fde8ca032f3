"""Bodies below Jupyter's own address: they pass through to the engine as they come.

Jupyter's server reads a body whole, into memory, before a handler runs. Here nothing is read before
the handler has let the caller in, then each piece is handed on and waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web

from aiwe_server_extension.adapter import AsgiHandler, Message, Receive
from aiwe_server_extension.handlers import ManagementHandler

NO_LIMIT = 1 << 62
DROP_SECONDS = 2.0  # for which the rest of a body is read that nobody wants


@web.stream_request_body
class StreamingHandler(AsgiHandler):
    """A handler whose application may get the body as it comes.

    The end of an answer is held back until the body has come, refusals too: clients that still send
    lose an answer. What nobody wants is dropped, for `DROP_SECONDS`; then the connection is closed
    under it, which Tornado does with an answer that ends before its request.
    """

    _upload: _Upload | None = None
    _answering: asyncio.Task[None] | None = None

    def refuse_later(self, error: web.HTTPError) -> None:
        """Refuse the request when its body has come, or takes too long."""
        self.begin(self._refuse(error))

    async def _refuse(self, error: web.HTTPError) -> None:
        assert self._upload is not None
        await self._upload.drop()
        if not self._upload.left:
            self.send_error(error.status_code, exc_info=(type(error), error, None))

    def begin(self, answering: Coroutine[Any, Any, None]) -> None:
        """Let the application answer from now on, while the body comes."""
        self._upload = upload = _Upload()
        self._answering = asyncio.create_task(answering)
        self._answering.add_done_callback(lambda _: upload.close())

    async def answered(self) -> bool:
        """Say that the body is whole, and wait for the answer. False: it was not begun."""
        if self._upload is None or self._answering is None:
            return False
        self._upload.end()
        await self._answering
        return True

    async def data_received(self, chunk: bytes) -> None:
        """Hand on a piece of the body, no faster than it is taken."""
        if self._upload is not None:
            await self._upload.put(chunk)

    def receiving(self, gone: asyncio.Event) -> Receive:
        """What the application receives: the pieces of an upload, or nothing."""
        return self._upload.receive if self._upload else super().receiving(gone)

    async def _send(self, message: Message) -> None:
        last = message["type"] == "http.response.body" and not message.get("more_body")
        if last and self._upload is not None:
            await self._upload.drop()
        await super()._send(message)

    def on_connection_close(self) -> None:
        """Tell the application that the person left."""
        if self._upload is not None:
            self._upload.leave()
        super().on_connection_close()


class UploadHandler(StreamingHandler, ManagementHandler):
    """Passes requests on to management whose bodies may be large, these piece by piece.

    How much there may be is the engine's to say.
    """

    async def prepare(self) -> None:  # type: ignore[override]
        """Let the person in, and begin with the upload."""
        if self.request.method not in {"PUT", "POST"}:
            await super().prepare()
            return
        try:
            await super().prepare()
            admitted = self._admit()
            assert admitted is not None
            await admitted
        except web.HTTPError as error:
            self.refuse_later(error)
            return
        cast(Any, self.request.connection).set_max_body_size(NO_LIMIT)
        self.begin(self.manage())

    @web.authenticated
    @authorized("write")
    async def _admit(self) -> None:
        """Nothing: the decorators refuse."""

    @allow_unauthenticated
    async def put(self) -> None:
        """Answer: the body has come. Who may ask was seen to before."""
        await self.answered()

    post = put


class _Upload:
    """A body under way: one piece at a time, from who receives it to who reads it.

    Attributes:
        left: its client has gone.
    """

    def __init__(self) -> None:
        self.left = False
        self._whole = asyncio.Event()  # it has come to its end, or will not come to it
        self._closed = False
        self._taken = asyncio.Event()
        self._pieces: asyncio.Queue[Message] = asyncio.Queue()

    async def put(self, piece: bytes) -> None:
        """Hands a piece on and waits until it is taken; drops it when nobody reads any more."""
        if self._closed:
            return
        self._taken.clear()
        self._pieces.put_nowait({"type": "http.request", "body": piece, "more_body": True})
        await self._taken.wait()

    def end(self) -> None:
        """Says that the body is whole."""
        self._whole.set()
        self._pieces.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def leave(self) -> None:
        """Says that the client has gone."""
        self.left = True
        self._whole.set()
        self.close()
        self._pieces.put_nowait({"type": "http.disconnect"})

    def close(self) -> None:
        """Nobody reads any more."""
        self._closed = True
        self._taken.set()

    async def drop(self) -> None:
        """Waits for the end of what nobody reads any more, but not for long."""
        self.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DROP_SECONDS):
                await self._whole.wait()

    async def receive(self) -> Message:
        """The next piece, as ASGI has it."""
        message = await self._pieces.get()
        self._taken.set()
        return message
