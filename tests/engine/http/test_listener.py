"""The wire: what malformed, slow, large and pipelined requests meet, and how the listener ends."""

import asyncio
import json
import socket

import pytest

from aiwe_engine.errors import EngineError
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.settings import Settings
from tests.engine.http.fake import FakeEngine, echo
from tests.engine.http.wire import Wire, exchange, listening

HOST = "Host: shop.localhost\r\n"
STATUS = b"server: aiwe"
CLOSE = "Connection: close\r\n"
GET = f"GET / HTTP/1.1\r\n{HOST}\r\n"
LAST = f"GET /last HTTP/1.1\r\n{HOST}{CLOSE}\r\n"
JSON = "Content-Type: application/json\r\n"


def shop(settings=None, **routes):
    return FakeEngine(
        {
            "shop": {
                "GET /": lambda _: [200, [], "shop", "text"],
                "GET /last": lambda _: [200, [], "last", "text"],
                "POST /echo": echo,
                **routes,
            }
        },
        settings=settings,
    )


WELL_FORMED = [
    (GET + LAST, [200, 200], b"last"),
    (GET * 5 + LAST, [200] * 5 + [200], b"last"),
    (f"POST /echo HTTP/1.1\r\n{HOST}{JSON}Content-Length: 2\r\n\r\n{{}}" + LAST, [200, 200], b"last"),
    (f"POST /echo HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n" + LAST,
     [200, 200], b"last"),
    # Nobody reads the body of what is not found, and the connection is still in step.
    (f"POST /none HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nGET /" + LAST, [404, 200], b"last"),
    ("\r\n\r\n" + LAST, [200], b"last"),
    (f"GET / HTTP/1.0\r\n{HOST}\r\n", [200], b"shop"),
    # An upgrade that is not understood is answered as if it were not there; then it ends.
    (f"GET / HTTP/1.1\r\n{HOST}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" + LAST, [200], b"shop"),
    (LAST + GET, [200], b"last"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "statuses", "body"), WELL_FORMED)
async def test_requests_are_answered_in_their_order(data, statuses, body):
    async with listening(shop()) as (_, port):
        assert await exchange(port, data) == (statuses, body)


def post(headers, body):
    return f"POST /echo HTTP/1.1\r\n{HOST}{headers}\r\n{body}"


MALFORMED = [
    ("nonsense\r\n\r\n", 400),
    ("GET / HTTP/1.1\n\n", 400),
    ("GET /\x01 HTTP/1.1\r\n\r\n", 400),
    ("GET /\xe4 HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : shop.localhost\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nHost: shop.localhost\r\n\r\n", 400),
    ("CONNECT shop.localhost:80 HTTP/1.1\r\nHost: shop.localhost\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    (f"GET / HTTP/1.1\r\n{CLOSE}\r\n", 400),
    # Two readings of where the body ends.
    (post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + GET), 400),
    (post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + GET), 400),
    (post("Content-Length: 0\r\nContent-Length: 44\r\n", GET), 400),
    (post("Content-Length: 0, 44\r\n", GET), 400),
    (post("Content-Length: +3\r\n", "abc"), 400),
    (post("Content-Length: -1\r\n", GET), 400),
    (post("Content-Length: 0x3\r\n", "abc"), 400),
    (post("Content-Length: 99999999999999999999999\r\n", "abc"), 400),
    (post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + GET), 400),
    (post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" + GET), 400),
    (post("Transfer-Encoding: identity\r\n", GET), 400),
    (post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + GET), 400),
    (post("Transfer-Encoding:\x0bchunked\r\n", "0\r\n\r\n" + GET), 400),
    (post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"), 400),
    (post("Transfer-Encoding: chunked\r\n", "3\r\nabcdef\r\n0\r\n\r\n"), 400),
    (post("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\nabc"), 400),
    (post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"), 400),
    (post("Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 44\r\n", GET), 400),
    (post("Upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + GET), 400),
    # More header than anybody needs.
    (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 70_000}\r\n\r\n", 431),
    (f"GET /{'a' * 17_000} HTTP/1.1\r\n{HOST}\r\n", 414),
    (f"GET /{'a' * 70_000} HTTP/1.1\r\n{HOST}\r\n", 414),
    (f"GET /{'a' * 4_000_000}", 414),
    (f"GET / HTTP/1.1\r\n{HOST}" + "X: a\r\n" * 201 + "\r\n", 431),
    (f"GET / HTTP/1.1\r\n{HOST}" + "X: a\r\n" * 12_000 + "\r\n", 431),
    (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 4_000_000}", 431),
]  # fmt: skip


@pytest.mark.parametrize(("data", "status"), MALFORMED)
async def test_a_malformed_request_gets_one_answer_and_the_connection_ends(data, status):
    engine = shop()
    async with listening(engine) as (_, port):
        statuses, body = await exchange(port, data)
    assert statuses == [status]
    error = json.loads(body)["error"]
    assert error["code"]
    assert error["hint"]
    assert [request.path for _, request in engine.requests if request.path == "/"] == []


@pytest.mark.parametrize(
    "second",
    ["nonsense\r\n\r\n", post("Transfer-Encoding: chunked\r\n", "zz\r\n"), GET[:-2] + " x"],
)
async def test_a_malformed_request_does_not_take_the_answer_of_the_one_before(second):
    release = asyncio.Event()

    async def slow(_):
        await release.wait()
        return [200, [], "slow", "text"]

    async with listening(shop(**{"GET /slow": slow})) as (_, port), Wire(port) as wire:
        wire.send(f"GET /slow HTTP/1.1\r\n{HOST}\r\n{second}")
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, release.set)
        status, _, body = await wire.answer()
        assert (status, body) == (200, b"slow")
        rest = await wire.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
        assert rest.count(STATUS) < 2


QUICK = Settings(header_timeout=0.2, body_timeout=0.2, idle_timeout=0.2)


@pytest.mark.binds("header_timeout", "idle_timeout")
@pytest.mark.parametrize(
    ("sent", "again", "status"),
    [
        (f"GET / HTTP/1.1\r\n{HOST}X: ", "a", 408),
        ("GET /", "a", 408),
        ("", "", None),
        ("", "\r\n", 408),
        # The same on a connection that has had an answer.
        (GET + f"GET / HTTP/1.1\r\n{HOST}X: ", "a", 408),
        (GET, "\r\n", None),
        (GET, "", None),
    ],
)
async def test_a_client_that_trickles_its_header_is_cut_off(sent, again, status):
    async with listening(shop(QUICK)) as (_, port), Wire(port) as wire:
        wire.send(sent)
        if sent.startswith(GET):
            assert (await wire.answer())[0] == 200

        async def trickle():
            while True:
                wire.send(again)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(trickle())
        begun = asyncio.get_running_loop().time()
        rest = await wire.rest()
        task.cancel()
        assert 0.1 < asyncio.get_running_loop().time() - begun < 2
        assert rest.count(STATUS) == (0 if status is None else 1)
        if status:
            assert rest.startswith(b"HTTP/1.1 408 ")
            assert b"header_timeout" in rest


@pytest.mark.binds("body_timeout")
@pytest.mark.parametrize(
    ("target", "status", "code"),
    [("/echo", 408, b"body_timeout"), ("/none", 404, b"no_such_route")],
)
async def test_a_client_that_trickles_its_body_is_cut_off(target, status, code):
    async with listening(shop(QUICK)) as (_, port), Wire(port) as wire:
        wire.send(f"POST {target} HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nabc")
        answer = await wire.answer()
        assert answer[0] == status
        assert code in answer[2]
        assert await wire.rest() == b""


async def test_a_body_that_goes_on_after_its_answer_is_cut_off():
    async with listening(shop(QUICK)) as (_, port), Wire(port) as wire:
        wire.send("POST /echo HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100000\r\n\r\nabc")
        assert (await wire.answer())[0] == 421
        rest = asyncio.create_task(wire.rest())
        while not rest.done():
            wire.send("x")
            await asyncio.sleep(0.02)
        assert await rest == b""


async def test_a_slow_handler_is_no_idle_connection():
    async def slow(_):
        await asyncio.sleep(0.5)
        return [200, [], "slow", "text"]

    async with listening(shop(QUICK, **{"GET /slow": slow})) as (_, port), Wire(port) as wire:
        wire.send(f"GET /slow HTTP/1.1\r\n{HOST}\r\n")
        assert (await wire.answer())[2] == b"slow"


async def test_a_large_body_is_refused_and_the_answer_arrives():
    engine = shop(Settings(body_limit=1000))
    async with listening(engine) as (_, port), Wire(port) as wire:
        wire.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3000000\r\n\r\n")
        for _ in range(30):
            wire.send(b"x" * 100_000)
        status, headers, body = await wire.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert json.loads(body)["error"]["details"] == {"limit": 1000}
        assert await wire.rest() == b""
    assert engine.requests == []


async def test_expect_continue_is_honoured_and_a_large_body_is_not_asked_for():
    async with listening(shop(Settings(body_limit=1000))) as (_, port):
        async with Wire(port) as wire:
            wire.send(
                f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            assert (await wire.answer())[0] == 100
            wire.send("ok")
            assert (await wire.answer())[0] == 200
        async with Wire(port) as wire:
            wire.send(
                f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
            )
            assert (await wire.answer())[0] == 413


async def test_head_and_204_have_no_body_on_the_wire():
    async with (
        listening(shop(**{"GET /none": lambda _: [204, [], "x", "text"]})) as (_, port),
        Wire(port) as wire,
    ):
        wire.send(f"HEAD / HTTP/1.1\r\n{HOST}\r\n")
        status, headers, _ = await wire.answer(head=True)
        assert (status, headers["content-length"]) == (200, "4")
        wire.send(f"GET /none HTTP/1.1\r\n{HOST}\r\n")
        status, headers, _ = await wire.answer()
        assert (status, "content-length" in headers, "transfer-encoding" in headers) == (
            204,
            False,
            False,
        )
        wire.send(LAST)
        assert (await wire.answer())[2] == b"last"


async def test_a_large_answer_arrives_whole():
    large = "ä" * 3_000_000
    engine = shop(**{"GET /large": lambda _: [200, [], large, "text"]})
    async with listening(engine) as (_, port), Wire(port) as wire:
        for _ in range(2):
            wire.send(f"GET /large HTTP/1.1\r\n{HOST}\r\n")
            assert (await wire.answer())[2] == large.encode()


async def test_a_client_that_does_not_read_is_not_written_for_without_end():
    sent = 0

    async def endless(_scope, _receive, send):
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            sent += 1

    listener = Listener(endless, bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    async with Wire(port) as wire:
        wire.reader._transport.pause_reading()
        wire.send(GET)
        before = -1
        while before != sent or not sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 5000
    await listener.close(0)


async def test_an_answer_names_the_server_and_the_date_once():
    async with (
        listening(shop(**{"GET /date": lambda _: [200, [["date", "x"]], "", "text"]})) as (_, port),
        Wire(port) as wire,
    ):
        wire.send(f"GET /date HTTP/1.1\r\n{HOST}\r\n")
        _, headers, _ = await wire.answer()
        assert headers["server"] == "aiwe"
        assert headers["date"].endswith(" GMT")


async def test_a_request_under_way_ends_and_new_ones_are_refused():
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(_):
        started.set()
        await release.wait()
        return [200, [], "slow", "text"]

    listener = Listener(AppsFace(shop(**{"GET /slow": slow})), bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    async with Wire(port) as idle, Wire(port) as wire:
        wire.send(f"GET /slow HTTP/1.1\r\n{HOST}\r\n")
        await started.wait()
        closing = asyncio.create_task(listener.close(5))
        assert await idle.rest() == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        assert not closing.done()
        release.set()
        status, headers, body = await wire.answer()
        assert (status, headers["connection"], body) == (200, "close", b"slow")
        await closing


@pytest.mark.binds("grace")
async def test_what_outlives_the_grace_time_is_told_so():
    started = asyncio.Event()

    async def stuck(_):
        started.set()
        await asyncio.Event().wait()

    settings = Settings(grace=0.05)
    listener = Listener(AppsFace(shop(**{"GET /stuck": stuck})), bind("127.0.0.1", 0), settings)
    _, port = await listener.start()
    async with Wire(port) as wire:
        wire.send(f"GET /stuck HTTP/1.1\r\n{HOST}\r\n")
        await started.wait()
        await listener.close()
        status, _, body = await wire.answer()
        assert (status, json.loads(body)["error"]["code"]) == (503, "stopping")


def test_a_port_in_use_is_told_with_what_to_do():
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError) as caught:
            bind("127.0.0.1", port)
    assert caught.value.code == "port_in_use"
    assert str(port) in caught.value.message
    assert "--port" in caught.value.hint


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(EngineError) as caught:
        bind("192.0.2.1", 0)
    assert caught.value.code == "address_unavailable"


async def test_ipv6_is_served():
    try:
        sock = bind("::1", 0)
    except (EngineError, socket.gaierror):
        pytest.skip("this machine has no IPv6")
    listener = Listener(AppsFace(shop()), sock, Settings())
    _, port = await listener.start()
    reader, writer = await asyncio.open_connection("::1", port)
    writer.write(f"GET / HTTP/1.1\r\nHost: [::1]:{port}\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).endswith(b"shop")
    writer.close()
    await listener.close()


async def test_timeouts_that_change_hold_for_the_connections_there_are():
    async with listening(shop(Settings())) as (listener, port), Wire(port) as idle:
        idle.send(GET)
        assert (await idle.answer())[0] == 200
        async with Wire(port) as slow:
            slow.send(f"GET / HTTP/1.1\r\n{HOST}X: ")
            listener.configure(QUICK)
            assert await idle.rest() == b""
            assert (await slow.answer())[0] == 408
