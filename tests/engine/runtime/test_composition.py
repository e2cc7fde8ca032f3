"""app.use, middleware of a route, next() and app.onError: who runs, in which order, and what is sent."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from tests.engine.runtime.bench import Bench, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory):
    """One engine for all: each test serves its program as the next version of the one app."""
    folder = tmp_path_factory.mktemp("composition")
    async with Engine(settings(), root=folder, data=folder / "data") as engine:
        yield Bench(engine, folder)


async def header(bench: Bench, path: str, name: str, **more: Any) -> str | None:
    return dict((await bench.get(path, **more)).headers).get(name)


# ── order ──


async def test_middleware_runs_in_order_of_registration_around_the_routes_own(bench: Bench) -> None:
    await bench.serve(
        """
        const step = (name) => async (req, next) => {
          (req.seen ??= []).push(`${name} in`);
          const answer = await next();
          req.seen.push(`${name} out`);
          answer.headers.set("x-order", req.seen.join());
          return answer;
        };
        app.use(step("a"));
        app.get("/x", step("c"), step("d"), (req) => { req.seen.push("handler"); return "x"; });
        app.use(step("b")); // also what is registered after a route runs before it
        """
    )
    wanted = "a in,b in,c in,d in,handler,d out,c out,b out,a out"
    assert await header(bench, "/x", "x-order") == wanted


async def test_several_functions_may_stand_in_one_use(bench: Bench) -> None:
    await bench.serve(
        """
        const mark = (name) => (req, next) => { req.seen = (req.seen ?? "") + name; return next(); };
        app.use(mark("a"), mark("b"));
        app.use("/x", mark("c"), mark("d"));
        app.get("/x", (req) => req.seen);
        """
    )
    assert (await bench.get("/x")).body == b"abcd"


# ── where ──

WITHIN = [
    ("/admin", "/admin", True),
    ("/admin", "/admin/", True),
    ("/admin", "/admin/users", True),
    ("/admin", "/administrator", False),
    ("/admin", "/", False),
    ("/admin", "/other/admin", False),
    ("/admin", "/Admin", False),
    ("/admin/", "/admin", True),
    ("/admin/*", "/admin", True),
    ("/admin/*", "/admin/users/7", True),
    ("/admin/*rest", "/admin/users/7", True),
    ("/*", "/anything", True),
    ("*", "/anything", True),
    ("/", "/", True),
    ("/a/b", "/a/b/c", True),
    ("/a/b", "/a/bc", False),
    ("/caf%C3%A9", "/café", True),
    # a path that is written with escapes is the same path: no way around a guard
    ("/admin", "/%61dmin", True),
    ("/admin", "/%61%64min/users", True),
    ("/café", "/caf%c3%a9", True),
    ("/admin", "/admin%2Fusers", False),  # an escaped slash never separates
]


@pytest.mark.parametrize(("prefix", "path", "runs"), WITHIN)
async def test_a_prefix_takes_whole_segments_however_they_are_written(
    bench: Bench, prefix: str, path: str, runs: bool
) -> None:
    await bench.serve(
        f"""
        app.use({orjson.dumps(prefix).decode()}, () => "guarded");
        app.get("/", () => "open");
        app.get("/*path", () => "open");
        """
    )
    raw = path.encode().decode("latin-1") if path.isascii() else path.replace("é", "%C3%A9")
    assert (await bench.get(raw)).body == (b"guarded" if runs else b"open")


async def test_a_guard_cannot_be_passed_by_escaping_the_path_of_a_route(bench: Bench) -> None:
    await bench.serve(
        """
        app.use("/admin", () => Response.error(403));
        app.get("/admin/secrets", () => "secret");
        app.get("/:part/secrets", () => "secret");
        """
    )
    for path in ("/admin/secrets", "/%61dmin/secrets", "/admin/secret%73", "/admin/secrets/"):
        answer = await bench.get(path)
        assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (403, "forbidden"), (
            path
        )
    assert (await bench.get("/other/secrets")).body == b"secret"


async def test_middleware_sees_what_no_route_answers(bench: Bench) -> None:
    await bench.serve(
        """
        app.use(async (req, next) => {
          const answer = await next();
          answer.headers.set("x-saw", `${answer.status}`);
          return answer;
        });
        app.use("/gone", (req, next) => (req.path === "/gone/here" ? "still here" : next()));
        app.get("/x", () => "x");
        """
    )
    assert await header(bench, "/nowhere", "x-saw") == "404"
    assert await header(bench, "/x", "x-saw", method="DELETE") == "405"
    assert (await bench.get("/gone/here")).body == b"still here"
    assert (
        await bench.get("/%67one/here")
    ).status == 404  # req.path is as sent; the prefix matched
    assert await bench.code("/gone/else") == (404, "no_such_route")


REFUSED = [
    ('app.use("admin", () => {})', "begins with a slash"),
    ('app.use("/users/:id", () => {})', "fixed"),
    ('app.use("/a/*b/c", () => {})', "fixed"),
    ('app.use("/%zz", () => {})', "%"),
    ('app.use("/x")', "function"),
    ("app.use()", "function"),
    ('app.use("/x", () => {}, "y")', "function"),
    ("app.use(5)", "function"),
    ("app.onError(5)", "function"),
]


@pytest.mark.parametrize(("line", "says"), REFUSED)
async def test_a_registration_that_could_never_run_is_refused(
    bench: Bench, line: str, says: str
) -> None:
    with pytest.raises(Exception, match=says) as caught:
        await bench.serve(f"{line};\napp.get('/x', () => 'x');")
    assert caught.value.hint


async def test_nothing_is_registered_while_a_handler_runs(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/use", () => app.use((req, next) => "late"));
        app.get("/error", () => app.onError(() => "late"));
        app.get("/x", () => "x");
        """
    )
    assert await bench.code("/use") == (500, "registration_closed")
    assert await bench.code("/error") == (500, "registration_closed")
    assert (await bench.get("/x")).body == b"x"


# ── next ──

ANSWERS = [
    # what a middleware does, and what is sent
    ("(req, next) => next()", 200, b"handler"),
    ("async (req, next) => next()", 200, b"handler"),
    ("async (req, next) => { await next(); }", 200, b"handler"),
    ("(req, next) => { next(); }", 200, b"handler"),
    ("() => 'instead'", 200, b"instead"),
    ("() => ({ instead: true })", 200, b'{"instead":true}'),
    ("async () => html`<b>${'<'}</b>`", 200, b"<b>&lt;</b>"),
    ("() => Response.error(401)", 401, None),
    ("() => {}", 204, b""),
    ("async (req, next) => { await next(); return 'other'; }", 200, b"other"),
    ("async (req, next) => `${(await next()).status}`", 200, b"200"),
    ("async (req, next) => (await next()).text()", 200, b"handler"),
    (
        "async (req, next) => new Response((await (await next()).text()).toUpperCase())",
        200,
        b"HANDLER",
    ),
]


@pytest.mark.parametrize(("middleware", "status", "body"), ANSWERS, ids=[row[0] for row in ANSWERS])
async def test_a_middleware_answers_or_passes_on(
    bench: Bench, middleware: str, status: int, body: bytes | None
) -> None:
    await bench.serve(f"app.use({middleware}); app.get('/x', () => 'handler');")
    answer = await bench.get("/x")
    assert answer.status == status
    assert body is None or answer.body == body


async def test_what_follows_does_not_run_unless_next_is_called(bench: Bench) -> None:
    await bench.serve(
        """
        let runs = 0;
        app.get("/x", () => "no further", () => { runs++; return "x"; });
        app.get("/runs", () => ({ runs }));
        """
    )
    assert (await bench.get("/x")).body == b"no further"
    assert await bench.json("/runs") == {"runs": 0}


async def test_next_may_be_called_once(bench: Bench) -> None:
    await bench.serve(
        """
        let runs = 0;
        app.get("/twice", async (req, next) => { await next(); return next(); }, () => { runs++; return "x"; });
        app.get("/both", async (req, next) => (await Promise.all([next(), next()]))[0], () => { runs++; return "x"; });
        app.get("/runs", () => ({ runs }));
        """
    )
    assert await bench.code("/twice") == (500, "next_called_twice")
    assert await bench.code("/both") == (500, "next_called_twice")
    assert await bench.json("/runs") == {"runs": 2}


NEXT_GIVES = [
    ("'text'", "200 text/plain;charset=UTF-8 text"),
    ("({ a: 1 })", '200 application/json {"a":1}'),
    ("html`<p>`", "200 text/html;charset=utf-8 <p>"),
    ("undefined", "204  "),
    ("null", "200 application/json null"),
    ("Response.json([1], { status: 201 })", "201 application/json [1]"),
    ("Promise.resolve(7)", "200 application/json 7"),
]


@pytest.mark.parametrize(("value", "told"), NEXT_GIVES)
async def test_next_gives_a_response_whatever_the_handler_returned(
    bench: Bench, value: str, told: str
) -> None:
    await bench.serve(
        f"""
        app.use(async (req, next) => {{
          const answer = await next();
          return Response.text([answer.status, answer.headers.get("content-type"), await answer.text()].join(" "));
        }});
        app.get("/x", () => {value});
        """
    )
    assert (await bench.get("/x")).body.decode() == told


CHANGED = [
    "Response.redirect('/y')",
    "'text'",
    "({})",
    "Response.noContent()",
    "Response.error(404)",
    "new Response('x')",
    "new Response(new Uint8Array([1, 2]))",
    "Response.redirect('/y').clone()",
    "Response.stream((async function* () { yield 'a'; yield 'b'; })())",
]


@pytest.mark.parametrize("value", CHANGED)
async def test_the_headers_of_every_answer_can_be_changed(bench: Bench, value: str) -> None:
    await bench.serve(
        f"""
        app.use(async (req, next) => {{
          const answer = await next();
          answer.headers.set("x-a", "1");
          answer.headers.append("set-cookie", "a=1");
          answer.headers.append("set-cookie", "b=2");
          answer.headers.delete("location");
          return answer;
        }});
        app.get("/x", () => {value});
        app.get("/plain", () => {{ Response.redirect("/y").headers.set("x-a", "1"); }});
        """
    )
    answer = await bench.get("/x")
    assert answer.status < 500
    assert ("x-a", "1") in answer.headers
    assert [v for name, v in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert "location" not in dict(answer.headers)
    assert (
        await bench.get("/plain")
    ).status == 500  # elsewhere a redirect is as the standard has it


async def test_a_response_kept_between_requests_does_not_keep_what_middleware_adds(
    bench: Bench,
) -> None:
    await bench.serve(
        """
        const KEPT = Response.json({ kept: true });
        app.use(async (req, next) => {
          const answer = await next();
          answer.headers.append("set-cookie", `who=${req.query.who}`);
          return answer;
        });
        app.get("/x", () => KEPT);
        """
    )
    for who in ("ada", "grace"):
        answer = await bench.get("/x", query=f"who={who}")
        assert answer.body == b'{"kept":true}'
        assert [v for name, v in answer.headers if name == "set-cookie"] == [f"who={who}"]


async def test_the_request_is_one_object_all_along(bench: Bench) -> None:
    await bench.serve(
        """
        app.use((req, next) => { req.who = req.query.who; return next(); });
        app.get("/x", (req, next) => { req.who += "!"; return next(); }, (req) => req.who);
        """
    )
    assert (await bench.get("/x", query="who=ada")).body == b"ada!"


FIELDS = ["user", "body", "query", "params", "headers", "cookies", "files", "path", "locals"]


async def test_middleware_may_hand_on_another_value_of_any_field(bench: Bench) -> None:
    await bench.serve(
        "\n".join(
            f"app.get('/{name}', (req, next) => {{ req.{name} = {{ mine: true }}; return next(); }}, (req) => req.{name});"
            for name in FIELDS
        )
    )
    for name in FIELDS:
        assert await bench.json(f"/{name}") == {"mine": True}, name


async def test_a_session_is_written_to_and_not_replaced(bench: Bench) -> None:
    await bench.serve("app.get('/x', (req) => { req.session = { user: 7 }; return 'lost'; });")
    assert await bench.code("/x") == (500, "invalid_session")


# ── errors ──

THROWN = [
    ("throw new Error('no')", "no"),
    ("throw 'text'", "text"),
    ("throw null", "null"),
    ("throw undefined", "undefined"),
    ("throw { code: 7 }", "undefined"),
    ("return Promise.reject(new Error('later'))", "later"),
    ("return (async () => { await null; throw new TypeError('async'); })()", "async"),
    ("return JSON.parse('{')", None),
    ("req.validate({ required: ['a'] })", None),
]


@pytest.mark.parametrize(("body", "message"), THROWN, ids=[row[0] for row in THROWN])
@pytest.mark.parametrize("where", ["handler", "route", "use", "after"])
async def test_whatever_is_thrown_anywhere_reaches_on_error(
    bench: Bench, where: str, body: str, message: str | None
) -> None:
    thrower = f"(req, next) => {{ {body} }}"
    lines = {
        "handler": f"app.get('/x', {thrower});",
        "route": f"app.get('/x', {thrower}, () => 'x');",
        "use": f"app.use({thrower}); app.get('/x', () => 'x');",
        "after": f"app.use(async (req, next) => {{ await next(); return ({thrower})(req, next); }}); app.get('/x', () => 'x');",
    }
    await bench.serve(
        f"{lines[where]} app.onError((error, req) => ({{ message: String(error?.message ?? error), path: req.path }}));"
    )
    answer = await bench.json("/x")
    assert answer["path"] == "/x"
    if message is not None and "{ code" not in body:
        assert answer["message"] == message


async def test_on_error_that_returns_nothing_leaves_the_error_as_it_was(bench: Bench) -> None:
    await bench.serve(
        """
        const seen = [];
        app.onError((error) => { seen.push(error.message); });
        app.onError(async (error) => { seen.push("second"); });
        app.get("/x", () => { throw Object.assign(new Error("teapot"), { status: 418, code: "i_am_a_teapot", hint: "Use a pot." }); });
        app.get("/seen", () => seen);
        """
    )
    answer = await bench.get("/x")
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["message"]) == (418, "i_am_a_teapot", "teapot")
    assert error["hint"] == "Use a pot."
    assert await bench.json("/seen") == ["teapot", "second"]


async def test_the_first_on_error_that_answers_wins(bench: Bench) -> None:
    await bench.serve(
        """
        app.onError((error) => error.status === 404 ? Response.json({ first: true }, { status: 404 }) : undefined);
        app.onError((error) => Response.json({ second: error.message }, { status: 500 }));
        app.onError(() => "never");
        app.get("/a", () => { throw Object.assign(new Error("a"), { status: 404 }); });
        app.get("/b", () => { throw new Error("b"); });
        """
    )
    assert await bench.json("/a") == {"first": True}
    assert await bench.json("/b") == {"second": "b"}


async def test_an_on_error_that_throws_gives_its_own_error_on(bench: Bench) -> None:
    await bench.serve(
        """
        app.onError(() => { throw Object.assign(new Error("from onError"), { status: 502 }); });
        app.onError((error) => error.message === "told" ? "rescued" : undefined);
        app.get("/x", () => { throw new Error("first"); });
        """
    )
    answer = await bench.get("/x")
    assert answer.status == 502
    assert orjson.loads(answer.body)["error"]["message"] == "from onError"


async def test_a_validation_error_comes_to_on_error_with_its_details(bench: Bench) -> None:
    await bench.serve(
        """
        app.post("/a", (req) => req.validate({ required: ["title"] }));
        app.post("/b", () => "never").describe({ input: { required: ["title"] } });
        app.onError((error) => Response.json({ code: error.code, details: error.details }, { status: error.status }));
        """
    )
    for path in ("/a", "/b"):
        answer = await bench.get(
            path, method="POST", body=b"{}", headers=[("content-type", "application/json")]
        )
        told = orjson.loads(answer.body)
        assert (answer.status, told["code"]) == (400, "invalid_input")
        assert len(told["details"]) == 1


async def test_a_middleware_may_catch_what_follows_it(bench: Bench) -> None:
    await bench.serve(
        """
        app.use(async (req, next) => {
          try { return await next(); } catch (error) { return Response.json({ caught: error.message }, { status: 503 }); }
        });
        app.onError(() => "not reached");
        app.get("/x", () => { throw new Error("inner"); });
        """
    )
    answer = await bench.get("/x")
    assert (answer.status, answer.body) == (503, b'{"caught":"inner"}')


async def test_an_error_that_nobody_waits_for_harms_no_other_request(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/x", (req, next) => { next(); return "did not wait"; }, async () => { await null; throw new Error("late"); });
        app.get("/y", () => "y");
        """
    )
    assert (await bench.get("/x")).body == b"did not wait"
    assert (await bench.get("/y")).body == b"y"


STATUSES = [
    ("404", 404),
    ("599", 599),
    ("400", 400),
    ("200", 500),
    ("399", 500),
    ("600", 500),
    ("'404'", 500),
    ("404.5", 500),
    ("NaN", 500),
    ("null", 500),
    ("{ valueOf: () => 404 }", 500),
]


@pytest.mark.parametrize(("status", "sent"), STATUSES)
async def test_the_status_of_an_error_is_respected_where_it_is_one_of_an_error(
    bench: Bench, status: str, sent: int
) -> None:
    await bench.serve(
        f"app.get('/x', () => {{ throw Object.assign(new Error('told'), {{ status: {status} }}); }});"
    )
    assert (await bench.get("/x")).status == sent


async def public(bench: Bench, path: str) -> Any:
    answer = await bench.engine.handle("app", bench.request("GET", path), public=True)
    return answer.status, orjson.loads(answer.body)["error"], answer.body


async def test_the_public_sees_no_more_of_an_error_than_it_should(bench: Bench) -> None:
    await bench.serve(
        """
        app.use("/middle", () => { throw new Error("s3cret in middleware"); });
        app.get("/plain", () => { throw new Error("s3cret"); });
        app.get("/middle", () => "x");
        app.get("/mine", () => { throw Object.assign(new Error("No such book"), { status: 404, code: "no_such_book", hint: "Look again.", details: { book: 7 } }); });
        app.get("/rescue", () => { throw new Error("s3cret"); });
        app.onError((error, req) => { if (req.path === "/rescue") throw new TypeError("s3cret in onError"); });
        """
    )
    for path in ("/plain", "/middle", "/rescue"):
        status, error, body = await public(bench, path)
        assert (status, error["code"]) == (500, "handler_failed")
        assert b"s3cret" not in body
        assert not {"where", "stack", "hint", "details"} & {k for k, v in error.items() if v}
    status, error, body = await public(bench, "/mine")
    assert (status, error["code"], error["message"]) == (404, "no_such_book", "No such book")
    assert error["details"] == {"book": 7}
    assert b"app.js" not in body
    # the developer's log has what the public has not
    logged = "\n".join(line.text for _, line in bench.engine.log.read("app"))
    assert logged.count("s3cret") >= 3
