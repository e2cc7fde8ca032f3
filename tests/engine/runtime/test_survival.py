"""What programs may do to their isolate, and who pays for it: the guilty request and nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import orjson
import pytest

from aiwe_engine import wire
from aiwe_engine.errors import ProgramError
from aiwe_engine.runtime.isolate import OPEN_CALLS, Flight, Isolate
from aiwe_engine.runtime.process import WorkerProcess
from aiwe_engine.runtime.serving import RERUNS, overdue
from aiwe_engine.types import Invocation
from tests.engine.runtime.bench import Bench, Open, settings

# name, handler of the guilty route, (status, code) of its answer
GUILTY = [
    ("a loop", "() => { while (true) {} }", (500, "cpu_limit")),
    ("a loop after an await", "async () => { await 0; while (true) {} }", (500, "cpu_limit")),
    ("a loop of awaits", "async () => { for (;;) await 0; }", (500, "cpu_limit")),
    (
        "a loop in a timer",
        "() => new Promise(() => setTimeout(() => { while (true) {} }, 1))",
        (500, "cpu_limit"),
    ),
    (
        "a loop in a microtask",
        "() => new Promise(() => queueMicrotask(() => { for (;;); }))",
        (500, "cpu_limit"),
    ),
    ("a loop in a getter of the answer", "() => ({ get a() { for (;;); } })", (500, "cpu_limit")),
    ("a loop in toJSON", "() => ({ toJSON() { for (;;); } })", (500, "cpu_limit")),
    ("a huge array", "() => new Array(1e9).fill(0).length", (500, None)),
    ("a string bomb", "() => { let s = 'x'; for (;;) s += s; }", (500, None)),
    (
        "a buffer bomb",
        "() => { const a = []; for (;;) a.push(new ArrayBuffer(1e8)); }",
        (500, None),
    ),
    ("a heap bomb", "() => { const a = []; for (;;) a.push({ a: [a.length] }); }", (500, None)),
    (
        "recursion without end",
        "() => { const f = (n) => f(n + 1) + 1; return f(0); }",
        (500, "handler_failed"),
    ),
    ("an answer over the limit", "() => 'x'.repeat(11e6)", (500, "response_too_large")),
    (
        "a JSON answer over the limit",
        "() => ({ a: 'x'.repeat(11e6) })",
        (500, "response_too_large"),
    ),
    (
        "a regular expression that backtracks",
        "() => /^(a+)+$/.test('a'.repeat(60) + '!')",
        (500, "cpu_limit"),
    ),
    (
        "waiting on memory for ever",
        "() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        (500, None),
    ),
    ("a promise that never settles", "() => new Promise(() => {})", (504, "deadline")),
    (
        "a timer chain without end",
        "() => new Promise(() => { const t = () => setTimeout(t, 5); t(); })",
        (504, "deadline"),
    ),
    ("throwing nothing", "() => { throw undefined; }", (500, "handler_failed")),
    (
        "throwing a proxy",
        "() => { throw new Proxy({}, { get() { throw 1; } }); }",
        (500, "handler_failed"),
    ),
    (
        "an error with a looping message",
        "() => { throw { get message() { for (;;); } }; }",
        (500, "cpu_limit"),
    ),
    (
        "a value deeper than the host can read",
        "() => { let v = 1; for (let i = 0; i < 5000; i++) v = [v]; return DataRepository.create('x', { v }); }",
        (500, "nested_too_deeply"),
    ),
]

PROGRAM = """
app.get("/guilty", %s);
app.get("/hello", () => ({ hello: "world" }));
app.get("/slow", async () => { await new Promise((go) => setTimeout(go, 100)); return { slow: true }; });
app.get("/stored", async () => ({ stored: await DataRepository.list("things") }));
"""


@pytest.mark.parametrize(
    ("handler", "expected"), [g[1:] for g in GUILTY], ids=[g[0] for g in GUILTY]
)
async def test_the_guilty_request_gets_its_error_and_the_others_their_answers(
    bench: Bench, handler: str, expected: tuple[int, str | None]
) -> None:
    await bench.serve(PROGRAM % handler)
    await bench.serve('app.get("/hello", () => "neighbour");', "other")
    guilty, hello, slow, stored, neighbour = await asyncio.gather(
        bench.code("/guilty"),
        bench.get("/hello"),
        bench.get("/slow"),
        bench.get("/stored"),
        bench.get("/hello", "other"),
    )
    assert guilty[0] == expected[0]
    assert expected[1] in (None, guilty[1])
    assert guilty[1] not in {"internal_error", "worker_lost"}
    assert hello.body == b'{"hello":"world"}'
    assert slow.body == b'{"slow":true}'
    assert stored.body == b'{"stored":[]}'
    assert neighbour.body == b"neighbour"
    assert (await bench.get("/hello")).status == 200


# What keeps more than a heap has, piece by piece or in one leap that only V8 itself can refuse.
HOARDS = {
    "objects": "const a = []; for (;;) a.push({ a: [a.length] });",
    "numbers": "const a = []; for (;;) a.push(1.5);",
    "texts": "const a = []; for (let i = 0; ; i++) a.push('x'.repeat(1000) + i);",
    "a map": "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i });",
    "keys": "const o = {}; for (let i = 0; ; i++) o['k' + i] = i;",
    "promises": "const a = []; for (;;) a.push(new Promise(() => {}));",
    "arrays that double": "let a = [1]; for (;;) a = a.concat(a);",
}


@pytest.mark.parametrize("hoard", HOARDS.values(), ids=HOARDS)
async def test_who_hoards_memory_is_told_so_and_who_waits_beside_is_answered(
    open_bench: Open, hoard: str
) -> None:
    bench: Bench = await open_bench(cpu_limit=10.0, deadline=20.0)
    await bench.serve(PROGRAM % f"() => {{ {hoard} }}")
    slow = asyncio.create_task(bench.get("/slow"))
    guilty, stored, hello = await asyncio.gather(
        bench.code("/guilty"), bench.get("/stored"), bench.get("/hello")
    )
    assert guilty == (500, "memory_limit")
    assert (await slow).body == b'{"slow":true}'
    assert stored.body == b'{"stored":[]}'
    assert hello.body == b'{"hello":"world"}'


# What has a few megabytes at any time, and goes through hundreds.
PASSING = {
    "objects": "for (let i = 0; i < 20; i++) kept = Array.from({ length: 60_000 }, (_, n) => ({ n: [n], s: 'x' + n }));",
    "numbers": "for (let i = 0; i < 60; i++) kept = new Array(1e6).fill(i + 0.5);",
    "texts": "for (let i = 0; i < 60; i++) kept = JSON.parse(`\"${'z'.repeat(2e6)}${i}\"`);",
}


@pytest.mark.parametrize("passing", PASSING.values(), ids=PASSING)
async def test_what_is_over_does_not_count_as_memory(open_bench: Open, passing: str) -> None:
    bench: Bench = await open_bench(cpu_limit=10.0, deadline=20.0)
    await bench.serve(f'let kept; app.get("/", () => {{ {passing} return kept.length; }});')
    for _ in range(10):
        response = await bench.get("/")
        assert response.status == 200, response.body


async def test_what_a_stopped_request_had_filled_is_not_laid_to_the_next(open_bench: Open) -> None:
    bench: Bench = await open_bench(cpu_limit=1.5, deadline=20.0)
    fill = (
        "const a = []; for (let i = 0; i < 1_200_000; i++) a.push({ a: [i] }); for (;;) a[0] = a;"
    )
    await bench.serve(
        PROGRAM % f"() => {{ {fill} }}"
        + 'app.get("/some", () => Array.from({ length: 100_000 }, (_, n) => [n]).length);'
    )
    for _ in range(3):
        guilty, slow, stored = await asyncio.gather(
            bench.code("/guilty"), bench.get("/slow"), bench.get("/stored")
        )
        some = await bench.get("/some")
        assert guilty == (500, "cpu_limit")
        assert slow.body == b'{"slow":true}'
        assert stored.body == b'{"stored":[]}'
        assert some.body == b"100000"


async def test_who_waits_while_others_cost_its_isolate_is_run_again_a_few_times(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(cpu_limit=10.0, deadline=20.0)
    patient = 'app.get("/patient", () => new Promise((go) => setTimeout(go, 15_000)));'
    await bench.serve(PROGRAM % f"() => {{ {HOARDS['objects']} }}" + patient)
    waiting = asyncio.create_task(bench.get("/patient"))
    for _ in range(RERUNS):
        assert await bench.code("/guilty") == (500, "memory_limit")
        assert not waiting.done()
    assert await bench.code("/guilty") == (500, "memory_limit")
    lost = orjson.loads((await waiting).body)["error"]
    assert lost["code"] == "worker_lost"
    assert lost["message"] == "The worker that ran this request was lost."
    assert lost["hint"] == "The request has written nothing: send it again."


async def test_two_runaways_of_one_turn_are_both_stopped(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/later", async () => { await 0; for (;;); });
        app.get("/now", () => { for (;;); });
        app.post("/write", async () => { await DataRepository.create("things", {}); await 0; return "written"; });
        """
    )
    await bench.get("/write", method="POST")
    before = bench.engine.status()["workers"]
    *guilty, written = await asyncio.gather(
        bench.code("/later"), bench.code("/now"), bench.get("/write", method="POST")
    )
    assert guilty == [(500, "cpu_limit")] * 2
    assert written.body == b"written"
    assert bench.engine.status()["workers"] == before


async def test_a_value_that_cannot_be_read_costs_no_worker(bench: Bench) -> None:
    await bench.serve(
        """
        const deep = (n) => { let v = "\\ud800 ]"; for (let i = 0; i < n; i++) v = [v]; return v; };
        app.get("/deep", () => DataRepository.create("x", { v: deep(5000) }));
        app.get("/odd", () => DataRepository.create("x", { v: deep(3) }));
        """
    )
    before = bench.engine.status()["workers"]
    (status, code), odd, *_ = await asyncio.gather(
        bench.code("/deep"), bench.json("/odd"), bench.code("/deep")
    )
    assert (status, code) == (500, "nested_too_deeply")
    assert odd["v"] == [[["\ufffd ]"]]]
    assert bench.engine.status()["workers"] == before


async def test_a_body_that_no_isolate_can_hold_costs_its_own_request_alone(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(
        heap_limit=16 * 2**20, json_values=10_000_000, cpu_limit=5.0, deadline=20.0
    )
    await bench.serve(PROGRAM % "() => 1" + 'app.post("/body", (req) => req.body.length);')
    body = b"[" + b"[]," * 1_000_000 + b"[]]"
    kind = ("content-type", "application/json")
    heavy, *others = await asyncio.gather(
        bench.code("/body", method="POST", body=body, headers=[kind]),
        *[bench.get("/hello") for _ in range(5)],
    )
    assert heavy == (500, "memory_limit")
    assert [other.body for other in others] == [b'{"hello":"world"}'] * 5


LOADS = [
    ("a loop at top level", "while (true) {}", "cpu_limit"),
    ("a loop after an await at top level", "await 0; for (;;);", "cpu_limit"),
    ("a huge array at top level", "globalThis.a = new Array(1e9).fill(0);", "cpu_limit"),
    ("a loop in init", "function init() { for (;;); }", "cpu_limit"),
    ("an error at top level", "null.x;", "handler_failed"),
]


@pytest.mark.parametrize(
    ("text", "code"), [load[1:] for load in LOADS], ids=[load[0] for load in LOADS]
)
async def test_a_program_that_does_not_load_is_told_so_and_costs_nobody(
    open_bench: Open, text: str, code: str
) -> None:
    bench = await open_bench(load_cpu_limit=0.3)
    await bench.serve('app.get("/hello", () => "neighbour");', "other")
    with pytest.raises(ProgramError) as raised:
        await bench.serve(text)
    assert raised.value.code == code
    assert raised.value.where is not None
    assert (await bench.get("/hello", "other")).body == b"neighbour"


PATCHES = [
    "Array.prototype.push = () => { throw 1; };",
    "JSON.stringify = () => 'patched'; JSON.parse = () => 'patched';",
    "Promise.prototype.then = () => { throw 1; };",
    "Map.prototype.get = Map.prototype.set = () => { throw 1; };",
    "Object.prototype.toJSON = () => 'patched';",
    "Object.defineProperty(Array.prototype, 0, { set() { throw 1; }, get() { return 'patched'; } });",
    "Reflect.apply = Object.create = Object.defineProperty = () => { throw 1; };",
    "String.prototype.slice = String.prototype.toWellFormed = () => { throw 1; };",
    "Object.prototype.done = true; Object.prototype.piece = 'x'; Object.prototype.timers = 5;",
    "globalThis.Promise = function () { throw 1; }; globalThis.Object = null; globalThis.Array = null;",
    "Symbol.iterator in Array.prototype && (Array.prototype[Symbol.iterator] = () => { throw 1; });",
]


@pytest.mark.parametrize("patch", PATCHES)
async def test_a_program_that_patches_the_language_still_answers(bench: Bench, patch: str) -> None:
    await bench.serve(f'app.get("/a", async () => {{ await 0; return "answered"; }}); {patch}')
    assert (await bench.get("/a")).body == b"answered"


ABSENT = [
    ("process", "typeof process"),
    ("require", "typeof require"),
    ("Buffer", "typeof Buffer"),
    ("the worker's boot function", "typeof globalThis['__aiwe_' + 'boot']"),
    ("the shared memory", "typeof globalThis['__aiwe_' + 'shared']"),
    ("the doorbell", "typeof globalThis['__aiwe_' + 'ring']"),
    ("the checkpoint", "typeof globalThis['__aiwe_' + 'checkpoint']"),
]


@pytest.mark.parametrize("expression", [a[1] for a in ABSENT], ids=[a[0] for a in ABSENT])
async def test_programs_find_nothing_of_the_machine(bench: Bench, expression: str) -> None:
    await bench.serve(f'app.get("/a", () => {expression});')
    assert (await bench.get("/a")).body == b"undefined"


REFUSED = [
    ("import('fs')", "module_not_found"),
    ("eval('1')", "handler_failed"),
    ("new Function('return 1')()", "handler_failed"),
    ("(async () => {}).constructor('return 1')()", "handler_failed"),
]


@pytest.mark.parametrize(("expression", "code"), REFUSED)
async def test_code_from_strings_and_from_elsewhere_is_refused(
    bench: Bench, expression: str, code: str
) -> None:
    await bench.serve(f'app.get("/a", async () => {{ return String(await {expression}); }});')
    assert await bench.code("/a") == (500, code)


async def test_requests_survive_a_worker_that_is_killed_from_outside(bench: Bench) -> None:
    await bench.serve(PROGRAM % "() => 1")
    waiting = [asyncio.create_task(bench.get("/slow")) for _ in range(10)]
    await bench.get("/hello")
    (worker,) = bench.engine.status()["workers"].values()  # type: ignore[union-attr]
    os.kill(int(worker), signal.SIGKILL)
    answers = await asyncio.gather(*waiting)
    assert [a.body for a in answers] == [b'{"slow":true}'] * 10


async def test_a_request_that_wrote_is_not_run_again(bench: Bench) -> None:
    await bench.serve(
        """
        app.post("/write", async () => {
          await DataRepository.create("things", { id: "once" });
          await new Promise((go) => setTimeout(go, 10000));
        });
        app.get("/count", async () => await DataRepository.count("things"));
        """
    )
    writing = asyncio.create_task(bench.code("/write", method="POST"))
    while await bench.json("/count") == 0:
        pass
    (worker,) = bench.engine.status()["workers"].values()  # type: ignore[union-attr]
    os.kill(int(worker), signal.SIGKILL)
    assert await writing == (503, "worker_lost")
    assert await bench.json("/count") == 1


def _taken_over() -> tuple[WorkerProcess, Isolate, Flight]:
    """A worker that says what a test says, and an invocation there; its host calls do not end."""

    async def gate(*_: object) -> None:
        await asyncio.Event().wait()

    process = WorkerProcess(settings())
    config = {"cpu_limit": 1.0, "stream_timeout": 1.0}
    isolate = Isolate(process, config, gate, lambda *_: None, lambda *_: None)
    invocation = Invocation("1", "http", "app", "dev", "1", "GET /")
    flight = Flight(process.loop, invocation, ("i",))
    isolate.take(flight)
    return process, isolate, flight


SAID = [
    ("a frame larger than any heap", wire.HEADER.pack(2**32 - 1, wire.OUTBOX, 1, 0)),
    ("no JSON", wire.frame(wire.OUTBOX, 1, 1, b"[,")),
    ("JSON of another form", wire.frame(wire.OUTBOX, 1, 1, b'["x",1,"no error"]')),
    ("depth without a head", wire.frame(wire.OUTBOX, 1, 1, b"[" * 5000 + b"]" * 5000)),
    (
        "two calls of one number",
        wire.frame(wire.OUTBOX, 1, 1, b",".join([b'["c",1,1,"body","read",[1]]'] * 2)),
    ),
    ("depth that does not end", wire.frame(wire.OUTBOX, 1, 1, b"[" * 100_000)),
]


@pytest.mark.parametrize("said", [case[1] for case in SAID], ids=[case[0] for case in SAID])
async def test_a_worker_that_does_not_keep_to_the_protocol_is_ended(said: bytes) -> None:
    process, isolate, _ = _taken_over()
    process.data_received(said)
    assert process.ended
    assert not isolate.alive


async def test_the_host_calls_that_are_under_way_at_a_time_are_bounded() -> None:
    process, _, flight = _taken_over()
    said = b",".join(b'["c",1,%d,"body","read",[%d]]' % (n, n) for n in range(OPEN_CALLS + 50))
    process.data_received(wire.frame(wire.OUTBOX, 1, 1, said))
    with pytest.raises(ProgramError) as raised:
        await flight.future
    assert raised.value.code == "too_many_calls"
    assert len(flight.calls) == OPEN_CALLS
    assert not process.ended


async def test_what_v8_takes_to_read_a_large_body_is_not_time_of_the_handler(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(cpu_limit=0.03, heap_limit=128 << 20)
    await bench.serve('app.post("/", () => "here"); app.post("/loop", () => { for (;;); });')
    large = ('"' + "ы" * 2_000_000 + '"').encode()
    headers = [("content-type", "application/json")]
    for _ in range(3):
        response = await bench.get("/", method="POST", headers=headers, body=large)
        assert response.body == b"here"
        code = await bench.code("/loop", method="POST", headers=headers, body=large)
        assert code == (500, "cpu_limit")


LARGE = {
    "Latin": "x",
    "Cyrillic": "ы",
    "emoji": "😀",
    "signs": "€",
    "escapes": "\\n",
    "controls": "\\u0000",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
async def test_bodies_as_large_as_they_may_be_are_read_however_many_come(
    bench: Bench, text: str
) -> None:
    await bench.serve('app.post("/", (req) => req.body.text.length);')
    count = 10_400_000 // len(text.encode())
    body = f'{{"text":"{text * count}"}}'.encode()
    headers = [("content-type", "application/json")]
    length = count * len(json.loads(f'"{text}"').encode("utf-16-le")) // 2
    for _ in range(5):
        response = await bench.get("/", method="POST", headers=headers, body=body)
        assert orjson.loads(response.body) == length


@pytest.mark.parametrize(("env", "told"), [("dev", True), ("production", False)])
async def test_whom_a_request_was_waiting_for_is_told_its_authors_alone(
    env: str, *, told: bool
) -> None:
    _, _, flight = _taken_over()
    flight.invocation.env = env
    sent = {"url": "https://user@partner.example:8443/path?token=x"}
    flight.calls = {1: ("fetch", [-1, sent]), 2: ("data", ["query"])}
    error = overdue(flight, settings(deadline=2.0))
    waiting = ": it was waiting for partner.example:8443" if told else ""
    assert error.message == f"The handler did not answer within 2 s{waiting}."
