"""Answers made smaller for clients that say they can read it (`Accept-Encoding`, RFC 9110, 12.5.3).

Text is compressed with zstd, brotli or gzip, whichever the client prefers; what is compressed
already (images, archives, fonts) is left alone. This file knows the codings and who may have them;
`finish.py` decides which answers come here.

Server-sent events go out as they are: each is small, must arrive at once, and may come on thousands
of connections, every one of which would hold a compressor's memory.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import zlib
from collections.abc import Callable
from typing import Protocol, TypeVar

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from aiwe_engine.settings import KB
from aiwe_engine.types import ByteSource

T = TypeVar("T")
IDENTITY = ""  # no coding

OFF_LOOP = 64 * KB  # what is larger is compressed in a thread: it takes longer than a millisecond
# For answers that are made anew each time: more effort costs more time than it saves.
_ZSTD_LEVEL, _BROTLI_QUALITY, _GZIP_LEVEL = 3, 4, 5
_GZIP_WINDOW = zlib.MAX_WBITS | 16  # with gzip's header
_STREAM_WINDOW = 18  # log2 of what a brotli stream remembers: a stream may stay open for long

_TYPES = frozenset(
    {
        "application/graphql-response+json",
        "application/javascript",
        "application/json",
        "application/jsonl",
        "application/rtf",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-javascript",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
        "image/x-icon",
    }
)
_NAMES = {"x-gzip": "gzip"}
_REMEMBERED = 200  # the longest Accept-Encoding that is remembered: browsers send shorter ones


class Encoder(Protocol):
    """Compresses piece by piece."""

    def piece(self, data: bytes) -> bytes:
        """A piece, compressed and flushed."""
        ...

    def end(self) -> bytes:
        """What ends the body."""
        ...


@functools.lru_cache(256)
def compressible(content_type: str) -> bool:
    """Whether compressing this type makes it smaller, and may be done."""
    media = content_type.partition(";")[0].strip().lower()
    if media.startswith("text/"):
        return media != "text/event-stream"
    return media in _TYPES or media.endswith(("+json", "+xml", "+yaml"))


def negotiate(header: str, offered: tuple[str, ...]) -> tuple[str, bool]:
    """The coding for a client.

    Args:
        header: its `Accept-Encoding`; empty where it sent none.
        offered: the codings that may be used, the preferred one first.

    `*` is taken for gzip, which every client can read that can read any.

    Returns:
        The coding, `IDENTITY` for none; and whether the client refuses an answer without one.
    """
    if not header:
        return IDENTITY, False
    if len(header) > _REMEMBERED:
        return _negotiate(header, offered)
    return _remembered(header, offered)


def _negotiate(header: str, offered: tuple[str, ...]) -> tuple[str, bool]:
    weights: dict[str, float] = {}
    for member in header.lower().split(","):
        name, _, parameters = member.partition(";")
        name = name.strip()
        if name:
            weights[_NAMES.get(name, name)] = _weight(parameters)
    other = weights.get("*", 0.0)
    best, weight = IDENTITY, 0.0
    for coding in offered:
        found = weights.get(coding, other if coding == "gzip" else 0.0)
        if found > weight:
            best, weight = coding, found
    plain = weights.get("identity", weights.get("*"))
    if plain is not None and plain > weight:
        best = IDENTITY
    return best, plain == 0.0


_remembered = functools.lru_cache(256)(_negotiate)


def _weight(parameters: str) -> float:
    """The q of a member, 0 to 1; what is no number counts as a refusal."""
    for parameter in parameters.split(";"):
        name, equals, value = parameter.partition("=")
        if name.strip() == "q" and equals:
            try:
                weight = float(value.strip())
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0


def compress(coding: str, body: bytes) -> bytes:
    """A whole body in a coding."""
    if coding == "zstd":
        return zstd.compress(body, _ZSTD_LEVEL)
    if coding == "br":
        packed: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
        return packed
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


async def apart(work: Callable[[bytes], T], data: bytes) -> T:
    """What work makes of data: in a thread where it would hold up other requests."""
    return await asyncio.to_thread(work, data) if len(data) > OFF_LOOP else work(data)


class Compressed:
    """A source whose pieces are compressed as they come. A `ByteSource`.

    Every piece can be read in full as soon as it arrives.

    Args:
        coding: one of `checks.CODINGS`.
        source: what to compress.
    """

    __slots__ = ("_encoder", "_ended", "_source")

    def __init__(self, coding: str, source: ByteSource) -> None:
        self._encoder: Encoder = _ENCODERS[coding]()
        self._source = source
        self._ended = False

    async def read(self) -> bytes:
        """The next piece, compressed; empty at the end.

        Raises:
            AiweError: the source's own.
        """
        while not self._ended:
            piece = await self._source.read()
            if not piece:
                self._ended = True
                return self._encoder.end()
            packed = await apart(self._encoder.piece, piece)
            if packed:
                return packed
        return b""

    async def close(self) -> None:
        """Nobody wants the rest."""
        self._ended = True
        await self._source.close()


class _Zstd:
    def __init__(self) -> None:
        self._packer = zstd.ZstdCompressor(level=_ZSTD_LEVEL)

    def piece(self, data: bytes) -> bytes:
        return self._packer.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._packer.flush(zstd.ZstdCompressor.FLUSH_FRAME)


class _Brotli:
    def __init__(self) -> None:
        self._packer = brotli.Compressor(quality=_BROTLI_QUALITY, lgwin=_STREAM_WINDOW)

    def piece(self, data: bytes) -> bytes:
        packed: bytes = self._packer.process(data) + self._packer.flush()
        return packed

    def end(self) -> bytes:
        packed: bytes = self._packer.finish()
        return packed


class _Gzip:
    def __init__(self) -> None:
        self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def piece(self, data: bytes) -> bytes:
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._packer.flush()


_ENCODERS: dict[str, Callable[[], Encoder]] = {"zstd": _Zstd, "br": _Brotli, "gzip": _Gzip}
