"""Compressed requests: read in pieces of any size, refused where they are no whole, bounded."""

import gzip
import random
import tracemalloc
import zlib

import brotli
import pytest

from aiwe_engine.errors import RequestError
from aiwe_engine.http.compression import compress, zstd
from aiwe_engine.http.decoding import PIECE, Decoded, coding_of

CONTENT = b"".join(b"%d, " % n for n in range(100_000)) + random.Random(5).randbytes(100_000)


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


WAYS = {
    "gzip": ("gzip", gzip.compress),
    "gzip in members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("deflate", raw_deflate),
    "br": ("br", lambda data: brotli.compress(data, quality=4)),
    "zstd": ("zstd", lambda data: zstd.compress(data, 3)),
    "zstd in frames": ("zstd", lambda data: zstd.compress(data[:9]) + zstd.compress(data[9:])),
}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


class Pieces:
    """Bytes in pieces of a size."""

    def __init__(self, content, size):
        self.pieces = [content[at : at + size] for at in range(0, len(content), size)]
        self.closed = False

    async def read(self):
        return self.pieces.pop(0) if self.pieces else b""

    async def close(self):
        self.closed = True


def too_large():
    return RequestError("too much", code="body_too_large", status=413)


async def read(packed, coding, size=10_000, limit=10**9):
    source = Decoded(Pieces(packed, size), coding, limit, too_large)
    pieces = []
    while piece := await source.read():
        assert len(piece) <= 2 * PIECE
        pieces.append(piece)
    assert await source.read() == b""
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 7, 10_000, 10**9])
async def test_a_body_is_what_was_compressed(way, size):
    coding, pack = way
    content = CONTENT if size > 7 else CONTENT[:3000]
    assert await read(pack(content), coding, size) == content


async def test_what_grows_a_thousandfold_is_read_whole(way):
    coding, pack = way
    content = b"\0" * 11_000_000
    assert await read(pack(content), coding) == content


@pytest.mark.parametrize("content", [b"", b"x"])
async def test_little_and_nothing_are_read_too(way, content):
    coding, pack = way
    assert await read(pack(content), coding) == content


@pytest.mark.parametrize("name", [name for name in WAYS if " in " not in name])
async def test_a_body_that_breaks_off_anywhere_is_refused(name):
    coding, pack = WAYS[name]
    packed = pack(CONTENT[:200])
    for length in range(len(packed)):
        await refused(packed[:length], coding)


@pytest.mark.parametrize("name", [name for name in WAYS if " in " in name])
async def test_a_last_member_that_breaks_off_is_refused(name):
    coding, pack = WAYS[name]
    packed = pack(CONTENT[:200])
    for missing in range(1, 20):
        await refused(packed[:-missing], coding)


async def refused(packed, coding):
    with pytest.raises(RequestError) as caught:
        await read(packed, coding, 3)
    assert (caught.value.status, caught.value.code) == (400, "invalid_encoding")
    assert coding in caught.value.message


async def test_what_is_not_in_its_coding_is_refused(way):
    coding, pack = way
    for wrong in (
        b"\xffplain text, not packed",
        pack(CONTENT[:2000]) + b"\xff\xfe\xfd more",
        b'{"a": 1}',
    ):
        await refused(wrong, coding)


async def test_what_comes_out_counts_for_the_limit(way):
    coding, pack = way
    assert len(await read(pack(CONTENT), coding, limit=len(CONTENT))) == len(CONTENT)
    with pytest.raises(RequestError) as caught:
        await read(pack(CONTENT), coding, limit=len(CONTENT) - 1)
    assert caught.value.code == "body_too_large"


async def test_a_bomb_is_refused_before_it_takes_memory(way):
    coding, pack = way
    packed = pack(b"\0" * 60_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(RequestError) as caught:
            await read(packed, coding, 10**9, limit=1_000_000)
        assert caught.value.code == "body_too_large"
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


async def test_a_frame_that_wants_a_huge_window_is_refused():
    options = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(b"x" * 1000) + packer.flush()
    with pytest.raises(RequestError) as caught:
        await read(packed, "zstd")
    assert caught.value.code == "invalid_encoding"


async def test_closing_closes_what_it_reads_from():
    pieces = Pieces(compress("gzip", b"x"), 5)
    source = Decoded(pieces, "gzip", 100, too_large)
    await source.close()
    assert pieces.closed
    assert await source.read() == b""


@pytest.mark.parametrize(
    ("header", "coding"),
    [("", None), ("identity", None), ("GZIP", "gzip"), ("x-gzip", "gzip"), (" br ", "br"),
     ("deflate", "deflate"), ("zstd", "zstd")],
)  # fmt: skip
def test_a_coding_has_a_name(header, coding):
    assert coding_of(header) == coding


@pytest.mark.parametrize("header", ["compress", "gzip, br", "x-br", "rot13", "*"])
def test_an_unknown_coding_is_refused_with_those_that_are_known(header):
    with pytest.raises(RequestError) as caught:
        coding_of(header)
    error = caught.value
    assert (error.status, error.code) == (415, "unsupported_encoding")
    assert error.headers == [("accept-encoding", "gzip, deflate, br, zstd")]
