"""Servers that say what a test wants them to say, byte by byte, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

LENGTH = "content-length"


@dataclass
class Seen:
    """One request as the server got it. Header names are in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.headers]


Writer = asyncio.StreamWriter
Reply = Callable[[Seen, Writer], Awaitable[None]]


def answer(body: bytes | str = b"", status: str = "200 OK", *headers: str) -> bytes:
    """An answer of known length."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


NONE = answer("", "404 Not Found")


@dataclass
class Server:
    """Answers each request with what `routes` holds for its path or "*": bytes, or who writes them."""

    routes: dict[str, bytes | Reply] = field(default_factory=dict)
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    scheme: str = "http"
    under_way: dict[asyncio.Task[None], Writer] = field(default_factory=dict)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.under_way[task] = writer
        try:
            while (seen := await _read(reader, writer)) is not None:
                self.seen.append(seen)
                reply = self.routes.get(seen.target.partition("?")[0]) or self.routes.get("*", NONE)
                if isinstance(reply, bytes) and seen.method == "HEAD":
                    writer.write(reply.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                elif isinstance(reply, bytes):
                    writer.write(reply)
                else:
                    await reply(seen, writer)
                await writer.drain()
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, ValueError):
            pass
        finally:
            self.gone.set()
            writer.close()
            del self.under_way[task]


async def _read(reader: asyncio.StreamReader, writer: Writer) -> Seen | None:
    try:
        first = await reader.readexactly(1)
        if not first.isalpha():
            writer.write(answer("", "400 What?"))  # a greeting of TLS, say
            return None
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    pairs = [line.split(": ", 1) for line in lines]
    seen = Seen(method, target, [(name.lower(), value) for name, value in pairs], reader)
    if seen.header("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip(), 16):
            seen.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    elif length := seen.header(LENGTH):
        seen.body = await reader.readexactly(int(length))
    return seen


@contextlib.asynccontextmanager
async def serving(
    routes: dict[str, bytes | Reply] | None = None,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """A server on a free port."""
    one = Server(routes or {}, scheme="https" if tls else "http")
    listener = await asyncio.start_server(one.serve, host, 0, ssl=tls)
    one.port = listener.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        listener.close()
        left = dict(one.under_way)
        for writer in left.values():
            writer.transport.abort()
        await asyncio.gather(*left)


def then_close(text: bytes) -> Reply:
    """Writes, and closes the connection as one does."""

    async def reply(_: Seen, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    return reply


def then_reset(text: bytes = b"") -> Reply:
    """Writes, and breaks the connection off."""

    async def reply(_: Seen, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()
        writer.transport.abort()

    return reply


def then_silence(text: bytes = b"") -> Reply:
    """Writes, and says no more until the client leaves."""

    async def reply(seen: Seen, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()
        await seen.reader.read()
        writer.close()

    return reply


def in_turn(*replies: bytes | Reply) -> Reply:
    """A different answer each time, the last one from then on."""
    left = list(replies)

    async def reply(seen: Seen, writer: Writer) -> None:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, bytes):
            writer.write(one)
        else:
            await one(seen, writer)

    return reply
