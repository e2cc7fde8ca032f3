"""What handlers may rely on: requests and answers, promises, order, context, logs."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from aiwe_engine.errors import ProgramError
from tests.engine.runtime.bench import Bench

ANSWERS: list[tuple[str, int, str, bytes]] = [
    ("({ a: 1 })", 200, "application/json", b'{"a":1}'),
    ("[1, 2]", 200, "application/json", b"[1,2]"),
    ("null", 200, "application/json", b"null"),
    ("7", 200, "application/json", b"7"),
    ("'text'", 200, "text/plain; charset=utf-8", b"text"),
    ("'<b>'", 200, "text/plain; charset=utf-8", b"<b>"),
    ("html`<b>${'<'}</b>`", 200, "text/html; charset=utf-8", b"<b>&lt;</b>"),
    ("undefined", 204, "", b""),
    ("Response.json({ a: 1 }, { status: 201 })", 201, "application/json", b'{"a":1}'),
    ("Response.text('t')", 200, "text/plain;charset=UTF-8", b"t"),
    ("new Response('body', { status: 418 })", 418, "text/plain;charset=UTF-8", b"body"),
    ("new Response(new Uint8Array([0, 255]))", 200, "", b"\x00\xff"),
    ("Response.noContent()", 204, "", b""),
    ("Promise.resolve('later')", 200, "text/plain; charset=utf-8", b"later"),
    ("'\\ud800'", 200, "text/plain; charset=utf-8", "\ufffd".encode()),
]


@pytest.mark.parametrize(("value", "status", "kind", "body"), ANSWERS)
async def test_what_a_handler_returns_becomes_the_answer(
    bench: Bench, value: str, status: int, kind: str, body: bytes
) -> None:
    await bench.serve(f'app.get("/x", () => {value});')
    response = await bench.get("/x")
    assert response.status == status
    assert dict(response.headers).get("content-type", "") == kind
    assert response.body == body


UNANSWERABLE = [
    ("10n", "answer_not_json"),
    ("() => 1", "answer_not_json"),
    ("(() => { const a = {}; a.a = a; return a; })()", "answer_not_json"),
    ("Symbol('s')", "answer_not_json"),
]


@pytest.mark.parametrize(("value", "code"), UNANSWERABLE)
async def test_what_has_no_form_on_the_wire_is_told_with_a_hint(
    bench: Bench, value: str, code: str
) -> None:
    await bench.serve(f'app.get("/x", () => ({value}));')
    error = (await bench.json("/x"))["error"]
    assert error["code"] == code
    assert error["hint"]


async def test_a_request_carries_what_was_sent(bench: Bench) -> None:
    await bench.serve(
        """app.post("/files/:name/*rest", async (req) => ({
          method: req.method, path: req.path, params: req.params, query: req.query,
          type: req.headers["content-type"], cookies: req.cookies, body: req.body,
          text: await req.text(), id: req.id, env: req.env,
        }));"""
    )
    response = await bench.engine.handle(
        "app",
        bench.request(
            "POST",
            "/files/a%20b/c/d",
            query="q=1&q=2&empty=&plus=a+b",
            headers=[("content-type", "application/json"), ("cookie", "a=1; b=%20x")],
            body=b'{"deep": [1, {"a": null}]}',
        ),
        public=False,
    )
    seen: dict[str, Any] = orjson.loads(response.body)
    assert seen["params"] == {"name": "a b", "rest": "c/d"}
    assert seen["query"] == {"q": ["1", "2"], "empty": "", "plus": "a b"}
    assert seen["cookies"] == {"a": "1", "b": " x"}
    assert seen["body"] == {"deep": [1, {"a": None}]}
    assert seen["text"] == '{"deep": [1, {"a": null}]}'
    assert seen["env"] == "dev"


async def test_calls_that_nobody_awaits_are_settled_before_the_answer(bench: Bench) -> None:
    await bench.serve(
        """
        app.post("/x", (req) => { DataRepository.create("t", { id: "a" }); return "made"; });
        app.get("/x", async () => await DataRepository.count("t"));
        """
    )
    assert (await bench.get("/x", method="POST")).body == b"made"
    assert await bench.json("/x") == 1
    assert await bench.code("/x", method="POST") == (409, "already_exists")


async def test_a_failure_that_is_caught_is_not_the_answer(bench: Bench) -> None:
    await bench.serve(
        """app.get("/x", async () => {
          const promise = DataRepository.update("t", "none", {});
          await new Promise((go) => setTimeout(go, 50));
          try { await promise; } catch (error) { return [error.code, error.status]; }
        });"""
    )
    assert await bench.json("/x") == ["not_found", 404]


async def test_writes_of_one_handler_run_in_the_order_issued(bench: Bench) -> None:
    await bench.serve(
        """app.get("/x", async () => {
          DataRepository.create("t", { id: "a", n: 0 });
          for (let n = 1; n <= 19; n++) DataRepository.update("t", "a", { n });
          const doc = await DataRepository.update("t", "a", { n: 20 });
          return [doc.n, doc.version];
        });"""
    )
    assert await bench.json("/x") == [20, 21]


async def test_log_lines_belong_to_the_request_that_wrote_them(bench: Bench) -> None:
    await bench.serve(
        """app.get("/x/:n", async (req) => {
          for (let i = 0; i < 5; i++) { await new Promise((go) => setTimeout(go, 1)); }
          console.log(req.params.n);
          await Promise.all([0, 1].map(async () => { await 0; console.log(req.params.n); }));
        });"""
    )
    await asyncio.gather(*(bench.get(f"/x/{n}") for n in range(10)))
    lines = [line for _, line in bench.engine.logs("app")]
    assert len(lines) == 30
    assert all(line.request_id == f"test-/x/{line.text}" for line in lines)


async def test_what_outlives_its_request_finds_no_invocation(bench: Bench) -> None:
    await bench.serve(
        """
        let late;
        app.get("/start", () => { setTimeout(() => { late = "ran"; }, 10); return "answered"; });
        app.get("/late", async () => {
          await new Promise((go) => setTimeout(go, 60));
          return String(late);
        });
        """
    )
    await bench.get("/start")
    assert (await bench.get("/late")).body == b"undefined"
    assert any("nobody awaited" in line.text for _, line in bench.engine.logs("app"))


async def test_registering_from_a_running_handler_is_refused(bench: Bench) -> None:
    await bench.serve('app.get("/x", () => { app.get("/y", () => 1); });')
    assert await bench.code("/x") == (500, "registration_closed")
    assert await bench.code("/y") == (404, "no_such_route")


async def test_register_takes_a_function_or_its_name_and_a_method(bench: Bench) -> None:
    await bench.serve(
        """
        register("/a", "named");
        register("/b", (req) => "posted", "POST");
        function named(req) { return "by name"; }
        """
    )
    assert (await bench.get("/a")).body == b"by name"
    assert (await bench.get("/b", method="POST")).body == b"posted"


async def test_middleware_runs_around_handlers_and_errors_are_rescued(bench: Bench) -> None:
    await bench.serve(
        """
        app.use(async (req, next) => {
          const response = await next();
          response.headers.set("x-seen", "yes");
          return response;
        });
        app.get("/a", (req, next) => next(), () => ({ a: 1 }));
        app.get("/b", () => { throw new Error("broken"); });
        app.onError((error) => Response.json({ rescued: error.message }, { status: 418 }));
        """
    )
    response = await bench.get("/a")
    assert dict(response.headers)["x-seen"] == "yes"
    assert response.body == b'{"a":1}'
    assert (await bench.get("/b")).status == 418


async def test_errors_with_a_status_keep_it_and_the_public_sees_no_more(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/a", () => { throw Object.assign(new Error("No beer here"), { status: 404 }); });
        app.get("/b", () => { throw new Error("secret detail"); });
        """
    )
    assert (await bench.get("/a")).status == 404
    public = await bench.engine.handle("app", bench.request("GET", "/b"), public=True)
    assert public.status == 500
    assert b"secret detail" not in public.body
    assert b"stack" not in public.body


async def test_the_random_is_the_operating_systems_and_lasts(bench: Bench) -> None:
    await bench.serve(
        """app.get("/x", () => {
          const bytes = crypto.getRandomValues(new Uint8Array(20000));
          return [new Set(bytes).size, crypto.randomUUID() !== crypto.randomUUID()];
        });"""
    )
    assert await bench.json("/x") == [256, True]


async def test_what_later_versions_bring_says_so(bench: Bench) -> None:
    await bench.serve('app.get("/x", () => Presence.members("/p"));')
    assert await bench.code("/x") == (501, "not_available")


async def test_a_body_can_be_read_in_every_form(bench: Bench) -> None:
    await bench.serve(
        """app.post("/x", async (req) => {
          const form = await req.formData();
          const chunks = [];
          for await (const chunk of req.stream()) chunks.push(...chunk);
          return [await req.text(), (await req.bytes()).length, form.get("a"), chunks.length];
        });"""
    )
    kind = ("content-type", "application/x-www-form-urlencoded")
    request = bench.request("POST", "/x", headers=[kind], body="a=é".encode())
    response = await bench.engine.handle("app", request)
    assert orjson.loads(response.body) == ["a=é", 4, "é", 4]


async def test_two_apps_of_one_name_are_an_error_that_names_both(bench: Bench) -> None:
    await bench.serve("1", "shop")
    with pytest.raises(ProgramError) as caught:
        await bench.serve("1", "Shop", suffix="ts")
    assert caught.value.code == "duplicate_app"
    assert str(bench.folder / "shop.js") in caught.value.message
    assert str(bench.folder / "Shop.ts") in caught.value.message
