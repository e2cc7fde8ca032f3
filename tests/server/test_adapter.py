"""The translation between Tornado and ASGI, over a real socket, with small ASGI applications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tornado import httpserver, netutil, web

from aiwe_engine.http.arrival import BROKEN, LEFT
from aiwe_server_extension.adapter import Application, AsgiHandler

Answer = Callable[..., Awaitable[None]]


@asynccontextmanager
async def serving(asgi: Application) -> AsyncIterator[httpx.AsyncClient]:
    class Everything(AsgiHandler):
        SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE")

        async def get(self) -> None:
            await self.pass_on(asgi, self.request.path, self.request_headers(), extra="told")

        head = post = delete = get

    server = httpserver.HTTPServer(web.Application([(".*", Everything)]))
    [socket] = netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
    server.stop()
    await server.close_all_connections()


def answering(status: int, headers: list[tuple[bytes, bytes]], *pieces: bytes) -> Application:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": pieces[-1] if pieces else b""})

    return app


async def test_an_application_sees_the_request_as_it_was_sent() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope, message=await receive())
        await answering(204, [])(scope, receive, send)

    async with serving(app) as client:
        await client.post("/a%2Fb/%C3%A9?x=%201&y", content=b"\x00body", headers={"X-Two": "1"})
    assert seen["raw_path"] == b"/a%2Fb/%C3%A9"
    assert seen["path"] == "/a/b/é"
    assert seen["query_string"] == b"x=%201&y"
    assert (seen["method"], seen["scheme"], seen["http_version"]) == ("POST", "http", "1.1")
    assert (b"x-two", b"1") in seen["headers"]
    assert seen["client"][0] == "127.0.0.1"
    assert seen["extra"] == "told"
    assert seen["message"] == {"type": "http.request", "body": b"\x00body", "more_body": False}


async def test_an_answer_leaves_as_it_was_made() -> None:
    headers = [(b"content-type", b"image/png"), (b"vary", b"a"), (b"vary", b"b"), (b"etag", b'"1"')]
    async with serving(answering(201, headers, b"\x89PNG")) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.content) == (201, b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers.get_list("vary") == ["a", "b"]
    assert answer.headers["etag"] == '"1"'


async def test_nothing_is_made_up_for_an_answer() -> None:
    async with serving(answering(200, [], b"hello")) as client:
        answer = await client.get("/")
        again = await client.get("/", headers={"If-None-Match": "*"})
    assert "content-type" not in answer.headers
    assert "etag" not in answer.headers
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("GET", 204, []),
        ("GET", 304, [(b"etag", b'"1"')]),
        ("DELETE", 204, []),
        ("HEAD", 200, [(b"content-length", b"17")]),
    ],
)
async def test_an_answer_without_a_body_has_none(
    method: str, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    async with serving(answering(status, headers, b"")) as client:
        answer = await client.request(method, "/")
        after = await client.request(method, "/")  # on the same connection
    assert (answer.status_code, answer.content) == (status, b"")
    assert after.status_code == status


async def test_pieces_arrive_while_the_answer_goes_on() -> None:
    go_on = asyncio.Event()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one\n", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"two\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as client, client.stream("GET", "/") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"one\n"  # while the application waits
        go_on.set()
        assert await anext(pieces) == b"two\n"


async def test_an_application_hears_that_its_client_left() -> None:
    left = asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one\n", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"nobody reads this", "more_body": True})
        left.set()

    async with serving(app) as client:
        async with client.stream("GET", "/") as answer:
            await anext(answer.aiter_raw())
        await asyncio.wait_for(left.wait(), 5)


async def test_a_header_that_ends_its_own_line_is_refused() -> None:
    bad = [(b"x-name", b"a\r\nset-cookie: b=1")]
    async with serving(answering(200, bad, b"")) as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers


async def test_an_answer_that_cannot_be_finished_ends_with_its_connection() -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        scope["extensions"][BROKEN]()

    async with serving(app) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")


async def test_a_client_that_leaves_is_told_to_the_application() -> None:
    began, left = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        scope["extensions"][LEFT](left.set)
        began.set()
        await left.wait()

    async with serving(app) as client:
        task = asyncio.create_task(client.get("/"))
        await began.wait()
        task.cancel()
        await left.wait()
