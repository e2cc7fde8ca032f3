"""Nothing that a secret hides leaves an engine, by whatever way: here a program knows the value, as none can."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import orjson
import pytest

from aiwe_engine.types import Cell, Request
from aiwe_engine.vault.vault import Change
from tests.engine.fetch.conftest import Trial
from tests.engine.secrets.conftest import OpenShop, Shop, authority, open_shop, shop

__all__ = ["authority", "open_shop", "shop"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAK = "Leak-of-a-password/with+signs=&ümlaut"
HALVES = f"{orjson.dumps(LEAK[:17]).decode()}, {orjson.dumps(LEAK[17:]).decode()}"
KNOWN = f"const leak = [{HALVES}].join('');"

ANSWERS = {
    "text": "return leak;",
    "json": "return { a: [leak], [leak]: 1 };",
    "html": "return html`<p title=${leak}>${leak}</p>`;",
    "base64": "return btoa('x' + unescape(encodeURIComponent(leak)));",
    "header": "return new Response('', { headers: { 'x-told': encodeURIComponent(leak) } });",
    "cookie": "return new Response('', { headers: { 'set-cookie': 'a=' + encodeURIComponent(leak) } });",
    "redirect": "return Response.redirect('/y?' + encodeURIComponent(leak));",
    "stream": "return Response.stream((async function* () { for (const c of 'a' + leak + 'b') yield c; })());",
    "error": "throw new Error('it was ' + leak);",
    "coded": "return Response.error(400, 'not ' + leak);",
}


def told(response: Any) -> str:
    text = str(response.headers) + response.body.decode("utf-8", "replace")
    assert "[redacted]" in text, text
    return text


@pytest.fixture
async def known(shop: Shop) -> Shop:
    await shop.keep("leak", LEAK)
    return shop


@pytest.mark.parametrize("way", ANSWERS)
async def test_an_answer_tells_no_value(known: Shop, way: str) -> None:
    await known.serve(f"{KNOWN} app.get('/x', () => {{ {ANSWERS[way]} }});")
    response = await known.get("/x")
    if response.stream is not None:
        pieces = []
        while piece := await response.stream.read():
            pieces.append(piece)
        response.body = b"".join(pieces)
    text = told(response)
    assert LEAK not in text
    assert LEAK[:17] not in text
    length = dict(response.headers).get("content-length")
    assert length in (None, str(len(response.body)))


async def test_an_answer_is_redacted_before_it_is_packed(known: Shop) -> None:
    await known.serve(f"{KNOWN} app.get('/x', () => leak + ' '.repeat(5000));")
    request = Request("GET", "/x", headers=[("host", "app.localhost"), ("accept-encoding", "gzip")])
    response = await known.engine.handle("app", request)
    assert dict(response.headers)["content-encoding"] == "gzip"
    assert gzip.decompress(response.body).startswith(b"[redacted] ")


async def test_the_log_tells_no_value(known: Shop) -> None:
    await known.serve(f"{KNOWN} app.get('/x', () => {{ console.log('key', leak, {{ leak }}); }});")
    await known.get("/x")
    [line] = known.lines[-1:]
    assert line.count("[redacted]") == 2
    assert LEAK[:17] not in line


@pytest.mark.parametrize(
    "text",
    ["leak", "console.log(leak)", "throw new Error(leak)", "[{ leak }]"],
)
async def test_a_cell_tells_no_value(known: Shop, text: str) -> None:
    events = [
        event
        async for event in known.engine.run_cell(
            Cell(
                "s",
                "cells",
                f"c{hash(text)}",
                f"{KNOWN.replace('const', 'var')} {text}",
                anonymous=True,
            )
        )
    ]
    found = str(events)
    assert events[-1]["type"] == "done"
    assert LEAK[:17] not in found.replace(HALVES, "")
    assert "[redacted]" in found


async def test_an_expression_tells_no_value(known: Shop) -> None:
    await known.serve(f"{KNOWN} app.get('/x', () => 1);")
    shown = str(await known.engine.live("app", "leak"))
    assert "[redacted]" in shown
    assert LEAK[:17] not in shown


async def test_a_reference_leaves_as_little_as_a_value(known: Shop) -> None:
    assert await known.value('return ["Bearer " + Secrets.get("leak")]') == ["Bearer [redacted]"]
    await known.handler('console.log(Secrets.get("leak"));')
    assert known.lines[-1:] == ["[redacted]"]


async def test_no_reference_is_stored(known: Shop) -> None:
    doc = await known.value(
        """const key = Secrets.get("leak");
        await DataRepository.upsert("notes", { id: "a", key, list: ["x" + key] });
        const [row] = await DataRepository.sql`SELECT ${key} AS given`;
        const { key: stored, list } = await DataRepository.get("notes", "a");
        return [stored.length, list[0].length, row.given.length, key.length];"""
    )
    assert doc == [10, 11, 10, 50]


async def test_a_reference_that_somebody_sends_is_only_text(known: Shop) -> None:
    await known.serve(
        """const key = Secrets.get("leak");
        app.post("/x/:a", (req) => [req.params.a, req.query.b, req.headers["x-c"], req.cookies.d, req.body.e, req.body[req.query.b]]
          .map((text) => [text.length, text === key]));"""
    )
    assert (await known.get("/x/y")).status == 405
    token = "aiwesecret" + "a1b2c3d4" * 5
    headers = [("host", "app.localhost"), ("content-type", "application/json"), ("x-c", token)]
    headers.append(("cookie", f"d={token}"))
    body = orjson.dumps({"e": f"<{token}>", token: "key"})
    request = Request("POST", f"/x/{token}", f"b={token}", headers, body)
    response = await known.engine.handle("app", request)
    assert response.status == 200, known.lines
    lengths = [10, 10, 10, 10, 12, 3]
    assert orjson.loads(response.body) == [[length, False] for length in lengths]


async def test_what_is_no_secret_of_an_app_is_left_as_it_is(open_shop: OpenShop) -> None:
    one: Trial = await open_shop()
    change = Change(LEAK.encode(), (), ())
    await one.engine.vault.put("leak", change, app="another", by="test")
    assert await one.value(f"{KNOWN} return [leak];") == [LEAK]


async def test_no_redactor_is_made_where_requests_are_answered(open_shop: OpenShop) -> None:
    one: Shop = await open_shop()
    redaction = one.engine._custody.redaction
    make, threads = redaction.forms_of, []

    def noting(value: bytes) -> Any:
        threads.append(threading.get_ident())
        return make(value)

    redaction.forms_of = noting
    await one.keep("first", "a-value-of-the-first-secret")
    assert await one.value(f"{KNOWN} return [leak];") == [LEAK]
    await one.keep("leak", LEAK)
    assert await one.value(f"{KNOWN} return [leak];") == ["[redacted]"]
    await one.keep("leak", "another-value-of-it")
    assert await one.value(f"{KNOWN} return [leak, 'another-value-of-it'];") == ["[redacted]"] * 2
    assert len(threads) == 3
    assert threading.get_ident() not in threads
