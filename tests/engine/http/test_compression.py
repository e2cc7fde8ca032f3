"""Which coding a client gets, what is compressed, and that every piece can be read when it comes."""

import sys
import zlib

import brotli
import pytest

from aiwe_engine.checks import CODINGS
from aiwe_engine.checks import coding as check_coding
from aiwe_engine.http.compression import OFF_LOOP, Compressed, compress, compressible, negotiate
from aiwe_engine.http.finish import Finish
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"a text that is long enough to be worth it. " * 100
PLAIN = ("content-type", "text/plain")


def unpacked(coding, data):
    if coding == "zstd":
        return zstd.decompress(data)
    return brotli.decompress(data) if coding == "br" else zlib.decompress(data, 31)


NEGOTIATED = [
    ("", "", False),
    ("gzip", "gzip", False),
    ("x-gzip", "gzip", False),
    ("GZIP", "gzip", False),
    ("gzip, deflate, br, zstd", "zstd", False),
    ("gzip, deflate, br", "br", False),
    ("zstd;q=0.1, br;q=0.9, gzip;q=0.5", "br", False),
    ("br;q=0, gzip", "gzip", False),
    ("gzip;q=0", "", False),
    ("gzip ; q=0.5 , br;Q=1", "br", False),
    ("*", "gzip", False),
    ("*;q=0.1, gzip;q=0", "", False),
    ("*;q=0", "", True),
    ("identity", "", False),
    ("identity;q=1, gzip;q=0.5", "", False),
    ("identity;q=0.5, gzip", "gzip", False),
    ("identity;q=0, gzip;q=0.2", "gzip", True),
    ("identity;q=0", "", True),
    ("gzip, identity;q=0.0", "gzip", True),
    ("deflate", "", False),
    ("compress, pack200-gzip, exi", "", False),
    ("gzip;q=abc", "", False),
    ("gzip;q=", "", False),
    ("gzip;q=nan, br;q=inf, zstd;q=-1", "", False),
    ("gzip;q=2", "", False),
    (";;;,,,=;q", "", False),
    ("gzip\x00", "", False),
    (",".join(["x"] * 5000) + ", gzip", "gzip", False),
]


@pytest.mark.parametrize(("header", "coding", "must"), NEGOTIATED)
def test_a_client_gets_the_coding_that_it_prefers_of_those_that_there_are(header, coding, must):
    assert negotiate(header, CODINGS) == (coding, must)


def test_the_order_of_the_setting_decides_between_equals():
    assert negotiate("gzip, br, zstd", ("br", "zstd"))[0] == "br"
    assert negotiate("gzip", ("br", "zstd"))[0] == ""


def test_a_coding_that_there_is_not_is_told_with_those_that_there_are():
    assert [check_coding(name) for name in CODINGS] == [None, None, None]
    for name in ("", "deflate", "GZIP"):
        assert "zstd, br, gzip" in check_coding(name)


TYPES = [
    ("application/json", True), ("text/html; charset=utf-8", True), ("TEXT/CSV", True), ("image/svg+xml", True),
    ("application/problem+json", True), ("application/atom+xml", True), ("text/javascript", True), ("application/wasm", True),
    ("text/event-stream", False), ("image/png", False), ("image/webp", False), ("font/woff2", False), ("video/mp4", False),
    ("application/zip", False), ("application/gzip", False), ("application/pdf", False), ("application/octet-stream", False),
    ("", False), ("nonsense", False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "expected"), TYPES)
def test_text_is_compressed_and_what_is_packed_already_is_not(kind, expected):
    assert compressible(kind) is expected


async def finished(response, accepted="gzip", method="GET", settings=None):
    headers = [("accept-encoding", accepted)] if accepted is not None else []
    request = Request(method, "/", headers=headers)
    return await Finish(settings or Settings(), dev=False)(request, response)


def named(response, name):
    return [value for key, value in response.headers if key == name]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [2000, OFF_LOOP + 1])
async def test_an_answer_comes_out_as_it_went_in(coding, size):
    body = (TEXT * (size // len(TEXT) + 1))[:size]
    response = await finished(Response(200, [PLAIN], body), coding)
    assert named(response, "content-encoding") == [coding]
    assert named(response, "vary") == ["accept-encoding"]
    assert len(response.body) < size / 10
    assert unpacked(coding, response.body) == body


LEFT_ALONE = [
    Response(200, [PLAIN], b"x" * 1023),
    Response(200, [("content-type", "image/png")], TEXT),
    Response(200, [], TEXT),
    Response(200, [PLAIN, ("content-encoding", "gzip")], TEXT),
    Response(200, [PLAIN, ("content-encoding", "identity")], TEXT),
    Response(200, [PLAIN, ("cache-control", "public, No-Transform")], TEXT),
    Response(206, [PLAIN, ("content-range", "bytes 0-9/20")], TEXT),
    Response(204, [PLAIN], b""),
    Response(304, [PLAIN], b""),
]


@pytest.mark.parametrize("response", LEFT_ALONE)
async def test_what_must_not_be_compressed_leaves_as_it_is(response):
    body = response.body
    encodings = named(response, "content-encoding")
    await finished(response, "gzip, br, zstd")
    assert response.body == body
    assert named(response, "content-encoding") == encodings
    assert named(response, "vary") == []


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "deflate"])
async def test_what_could_have_been_compressed_says_so_to_caches(accepted):
    response = await finished(Response(200, [PLAIN, ("vary", "Cookie")], TEXT), accepted)
    assert response.body == TEXT
    assert named(response, "vary") == ["Cookie, accept-encoding"]
    assert named(response, "content-encoding") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("Accept-Encoding", "Accept-Encoding"), ("*", "*"), ("", "accept-encoding")],
)
async def test_vary_says_nothing_twice(before, after):
    response = await finished(Response(200, [PLAIN, ("vary", before)], TEXT))
    assert named(response, "vary") == [after]


async def test_who_refuses_an_answer_without_a_coding_gets_one_with():
    for response in (
        Response(200, [PLAIN], b"short"),
        Response(200, [("content-type", "image/png")], TEXT),
    ):
        body = response.body
        await finished(response, "identity;q=0, gzip")
        assert unpacked("gzip", response.body) == body


@pytest.mark.parametrize("status", [201, 400, 404, 500])
async def test_other_statuses_are_compressed_too(status):
    response = await finished(Response(status, [PLAIN], TEXT))
    assert unpacked("gzip", response.body) == TEXT


async def test_head_says_what_get_says():
    get = await finished(Response(200, [PLAIN], TEXT))
    head = await finished(Response(200, [PLAIN], TEXT), method="HEAD")
    assert (get.headers, len(get.body)) == (head.headers, len(head.body))


@pytest.mark.binds("compression", "compress_min")
@pytest.mark.parametrize(
    ("settings", "encodings"),
    [
        (Settings(compression=()), []),
        (Settings(compression=("br",)), []),
        (Settings(compression=("gzip",)), ["gzip"]),
        (Settings(compress_min=len(TEXT) + 1), []),
        (Settings(compress_min=len(TEXT)), ["gzip"]),
    ],
)
async def test_the_settings_bind(settings, encodings):
    response = await finished(Response(200, [PLAIN], TEXT), settings=settings)
    assert named(response, "content-encoding") == encodings


@pytest.mark.parametrize(("tag", "expected"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"')])
async def test_a_compressed_answer_has_a_weak_tag(tag, expected):
    plain = await finished(Response(200, [PLAIN, ("etag", tag)], TEXT), None)
    packed = await finished(Response(200, [PLAIN, ("etag", tag)], TEXT))
    assert (named(plain, "etag"), named(packed, "etag")) == ([tag], [expected])


class Pieces:
    """A source of pieces that counts how often it is closed."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.closed = 0

    async def read(self):
        return self.pieces.pop(0) if self.pieces else b""

    async def close(self):
        self.closed += 1


def unpacker(coding):
    if coding == "zstd":
        return zstd.ZstdDecompressor().decompress
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    packed = brotli.Decompressor()

    def read(data):
        found = packed.process(data)
        while more := packed.process(b""):  # it gives so much at a time
            found += more
        return found

    return read


@pytest.mark.parametrize("coding", CODINGS)
async def test_each_piece_of_a_stream_can_be_read_when_it_comes(coding):
    pieces = [b"one", b"two" * 40_000, b"\x00", "grüß".encode()]
    source = Compressed(coding, Pieces(*pieces))
    read = unpacker(coding)
    for piece in pieces:
        assert read(await source.read()) == piece
    end = await source.read()
    assert not end or read(end) == b""
    assert await source.read() == b""


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_stream_is_whole_for_those_who_read_it_at_once(coding):
    source = Compressed(coding, Pieces(b"a" * 10, b"b" * 10))
    packed = b"".join([piece async for piece in pieces_of(source)])
    assert unpacked(coding, packed) == b"a" * 10 + b"b" * 10


@pytest.mark.parametrize("coding", CODINGS)
async def test_an_empty_stream_is_an_empty_body_of_its_coding(coding):
    source = Compressed(coding, Pieces())
    packed = b"".join([piece async for piece in pieces_of(source)])
    assert unpacked(coding, packed) == b""


async def pieces_of(source):
    while piece := await source.read():
        yield piece


async def test_a_stream_that_nobody_wants_is_closed_and_gives_no_more():
    pieces = Pieces(b"a", b"b")
    source = Compressed("gzip", pieces)
    await source.read()
    await source.close()
    assert pieces.closed == 1
    assert await source.read() == b""


async def test_a_streamed_answer_has_no_length_and_no_ranges_once_it_is_compressed():
    headers = [PLAIN, ("content-length", "6"), ("accept-ranges", "bytes"), ("etag", '"a"')]
    response = await finished(Response(200, headers, stream=Pieces(b"abcdef")))
    assert named(response, "content-length") == named(response, "accept-ranges") == []
    assert named(response, "etag") == ['W/"a"']
    assert (
        unpacked("gzip", b"".join([piece async for piece in pieces_of(response.stream)]))
        == b"abcdef"
    )


async def test_events_leave_as_they_come():
    source = Pieces(b"data: 1\n\n")
    response = await finished(Response(200, [("content-type", "text/event-stream")], stream=source))
    assert response.stream is source
    assert named(response, "content-encoding") == named(response, "vary") == []


@pytest.mark.parametrize("coding", CODINGS)
def test_compressing_is_the_same_each_time(coding):
    assert compress(coding, TEXT) == compress(coding, TEXT)
