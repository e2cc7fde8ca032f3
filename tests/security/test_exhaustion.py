"""UC-602: programs that want all there is. The guilty request is told so, and other apps answer meanwhile and after.

Over a real socket, with small limits so that each is reached soon. A table row is: name, handler of the guilty
route, status, codes that may be answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from aiwe_engine.errors import AiweError
from aiwe_engine.types import Cell
from tests.security.scene import LEAKS, Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {
    "cpu_limit": 0.3, "deadline": 10.0, "load_cpu_limit": 0.5, "cell_cpu_limit": 0.5, "kill_grace": 0.5, "heap_limit": 16 << 20, "buffer_limit": 16 << 20, "response_limit": 1 << 20,
    "log_limit": 10_000, "log_lines": 500, "spare_workers": 1,
}  # fmt: skip
GONE = {"cpu_limit", "memory_limit", "worker_lost", "isolate_lost", "handler_failed"}

#: A module whose `f` is `(loop br 0)`.
LOOP = "new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11])"

# name, body of the handler, statuses, codes
GUILTY: list[tuple[str, str, set[int], set[str]]] = [
    ("a loop", "for (;;);", {500}, {"cpu_limit"}),
    ("a loop after an await", "await 0; for (;;);", {500}, {"cpu_limit"}),
    ("a loop of microtasks", "const turn = () => queueMicrotask(turn); turn(); await new Promise(() => {});", {500, 504}, {"cpu_limit", "deadline"}),
    ("a loop of promises", "const turn = () => Promise.resolve().then(turn); turn(); await new Promise(() => {});", {500, 504}, {"cpu_limit", "deadline"}),
    ("a loop in a timer", "await new Promise(() => setTimeout(() => { for (;;); }, 1));", {500}, {"cpu_limit"}),
    ("a loop in toJSON", "return { toJSON() { for (;;); } };", {500}, {"cpu_limit"}),
    ("a loop in a getter", "return { get a() { for (;;); } };", {500}, {"cpu_limit"}),
    ("a loop in a proxy", "return new Proxy({}, { ownKeys() { for (;;); } });", {500}, {"cpu_limit"}),
    ("a loop in toString of a log line", "console.log({ get a() { for (;;); } }); for (;;);", {500}, {"cpu_limit"}),
    ("a loop in a generator", "return Response.stream((async function* () { for (;;); })());", {200, 500}, {"cpu_limit"}),
    ("a loop in finally", "try { for (;;); } finally { for (;;); }", {500}, {"cpu_limit"}),
    ("a loop in catch", "for (;;) try { for (;;); } catch { continue; }", {500}, {"cpu_limit"}),
    ("a loop in a header", "return new Response('x', { headers: { get a() { for (;;); } } });", {500}, {"cpu_limit"}),
    ("a loop in a filter", "await DataRepository.query('x', { get a() { for (;;); } });", {500}, {"cpu_limit"}),
    ("a regular expression", "return String(/^(a+)+$/.test('a'.repeat(50) + '!'));", {500}, {"cpu_limit"}),
    ("a regular expression of the request's", "return String(new RegExp('^(([a-z])+.)+[A-Z]([a-z])+$').test('a'.repeat(100)));", {500}, {"cpu_limit"}),
    ("sorting by a comparator that never ends", "return [3, 2, 1].sort(() => { for (;;); });", {500}, {"cpu_limit"}),
    ("a big integer", "return String((3n ** 3_000_000n) ** 20n).length;", {500}, GONE),
    ("objects", "const all = []; for (;;) all.push({ a: [all.length] });", {500, 503}, GONE),
    ("strings", "let text = 'x'; for (;;) text += text + 'y';", {500, 503}, GONE),
    ("many strings", "const all = []; for (let i = 0; ; i++) all.push('x'.repeat(10_000) + i);", {500, 503}, GONE),
    ("array buffers", "const all = []; for (;;) all.push(new Uint8Array(8 << 20).fill(1));", {500, 503}, GONE),
    ("one array buffer", "return new Uint8Array(8e9).length;", {500, 503}, GONE),
    ("one array", "return new Array(1e9).fill(0).length;", {500, 503}, GONE),
    ("shared memory", "return new SharedArrayBuffer(8e9).byteLength;", {500, 503}, GONE),
    ("a map", "const all = new Map(); for (let i = 0; ; i++) all.set(i, { i });", {500, 503}, GONE),
    ("promises", "const all = []; for (;;) all.push(new Promise(() => {}));", {500, 503}, GONE),
    ("timers", "for (let i = 0; i < 1e7; i++) setTimeout(() => {}, 1e6); await new Promise(() => {});", {500, 503, 504}, GONE | {"deadline", "too_many_timers"}),
    ("closures", "let f = () => 1; for (;;) { const g = f; f = () => g; }", {500, 503}, GONE),
    ("recursion", "const f = (n) => f(n + 1) + 1; return f(0);", {500}, {"handler_failed"}),
    ("recursion of JSON", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a);", {200, 500}, {"handler_failed", "cpu_limit"}),
    ("an answer that is deep", "let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return a;", {200, 500}, GONE | {"answer_not_json"}),
    ("an answer that is itself", "const a = {}; a.a = a; return a;", {500}, {"answer_not_json"}),
    ("recursion of proxies", "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return String(p.x);", {200, 204, 500}, GONE),
    ("recursion of getters", "const a = { get b() { return this.b; } }; return a.b;", {500}, {"handler_failed"}),
    ("recursion of async functions", "const f = async (n) => (await f(n + 1)) + 1; return await f(0);", {500}, GONE),
    ("recursion of toString", "const a = { toString() { return `${this}`; } }; return `${a}`;", {500}, {"handler_failed"}),
    ("recursion of structuredClone", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return structuredClone(a);", {200, 500}, GONE | {"answer_not_json"}),
    ("recursion of causes", "let e = new Error('x'); for (let i = 0; i < 1e5; i++) e = new Error('y', { cause: e }); throw e;", {500}, GONE),
    ("an answer", "return 'x'.repeat(3 << 20);", {500}, {"response_too_large"}),
    ("a header of the answer", "return new Response('x', { headers: { a: 'x'.repeat(3 << 20) } });", {500}, {"invalid_header"}),
    ("log lines", "for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 'said';", {200, 500}, GONE),
    ("a log line", "console.log('x'.repeat(8 << 20)); return 'said';", {200, 500}, GONE),
    ("host calls", "const all = []; for (let i = 0; i < 1e5; i++) all.push(DataRepository.count('x')); await Promise.all(all); return 'counted';", {200, 429, 500, 503, 504}, GONE | {"deadline", "too_many_calls"}),
    ("fetches", "await Promise.all(Array.from({ length: 5_000 }, () => fetch('http://127.0.0.1:9/').catch(() => 0))); return 'fetched';", {200, 429, 500, 503, 504}, GONE | {"deadline", "too_many_fetches"}),
    ("a loop of WebAssembly", f"new WebAssembly.Instance(new WebAssembly.Module({LOOP})).exports.f();", {500}, {"cpu_limit"}),
    ("memory of WebAssembly", "const all = []; for (;;) { const m = new WebAssembly.Memory({ initial: 500 }); new Uint8Array(m.buffer).fill(1); all.push(m); }", {500, 503}, GONE),
    ("waiting on shared memory", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", {500}, GONE),
    ("a document", "await DataRepository.create('x', { text: 'x'.repeat(2 << 20) });", {400, 413, 500}, {"document_too_large", "handler_failed"}),
    ("a session", "req.session.set('x', 'x'.repeat(1 << 20)); return 'kept';", {413, 500}, {"session_too_large"}),
    ("a stream that nobody stops", "return Response.stream((async function* () { for (let i = 0; i < 50; i++) yield 'x'.repeat(1000); for (;;); })());", {200, 500}, {"cpu_limit"}),
]  # fmt: skip

# What takes nothing but time, in an app that has little of it: body of the handler
WAITING = [
    "await new Promise(() => {});",
    "setInterval(() => {}, 0); await new Promise(() => {});",
    "const turn = () => setTimeout(turn, 1); turn(); await new Promise(() => {});",
    "await DataRepository.transaction(async () => { await new Promise(() => {}); });",
    "for await (const piece of req.stream()) void piece; await new Promise(() => {});",
]

# What would run text as code, or reach what is not the isolate's.
SCRIPTS: list[tuple[str, str]] = [
    ("Function", "return new Function('return 1')();"), ("eval", "return String((0, eval)('1'));"), ("the constructor of a function", "return (() => 1).constructor('return 1')();"),
    ("an async function's", "return await (async () => 1).constructor('return 1')();"), ("a generator's", "return [...(function* () {}).constructor('yield 1')()];"),
    ("a timer of text", "return String(setTimeout('globalThis.x = 1', 0));"), ("process", "return process.env.HOME;"), ("require", "return require('fs').readFileSync('/etc/passwd', 'utf8');"),
    ("Deno", "return Deno.readTextFileSync('/etc/passwd');"),
    ("the global's constructor", "return globalThis.constructor.constructor('return process')();"), ("import of a text", "return await import('data:text/javascript,export default 1');"),
    ("a worker", "return String(new Worker('data:,'));"), ("XMLHttpRequest", "return String(new XMLHttpRequest());"), ("load of a shell", "return load('/etc/passwd');"), ("read of a shell", "return read('/etc/passwd');"),
    ("a frame's constructor", "return (function f() { return f.caller.constructor('return 1')(); })();"), ("arguments.callee.caller", "return String(arguments.callee.caller);"),
    ("a stack trace's functions", "Error.prepareStackTrace = (e, frames) => frames.map((f) => f.getFunction?.()).find(Boolean)?.constructor('return 1')(); return String(new Error().stack.x);"),
    ("an Array of another realm", "return String(new ShadowRealm().evaluate('1'));"),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(tmp_path_factory.mktemp("exhaustion"), LIMITS) as one:
        lines = [
            f'app.get("/{kind}/{at}", async function (req) {{ {row[1]} }});'
            for kind, table in (("guilty", GUILTY), ("script", SCRIPTS))
            for at, row in enumerate(table)
        ]
        await one.serve("mallory", "\n".join([*lines, "app.get('/fine', () => 'fine');"]))
        told = one.engine.settings
        hasty = {"waiting": AppConfiguration(replace(told, deadline=1.0))}
        await one.engine.configure(Configuration(told, apps=hasty))
        lines = [f'app.get("/{at}", async (req) => {{ {row} }});' for at, row in enumerate(WAITING)]
        await one.serve("waiting", "\n".join(lines))
        yield one


async def meanwhile(one: Scene, running: asyncio.Task[Any]) -> float:
    """Asks the bank until something is done; the longest that it took to answer."""
    longest = 0.0
    while True:
        began = time.monotonic()
        opened = await one.ask("GET", "/", app="bank")
        longest = max(longest, time.monotonic() - began)
        assert opened.body == b"the bank is open"
        if running.done():
            return longest
        await asyncio.wait({running}, timeout=0.05)


@pytest.mark.parametrize("at", range(len(GUILTY)), ids=[row[0] for row in GUILTY])
async def test_who_takes_too_much_is_told_and_others_go_on(place: Scene, at: int) -> None:
    _, _, statuses, codes = GUILTY[at]
    running = asyncio.create_task(place.ask("GET", f"/guilty/{at}", app="mallory"))
    await meanwhile(place, running)
    answer = await running
    assert answer.status in statuses, (answer.status, answer.body[:300])
    assert answer.status < 300 or answer.code in codes, answer.body[:300]
    assert LEAKS.search(answer.body) is None
    fine = await place.ask("GET", "/fine", app="mallory")
    assert (fine.status, fine.body) == (200, b"fine")


async def test_who_waits_for_ever_is_sent_away_in_time(place: Scene) -> None:
    every = [place.ask("GET", f"/{at}", app="waiting") for at in range(len(WAITING))]
    running = asyncio.ensure_future(asyncio.gather(*every))
    await meanwhile(place, running)
    answers = await running
    assert {answer.code for answer in answers} <= {"deadline", "cpu_limit"}, answers
    assert sum(answer.code == "deadline" for answer in answers) >= 3


async def test_many_guilty_at_once_take_nothing_from_the_bank(place: Scene) -> None:
    wanted = [
        at
        for at, row in enumerate(GUILTY)
        if row[0] in {"a loop", "objects", "array buffers", "timers"}
    ]
    every = [place.ask("GET", f"/guilty/{at}", app="mallory") for at in wanted * 2]
    running = asyncio.ensure_future(asyncio.gather(*every))
    await meanwhile(place, running)
    assert all(answer.status >= 500 for answer in await running)
    await place.unharmed()


async def test_what_runs_text_or_reaches_out_is_not_there(place: Scene) -> None:
    answers = [await place.ask("GET", f"/script/{at}", app="mallory") for at in range(len(SCRIPTS))]
    wrong = [
        (row[0], answer.status, answer.body[:200])
        for row, answer in zip(SCRIPTS, answers, strict=True)
        if (answer.status < 500 and answer.body not in {b"null", b"undefined"})
        or LEAKS.search(answer.raw)
    ]
    assert wrong == []
    await place.unharmed()


# name, program: what a program may do while it loads
LOADING = [
    ("a loop", "for (;;);", "cpu_limit"),
    ("a loop in init", "function init() { for (;;); }", "cpu_limit"),
    ("a loop after an await", "await 0; for (;;);", "cpu_limit"),
    ("memory", "const all = []; for (;;) all.push({ a: [all.length] });", None),
    ("recursion", "const f = () => f() + 1; f();", None),
    pytest.param("a promise that never settles", "await new Promise(() => {});", None, marks=pytest.mark.slow),
    ("natives", "%DebugPrint(1);", None),
    ("natives behind an await", "app.get('/', async () => { await %DebugPrint(1); });", None),
    ("routes", "for (let i = 0; i < 1e6; i++) app.get('/r' + i, () => 1);", None),
    ("a pattern that backtracks", "app.get('/' + ':a'.repeat(5000), () => 1);", None),
    ("a deep expression", f"const a = {'(' * 20_000}1{')' * 20_000};", None),
    ("a deep array", f"const a = {'[' * 20_000}{']' * 20_000};", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "program", "code"), LOADING)
async def test_what_takes_too_much_while_it_loads_is_not_served(
    place: Scene, name: str, program: str, code: str | None
) -> None:
    async def load() -> AiweError | None:
        try:
            await place.serve("loading", program)
        except AiweError as error:
            return error
        return None

    running = asyncio.create_task(load())
    await meanwhile(place, running)
    error = await running
    assert error is not None, name
    assert code is None or error.code == code, error.code
    assert error.code != "internal_error"
    assert (await place.ask("GET", "/", app="loading")).status == 404


async def test_a_cell_that_takes_too_much_ends_and_the_next_one_runs(place: Scene) -> None:
    async def run(text: str) -> list[Any]:
        cell = Cell(session="s", app="lab", cell="c", text=text)
        return [event async for event in place.engine.run_cell(cell)]

    for text in ("for (;;);", "await 0; for (;;);", "const f = () => f() + 1; f();"):
        running = asyncio.create_task(run(text))
        await meanwhile(place, running)
        assert (await running)[-1]["ok"] is False
    assert (await run("1 + 1"))[-1]["ok"] is True


# route patterns, and paths that would make a regular expression backtrack
PATTERNS = [
    ("/a/:x/:y/:z", "/a/" + "b/" * 4_000),
    ("/b/*rest", "/b/" + "b/" * 4_000 + "%zz"),
    ("/c/:x/d/:y/d/:z/e", "/c/" + "d/" * 4_000),
    ("/*all", "/" + "%2e/" * 3_000),
]


async def test_no_path_takes_a_route_pattern_long(place: Scene) -> None:
    lines = [f"app.get({pattern!r}, () => 1);" for pattern, _ in PATTERNS]
    await place.serve("patterns", "\n".join(lines))
    for _, path in PATTERNS:
        began = time.process_time()
        answer = await place.ask("GET", path, app="patterns")
        assert answer.status < 500
        assert time.process_time() - began < 1.0


async def test_the_bank_is_open_after_all_of_it(place: Scene) -> None:
    await place.unharmed()
    assert len(place.engine.logs(None, after=0, limit=1000)) <= LIMITS["log_lines"]
