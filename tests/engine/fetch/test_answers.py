"""What `fetch` gives a program: the answer of another server, as the Fetch standard has it."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
import pytest

from aiwe_engine.runtime.parts import needed
from tests.engine.fetch.conftest import Open, Trial
from tests.engine.outbound.servers import Seen, Writer, answer, then_close, then_reset, then_silence

pytestmark = pytest.mark.asyncio(loop_scope="module")
MB = 1024 * 1024
LOOK = "[r.status, r.statusText, r.ok, r.type, r.url, r.redirected, [...r.headers], r.bodyUsed]"


async def test_an_answer_is_a_response(trial: Trial) -> None:
    trial.server.routes["/x"] = answer(
        "hello",
        "404 Not Here",
        "X-A: 1",
        "X-A: 2",
        "Content-Type: text/x",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
    )
    found = await trial.value(f"""
      const r = await fetch("BASE/x#part");
      return [{LOOK}, r instanceof Response, r.headers.getSetCookie(), await r.text(), r.bodyUsed];
    """)
    pairs = [
        ["content-length", "5"],
        ["content-type", "text/x"],
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["x-a", "1, 2"],
    ]
    look = [404, "Not Here", False, "basic", trial.server.url("/x"), False, pairs, False]
    assert found == [look, True, ["a=1", "b=2"], "hello", True]


async def test_its_headers_cannot_be_changed(trial: Trial) -> None:
    found = await trial.thrown('fetch("BASE/echo").then((r) => r.headers.set("x", "1"))')
    assert found["is_type"]
    assert "cannot be changed" in found["message"]


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("await r.json()", {"a": ["ü"]}),
        ("await r.text()", '{"a": ["ü"]}'),
        ("[...await r.bytes()].length", 13),
        ("(await r.arrayBuffer()).byteLength", 13),
        ("await (await r.blob()).text()", '{"a": ["ü"]}'),
        ("(await r.blob()).type", "application/json"),
        ("await new Response(r.body).text()", '{"a": ["ü"]}'),
        ("await (async () => { let n = 0; for await (const piece of r.body) n += piece.length; return n; })()", 13),
        ("[await r.clone().text(), await r.json()].length", 2),
        ("await r.text() + await r.text().catch((e) => e.name)", '{"a": ["ü"]}TypeError'),
    ],
)  # fmt: skip
async def test_its_body_is_read_in_every_way(trial: Trial, how: str, wanted: Any) -> None:
    trial.server.routes["/x"] = answer('{"a": ["ü"]}', "200 OK", "Content-Type: application/json")
    assert await trial.value(f'const r = await fetch("BASE/x"); return [{how}];') == [wanted]


async def test_a_form_is_read(trial: Trial) -> None:
    trial.server.routes["/x"] = answer(
        "a=1&b=%C3%BC", "200 OK", "Content-Type: application/x-www-form-urlencoded"
    )
    assert await trial.value('return [...await (await fetch("BASE/x")).formData()];') == [
        ["a", "1"],
        ["b", "ü"],
    ]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3 * MB])
async def test_bytes_arrive_as_they_are(trial: Trial, size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    trial.server.routes["/x"] = answer(body)
    found = await trial.value("""
      const bytes = await (await fetch("BASE/x")).bytes();
      return [bytes.length, bytes.every((byte, at) => byte === (at & 255))];
    """)
    assert found == [size, True]


@pytest.mark.parametrize("text", ["\ufeffbom", "a\0b", "\U0001f600", "\u2028", "", "\ufffd"])
async def test_text_arrives_as_bytes_too(trial: Trial, text: str) -> None:
    trial.server.routes["/x"] = answer(text)
    found = await trial.value(
        'const r = await fetch("BASE/x"); return [[...await r.clone().bytes()], await r.text()];'
    )
    assert found == [list(text.encode()), text.removeprefix("\ufeff")]


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_an_answer_that_can_have_no_body_has_none(trial: Trial, status: int) -> None:
    trial.server.routes["/x"] = f"HTTP/1.1 {status} None\r\n\r\n".encode()
    assert await trial.value(
        'const r = await fetch("BASE/x"); return [r.status, r.body, await r.text()];'
    ) == [status, None, ""]


async def test_head_has_no_body_and_get_an_empty_one(trial: Trial) -> None:
    trial.server.routes["/x"] = answer("")
    trial.server.routes["/y"] = answer("four")
    found = await trial.value("""
      const [x, y] = [await fetch("BASE/x"), await fetch("BASE/y", { method: "head" })];
      return [x.body === null, y.body, y.headers.get("content-length"), await y.text()];
    """)
    assert found == [False, None, "4", ""]


async def test_a_redirect_is_told(trial: Trial) -> None:
    trial.server.routes["/from"] = answer("", "302 Found", "Location: /echo")
    found = await trial.value("""
      const [r, m] = [await fetch("BASE/from"), await fetch("BASE/from", { redirect: "manual" })];
      return [r.url, r.redirected, m.status, m.headers.get("location"), m.redirected];
    """)
    assert found == [trial.server.url("/echo"), True, 302, "/echo", False]
    assert (await trial.thrown('fetch("BASE/from", { redirect: "error" })'))[
        "code"
    ] == "fetch_redirected"


async def test_an_answer_can_be_handed_on(trial: Trial) -> None:
    packed = gzip.compress(b"packed " * 30_000)
    trial.server.routes["/x"] = answer(
        packed,
        "203 Mine",
        "Content-Encoding: gzip",
        "Content-Type: text/x",
        "X-A: 1",
        "Connection: keep-alive",
    )
    for body in (
        'return fetch("BASE/x");',
        'const r = await fetch("BASE/x"); return new Response(r.body, r);',
        'const r = await fetch("BASE/x"); return new Response(await r.bytes(), { status: r.status, headers: r.headers });',
        'const r = await fetch("BASE/x"); return Response.stream(r.body, { status: 203, headers: r.headers });',
    ):
        response = await trial.handler(body)
        assert response.status == 203
        headers = dict(response.headers)
        assert (headers["content-type"], headers["x-a"]) == ("text/x", "1")
        assert {"content-encoding", "connection", "transfer-encoding"} & set(headers) == set()
        assert response.body == b"packed " * 30_000


async def test_a_request_can_be_handed_on(open_trial: Open) -> None:
    trial: Trial = await open_trial()
    await trial.serve("""
      app.post("/x", (req) => fetch("BASE/echo?" + req.query.q, { method: req.method, headers: req.headers, body: req.stream(), duplex: "half" }))
        .describe({ body: "stream" });
    """)

    class Arrival:
        def __init__(self) -> None:
            self.left = [b"one ", b"two"]

        async def read(self) -> bytes:
            return self.left.pop(0) if self.left else b""

        async def close(self) -> None:
            self.left = []

    headers = [
        ("content-type", "text/x"),
        ("connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("cookie", "a=1"),
    ]
    found = await trial.json("/x", method="POST", query="q=7", headers=headers, arrival=Arrival())
    assert (found["method"], found["target"], found["body"]) == ("POST", "/echo?7", "one two")
    assert found["headers"].items() >= {
        ("content-type", "text/x"),
        ("cookie", "a=1"),
        ("transfer-encoding", "chunked"),
    }


async def test_a_large_answer_streams_and_is_held_back(open_trial: Open) -> None:
    sent = 0

    async def flood(_: Seen, writer: Writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(1600):
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536
        writer.close()

    trial: Trial = await open_trial(
        {"/x": flood}, heap_limit=32 * MB, buffer_limit=32 * MB, cpu_limit=5.0
    )
    await trial.serve('app.get("/x", () => fetch("BASE/x"));')
    response = await trial.get("/x")
    assert response.stream is not None
    before = -1
    while before != sent:  # until everything on the way is full
        before = sent
        await asyncio.sleep(0.1)
    assert sent < 24 * MB
    size = 0
    async with asyncio.timeout(50):
        while piece := await response.stream.read():
            size += len(piece)
    assert size == 1600 * 65_536
    assert trial.lines == []


async def test_a_body_is_read_in_pieces_with_the_classes_of_streams(trial: Trial) -> None:
    trial.server.routes["/x"] = answer("x" * 2_000_000)
    found = await trial.value("""
      const r = await fetch("BASE/x");
      const reader = r.body.pipeThrough(new TransformStream({ transform(piece, out) { out.enqueue(piece.length); } })).getReader();
      let size = 0, count = 0;
      for (;;) { const { done, value } = await reader.read(); if (done) break; size += value; count++; }
      return [r.body instanceof ReadableStream, size, count > 1];
    """)
    assert found == [True, 2_000_000, True]


async def test_a_body_that_breaks_off_fails_where_it_is_read(trial: Trial) -> None:
    trial.server.routes["/x"] = then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")
    assert await trial.value('return (await fetch("BASE/x")).status;') == 200
    found = await trial.thrown('fetch("BASE/x").then((r) => r.text())')
    assert (found["is_type"], found["code"]) == (True, "fetch_reset")
    trial.server.routes["/x"] = then_reset()
    found = await trial.thrown('fetch("BASE/x", { method: "POST" })')
    assert (found["is_type"], found["code"]) == (True, "fetch_reset")


@pytest.mark.parametrize(
    ("url", "text", "kind"),
    [
        ("data:,hello%20there", "hello there", "text/plain;charset=US-ASCII"),
        ("data:text/html;charset=utf-8,%3Cb%3Eü", "<b>ü", "text/html;charset=utf-8"),
        ("data:;base64,aGVsbG8=", "hello", "text/plain;charset=US-ASCII"),
        ("DATA:application/json ; base64 ,eyJh%0AIjoxfQ", '{"a":1}', "application/json"),
        ("data:text/plain,a#b", "a", "text/plain"),
        ("data:nonsense,x", "x", "text/plain;charset=US-ASCII"),
    ],
)
async def test_a_data_url_is_what_it_holds(trial: Trial, url: str, text: str, kind: str) -> None:
    found = await trial.value(
        f"const r = await fetch({url!r}); return [r.status, r.ok, r.headers.get('content-type'), await r.text()];"
    )
    assert found == [200, True, kind, text]
    assert trial.server.seen == []


@pytest.mark.parametrize("url", ["data:text/plain", "data:;base64,a", "data:"])
async def test_a_data_url_that_holds_nothing_is_told(trial: Trial, url: str) -> None:
    found = await trial.thrown(f"fetch({url!r})")
    assert (found["is_type"], found["code"]) == (True, "fetch_bad_url")


@pytest.mark.parametrize(
    ("url", "code"),
    [("/path", "fetch_bad_url"), ("", "fetch_bad_url"), ("blob:https://x/1", "fetch_bad_scheme"), ("file:///etc/passwd", "fetch_bad_scheme"),
     ("http://u:p@example.org/", "fetch_bad_url"), ("http://10.0.0.2:81/", "fetch_blocked"), ("http://[::1]:81/", "fetch_blocked"), ("http://10.0.0.2:25/", "fetch_bad_port")],
)  # fmt: skip
async def test_a_url_that_cannot_be_fetched_is_told(trial: Trial, url: str, code: str) -> None:
    found = await trial.thrown(f"fetch({url!r})")
    assert (found["is_type"], found["name"], found["code"]) == (True, "TypeError", code)
    assert found["hint"]


async def test_an_error_names_the_line_that_fetched(trial: Trial) -> None:
    response = await trial.handler('\n  await fetch("http://10.0.0.2:81/");')
    assert response.status == 500
    assert b'"line":2' in response.body
    trial.server.routes["/x"] = then_reset()
    response = await trial.handler('await fetch("BASE/x", { method: "POST" });')
    assert response.status == 502


async def test_the_public_is_not_told_whom_a_handler_asked(trial: Trial) -> None:
    trial.server.routes["/x"] = then_reset()
    await trial.serve(
        """
        app.get("/reset", () => fetch("BASE/x", { method: "POST" }));
        app.get("/blocked", () => fetch("http://10.1.2.3/"));
        """
    )
    for path, status, code in [
        ("/reset", 502, "upstream_failed"),
        ("/blocked", 500, "handler_failed"),
    ]:
        response = await trial.engine.handle("app", trial.request("GET", path), public=True)
        assert (response.status, orjson.loads(response.body)["error"]["code"]) == (status, code)
        assert trial.server.place.encode() not in response.body
        assert b"10.1.2.3" not in response.body
    assert trial.server.place in trial.lines[0]
    assert "10.1.2.3" in trial.lines[1]


async def test_plain_fetch_brings_no_part_of_the_platform(trial: Trial) -> None:
    trial.server.routes["/x"] = answer('{"a": 1}')
    deployment = await trial.serve('app.get("/x", () => fetch("BASE/x").then((r) => r.json()));')
    assert needed({name for piece in deployment.program.pieces for name in piece.names}) == []
    assert await trial.json("/x") == {"a": 1}


async def test_a_slow_body_does_not_hold_back_the_head(trial: Trial) -> None:
    trial.server.routes["/x"] = then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")
    found = await trial.value("""
      const r = await fetch("BASE/x");
      const reader = r.body.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return [r.status, value.length];
    """)
    assert found == [200, 5]
    await asyncio.wait_for(trial.server.gone.wait(), 5)
