"""A request and its answer: what is sent, what comes back, and what neither may hold."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from functools import partial
from typing import Any

import brotli
import pytest
from backports import zstd

from aiwe_engine import __version__
from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.outbound.body import Download
from tests.engine.outbound.conftest import Client, Open
from tests.engine.outbound.servers import (
    Seen,
    Writer,
    answer,
    in_turn,
    serving,
    then_close,
    then_silence,
)

MB = 1024 * 1024


class Pieces:
    """A stream of given pieces, which counts what was taken of it."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.left, self.error, self.closed = list(pieces), error, False

    async def read(self) -> bytes:
        if self.left:
            return self.left.pop(0)
        if self.error:
            raise self.error
        return b""

    async def close(self) -> None:
        self.closed = True


async def test_an_answer_comes_with_status_headers_and_body(client: Client) -> None:
    head = (
        "Connection: keep-alive",
        "Keep-Alive: timeout=5",
        "X-A: 1",
        "X-A: 2",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "X-Bytes: \xe9",
    )
    async with serving({"/x": answer("hello", "418 I'm a teapot", *head)}) as server:
        found = await client.send(server.url("/x?q=%7e#part"))
        assert (found.status, found.reason, found.redirected) == (418, "I'm a teapot", False)
        assert found.url == server.url("/x?q=%7e")
        assert found.headers == [
            ("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2"),
            ("x-bytes", "\xe9"), ("content-length", "5"),
        ]  # fmt: skip
        assert found.body is not None
        assert await found.body.whole() == b"hello"
        assert server.seen[0].target == "/x?q=%7e", (
            "escapes stay as they are, a fragment stays here"
        )


async def test_a_request_says_who_sends_it_and_what_it_takes(client: Client) -> None:
    async with serving({"/": answer()}) as server:
        await client.text(server.url())
        await client.text(
            server.url(),
            headers=[("User-Agent", "mine"), ("X-Own", "ü".encode().decode("latin-1"))],
        )
        first, second = server.seen
        assert dict(first.headers) == {
            "host": server.place,
            "user-agent": f"aiwe/{__version__}",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate, br, zstd",
        }
        assert [second.header("user-agent"), second.names.count("user-agent")] == ["mine", 1]
        assert second.header("x-own") is not None


async def test_headers_of_the_connection_are_left_out(client: Client) -> None:
    given = [
        ("Connection", "close"), ("Keep-Alive", "1"), ("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("TE", "x"),
        ("Expect", "100-continue"), ("Proxy-Authorization", "Basic eA=="), ("Trailer", "x"), ("Proxy-Connection", "x"),
    ]  # fmt: skip
    async with serving({"/": answer("ok")}) as server:
        assert await client.text(server.url(), "POST", headers=given, body=b"12") == "ok"
        assert server.seen[0].body == b"12"
        names = {name.lower() for name, _ in given}
        assert names & set(server.seen[0].names) == set()


@pytest.mark.parametrize(
    "pair",
    [("x", "a\r\nevil: 1"), ("x", "a\nb"), ("x", "a\0"), ("x", "\u0416"), ("a b", "1"), ("a\r\n", "1"), ("", "1"), ("ä", "1")],
)  # fmt: skip
async def test_a_header_that_would_end_itself_is_refused(
    client: Client, pair: tuple[str, str]
) -> None:
    async with serving({"/": answer()}) as server:
        assert (await client.error(server.url(), headers=[pair])).code == "fetch_bad_option"
        assert server.seen == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_a_body_arrives_with_its_length(client: Client, method: str) -> None:
    async with serving({"/": answer("ok")}) as server:
        await client.text(server.url(), method, body=b"\x00\xff", headers=[("content-type", "x/y")])
        seen = server.seen[0]
        assert (seen.method, seen.body) == (method, b"\x00\xff")
        assert seen.header("content-length") == "2"
        assert seen.header("content-type") == "x/y"


async def test_a_request_without_a_body_says_so_where_one_is_expected(client: Client) -> None:
    async with serving({"/": answer("ok")}) as server:
        await client.text(server.url(), "POST")
        await client.text(server.url(), "GET")
        assert [seen.header("content-length") for seen in server.seen] == ["0", None]
        assert [seen.header("content-type") for seen in server.seen] == [None, None]


async def test_a_large_body_arrives_whole(client: Client) -> None:
    body = bytes(range(256)) * 12_000
    async with serving({"/": answer("ok")}) as server:
        await client.text(server.url(), "PUT", body=body)
        assert server.seen[0].body == body


async def test_a_stream_is_sent_piece_by_piece(client: Client) -> None:
    async with serving({"/": answer("ok")}) as server:
        source = Pieces(b"one", b"two", b"three")
        assert await client.text(server.url(), "POST", body=source) == "ok"
        assert server.seen[0].body == b"onetwothree"
        assert server.seen[0].header("transfer-encoding") == "chunked"
        assert source.closed
        source = Pieces(b"one", b"two")
        await client.text(server.url(), "POST", body=source, headers=[("Content-Length", "6")])
        assert server.seen[1].body == b"onetwo"
        assert server.seen[1].header("transfer-encoding") is None


async def test_a_stream_that_breaks_breaks_the_request(client: Client) -> None:
    async with serving({"/": answer("ok")}) as server:
        source = Pieces(b"one", error=RequestError("broken", code="broken"))
        assert (await client.error(server.url(), "POST", body=source)).code == "broken"
        assert source.closed
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.seen == []


@pytest.mark.parametrize("declared", ["5", "7", "x", "-1", "6, 6"])
async def test_a_content_length_must_be_true(client: Client, declared: str) -> None:
    wanted = "fetch_body_length" if declared.isdigit() else "fetch_bad_option"
    async with serving({"/": answer("ok")}) as server:
        for body in (b"sixsix", Pieces(b"six", b"six")):
            error = await client.error(
                server.url(), "POST", body=body, headers=[("content-length", declared)]
            )
            assert error.code == wanted
        assert [seen.body for seen in server.seen if len(seen.body) > 6] == []


@pytest.mark.binds("fetch_request_limit")
async def test_request_limit_bounds_what_is_sent(open_client: Open) -> None:
    client = open_client(fetch_request_limit=1000)
    async with serving({"/": answer("ok")}) as server:
        assert await client.text(server.url(), "POST", body=b"x" * 1000) == "ok"
        assert await client.text(server.url(), "POST", body=Pieces(b"x" * 500, b"x" * 500)) == "ok"
        for body in (b"x" * 1001, Pieces(b"x" * 500, b"x" * 501)):
            error = await client.error(server.url(), "POST", body=body)
            assert error.code == "fetch_body_too_large"
            assert "1000 bytes" in error.message
            assert "fetch.request_limit" in str(error.hint)
        assert len(server.seen) == 2


@pytest.mark.binds("fetch_response_limit")
async def test_response_limit_bounds_what_is_read(open_client: Open) -> None:
    client = open_client(fetch_response_limit=1000)
    chunks = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1f4\r\n" + b"x" * 500 + b"\r\n"
    )
    routes = {
        "/fits": answer("x" * 1000),
        "/over": answer("x" * 1001),
        "/chunks": then_silence(chunks + b"1f5\r\n" + b"x" * 501 + b"\r\n"),
        "/endless": then_silence(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000),
    }
    async with serving(routes) as server:
        assert len(await client.text(server.url("/fits"))) == 1000
        for path in ("/over", "/chunks", "/endless"):
            found = await client.send(server.url(path))
            assert found.status == 200, "the head may be read, whatever the body has"
            assert found.body is not None
            await found.body.close()
            error = await client.error(server.url(path))
            assert error.code == "fetch_too_large"
            assert "1000 bytes" in error.message


PACKED = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": partial(brotli.compress, quality=3), "zstd": zstd.compress, "GZIP": gzip.compress,
}  # fmt: skip


@pytest.mark.parametrize("encoding", PACKED)
async def test_a_compressed_body_arrives_decoded(client: Client, encoding: str) -> None:
    text = "text, and more of it. " * 5000
    packed = PACKED[encoding](text.encode())
    async with serving(
        {"/": answer(packed, "200 OK", f"Content-Encoding: {encoding}", "ETag: x")}
    ) as server:
        found = await client.send(server.url())
        assert found.headers == [("etag", "x")], "what spoke of the compressed body is gone with it"
        assert found.body is not None
        assert (await found.body.whole()).decode() == text
        head = await client.send(server.url(), "HEAD")
        assert dict(head.headers)["content-encoding"] == encoding
        assert head.body is None


async def test_raw_deflate_is_understood_too(client: Client) -> None:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"raw " * 100) + packer.flush()
    async with serving({"/": answer(packed, "200 OK", "Content-Encoding: deflate")}) as server:
        assert await client.text(server.url()) == "raw " * 100


async def test_an_encoding_nobody_knows_is_handed_on(client: Client) -> None:
    async with serving({"/": answer("as is", "200 OK", "Content-Encoding: x-own")}) as server:
        found = await client.send(server.url())
        assert dict(found.headers)["content-encoding"] == "x-own"
        assert found.body is not None
        assert await found.body.whole() == b"as is"


async def pour(body: Download, sizes: list[int]) -> None:
    while piece := await body.read():
        sizes.append(len(piece))


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
async def test_a_bomb_is_stopped_at_the_limit(open_client: Open, encoding: str) -> None:
    client = open_client(fetch_response_limit=MB)
    packed = PACKED[encoding](bytes(64 * MB))
    async with serving({"/": answer(packed, "200 OK", f"Content-Encoding: {encoding}")}) as server:
        found = await client.send(server.url())
        assert found.body is not None
        sizes: list[int] = []
        with pytest.raises(AiweError, match="larger than 1048576 bytes"):
            await pour(found.body, sizes)
        assert sum(sizes) <= MB
        assert max(sizes) <= MB // 2


async def test_connections_are_used_again(client: Client) -> None:
    async with serving(
        {"/": answer("x"), "/bye": answer("x", "200 OK", "Connection: close")}
    ) as server:
        for _ in range(5):
            await client.text(server.url())
        assert (len(server.seen), server.connections) == (5, 1)
        await client.text(server.url("/bye"))
        await client.text(server.url())
        assert server.connections == 2


async def test_a_body_that_nobody_wants_costs_its_connection(client: Client) -> None:
    slow = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegin")
    async with serving({"/": slow}) as server:
        found = await client.send(server.url())
        assert found.body is not None
        await found.body.close()
        await asyncio.wait_for(server.gone.wait(), 5)
        assert await found.body.read() == b""


async def test_a_request_that_is_cancelled_closes_its_connection(client: Client) -> None:
    async with serving({"/": then_silence()}) as server:
        task = asyncio.create_task(client.send(server.url()))
        while not server.seen:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 5)


@pytest.mark.binds("fetch_connections")
async def test_fetch_connections_bounds_what_is_open(open_client: Open) -> None:
    client = open_client(fetch_connections=2)
    open_now = most = 0

    async def slow(_: Seen, writer: Writer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        open_now -= 1
        writer.write(answer("x"))

    async with serving({"/": slow}) as server:
        await asyncio.gather(*(client.text(server.url()) for _ in range(8)))
        assert (most, server.connections) == (2, 2)


async def test_a_body_is_read_no_faster_than_it_is_wanted(client: Client) -> None:
    sent = 0

    async def flood(_: Seen, writer: Writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(400):
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536
        writer.close()

    async with serving({"/": flood}) as server:
        found = await client.send(server.url())
        assert found.body is not None
        before = -1
        while before != sent:  # until the buffers on the way are full
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 24 * MB
        size = 0
        while piece := await found.body.read():
            size += len(piece)
        assert size == 400 * 65_536


async def test_a_small_body_is_gathered_and_a_slow_one_loses_nothing(client: Client) -> None:
    half = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    short = then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    async with serving(
        {"/": answer("small"), "/half": half, "/short": short, "/none": answer()}
    ) as server:
        bodies: list[Any] = [
            (await client.send(server.url(path))).body for path in ("/", "/none", "/half", "/short")
        ]
        assert await bodies[0].gather(100, 1) == b"small"
        assert await bodies[1].gather(100, 1) == b""
        assert await bodies[2].gather(100, 0.05) is None
        assert await bodies[2].read() == b"first"
        await bodies[2].close()
        assert await bodies[3].gather(100, 1) is None
        with pytest.raises(AiweError, match="before its answer was complete"):
            await bodies[3].whole()
        large = (await client.send(server.url("/"))).body
        assert large is not None
        assert await large.gather(4, 1) is None
        assert await large.whole() == b"small"


# ── redirects ──

MOVES = [
    # status, method, what follows: method, body
    (301, "GET", "GET", b""), (301, "POST", "GET", b""), (301, "PUT", "PUT", b"data"), (301, "HEAD", "HEAD", b""),
    (302, "GET", "GET", b""), (302, "POST", "GET", b""), (302, "DELETE", "DELETE", b"data"),
    (303, "GET", "GET", b""), (303, "POST", "GET", b""), (303, "PUT", "GET", b""), (303, "HEAD", "HEAD", b""),
    (307, "GET", "GET", b""), (307, "POST", "POST", b"data"), (308, "POST", "POST", b"data"), (308, "PUT", "PUT", b"data"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "method", "then", "body"), MOVES)
async def test_a_redirect_is_followed_as_its_status_says(
    client: Client, status: int, method: str, then: str, body: bytes
) -> None:
    async with serving({"/to": answer("there")}) as server:
        server.routes["/from"] = answer("", f"{status} Go", "Location: /to?x#new")
        given = None if method in ("GET", "HEAD") else b"data"
        found = await client.send(
            server.url("/from#old"),
            method,
            body=given,
            headers=[("Content-Type", "x/y"), ("X-Kept", "1")],
        )
        assert (found.status, found.redirected, found.url) == (200, True, server.url("/to?x"))
        seen = server.seen[1]
        assert (seen.method, seen.body, seen.target) == (then, body, "/to?x")
        assert seen.header("x-kept") == "1"
        kept = then == method
        assert (seen.header("content-type") == "x/y") is kept


async def test_relative_places_are_resolved(client: Client) -> None:
    async with serving(
        {"/a/c": answer("here"), "/é": answer("never"), "/%C3%A9": answer("é")}
    ) as server:
        server.routes["/a/b"] = answer("", "302 Found", "Location: c")
        server.routes["/up"] = answer(
            "", "302 Found", "Location: " + "/é".encode().decode("latin-1")
        )
        assert (await client.send(server.url("/a/b"))).url == server.url("/a/c")
        assert await client.text(server.url("/up")) == "é"


async def test_secrets_for_one_origin_do_not_reach_another(client: Client) -> None:
    secret = [
        ("Authorization", "Bearer x"),
        ("Cookie", "a=1"),
        ("X-Kept", "1"),
        ("Host", "own.example"),
    ]
    async with (
        serving({"/": answer("other")}) as other,
        serving({"/same": answer("same")}) as server,
    ):
        server.routes["/away"] = answer("", "307 Go", f"Location: {other.url()}")
        server.routes["/near"] = answer("", "307 Go", "Location: /same")
        await client.text(server.url("/away"), headers=secret)
        await client.text(server.url("/near"), headers=secret)
        assert server.seen[0].header("host") == "own.example"
        assert dict(server.seen[2].headers).items() >= {
            ("authorization", "Bearer x"),
            ("cookie", "a=1"),
        }
        assert {"authorization", "cookie"} & set(other.seen[0].names) == set()
        assert other.seen[0].header("host") == other.place
        assert other.seen[0].header("x-kept") == "1"


async def test_no_request_is_the_body_of_another(client: Client) -> None:
    """An announced body that does not come would be made of the next request on the connection."""
    async with serving({"/": answer("x")}) as server:
        error = await client.error(server.url(), headers=[("Content-Length", "300")])
        assert error.code == "fetch_body_length"
        assert server.seen == []
        assert await client.text(server.url(), headers=[("Content-Length", "0")]) == "x"


async def test_redirect_modes(client: Client) -> None:
    async with serving({"/to": answer("there")}) as server:
        server.routes["/from"] = answer("see there", "302 Found", "Location: /to")
        error = await client.error(server.url("/from"), redirect="error")
        assert (error.code, error.name) == ("fetch_redirected", "TypeError")
        found = await client.send(server.url("/from"), redirect="manual")
        assert (found.status, found.redirected, dict(found.headers)["location"]) == (
            302,
            False,
            "/to",
        )
        assert found.body is not None
        assert await found.body.whole() == b"see there"
        assert [seen.target for seen in server.seen] == ["/from", "/from"]


async def test_a_redirect_that_leads_nowhere_is_an_answer_or_an_error(client: Client) -> None:
    async with serving() as server:
        server.routes["/bare"] = answer("no place", "302 Found")
        assert await client.text(server.url("/bare")) == "no place"
        for location, code in [
            ("ftp://127.0.0.1/", "fetch_bad_scheme"), ("javascript:alert(1)", "fetch_bad_scheme"),
            ("http://[broken/", "fetch_bad_redirect"), ("http://a.1/", "fetch_bad_redirect"),
            (f"http://u:p@{server.place}/", "fetch_bad_redirect"),
        ]:  # fmt: skip
            server.routes["/from"] = answer("", "302 Found", f"Location: {location}")
            assert (await client.error(server.url("/from"))).code == code


@pytest.mark.binds("fetch_redirects")
async def test_redirects_are_followed_so_often(open_client: Open) -> None:
    client = open_client(fetch_redirects=3)
    async with serving({"/end": answer("end")}) as server:
        server.routes["/round"] = answer("", "302 Found", "Location: /round")
        go = answer("", "302 Found", "Location: /three")
        server.routes["/three"] = in_turn(go, go, answer("", "302 Found", "Location: /end"))
        assert await client.text(server.url("/three")) == "end"
        error = await client.error(server.url("/round"))
        assert error.code == "fetch_too_many_redirects"
        assert "More than 3 redirects" in error.message
        assert len(server.seen) == 8


async def test_a_stream_is_not_sent_twice(client: Client) -> None:
    async with serving({"/to": answer("there")}) as server:
        server.routes["/again"] = answer("", "307 Go", "Location: /to")
        server.routes["/seen"] = answer("", "303 Go", "Location: /to")
        error = await client.error(server.url("/again"), "POST", body=Pieces(b"x"))
        assert error.code == "fetch_cannot_resend"
        assert await client.text(server.url("/seen"), "POST", body=Pieces(b"x")) == "there"


async def test_connections_are_used_again_over_redirects(client: Client) -> None:
    async with serving({"/to": answer("there")}) as server:
        server.routes["/from"] = answer("", "302 Found", "Location: /to")
        await client.text(server.url("/from"))
        await client.text(server.url("/from"))
        assert (len(server.seen), server.connections) == (4, 1)
