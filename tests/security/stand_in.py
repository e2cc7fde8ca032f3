"""A server that gives back all that it is sent, in every way that one can."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.engine.outbound.servers import Reply, Seen, Writer, answer
from tests.engine.vault.encodings import written

_TYPE = "Content-Type: text/plain; charset=utf-8"


def sent(seen: Seen) -> Iterator[bytes]:
    """Each thing that was sent, as bytes: target, headers, body."""
    yield seen.target.encode("latin-1")
    yield from (value.encode("latin-1") for _, value in seen.headers)
    yield seen.body


def told(seen: Seen) -> bytes:
    """All of a request as text, and what was sent as the key in every form."""
    key = seen.body or (seen.header("x-key") or "").encode("latin-1")
    lines = [*sent(seen), json.dumps([one.decode("latin-1") for one in sent(seen)]).encode()]
    lines += [form for _, form in written(key)]
    return b"\n".join(lines)


def _key(seen: Seen) -> str:
    """What was sent as the key, as it may stand in a line."""
    given = seen.header("x-key") or ""
    return given or quote(seen.body, safe="")


async def forms(seen: Seen, writer: Writer) -> None:
    writer.write(answer(told(seen), "200 OK", _TYPE))


async def plain(seen: Seen, writer: Writer) -> None:
    """As servers for trying out do: headers as JSON, as text and in base64."""
    told = json.dumps(dict(seen.headers)) + seen.target + seen.body.decode()
    told += base64.b64encode(told.encode()).decode() + quote(told)
    writer.write(answer(told, "200 OK", _TYPE))


async def page(seen: Seen, writer: Writer) -> None:
    writer.write(answer(b"<p>" + told(seen), "200 OK", "Content-Type: text/html"))


async def packed(seen: Seen, writer: Writer) -> None:
    head = ("200 OK", _TYPE, "Content-Encoding: gzip")
    writer.write(answer(gzip.compress(told(seen)), *head))


async def failed(seen: Seen, writer: Writer) -> None:
    writer.write(answer(told(seen), "500 " + _key(seen), _TYPE))


async def limited(seen: Seen, writer: Writer) -> None:
    writer.write(answer(told(seen), "429 Slow down", f"Retry-After: {_key(seen)}"))


async def in_headers(seen: Seen, writer: Writer) -> None:
    key = _key(seen)
    pairs = (
        f"X-Key: {key}",
        f"X-{'-'.join(key.split())[:0]}Quoted: <{quote(key)}>",
        f'ETag: "{key}"',
    )
    writer.write(answer(b"", f"200 {key}", *pairs, f"Set-Cookie: key={quote(key)}; Path=/"))


async def redirect(seen: Seen, writer: Writer) -> None:
    writer.write(answer(told(seen), "302 " + _key(seen), f"Location: /forms?k={quote(_key(seen))}"))


def away(to: str) -> Reply:
    """Sends whoever comes to another server, with a method and body that are kept."""

    async def reply(_: Seen, writer: Writer) -> None:
        writer.write(answer(b"", "307 Elsewhere", f"Location: {to}"))

    return reply


async def nowhere(seen: Seen, writer: Writer) -> None:
    writer.write(answer(b"", "302 Found", f"Location: http://[{quote(_key(seen))}/"))


async def strange(seen: Seen, writer: Writer) -> None:
    """No HTTP."""
    writer.write(b"HTTP/9 banana " + told(seen) + b"\r\n\r\n")
    writer.close()


async def wrong_header(seen: Seen, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + _key(seen).encode() + b"\r\n\r\nx")
    writer.close()


def in_pieces(size: int) -> Reply:
    """Chunks of so many bytes, each in a packet of its own: borders within every form."""

    async def reply(seen: Seen, writer: Writer) -> None:
        text = told(seen)[:6000] if size < 9 else told(seen)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(text), size):
            piece = text[at : at + size]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if at % 20 == 0:
                await writer.drain()
                await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    return reply


async def broken_off(seen: Seen, writer: Writer) -> None:
    """The whole value, and then the connection breaks."""
    text = told(seen)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text) + 99, text))
    await writer.drain()
    writer.transport.abort()


async def silent(seen: Seen, writer: Writer) -> None:
    """The whole value, and then nothing until the other side leaves."""
    text = told(seen)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text) + 99, text))
    await writer.drain()
    await seen.reader.read()
    writer.close()


async def huge(seen: Seen, writer: Writer) -> None:
    """More than a program may read, and every piece of it has the value."""
    text = told(seen)
    writer.write(answer(text * (1 + 300_000 // len(text)), "200 OK", _TYPE))


WAYS: dict[str, Reply] = {
    "forms": forms,
    "plain": plain,
    "page": page,
    "packed": packed,
    "failed": failed,
    "limited": limited,
    "in_headers": in_headers,
    "redirect": redirect,
    "nowhere": nowhere,
    "strange": strange,
    "wrong_header": wrong_header,
    "in_pieces": in_pieces(7),
    "in_large_pieces": in_pieces(61),
    "broken_off": broken_off,
    "silent": silent,
    "huge": huge,
}
