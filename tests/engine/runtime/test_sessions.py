"""`req.session` as a handler has it, the whole way to the store and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.types import Cell, Response
from tests.engine.runtime.bench import Bench, Open

PROGRAM = """
app.get("/all", (req) => ({ name: req.session.get("name") ?? null, cart: req.session.get("cart") ?? null, cookies: req.cookies, header: req.headers.cookie ?? null }));
app.post("/set", (req) => { for (const [key, value] of Object.entries(req.body)) req.session.set(key, value); });
"""


class Browser:
    """Keeps the cookies of one app."""

    def __init__(self, bench: Bench, app: str = "app", scheme: str = "http") -> None:
        self.bench, self.app, self.scheme = bench, app, scheme
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = [("cookie", pairs)] if pairs else []
        if body is not None:
            headers.append(("content-type", "application/json"))
            more["body"] = orjson.dumps(body)
        answer = await self.bench.get(
            path, self.app, method, headers=headers, scheme=self.scheme, **more
        )
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
                if "Max-Age=0" in value:
                    del self.cookies[key]
        return answer

    async def json(self, path: str, body: Any = None) -> Any:
        answer = await self.ask("GET" if body is None else "POST", path, body)
        return orjson.loads(answer.body)


@pytest.fixture
async def browser(bench: Bench) -> Browser:
    await bench.serve(PROGRAM)
    return Browser(bench)


async def test_what_one_request_sets_the_next_one_gets(browser: Browser) -> None:
    assert await browser.json("/all") == {"name": None, "cart": None, "cookies": {}, "header": None}
    assert browser.cookies == {}  # looking makes no session
    await browser.ask("POST", "/set", {"name": "Ada", "cart": [{"id": 1}]})
    assert list(browser.cookies) == ["aiwe_session"]
    browser.cookies["theme"] = "dark"
    assert await browser.json("/all") == {
        "name": "Ada",
        "cart": [{"id": 1}],
        "cookies": {"theme": "dark"},  # the id is nothing that a program could give away
        "header": "theme=dark",
    }


async def test_over_https_the_cookie_is_bound_to_its_host(browser: Browser) -> None:
    browser.scheme = "https"
    await browser.ask("POST", "/set", {"name": "Ada"})
    assert list(browser.cookies) == ["__Host-aiwe_session"]
    assert (await browser.json("/all"))["name"] == "Ada"


async def test_a_new_version_and_a_new_isolate_see_the_same_sessions(
    browser: Browser, bench: Bench
) -> None:
    await browser.ask("POST", "/set", {"name": "Ada"})
    await bench.serve(PROGRAM + "\n// changed")
    assert (await browser.json("/all"))["name"] == "Ada"
    await bench.serve('app.get("/", (req) => 1)')
    await bench.serve(PROGRAM)
    assert (await browser.json("/all"))["name"] == "Ada"


async def test_another_app_knows_nothing_of_it(browser: Browser, bench: Bench) -> None:
    await browser.ask("POST", "/set", {"name": "Ada"})
    await bench.serve(PROGRAM, "other")
    stranger = Browser(bench, "other")
    stranger.cookies = dict(browser.cookies)
    assert (await stranger.json("/all"))["name"] is None


#: A handler's statement, and what it returns.
WITHIN = {
    "s.set('a', 1); return s.get('a')": 1,
    "s.set('a', 1); s.set('a', 2); return s.get('a')": 2,
    "s.set('a', 1); s.delete('a'); return s.get('a') ?? 'gone'": "gone",
    "return s.get('never') ?? 'nothing'": "nothing",
    "return [s.get('toString') ?? 0, s.get('__proto__') ?? 0, s.get('constructor') ?? 0]": [
        0,
        0,
        0,
    ],
    "s.set('__proto__', { a: 1 }); return [s.get('__proto__'), ({}).a ?? 0]": [{"a": 1}, 0],
    "const c = [1]; s.set('c', c); c.push(2); s.get('c').push(3); return s.get('c')": [1],
    "s.set('d', new Date(0)); return s.get('d')": "1970-01-01T00:00:00.000Z",
    "s.set('n', NaN); return { n: s.get('n') }": {"n": None},
    "s.set('', 'x'); return s.get('')": "x",
    "s.set('a', 1); await s.destroy(); return s.get('a') ?? 'gone'": "gone",
    "return req.session === s": True,
    "const { session } = req; session.set('e', 5); return s.get('e')": 5,
    "req['session'].set('f', 6); return s.get('f')": 6,
    "Object.prototype.stray = 1; try { return s.get('stray') ?? 'none' } finally { delete Object.prototype.stray }": "none",
}


def routes(statements: Iterable[str]) -> str:
    """A route for each statement, which runs in its handler on a line of its own."""
    return "\n".join(
        f"app.get('/{at}', async (req) => {{ const s = req.session; const run = async () => {{\n"
        f"{statement}; }};\nreturn Response.json(await run() ?? null); }});"
        for at, statement in enumerate(statements)
    )


async def test_a_handler_sees_its_own_changes(bench: Bench) -> None:
    await bench.serve(routes(WITHIN))
    assert {text: await bench.json(f"/{at}") for at, text in enumerate(WITHIN)} == WITHIN


FAILURES = {
    "s.set('f', () => 1)": ("session_not_json", "Set null, booleans"),
    "s.set('u', undefined)": ("session_not_json", 'req.session.delete("u")'),
    "s.set('s', Symbol())": ("session_not_json", "Set null, booleans"),
    "s.set('b', 10n)": ("session_not_json", "Set null, booleans"),
    "const a = {}; a.a = a; s.set('a', a)": ("session_not_json", "Set null, booleans"),
    "s.set(5, 1)": ("invalid_argument", 'req.session.set("cart"'),
    "s.get()": ("invalid_argument", 'req.session.get("cart")'),
    "s.delete(null)": ("invalid_argument", 'req.session.delete("cart")'),
    "s.set('large', 'x'.repeat(70000))": ("session_too_large", "session.limit"),
    "for (let i = 0; i < 100; i++) s.set('k' + i, 'x'.repeat(1000))": (
        "session_too_large",
        "session.limit",
    ),
    "s.set('large', '\\u{1f600}'.repeat(17000))": ("session_too_large", "session.limit"),
}


async def test_what_a_session_cannot_hold_is_refused_where_it_is_set(bench: Bench) -> None:
    await bench.serve(routes(FAILURES))
    for at, (text, (code, hint)) in enumerate(FAILURES.items()):
        error = (await bench.json(f"/{at}"))["error"]
        assert (error["code"], error["where"]["line"]) == (code, at * 3 + 2), text
        assert hint in error["hint"]


@pytest.mark.binds("session_limit")
async def test_a_session_holds_as_much_as_the_setting_says(open_bench: Open) -> None:
    program = 'app.get("/x/:n", (req) => { req.session.set("a", "x".repeat(+req.params.n)); });'
    bench: Bench = await open_bench(session_limit=100)
    await bench.serve(program)
    assert (await bench.get("/x/92")).status == 204  # {"a":"…"} has 8 characters of its own
    assert await bench.code("/x/93") == (500, "session_too_large")


ENDS = """
app.onError((error, req) => {
  if (error.message !== "mended") throw error;
  req.session.set("mended", true);
  return { mended: true };
});
app.get("/all", (req) => ["before", "late", "mended"].filter((key) => req.session.get(key)));
app.get("/throws", (req) => { req.session.set("before", true); throw new Error("no"); });
app.get("/mended", (req) => { req.session.set("before", true); throw new Error("mended"); });
app.get("/error", (req) => { req.session.set("before", true); return Response.error(409, "taken"); });
app.get("/lost", (req) => { req.session.set("before", true); DataRepository.update("none", "x", {}); });
app.get("/broken", (req) => { req.session.set("before", true); return new Response("", { headers: { "x-a": "b\\r\\nc" } }); });
app.get("/caught", (req) => { try { req.session.set("before", true); throw new Error("no"); } catch { return "fine"; } });
"""


OUTCOMES = {
    "/throws": (500, []),
    "/mended": (200, ["mended"]),
    "/error": (409, ["before"]),
    "/lost": (404, []),
    "/broken": (500, []),
    "/caught": (200, ["before"]),
}


async def test_a_handler_that_throws_changes_nothing_and_one_that_answers_does(
    bench: Bench,
) -> None:
    await bench.serve(ENDS)
    for path, (status, kept) in OUTCOMES.items():
        browser = Browser(bench)
        assert (await browser.ask("GET", path)).status == status, path
        assert await browser.json("/all") == kept, path


async def test_middleware_and_handler_share_one_session(bench: Bench) -> None:
    await bench.serve("""
    app.use(async (req, next) => {
      req.session.set("visits", (req.session.get("visits") ?? 0) + 1);
      const response = await next();
      req.session.set("after", response.status);
      return response;
    });
    app.get("/", (req) => ({ visits: req.session.get("visits"), after: req.session.get("after") ?? null }));
    """)
    browser = Browser(bench)
    assert await browser.json("/") == {"visits": 1, "after": None}
    assert await browser.json("/") == {"visits": 2, "after": 200}


async def test_destroying_ends_the_old_session_at_once(bench: Bench) -> None:
    await bench.serve(
        PROGRAM
        + """
    app.post("/logout", (req) => req.session.destroy());
    app.post("/fail", async (req) => { await req.session.destroy(); throw new Error("after"); });
    app.post("/unawaited", (req) => { req.session.destroy(); });
    app.post("/login", async (req) => { await req.session.destroy(); req.session.set("name", "Bob"); });
    """
    )
    for path, status in [("/logout", 204), ("/unawaited", 204), ("/fail", 500)]:
        browser = Browser(bench)
        await browser.ask("POST", "/set", {"name": "Ada"})
        thief = Browser(bench)
        thief.cookies = dict(browser.cookies)
        assert (await browser.ask("POST", path)).status == status
        assert (await thief.json("/all"))["name"] is None
        assert ("aiwe_session" in browser.cookies) == (status == 500)
    await browser.ask("POST", "/set", {"name": "Ada"})
    before = browser.cookies["aiwe_session"]
    await browser.ask("POST", "/login")
    assert browser.cookies["aiwe_session"] != before
    assert (await browser.json("/all"))["name"] == "Bob"


async def test_what_is_set_after_the_answer_is_told_to_the_log(bench: Bench) -> None:
    await bench.serve("""
    let held;
    app.get("/first", (req) => { held = req.session; held.set("a", 1); });
    app.get("/second", (req) => { held.set("b", 2); return held.get("b") ?? "none"; });
    """)
    await bench.get("/first")
    assert (await bench.get("/second")).body == b"none"
    lines = [line.text for _, line in bench.engine.logs("app")]
    assert any('req.session.set("b") came after the answer had begun' in line for line in lines)


async def test_where_no_cookies_are_kept_a_session_lasts_for_one_request(bench: Bench) -> None:
    await bench.serve(
        PROGRAM
        + 'app.get("/both", (req) => { req.session.set("a", 1); return req.session.get("a"); });'
    )
    for _ in range(3):
        answer = await bench.get("/both", keeps_cookies=False)
        assert answer.body == b"1"
        assert "set-cookie" not in dict(answer.headers)
    lines = [line.text for _, line in bench.engine.logs("app")]
    assert sum("where browsers keep no cookies" in line for line in lines) == 1


async def test_a_program_that_never_names_it_neither_pays_nor_gets_in_by_another_name(
    bench: Bench,
) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.ask("POST", "/set", {"name": "Ada"})
    await bench.serve(
        'app.get("/x", (req) => { const key = "sess" + "ion"; return req[key].get("name"); });'
    )
    error = await browser.json("/x")
    assert error["error"]["code"] == "session_unseen"
    assert "Write req.session" in error["error"]["hint"]


async def test_programs_reach_the_stored_sessions_by_no_name(bench: Bench) -> None:
    await bench.serve(
        PROGRAM
        + """
    app.post("/try", async (req) => {
      const found = { collections: await DataRepository.collections() };
      for (const name of req.body) {
        try { found[name] = await DataRepository.list(name); } catch (error) { found[name] = error.code; }
      }
      return found;
    });
    """
    )
    browser = Browser(bench)
    await browser.ask("POST", "/set", {"name": "Ada"})
    names = ["sessions", "~sessions", "~app", "~app/sessions", "~app.sessions"]
    assert await browser.json("/try", names) == {
        "collections": [],
        "sessions": [],
        **dict.fromkeys(names[1:], "invalid_collection"),
    }
    path = bench.folder / "x.ipynb"
    path.write_text(
        '{"cells": [], "metadata": {"aiwe": {"name": "~app"}}, "nbformat": 4, "nbformat_minor": 5}'
    )
    with pytest.raises(AiweError) as caught:
        await bench.engine.load(path)
    assert caught.value.code == "app_name_invalid"
    cell = Cell("kernel-1", "~app", "c1", 'DataRepository.list("sessions")')
    events = [event async for event in bench.engine.run_cell(cell)]
    assert [event.get("error", {}).get("code") for event in events] == ["app_name_invalid", None]


async def test_a_worker_that_makes_changes_up_gets_nowhere(bench: Bench) -> None:
    """What the core of an isolate sends is replaced, as a program that broke out could."""
    await bench.serve('app.get("/x", (req) => { req.session.set("a", 1); return "x"; });')
    release = bench.engine._live["app"]
    isolate = release.serving._isolate
    assert isolate is not None
    take = isolate._take_message
    for forged in ["x", {"set": []}, {"set": {"a": "y" * 100_000}, "delete": []}]:

        def spoil(message: list[Any], forged: Any = forged) -> None:
            if message[0] == "d":
                message[2][4] = forged
            take(message)

        isolate._take_message = spoil  # type: ignore[method-assign]
        assert (await bench.get("/x")).status == 500
