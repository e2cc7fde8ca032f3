"""Clients that take their time, more than their share, or speak as clients did long ago."""

import asyncio
import contextlib
import json
import resource
import socket

import pytest

from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.room import room
from aiwe_engine.settings import Settings
from tests.engine.http.fake import FakeEngine
from tests.engine.http.wire import Wire, exchange, listening

HOST = "Host: shop.localhost\r\n"
GET = f"GET / HTTP/1.1\r\n{HOST}\r\n"
LAST = f"GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
LARGE = 30_000_000  # more than what systems keep on the way
ROOMY = 2 * LARGE


def shop(settings=None, **routes):
    routes = {"GET /": lambda _: [200, [], "shop", "text"], **routes}
    return FakeEngine({"shop": routes}, settings=settings)


@contextlib.asynccontextmanager
async def serving(app, settings=None):
    """Any ASGI application on a real socket; gives its port."""
    listener = Listener(app, bind("127.0.0.1", 0), settings or Settings())
    _, port = await listener.start()
    try:
        yield port
    finally:
        await listener.close(0)


class Slow:
    """A client that reads only when told to, and keeps little in between."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.taken = 0

    async def send(self, text):
        await asyncio.get_running_loop().sock_sendall(self.socket, text.encode())

    async def take(self, most):
        """Reads so much at most; False at the end."""
        piece = await asyncio.get_running_loop().sock_recv(self.socket, most)
        self.taken += len(piece)
        return bool(piece)

    async def take_all(self):
        with contextlib.suppress(ConnectionError):
            while await self.take(1 << 20):
                pass
        self.socket.close()
        return self.taken


def large(**settings):
    settings = Settings(response_limit=ROOMY, header_timeout=0.2, **settings)
    return shop(settings, **{"GET /": lambda _: [200, [], "x" * LARGE, "text"]})


async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)


@pytest.mark.binds("body_timeout")
async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off():
    async with listening(large(body_timeout=0.2)) as (listener, port):
        client = Slow(port)
        await client.send(GET)
        await until(lambda: listener.connections == 1)
        await until(lambda: listener.connections == 0)
        assert await client.take_all() < LARGE


async def test_a_stream_that_nobody_takes_is_ended():
    ended = asyncio.Event()

    async def endless(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()  # the body, of which there is none
        gone = asyncio.create_task(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            await asyncio.sleep(0)
        assert gone.result()["type"] == "http.disconnect"
        ended.set()

    async with serving(endless, Settings(body_timeout=0.2)) as port:
        client = Slow(port)
        await client.send(GET)
        await ended.wait()
        await client.take_all()


@pytest.mark.binds("min_rate")
@pytest.mark.parametrize(("rate", "whole"), [(240, True), (1 << 40, False)])
async def test_a_client_that_takes_its_answer_slowly_gets_it_where_it_is_fast_enough(rate, whole):
    async with listening(large(body_timeout=1, min_rate=rate)) as (_, port):
        client = Slow(port)
        await client.send(LAST)
        for _ in range(30):
            await asyncio.sleep(0.05)
            try:
                await client.take(50_000)
            except ConnectionError:
                break
        assert (await client.take_all() > LARGE) is whole


@pytest.mark.binds("min_rate")
@pytest.mark.parametrize(("rate", "status"), [(1000, 408), (1, 200)])
async def test_a_body_that_trickles_ends_some_time(rate, status):
    """Every piece is in time, so that without a rate it could go on for days."""
    quick = Settings(body_timeout=0.8, min_rate=rate)
    engine = shop(quick, **{"POST /": lambda _: [200, [], "all of it", "text"]})
    async with listening(engine) as (_, port), Wire(port) as wire:
        wire.send(f"POST / HTTP/1.1\r\n{HOST}Content-Length: 80\r\n\r\n")
        answer = asyncio.create_task(wire.answer())
        for _ in range(80):
            wire.send("x")
            await asyncio.sleep(0.02)
        found, headers, body = await answer
        assert found == status
        if status == 408:
            assert headers["connection"] == "close"
            assert json.loads(body)["error"]["code"] == "body_timeout"
            assert "http.min_rate" in json.loads(body)["error"]["hint"]
            assert await wire.rest() == b""


BODIES = [
    ("Expect: 200-maybe\r\nContent-Length: 1\r\n", 417, "expectation_failed"),
    ("Transfer-Encoding: gzip, chunked\r\n", 400, "transfer_encoding"),
    ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 400, "transfer_encoding"),
]


@pytest.mark.parametrize(("headers", "status", "code"), BODIES)
async def test_a_body_that_nobody_could_read_right_is_refused_and_the_connection_ends(
    headers, status, code
):
    engine = shop(**{"POST /": lambda _: [200, [], "", "text"]})
    async with listening(engine) as (_, port), Wire(port) as wire:
        wire.send(f"POST / HTTP/1.1\r\n{HOST}{headers}\r\n0\r\n\r\n{GET}")
        found, _, body = await wire.answer()
        error = json.loads(body)["error"]
        assert (found, error["code"]) == (status, code)
        assert error["hint"]
        assert await wire.rest() == b""
    assert engine.requests == []


@pytest.mark.binds("connection_limit")
async def test_a_connection_too_many_is_told_so_and_the_others_live_on():
    async with (
        listening(shop(), Settings(connection_limit=2)) as (listener, port),
        Wire(port) as first,
        Wire(port) as second,
    ):
        for wire in (first, second):
            wire.send(GET)
            assert (await wire.answer())[0] == 200
        async with Wire(port) as third:
            third.send("POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + "x" * 3_000_000)
            status, headers, body = await third.answer()
            assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "1")
            error = json.loads(body)["error"]
            assert error["code"] == "too_many_connections"
            assert "connection_limit" in error["hint"]
            assert await third.rest() == b""
        first.send(GET)
        assert (await first.answer())[0] == 200
        second.writer.close()
        await until(lambda: listener.connections == 1)
        async with Wire(port) as fourth:
            fourth.send(GET)
            assert (await fourth.answer())[0] == 200


async def test_a_flood_of_connections_leaves_the_listener_alive():
    async with listening(shop(), Settings(connection_limit=5)) as (listener, port):
        wires = [Wire(port) for _ in range(300)]
        for wire in wires:
            await wire.__aenter__()
        await until(lambda: listener.connections < 106)
        for wire in wires:
            await wire.__aexit__()
        await until(lambda: listener.connections == 0)
        async with Wire(port) as wire:
            wire.send(GET)
            assert (await wire.answer())[0] == 200


def test_connections_leave_files_for_all_else():
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert room(10) == 10
    assert 0 < room(1 << 40) < (1 << 40 if soft == resource.RLIM_INFINITY else soft)


async def test_a_pipeline_takes_in_no_more_than_is_answered():
    """Else a client could fill the memory with requests faster than anybody answers them."""
    turns = asyncio.Semaphore(0)

    async def wait(_):
        await turns.acquire()
        return [200, [], "done", "text"]

    async with listening(shop(**{"GET /": wait})) as (_, port), Wire(port) as wire:
        wire.send(GET * (LARGE // len(GET)))
        waiting = []
        for _ in range(30):
            turns.release()
            assert (await wire.answer())[0] == 200
            waiting.append(wire.writer.transport.get_write_buffer_size())
        assert waiting[-1] > LARGE / 2
        wire.writer.transport.abort()


ENDLESS = [
    "3\r\nabc\r\n0\r\nX: " + "a" * 100_000,
    "3\r\nabc\r\n0\r\n" + "X: a\r\n" * 20_000,
    "3\r\nabc\r\n3;" + "a" * 200_000,
]


@pytest.mark.parametrize("body", ENDLESS)
async def test_what_follows_or_wraps_a_body_has_an_end(body):
    engine = shop(**{"POST /": lambda _: [200, [], "", "text"]})
    async with listening(engine) as (_, port), Wire(port) as wire:
        wire.send(f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 10_000):
            wire.send(body[at : at + 10_000])
            await asyncio.sleep(0)
        status, _, said = await wire.answer()
        assert (status, json.loads(said)["error"]["code"]) == (431, "header_too_large")
        assert await wire.rest() == b""


async def test_a_trailer_is_no_header():
    seen = []

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        seen.extend(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port, Wire(port) as wire:
        wire.send(
            f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Evil: 1\r\n\r\n"
        )
        assert (await wire.answer())[0] == 204
    assert seen == [b"host", b"transfer-encoding"]


async def streaming(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"one", b"", b"two"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def test_a_new_client_gets_a_stream_in_chunks():
    async with serving(streaming) as port, Wire(port) as wire:
        wire.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        assert b"transfer-encoding: chunked" in head


async def test_an_old_client_is_not_asked_to_go_on():
    async with (
        listening(shop(**{"POST /": lambda _: [200, [], "ok", "text"]})) as (_, port),
        Wire(port) as wire,
    ):
        wire.send(f"POST / HTTP/1.0\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        status, _, body = await wire.answer()
        assert (status, body) == (200, b"ok")


TARGETS = [
    ("http://shop.localhost/path?a=1", "/path", "a=1"),
    ("HTTP://SHOP.localhost/", "/", ""),
    ("http://shop.localhost", "/", ""),
    ("http://shop.localhost?a=1", "/", "a=1"),
]


@pytest.mark.parametrize(("target", "path", "query"), TARGETS)
async def test_a_whole_url_is_taken_for_its_path(target, path, query):
    engine = shop(**{"GET /path": lambda _: [200, [], "", "text"]})
    async with listening(engine) as (_, port):
        statuses, _ = await exchange(
            port, f"GET {target} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"
        )
    assert statuses == [200]
    assert [(request.path, request.query) for _, request in engine.requests] == [(path, query)]


async def test_a_face_of_apps_answers_through_all_of_this():
    async with serving(AppsFace(shop())) as port, Wire(port) as wire:
        wire.send(GET)
        assert (await wire.answer())[2] == b"shop"
