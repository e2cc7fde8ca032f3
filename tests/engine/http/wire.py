"""A client that writes bytes to a socket and reads the answers as they come."""

import asyncio
import contextlib

from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.settings import Settings


@contextlib.asynccontextmanager
async def listening(engine, settings=None):
    """The apps' face on a real socket; gives the listener and its port."""
    listener = Listener(
        AppsFace(engine), bind("127.0.0.1", 0), settings or engine.settings or Settings()
    )
    _, port = await listener.start()
    try:
        yield listener, port
    finally:
        await listener.close(0)


class Wire:
    """One connection."""

    def __init__(self, port):
        self.port = port

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, data):
        self.writer.write(data if isinstance(data, bytes) else data.encode("latin-1"))

    async def answer(self, *, head=False):
        """The next answer: status, headers, body."""
        top = await self.reader.readuntil(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")[:-2]
        status = int(lines[0].split(" ")[1])
        pairs = [line.split(": ", 1) for line in lines[1:]]
        headers = dict(pairs)
        assert len(headers) == len(pairs), f"a header came twice: {pairs}"
        length = int(headers.get("content-length", 0))
        body = b"" if head else await self.reader.readexactly(length)
        return status, headers, body

    async def rest(self):
        """What comes until the server closes."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read()
        return b""


async def exchange(port, data):
    """All answers to some bytes, as statuses and the last body, until the server closes."""
    async with Wire(port) as wire:
        wire.send(data)
        statuses = []
        body = b""
        while True:
            try:
                status, _, body = await wire.answer()
            except (asyncio.IncompleteReadError, ConnectionError):
                return statuses, body
            statuses.append(status)
