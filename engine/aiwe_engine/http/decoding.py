"""Requests whose body is compressed (`Content-Encoding`), read as if it were not.

A few bytes can hold a gigabyte: what comes out counts for the limit, and is made in small pieces.
Which answers are compressed is the business of `compression.py`.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from aiwe_engine.errors import RequestError
from aiwe_engine.settings import KB
from aiwe_engine.types import ByteSource

PIECE = 256 * KB  # bytes that are made at a time

_GZIP = zlib.MAX_WBITS | 16  # with gzip's header
_ZSTD_WINDOW = 23  # log2 of what a decoder must remember: no more than RFC 9659 lets a client use


class Decoder(Protocol):
    """Decompresses piece by piece; raises an exception of its library for what is malformed."""

    def take(self, data: bytes) -> bytes:
        """Takes compressed bytes, and gives at most about `PIECE` of what they hold."""
        ...

    def more(self) -> bool:
        """Whether there is more to get before `take` is given anything but nothing."""
        ...

    def complete(self) -> bool:
        """Whether what was taken is a whole."""
        ...


class Decoded:
    """The body of a request, decompressed. A `ByteSource`.

    Args:
        source: the compressed body.
        coding: one of `CODINGS`.
        limit: the most bytes that may come out.
        too_large: makes the error for more.
    """

    def __init__(
        self, source: ByteSource, coding: str, limit: int, too_large: Callable[[], RequestError]
    ) -> None:
        self._source = source
        self._decoder = _DECODERS[coding]()
        self._coding = coding
        self._left = limit
        self._too_large = too_large
        self._ended = False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            RequestError: `invalid_encoding`, it is not in that coding or ends too early; what
                `too_large` makes.
            AiweError: the source's own.
        """
        while not self._ended:
            data = b"" if self._decoder.more() else await self._source.read()
            self._ended = not data and not self._decoder.more()
            piece = self._take(data)
            if self._ended and not self._decoder.complete():
                raise self._invalid("ends too early")
            self._left -= len(piece)
            if self._left < 0:
                raise self._too_large()
            if piece:
                return piece
            await asyncio.sleep(0)  # what gives nothing for long is not to hold up others
        return b""

    async def close(self) -> None:
        """Nobody wants the rest."""
        self._ended = True
        await self._source.close()

    def _take(self, data: bytes) -> bytes:
        try:
            return self._decoder.take(data)
        except (zlib.error, brotli.error, zstd.ZstdError, EOFError):
            raise self._invalid("is malformed") from None

    def _invalid(self, reason: str) -> RequestError:
        return RequestError(
            f"The body is not {self._coding}, as its Content-Encoding says: it {reason}.",
            code="invalid_encoding",
            hint="Send it as it is, without Content-Encoding, or compress all of it.",
        )


def coding_of(header: str) -> str | None:
    """The coding that a `Content-Encoding` names; None where the body is as it is.

    Raises:
        RequestError: `unsupported_encoding` (415), with what is supported in `Accept-Encoding`.
    """
    name = header.strip(" \t").lower()
    if name in {"", "identity"}:
        return None
    if name.removeprefix("x-") == "gzip":
        return "gzip"
    if name in _DECODERS:
        return name
    known = ", ".join(_DECODERS)
    raise RequestError(
        f'A body in the encoding "{header[:40]}" is not read.',
        code="unsupported_encoding",
        status=415,
        hint=f"Send it without Content-Encoding, or as one of {known}.",
        headers=[("accept-encoding", known)],
    )


class _Gzip:
    """Several members in a row are one body."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(_GZIP)
        self._waiting = b""

    def take(self, data: bytes) -> bytes:
        data = self._waiting + data
        if self._unpacker.eof and data:
            self._unpacker = zlib.decompressobj(_GZIP)
        piece = self._unpacker.decompress(data, PIECE)
        self._waiting = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        return piece

    def more(self) -> bool:
        return bool(self._waiting)

    def complete(self) -> bool:
        return self._unpacker.eof


class _Deflate:
    """Some clients leave out the header that zlib puts before it; its two bytes tell."""

    def __init__(self) -> None:
        self._unpacker: zlib._Decompress | None = None
        self._head = self._waiting = b""

    def take(self, data: bytes) -> bytes:
        if self._unpacker is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            headed = self._head[0] & 15 == 8 and int.from_bytes(self._head[:2]) % 31 == 0
            self._unpacker = zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)
            data = self._head
        data = self._waiting + data
        if self._unpacker.eof and data:
            raise zlib.error
        piece = self._unpacker.decompress(data, PIECE)
        self._waiting = self._unpacker.unconsumed_tail or self._unpacker.unused_data
        return piece

    def more(self) -> bool:
        return bool(self._waiting)

    def complete(self) -> bool:
        return self._unpacker is not None and self._unpacker.eof


class _Brotli:
    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()
        self._full = False  # the last piece may have been cut by its limit

    def take(self, data: bytes) -> bytes:
        piece: bytes = self._unpacker.process(data, output_buffer_limit=PIECE)
        self._full = len(piece) >= PIECE
        return piece

    def more(self) -> bool:
        waits = self._full or not self._unpacker.can_accept_more_data()
        return waits and not self._unpacker.is_finished()

    def complete(self) -> bool:
        return bool(self._unpacker.is_finished())


class _Zstd:
    """Several frames in a row are one body."""

    def __init__(self) -> None:
        self._unpacker = self._fresh()
        self._waiting = b""

    def _fresh(self) -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
        )

    def take(self, data: bytes) -> bytes:
        data = self._waiting + data
        if self._unpacker.eof:
            if not data:
                return b""
            self._unpacker = self._fresh()
        piece = self._unpacker.decompress(data, PIECE)
        self._waiting = self._unpacker.unused_data
        return piece

    def more(self) -> bool:
        return bool(self._waiting) or not (self._unpacker.needs_input or self._unpacker.eof)

    def complete(self) -> bool:
        return self._unpacker.eof


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
