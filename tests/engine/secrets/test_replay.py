"""Somebody came to know a reference: sent back it is a word like any other, whatever it is sent in.

The programs here give theirs away, turned round, and put into a request what they are sent.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.types import Request
from tests.engine.outbound.servers import Seen, Writer
from tests.engine.secrets.conftest import VALUE, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = """
const key = Secrets.get("key");
const send = async (given) => { await fetch("BASE/echo", { method: "POST", headers: { "x-key": key }, body: `<${given}>` }); return "sent"; };
app.get("/tell", () => [...key].reverse().join(""));
app.get("/header", (req) => send(req.headers["x-given"]));
app.get("/query", (req) => send(req.query.given));
app.get("/url", (req) => send(decodeURIComponent(req.url)));
app.get("/cookie", (req) => send(req.cookies.given));
app.get("/path/:given", (req) => send(req.params.given));
app.get("/again/:given", (req) => send(decodeURIComponent(decodeURIComponent(req.params.given))));
app.post("/body", (req) => send(req.body.given));
app.post("/name", (req) => send(Object.keys(req.body)[0]));
app.post("/text", async (req) => send(JSON.parse(await req.text()).given));
app.post("/bytes", async (req) => send(new TextDecoder().decode(await req.bytes())));
app.post("/atob", async (req) => { const text = await req.text(); try { return send(atob(text)); } catch { return send(text); } });
app.post("/small", async (req) => send((await req.text()).toLowerCase()));
app.post("/streamed", async (req) => {
  let text = "";
  for await (const piece of req.stream()) text += new TextDecoder().decode(piece);
  return send(text.startsWith("{") ? JSON.parse(text).given : text);
}).describe({ body: "stream" });
"""


def percent(token: str) -> str:
    return "".join(f"%{byte:02x}" for byte in token.encode())


def escaped(token: str) -> bytes:
    return ('{"given": "' + "".join(f"\\u{ord(one):04x}" for one in token) + '"}').encode()


def sent(
    method: str, path: str, query: str = "", body: bytes = b"", kind: str = "", **headers: str
) -> Request:
    pairs = [("host", "app.localhost"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    if kind:
        pairs.append(("content-type", kind))
    return Request(method, path, query, pairs, body, id="r")


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
WAYS: dict[str, Any] = {
    "a header": lambda t: sent("GET", "/header", x_given=t),
    "the query": lambda t: sent("GET", "/query", f"given={t}"),
    "the query, escaped": lambda t: sent("GET", "/query", f"given={percent(t)}"),
    "the query, one letter escaped": lambda t: sent("GET", "/query", f"given=%61{t[1:]}"),
    "the address": lambda t: sent("GET", "/url", f"given={percent(t)}"),
    "a cookie": lambda t: sent("GET", "/cookie", cookie=f"given={t}"),
    "a cookie, escaped": lambda t: sent("GET", "/cookie", cookie=f"given={percent(t)}"),
    "the path": lambda t: sent("GET", f"/path/{t}"),
    "the path, escaped": lambda t: sent("GET", f"/path/{percent(t)}"),
    "the path, escaped twice": lambda t: sent("GET", f"/again/{quote(percent(t), safe='')}"),
    "JSON": lambda t: sent("POST", "/body", body=orjson.dumps({"given": t}), kind=JSON),
    "JSON, escaped": lambda t: sent("POST", "/body", body=escaped(t), kind=JSON),
    "a name in JSON": lambda t: sent("POST", "/name", body=orjson.dumps({t: 1}), kind=JSON),
    "the text of JSON": lambda t: sent("POST", "/text", body=escaped(t), kind=JSON),
    "JSON in UTF-16": lambda t: sent(
        "POST",
        "/body",
        body=orjson.dumps({"given": t}).decode().encode("utf-16"),
        kind=f"{JSON}; charset=utf-16",
    ),
    "a form": lambda t: sent("POST", "/body", body=f"given={t}".encode(), kind=FORM),
    "a form, escaped": lambda t: sent("POST", "/body", body=f"given={percent(t)}".encode(), kind=FORM),
    "bytes": lambda t: sent("POST", "/bytes", body=t.encode(), kind="application/octet-stream"),
    "base64": lambda t: sent("POST", "/atob", body=base64.b64encode(t.encode()), kind="text/plain"),
    "large letters": lambda t: sent("POST", "/small", body=t.upper().encode(), kind="text/plain"),
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def leaky(shop: Shop) -> AsyncIterator[tuple[Shop, str]]:
    await shop.keep("key", hosts=(shop.server.place,), places=("url", "body"))
    await shop.serve(PROGRAM)
    token = (await shop.get("/tell")).body.decode()[::-1]
    assert token.startswith("aiwesecret")
    yield shop, token


async def test_no_way_back_leads_to_the_value(leaky: tuple[Shop, str]) -> None:
    shop, token = leaky
    for way, request in WAYS.items():
        response = await shop.engine.handle("app", request(token), public=False)
        assert response.body == b"sent", (way, response.body)
        seen = shop.server.seen[-1]
        assert seen.header("x-key") == VALUE  # its own still works
        assert VALUE.encode() not in seen.body, way
        assert seen.body.startswith(b"<"), way
    assert len(shop.server.seen) == len(WAYS)


@pytest.mark.parametrize("size", [1, 7, 49, 1000])
async def test_nor_does_a_body_that_comes_in_pieces(leaky: tuple[Shop, str], size: int) -> None:
    shop, token = leaky
    for body in (b"text " + token.encode() + b" end", escaped(token)):
        request = sent("POST", "/streamed", kind="text/plain")
        request.arrival = Pieces(body, size)
        response = await shop.engine.handle("app", request, public=False)
        assert response.body == b"sent", response.body
        assert b"[redacted]" in shop.server.seen[-1].body
        assert VALUE.encode() not in shop.server.seen[-1].body


async def test_a_session_keeps_no_reference(shop: Shop) -> None:
    await shop.keep("key", hosts=(shop.server.place,), places=("body",))
    await shop.serve(
        """app.get("/keep", (req) => { req.session.set("key", ["a " + Secrets.get("key")]); return "kept"; });
        app.get("/use", async (req) => {
          await fetch("BASE/echo", { method: "POST", body: req.session.get("key")[0] });
          return req.session.get("key");
        });"""
    )
    kept = await shop.get("/keep")
    cookie = dict(kept.headers)["set-cookie"].partition(";")[0]
    assert await shop.json("/use", headers=[("cookie", cookie)]) == ["a [redacted]"]
    assert shop.server.seen[-1].body == b"a [redacted]"


async def test_a_reference_of_a_version_before_is_refused_with_a_hint(shop: Shop) -> None:
    await shop.keep("key", hosts=(shop.server.place,))
    await shop.serve(PROGRAM)
    turned = (await shop.get("/tell")).body.decode()
    await shop.serve(
        """const key = Secrets.get("key");
        app.get("/old/:turned", (req) => fetch("BASE/echo", { headers: { "x-key": [...req.params.turned].reverse().join("") } }));
        app.get("/new", async () => (await fetch("BASE/echo", { headers: { "x-key": key } })).status);"""
    )
    response = await shop.get(f"/old/{turned}")
    error = orjson.loads(response.body)["error"]
    assert error["code"] == "secret_reference_over"
    assert "before the program was loaded anew" in error["message"]
    assert "Call Secrets.get in the handler" in error["hint"]
    assert shop.server.seen == []
    assert await shop.json("/new") == 200
    assert shop.server.seen[-1].header("x-key") == VALUE


async def test_bytes_with_a_reference_are_sent_once_while_a_program_loads(open_shop: Any) -> None:
    shop: Shop = await open_shop(isolation="request")
    await shop.keep("key", hosts=(shop.server.place,), places=("body",))
    await shop.serve(
        """const key = Secrets.get("key");
        await fetch("BASE/echo", { method: "POST", body: new TextEncoder().encode("key=" + key) });
        app.get("/x", () => "loaded");"""
    )
    for _ in range(3):
        assert (await shop.get("/x")).body == b"loaded"
    assert [seen.body for seen in shop.server.seen] == [f"key={VALUE}".encode()]


@pytest.mark.parametrize("length", [12, 49, 50, 51, 300])
async def test_no_limit_tells_how_long_a_value_is(open_shop: Any, length: int) -> None:
    """What is counted is the reference, of 50 letters whatever the value."""
    shop: Shop = await open_shop(fetch_request_limit=1000)
    value = ("v4lue" * 60)[:length]
    await shop.keep("key", value, hosts=(shop.server.place,), places=("url", "body"))
    await shop.serve(
        """const sent = async (url, body) => {
          try { return (await fetch(url, { method: "POST", body, duplex: "half" })).status; } catch (error) { return error.code; }
        };
        const stream = (text) => ReadableStream.from([new TextEncoder().encode(text)]);
        app.get("/x", async (req) => {
          const key = Secrets.get("key"), told = [];
          for (const more of [949, 950, 951]) told.push(await sent("BASE/echo", key + "x".repeat(more)), await sent("BASE/echo", stream(key + "x".repeat(more))));
          const base = "BASE/echo?k=";
          for (const more of [65486 - base.length, 65487 - base.length]) told.push(await sent(base + key + "y".repeat(more), null));
          return told;
        });"""
    )
    told = await shop.json("/x")
    large = "fetch_body_too_large"
    assert told[:6] == [200, 200, 200, 200, large, large]
    assert told[7] == "fetch_bad_url"
    assert told[6] != "fetch_bad_url"


async def test_the_length_of_an_echo_that_is_not_sent_tells_nothing(shop: Shop) -> None:
    """HEAD is answered with the length that GET would have."""

    async def measured(seen: Seen, writer: Writer) -> None:
        length = len(seen.target) + len(seen.header("authorization") or "")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)

    shop.server.routes["/length"] = measured
    await shop.keep("key", VALUE, hosts=(shop.server.place,), places=("url",))
    ways = {
        "'BASE/length', { method: 'HEAD', headers: { authorization: key } }": None,
        "'BASE/length?k=' + key, { method: 'HEAD' }": None,
        "'BASE/length', { method: 'HEAD' }": 7,
    }
    for way, length in ways.items():
        text = f'const key = Secrets.get("key"); return (await fetch({way})).headers.get("content-length");'
        assert await shop.value(text) == length, way


class Pieces:
    """A body on its way, as a listener has it."""

    def __init__(self, body: bytes, size: int) -> None:
        self._pieces = [body[at : at + size] for at in range(0, len(body), size)]
        self.finished, self.gone, self.length = False, False, len(body)

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def close(self) -> None:
        self.finished = True


async def test_a_program_that_stores_a_reference_is_told_why_the_value_is_not_there(
    shop: Shop,
) -> None:
    await shop.keep("key", hosts=(shop.server.place,))
    await shop.serve(
        """app.get("/plain", () => DataRepository.create("kept", { key: "no secret" }));
        app.get("/sent", async () => {
          await fetch("BASE/echo", { headers: { "x-key": Secrets.get("key") } });
          return "sent";
        });
        app.get("/keep", () => DataRepository.create("kept", { key: "a " + Secrets.get("key") }));"""
    )
    await shop.get("/sent")
    await shop.get("/plain")
    assert shop.lines == []
    assert (await shop.json("/keep"))["key"] == "a [redacted]"
    [line] = shop.lines
    assert line == (
        "What Secrets.get gives was handed to a call that keeps or sends it, and is [redacted] there: only fetch "
        "puts the value in its place. Call Secrets.get where the request is made. (data.create)"
    )
