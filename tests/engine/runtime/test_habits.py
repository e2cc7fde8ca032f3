"""What programs do that are written from the contract alone works at the first try, or says what to write."""

import asyncio
import json

import pytest

from aiwe_engine.http.streaming import whole_body

PROGRAM = r"""
// Calls that nobody awaits, also those that begin only after others.
async function audit(what) {
  const first = await DataRepository.create("audit", { what, step: 1 });
  await DataRepository.create("audit", { what, step: 2, after: first.id });
}
app.post("/audit", (req) => { audit("sync"); return { ok: true }; });
app.post("/audit/async", async (req) => { await null; audit("async"); return { ok: true }; });
app.post("/audit/later", (req) => { Promise.resolve().then(() => DataRepository.create("audit", { what: "later", step: 1 })); return "ok"; });
app.post("/audit/fails", (req) => { DataRepository.update("audit", "none", {}); return "ok"; });
app.get("/audit", (req) => DataRepository.count("audit", { what: req.query.what }));
app.get("/streamed", () => Response.stream((async function* () { yield "a"; DataRepository.create("audit", { what: "streamed", step: 1 }); })()));

// Sessions.
app.get("/late", (req) => Response.stream((async function* () { yield "a"; req.session.set("views", 1); yield "b"; })()));
app.use("/caught", async (req, next) => { try { return await next(); } catch { return Response.error(503); } });
app.get("/caught", (req) => { req.session.set("bad", 1); throw new Error("boom"); });

// A Response that is thrown.
app.get("/thrown", () => { throw Response.error(404, "No such task"); });
app.get("/thrown/async", async () => { await null; throw new Response("nope", { status: 418 }); });
app.use("/through", async (req, next) => { const answer = await next(); answer.headers.set("x-seen", "1"); return answer; });
app.get("/through", () => { throw Response.json({ a: 1 }, { status: 409 }); });

// What has no JSON form.
app.get("/bytes", () => new Uint8Array([1, 2, 3]));
app.get("/map", () => new Map([["a", 1]]));
app.get("/set", () => new Set([1]));
app.get("/generator", () => (async function* () { yield "a"; })());
app.get("/date", () => new Date(0));
class Point { constructor() { this.x = 1; } }
app.get("/point", () => new Point());
app.get("/iterable", () => new Response((async function* () { yield "a"; yield "b"; })()));
app.get("/markup", () => new Response(html`<p>${"<"}</p>`));

// Streams, by their members alone.
const made = () => Response.stream((async function* () { yield "a"; yield "b"; })());
app.get("/clone", async () => { const one = made(), two = one.clone(); return (await one.text()) + (await two.text()); });
app.get("/values", async () => { let n = 0; for await (const piece of made().body.values()) n += piece.length; return { n }; });
app.get("/closed", async () => { const reader = made().body.getReader(); while (!(await reader.read()).done); await reader.closed; return "closed"; });

app.get("/query", (req) => ({ own: req.query.hasOwnProperty("a"), text: `${req.query}`, odd: req.query.__proto__, none: req.query.constructor === Object }));
app.get("/buffer", () => Buffer.from("a"));
app.get("/missing", async () => { await DataRepository.update("work", "none", {}); });
app.get("/signal", async () => { AbortSignal.timeout(5000); return "ok"; });
app.get("/odd-piece", () => Response.stream((async function* () { yield { a: 1 }; })()));
app.get("/property", (req) => { req.session.userId = 5; return "ok"; });
app.get("/deno", () => Deno.env.get("API_KEY"));
app.get("/node", () => process.env.API_KEY);
app.get("/bcrypt", () => bcrypt.hashSync("a"));
app.get("/ok", () => "ok");
"""


@pytest.fixture
async def served(bench):
    await bench.serve(PROGRAM)
    return bench


async def count(bench, what):
    return await bench.json("/audit", query=f"what={what}")


@pytest.mark.parametrize(
    ("path", "what", "written"),
    [("/audit", "sync", 2), ("/audit/async", "async", 2), ("/audit/later", "later", 1)],
)
async def test_what_nobody_awaits_is_written_before_the_answer(served, path, what, written):
    assert (await served.get(path, method="POST")).status == 200
    assert await count(served, what) == written
    assert served.engine.logs(None) == []


async def test_a_write_that_fails_unseen_is_the_answer(served):
    assert await served.code("/audit/fails", method="POST") == (404, "not_found")


async def test_what_a_stream_writes_and_does_not_await_is_written(served):
    assert await whole_body(await served.get("/streamed"), 100) == b"a"
    assert await count(served, "streamed") == 1


async def test_a_session_that_a_stream_names_first_is_too_late_and_harms_nobody(served):
    late, *others = await asyncio.gather(
        served.get("/late"), *(served.get("/ok") for _ in range(5))
    )
    assert await whole_body(late, 100) == b"ab"
    assert [one.status for one in others] == [200] * 5
    assert (await served.get("/ok")).status == 200
    (told,) = [line.text for _, line in served.engine.logs(None)]
    assert "came after the answer had begun" in told


async def test_a_handler_that_failed_changes_no_session_whoever_caught_it(served):
    answer = await served.get("/caught")
    assert answer.status == 503
    assert [name for name, _ in answer.headers if name == "set-cookie"] == []


async def test_a_response_that_is_thrown_is_an_answer(served):
    assert await served.code("/thrown") == (404, "not_found")
    answer = await served.get("/thrown/async")
    assert (answer.status, answer.body) == (418, b"nope")
    answer = await served.get("/through")
    assert (answer.status, json.loads(answer.body)) == (409, {"a": 1})
    assert ("x-seen", "1") in answer.headers
    assert served.engine.logs(None) == []


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/bytes", "new Response(bytes"),
        ("/map", "Object.fromEntries(map)"),
        ("/set", "[...set]"),
        ("/generator", "Response.stream(source"),
    ],
)
async def test_what_has_no_json_form_is_told_with_what_to_write(served, path, hint):
    response = await served.get(path)
    error = json.loads(response.body)["error"]
    assert (response.status, error["code"]) == (500, "answer_not_json")
    assert hint in error["hint"]


ANSWERS = [
    ("/date", b'"1970-01-01T00:00:00.000Z"'),
    ("/point", b'{"x":1}'),
    ("/iterable", b"ab"),
    ("/markup", b"<p>&lt;</p>"),
    ("/clone", b"abab"),
    ("/values", b'{"n":2}'),
    ("/closed", b"closed"),
    ("/signal", b"ok"),
]


@pytest.mark.parametrize(("path", "body"), ANSWERS)
async def test_what_a_program_may_expect_works(served, path, body):
    answer = await served.get(path)
    assert (answer.status, await whole_body(answer, 100)) == (200, body)
    assert served.engine.logs(None) == []
    if path == "/markup":
        assert dict(answer.headers)["content-type"].startswith("text/html")


async def test_a_query_is_an_object_like_others(served):
    assert await served.json("/query", query="a=1&__proto__=x") == {
        "own": True,
        "text": "[object Object]",
        "odd": "x",
        "none": True,
    }


async def test_names_of_other_platforms_are_told_what_stands_for_them(served):
    error = (await served.json("/buffer"))["error"]
    assert (error["message"], "TextEncoder" in error["hint"]) == ("Buffer is not defined", True)


async def test_an_error_of_a_call_names_its_place(served):
    error = (await served.json("/missing"))["error"]
    line = next(n for n, text in enumerate(PROGRAM.splitlines(), 1) if '"/missing"' in text)
    assert error["where"]["line"] == line


async def test_the_log_has_the_hint_of_a_stream_that_failed(served):
    answer = await served.get("/odd-piece")
    with pytest.raises(Exception, match="strings and Uint8Arrays"):
        await answer.stream.read()
    (told,) = [line.text for _, line in served.engine.logs(None)]
    assert "hint: Write objects with JSON.stringify" in told


@pytest.mark.parametrize(
    ("path", "code", "hint"),
    [
        ("/property", "session_property", 'req.session.set("userId", value)'),
        ("/deno", None, 'Secrets.get("its_id")'),
        ("/node", None, 'Secrets.get("its_id")'),
        ("/bcrypt", None, "Auth.register"),
    ],
)
async def test_a_habit_from_elsewhere_is_told_what_to_write(served, path, code, hint):
    response = await served.get(path)
    error = json.loads(response.body)["error"]
    assert response.status == 500
    assert hint in error["hint"]
    assert code in {None, error["code"]}
