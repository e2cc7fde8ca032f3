"""Response and Headers: what handlers answer with, and what the engine reads of it."""

from __future__ import annotations

import pytest

from tests.engine.platform.alone import alone

JSON, TEXT, HTML = "application/json", "text/plain;charset=UTF-8", "text/html;charset=utf-8"

SNAPSHOTS = [
    ("Response.json({ a: 1 })", 200, [["content-type", JSON]], '{"a":1}'),
    (
        "Response.json([1], { status: 201, headers: { 'X-Id': '7' } })",
        201,
        [["x-id", "7"], ["content-type", JSON]],
        "[1]",
    ),
    (
        "Response.json({}, { headers: { 'content-type': 'application/problem+json' } })",
        200,
        [["content-type", "application/problem+json"]],
        "{}",
    ),
    ("Response.text('é')", 200, [["content-type", TEXT]], "é"),
    ("Response.html('<b>x</b>')", 200, [["content-type", HTML]], "<b>x</b>"),
    ("Response.html(html`<b>${'<'}</b>`)", 200, [["content-type", HTML]], "<b>&lt;</b>"),
    ("Response.redirect('/tasks/7')", 302, [["location", "/tasks/7"]], None),
    (
        "Response.redirect('https://example.org/a b?ü=%20', 303)",
        303,
        [["location", "https://example.org/a%20b?%C3%BC=%20"]],
        None,
    ),
    (
        "Response.redirect('/a\\r\\nSet-Cookie: x=1')",
        302,
        [["location", "/a%0D%0ASet-Cookie:%20x=1"]],
        None,
    ),
    ("Response.noContent()", 204, [], None),
    ("new Response()", 200, [], None),
    ("new Response(undefined, { status: 304 })", 304, [], None),
    (
        "new Response('x', { headers: [['A', '1'], ['a', '2']] })",
        200,
        [["a", "1"], ["a", "2"], ["content-type", TEXT]],
        "x",
    ),
    ("new Response('\\ud800')", 200, [["content-type", TEXT]], "\ufffd"),
    ("new Response(new Uint8Array([104, 105]))", 200, [], [104, 105]),
    ("new Response(new Uint8Array([104, 105]).buffer)", 200, [], [104, 105]),
    ("new Response({})", 200, [["content-type", TEXT]], "[object Object]"),
    (
        "Response.error(404, 'No such task')",
        404,
        [["content-type", JSON]],
        '{"error":{"code":"not_found","message":"No such task"}}',
    ),
    (
        "Response.error(503)",
        503,
        [["content-type", JSON]],
        '{"error":{"code":"unavailable","message":"The service is not available now."}}',
    ),
]


@pytest.mark.parametrize(
    ("expression", "status", "headers", "body"), SNAPSHOTS, ids=[row[0] for row in SNAPSHOTS]
)
async def test_the_engine_reads_a_response(
    expression: str, status: int, headers: list[list[str]], body: object
) -> None:
    async with alone() as isolate:
        snapshot = await isolate.json(
            f"(() => {{ const s = T.snapshot({expression}); return {{ ...s, body: s.body instanceof Uint8Array ? [...s.body] : s.body }}; }})()"
        )
        assert snapshot == {"status": status, "headers": headers, "body": body}


REFUSED = [
    ("new Response('', { status: 199 })", "RangeError", "200 to 599"),
    ("new Response('', { status: 600 })", "RangeError", "200 to 599"),
    ("new Response('x', { status: 204 })", "TypeError", "Response.noContent()"),
    ("Response.json(1, { status: 304 })", "TypeError", "no body"),
    ("new Response('', { statusText: 'a\\nb' })", "TypeError", "line breaks"),
    ("new Response('', { headers: { 'a b': '1' } })", "TypeError", "not a header name"),
    ("new Response('', { headers: { a: 'x\\r\\ny: z' } })", "TypeError", "line break"),
    ("new Response('', { headers: { a: '€' } })", "TypeError", "encodeURIComponent"),
    ("new Response('', { headers: 'a: b' })", "TypeError", "an object"),
    ("new Response('', 5)", "TypeError", "must be an object"),
    ("Response.json(undefined)", "TypeError", "Response.noContent()"),
    ("Response.json(() => 1)", "TypeError", "JSON"),
    ("Response.redirect('/x', 200)", "RangeError", "301"),
    ("Response.redirect('http://')", "TypeError", "not an address"),
    ("Response.error(200)", "RangeError", "400"),
    ("Response.stream('text')", "TypeError", "Response.text"),
    ("Response.file('a.png')", "TypeError", "no files here"),
    ("T.snapshot(Response.error())", "TypeError", "Response.error(500)"),
    ("Response.redirect('/x').headers.set('a', 'b')", "TypeError", "new Response"),
]


@pytest.mark.parametrize(("expression", "name", "says"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_a_wrong_response_is_refused_with_what_to_do(
    expression: str, name: str, says: str
) -> None:
    async with alone() as isolate:
        error = await isolate.json(
            f"(() => {{ try {{ {expression} }} catch (e) {{ return [e.name, e.message] }} }})()"
        )
        assert error is not None
        assert error[0] == name
        assert says in error[1]


async def test_an_answer_is_read_without_making_any_part() -> None:
    async with alone("Response", "ReadableStream", "Request") as isolate:
        assert await isolate.json(
            """(async () => {
                const response = Response.json({ a: 1 }, { status: 201 });
                response.headers.set('x', 'y');
                T.snapshot(response.clone());
                const value = await response.json();
                return [value, response.bodyUsed, ['streams', 'blob', 'fetch', 'url'].filter(T.I.isMade)];
            })()"""
        ) == [{"a": 1}, True, []]


READS = [
    ("new Response('é').text()", "é"),
    ("new Response('\\ufeffx').text()", "x"),
    ("new Response('[1,2]').json()", [1, 2]),
    ("new Response('é').bytes().then((b) => [...b])", [195, 169]),
    ("new Response('abc').arrayBuffer().then((b) => b.byteLength)", 3),
    ("new Response().text()", ""),
    ("new Response(null).bytes().then((b) => b.length)", 0),
    (
        "new Response('x', { headers: { 'content-type': 'Text/CSS; charset=x' } }).blob().then((b) => [b.type, b.size])",
        ["text/css;charset=x", 1],
    ),
    ("new Response('a=1&b=%20').formData().catch((e) => e.name)", "TypeError"),
    ("new Response(new URLSearchParams('a=1')).formData().then((f) => f.get('a'))", "1"),
    ("new Response('abc').body.getReader().read().then((r) => [...r.value])", [97, 98, 99]),
    ("new Response(new Blob(['x'], { type: 'a/b' })).headers.get('content-type')", "a/b"),
    (
        "new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('s')); c.close(); } })).text()",
        "s",
    ),
    (
        "new Response(new ReadableStream({ start(c) { c.enqueue('s'); c.close(); } })).text().catch((e) => e.name)",
        "TypeError",
    ),
    (
        "Response.stream((async function* () { yield 'a'; yield new Uint8Array([98]); })()).text()",
        "ab",
    ),
    (
        "(async () => { const r = new Response('x'); await r.text(); return r.text().catch((e) => e.message); })()",
        "The body was read already, and can be read once. Keep the first result, or read response.clone().",
    ),
    (
        "(async () => { const r = new Response('x'); const c = r.clone(); return [await r.text(), await c.text()]; })()",
        ["x", "x"],
    ),
    (
        "(async () => { const r = new Response(new Response('x').body); const c = r.clone(); return [await r.text(), await c.text()]; })()",
        ["x", "x"],
    ),
    (
        "(async () => { const r = new Response('x'); await r.text(); try { T.snapshot(r) } catch (e) { return e.message.includes('clone') } })()",
        True,
    ),
]


@pytest.mark.parametrize(("expression", "gives"), READS, ids=[row[0] for row in READS])
async def test_a_body_is_read(expression: str, gives: object) -> None:
    async with alone("ReadableStream", "Blob", "Request", "URLSearchParams") as isolate:
        assert await isolate.json(expression) == gives


async def test_a_subclass_of_response_is_a_response() -> None:
    async with alone() as isolate:
        assert await isolate.json(
            """(() => {
                class Teapot extends Response { constructor(text) { super(text, { status: 418 }); } }
                const pot = new Teapot('short');
                return [T.isResponse(pot), T.snapshot(pot).status, pot instanceof Response, T.isResponse({ status: 200 }), T.isResponse(null)];
            })()"""
        ) == [True, 418, True, False, False]


async def test_a_snapshot_does_not_use_what_a_program_patched() -> None:
    async with alone() as isolate:
        await isolate.run(
            """for (const name of ['status', 'headers', 'body', 'bodyUsed']) {
                Object.defineProperty(Response.prototype, name, { get() { throw new Error('patched'); } });
            }
            Array.prototype.push = Array.prototype.map = () => { throw new Error('patched'); };
            JSON.stringify = () => 'patched';
            Reflect.apply = () => { throw new Error('patched'); };
            0"""
        )
        assert (
            await isolate.run("T.snapshot(Response.json({ a: 1 }, { headers: { x: 'y' } })).body")
            == '{"a":1}'
        )


HEADERS = [
    ("[...new Headers({ B: '2', a: '1' })]", [["a", "1"], ["b", "2"]]),
    ("[...new Headers([['a', '1'], ['A', ' 2 ']])]", [["a", "1, 2"]]),
    (
        "[...new Headers([['set-cookie', 'a'], ['set-cookie', 'b']])]",
        [["set-cookie", "a"], ["set-cookie", "b"]],
    ),
    ("new Headers([['set-cookie', 'a'], ['set-cookie', 'b']]).getSetCookie()", ["a", "b"]),
    ("new Headers({ a: '1' }).get('A')", "1"),
    ("new Headers().get('a')", None),
    (
        "(() => { const h = new Headers({ a: '1' }); h.append('a', '2'); h.set('b', '3'); h.delete('zz'); return [h.get('a'), h.has('B'), [...h.keys()], [...h.values()]]; })()",
        ["1, 2", True, ["a", "b"], ["1, 2", "3"]],
    ),
    (
        "(() => { const out = []; new Headers({ a: '1' }).forEach((v, k, h) => out.push(v, k, h instanceof Headers)); return out; })()",
        ["1", "a", True],
    ),
    ("[...new Headers(new Headers({ a: '1' }))]", [["a", "1"]]),
    ("[...new Headers(new Map([['a', '1']]))]", [["a", "1"]]),
]


@pytest.mark.parametrize(("expression", "gives"), HEADERS, ids=[row[0][:60] for row in HEADERS])
async def test_headers(expression: str, gives: object) -> None:
    async with alone() as isolate:
        assert await isolate.json(expression) == gives


async def test_fetch_outside_of_a_request_says_so() -> None:
    async with alone() as isolate:
        code, message, hint = await isolate.json(
            "fetch('https://example.org/').catch((e) => [e.code, e.message, e.hint])"
        )
        assert code == "no_invocation"
        assert "no request is being answered" in message
        assert hint


WITHOUT_STREAMS = [
    ("new Response(new Response('é', { status: 201 }).body, { headers: { a: 'b' } }).text()", "é"),
    (
        "(async () => { const out = []; for await (const c of new Response('ab').body) out.push(...c); return out; })()",
        [97, 98],
    ),
    (
        "(async () => { const r = new Response('ab').body.getReader(); return [[...(await r.read()).value], (await r.read()).done]; })()",
        [[97, 98], True],
    ),
    (
        "(async () => { const r = new Response('a'); r.body; return [await r.clone().text(), await r.text(), r.bodyUsed]; })()",
        ["a", "a", True],
    ),
    (
        "(async () => { const r = new Response('a'); const n = new Response(r.body); await n.text(); return [r.bodyUsed, await r.text().catch((e) => e.name)]; })()",
        [True, "TypeError"],
    ),
    ("(() => { const r = new Response('a'); r.body.getReader(); return r.body.locked; })()", True),
    (
        "(async () => { const r = new Response('a'); await r.text(); try { r.body.getReader() } catch (e) { return e.name } })()",
        "TypeError",
    ),
    ("Response.stream((async function* () { yield 'é'; yield 'b'; })()).text()", "éb"),
    (
        "(() => { try { new Response('a').body.tee() } catch (e) { return [e.code, e.hint.includes('ReadableStream')] } })()",
        ["part_not_loaded", True],
    ),
    ("T.inspect(new Response('a').body)", "ReadableStream {}"),
]


@pytest.mark.parametrize(("expression", "gives"), WITHOUT_STREAMS, ids=range(len(WITHOUT_STREAMS)))
async def test_a_body_can_be_passed_on_in_a_program_that_names_no_streams(
    expression: str, gives: object
) -> None:
    async with alone() as isolate:
        assert await isolate.json(expression) == gives
        assert await isolate.json("typeof ReadableStream") == "undefined"
