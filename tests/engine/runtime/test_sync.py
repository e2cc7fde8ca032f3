"""`DataRepository.sync`: host calls for code that cannot await, and what goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine import wire
from aiwe_engine.capabilities.data import Data
from aiwe_engine.engine import Engine
from aiwe_engine.errors import RequestError
from aiwe_engine.runtime.isolate import Flight, Isolate
from aiwe_engine.runtime.process import WorkerProcess
from aiwe_engine.types import Invocation
from tests.engine.deployments.lab import Person
from tests.engine.runtime.bench import Bench, Open, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One engine for all: each test serves its program as the next version of the one app."""
    folder = tmp_path_factory.mktemp("sync")
    async with Engine(settings(deadline=8.0), root=folder, data=folder / "data") as engine:
        yield Bench(engine, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def open_bench(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens benches with settings of one's own; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(**changes: Any) -> Bench:
            engine = Engine(settings(**changes), root=tmp_path, data=tmp_path / "data")
            return Bench(await stack.enter_async_context(engine), tmp_path)

        yield open_one


class Held:
    """The host's calls about the collection "held": each is answered when a test says so."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers: list[asyncio.Future[Any]] = []

    async def call(self, *_: object) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        self.asked.set()
        return await answer


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held, call = Held(), Data.call

    async def hold(self: Data, invocation: Invocation, method: str, args: list[Any]) -> Any:
        of_ours = bool(args) and args[0] == "held"
        return await (held.call() if of_ours else call(self, invocation, method, args))

    monkeypatch.setattr(Data, "call", hold)
    return held


# ── the same calls ──

# Each is made in both forms, in this order; NAME is a collection of that form's own.
CALLS = [
    "create('NAME', { id: 'a', title: 'Milk', n: 1, none: undefined, when: new Date(0) })",
    "create('NAME', { id: 'b', title: 'Käse \\u{1f9c0} \\ud800 \\ufeff', n: 2 })",
    "upsert('NAME', { id: 'c', n: 3 })",
    "get('NAME', 'a')",
    "get('NAME', 'b')",
    "get('NAME', 'nowhere')",
    "list('NAME')",
    "list('NAME', { sort: '-n', limit: 2 })",
    "query('NAME', { n: { $gt: 1 } }, { sort: 'n' })",
    "query('NAME', { n: { $gt: 1 }, limit: 1, sort: 'n' })",
    "first('NAME', { n: 2 })",
    "first('NAME', { n: 20 })",
    "count('NAME')",
    "count('NAME', { n: { $lt: 3 } })",
    "update('NAME', 'a', { done: true }, { ifVersion: 1 })",
    "replace('NAME', 'b', { title: 'Bread' })",
    "modify('NAME', 'c', { $inc: { n: 2 }, $push: { tags: 'x' } })",
    "delete('NAME', 'c')",
    "delete('NAME', 'c')",
    "deleteMany('NAME', { done: true })",
    "createMany('NAME', [{ id: 'd' }, { id: 'e' }])",
    # what is refused
    "create('NAME', { id: 'b' })",
    "create('NAME')",
    "create('NAME', { n: 10n })",
    "create('a b', {})",
    "get('NAME', undefined)",
    "update('NAME', 'x', {})",
    "update('NAME', 'b', {}, { ifVersion: 9 })",
    "replace('NAME', 'b', {}, { version: 9 })",
    "query('NAME', { n: { $get: 1 } })",
    "query('NAME', { owner: undefined })",
    "first('NAME', { owner: undefined })",
    "count('NAME', { owner: undefined })",
    "deleteMany('NAME', { owner: undefined })",
    "deleteMany('NAME')",
]
REFUSED_FROM = CALLS.index("create('NAME', { id: 'b' })")

BOTH_FORMS = """
const plain = (value) => JSON.parse(JSON.stringify(value ?? null, (key, v) => /edAt$/.test(key) ? typeof v : v));
const told = (e) => ({ is: e instanceof Error, name: e.name, code: e.code, message: e.message.replace(/forms?A?/, "form"),
  hint: e.hint ?? null, status: e.status, details: e.details ?? null, here: /app\\.js:\\d+:\\d+/.test(e.stack) });
const outcome = async (call) => {
  try { const made = call(), value = await made; return { promise: made instanceof Promise, value: plain(value), cursor: typeof value?.cursor }; }
  catch (error) { return { thrown: told(error) }; }
};
const waiting = [WAITING], standing = [STANDING];
app.get("/both", async () => {
  const found = [];
  for (let i = 0; i < waiting.length; i++) found.push([await outcome(waiting[i]), await outcome(standing[i])]);
  return found;
});
"""


async def test_every_call_gives_what_its_asynchronous_form_gives(bench: Bench) -> None:
    def written(repository: str, name: str) -> str:
        return ",".join(f"() => {repository}.{call.replace('NAME', name)}" for call in CALLS)

    program = BOTH_FORMS.replace("WAITING", written("DataRepository", "formA"))
    await bench.serve(program.replace("STANDING", written("DataRepository.sync", "form")))
    found = await bench.json("/both")
    for index, (call, (waiting, standing)) in enumerate(zip(CALLS, found, strict=True)):
        assert ("thrown" in standing) is (index >= REFUSED_FROM), call
        assert waiting.pop("promise", True), call
        assert not standing.pop("promise", False), call
        assert standing == waiting, call
        assert standing.get("thrown", {"here": True})["here"], call


async def test_it_goes_where_nothing_can_be_awaited(bench: Bench) -> None:
    await bench.serve(
        """
        const { sync } = DataRepository;
        class Rates { get today() { return sync.get("rates", "today").value; } }
        function* each() { for (const id of ["b", "a"]) yield sync.get("rates", id).value; }
        app.use("/m", (req, next) => { req.rank = sync.get("rates", "a").value; return next(); });
        app.get("/m/places", (req) => {
          sync.upsert("rates", { id: "today", value: 7 });
          sync.upsert("rates", { id: "a", value: 1 });
          sync.upsert("rates", { id: "b", value: 2 });
          return {
            getter: new Rates().today,
            sorted: ["a", "b"].sort((a, b) => sync.get("rates", b).value - sync.get("rates", a).value),
            generator: [...each()],
            replaced: "a+b".replace(/[ab]/g, (id) => sync.get("rates", id).value),
            inside: { toJSON: () => sync.count("rates") },
            tagged: sync.query("rates", { value: { toJSON: () => sync.get("rates", "b").value } }).map((d) => d.id),
            rank: req.rank,
          };
        });
        sync.upsert("rates", { id: "a", value: 1 });
        """
    )
    assert await bench.json("/m/places") == {
        "getter": 7,
        "sorted": ["b", "a"],
        "generator": [2, 1],
        "replaced": "1+2",
        "inside": 3,
        "tagged": ["b"],
        "rank": 1,
    }


async def test_what_was_called_before_is_done_before(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/order", async () => {
          const { sync } = DataRepository;
          DataRepository.create("order", { id: "x", n: 1 });
          const one = sync.modify("order", "x", { $push: { seen: 1 } });
          DataRepository.modify("order", "x", { $push: { seen: 2 } });
          DataRepository.modify("order", "x", { $push: { seen: 3 } });
          const two = sync.modify("order", "x", { $push: { seen: 4 } });
          const gone = DataRepository.delete("order", "x");
          sync.create("order", { id: "x", n: 2 });
          return [one.seen, two.seen, await gone, (await DataRepository.get("order", "x")).n];
        });
        """
    )
    assert await bench.json("/order") == [[1], [1, 2, 3, 4], True, 2]


async def test_a_refusal_that_nobody_catches_is_the_answer(bench: Bench) -> None:
    await bench.serve('app.get("/x", () => DataRepository.sync.update("things", "none", {}));')
    assert await bench.code("/x") == (404, "not_found")


async def test_effects_of_loading_happen_once_and_are_repeated_in_memory(bench: Bench) -> None:
    await bench.serve(
        """
        const made = DataRepository.sync.create("seeds", { n: 1 });
        let second;
        function init() { second = DataRepository.sync.create("seeds", { n: 2 }); }
        app.get("/seeds", () => [made.id, second.id, DataRepository.sync.count("seeds")]);
        """
    )
    before = await bench.json("/seeds")
    for worker in bench.engine.status()["workers"].values():  # type: ignore[union-attr]
        os.kill(int(worker), signal.SIGKILL)
    assert await bench.json("/seeds") == before
    assert before[2] == 2


async def test_what_outlives_its_request_finds_no_invocation(bench: Bench) -> None:
    await bench.serve(
        """
        let go, said = "nothing";
        app.get("/start", () => {
          const gate = new Promise((resolve) => { go = resolve; });
          (async () => {
            await gate;
            try { DataRepository.sync.count("x"); said = "done"; } catch (error) { said = `${error.code}: ${error.hint}`; }
          })();
        });
        app.get("/go", async () => { go(); await null; await null; await null; return said; });
        """
    )
    await bench.get("/start")
    assert (await bench.get("/go")).body.startswith(b"no_invocation: Call it inside a handler")


async def test_five_megabytes_come_and_go(open_bench: Open) -> None:
    bench: Bench = await open_bench(cpu_limit=5.0, deadline=20.0)
    await bench.serve(
        """
        app.get("/big", () => {
          const text = "0123456789abcdef".repeat(55_000);
          const docs = Array.from({ length: 6 }, (_, i) => ({ id: `${i}`, text }));
          const made = DataRepository.sync.createMany("big", docs);
          const got = DataRepository.sync.list("big");
          return [made, got].map((found) => found.filter((doc) => doc.text === text).length);
        });
        """
    )
    assert await bench.json("/big") == [6, 6]


async def test_isolates_wait_each_for_its_own_answers(bench: Bench) -> None:
    program = """
    app.get("/n/:n", (req) => {
      const seen = [];
      for (let i = 0; i < 20; i++) seen.push(DataRepository.sync.upsert("own", { id: req.params.n + "-" + i, i }).i);
      return [seen.every((n, i) => n === i), DataRepository.sync.query("own", { id: { $like: req.params.n + "-%" }}).length];
    });
    """
    await bench.serve(program)
    await bench.serve(program, "other")
    answers = await asyncio.gather(
        *(bench.json(f"/n/{n}", app) for n in range(3) for app in ("app", "other"))
    )
    assert answers == [[True, 20]] * 6


# ── while it waits ──

WAITS = """
app.get("/waits", () => DataRepository.sync.get("held", "a"));
app.get("/hello", () => "hello");
app.get("/busy", () => { const end = Date.now() + 80; while (Date.now() < end); return "busy"; });
"""


async def test_waiting_is_no_work_whatever_the_neighbours_do(open_bench: Open, held: Held) -> None:
    bench: Bench = await open_bench(
        cpu_limit=0.12, kill_grace=0.1, deadline=20.0, isolation="request"
    )
    await bench.serve(WAITS)
    await bench.serve(WAITS, "other")
    waiting = asyncio.create_task(bench.json("/waits"))
    await held.asked.wait()
    workers = bench.engine.status()["workers"]
    for _ in range(12):  # far more than the CPU limit, and than a worker may keep its host waiting
        assert (await bench.get("/busy")).body == b"busy"
    assert (await bench.get("/hello", "other")).body == b"hello"
    assert not waiting.done()
    held.answers[0].set_result({"held": True})
    assert await waiting == {"held": True}
    assert bench.engine.status()["workers"] == workers


async def test_others_of_its_isolate_wait_and_other_apps_do_not(bench: Bench, held: Held) -> None:
    await bench.serve(WAITS)
    await bench.serve(WAITS, "other")
    waiting = asyncio.create_task(bench.json("/waits"))
    await held.asked.wait()
    behind = asyncio.create_task(bench.get("/hello"))
    assert (await bench.get("/hello", "other")).body == b"hello"
    assert not behind.done()
    held.answers[0].set_result(1)
    assert await waiting == 1
    assert (await behind).body == b"hello"


async def test_its_own_work_between_calls_is_counted(bench: Bench) -> None:
    await bench.serve(
        """
        app.get("/loop", () => { for (;;) { try { DataRepository.sync.get("a b", "x"); } catch {} } });
        app.get("/hello", () => "hello");
        """
    )
    assert await bench.code("/loop") == (500, "cpu_limit")
    assert (await bench.get("/hello")).body == b"hello"


async def test_the_deadline_ends_the_wait_with_an_error(open_bench: Open, held: Held) -> None:
    bench: Bench = await open_bench(deadline=0.3)
    await bench.serve(
        """
        let seen;
        app.get("/waits", () => {
          try { return DataRepository.sync.get("held", "a"); } catch (error) { seen = [error.code, error.hint]; }
          try { DataRepository.sync.create("things", {}); } catch (error) { seen.push(error.code); }
        });
        app.get("/seen", () => [seen, DataRepository.sync.count("things")]);
        """
    )
    assert await bench.code("/waits") == (504, "deadline")
    (code, hint, after), count = await bench.json("/seen")
    assert (code, after, count) == ("deadline", "no_invocation", 0)
    assert "limits.deadline" in hint
    held.answers[0].set_result("too late")
    assert await bench.json("/seen") == [[code, hint, after], count]


async def test_a_failure_of_the_engine_is_told_to_whoever_waits(bench: Bench, held: Held) -> None:
    await bench.serve(
        """
        app.get("/stands", () => DataRepository.sync.get("held", "a"));
        app.get("/awaits", async () => await DataRepository.get("held", "a"));
        """
    )
    for path in ("/stands", "/awaits"):
        held.asked.clear()
        waiting = asyncio.create_task(bench.code(path))
        await held.asked.wait()
        held.answers[-1].set_exception(ZeroDivisionError())
        assert await waiting == (500, "internal_error")


async def test_an_engine_closes_while_an_isolate_waits(tmp_path: Path, held: Held) -> None:
    async with asyncio.timeout(20):
        async with Engine(settings(deadline=60.0), root=tmp_path, data=tmp_path / "data") as engine:
            bench = Bench(engine, tmp_path)
            await bench.serve(WAITS)
            waiting = asyncio.create_task(bench.code("/waits"))
            await held.asked.wait()
        assert await waiting == (503, "worker_lost")


async def test_a_turn_cut_on_the_way_out_loses_nobodys_answer(open_bench: Open) -> None:
    bench: Bench = await open_bench(cpu_limit=0.1)
    await bench.serve(
        """
        const text = "x".repeat(8_000_000);
        app.get("/hello", () => "hello");
        app.get("/large", () => { for (;;) { try { DataRepository.sync.get("a b", text); } catch {} } });
        """
    )
    answers = await asyncio.gather(
        *(bench.get("/hello") for _ in range(5)), bench.get("/large"), bench.get("/hello")
    )
    assert [a.status for a in answers] == [200] * 5 + [500, 200]


async def test_a_cell_that_waits_is_interrupted_and_its_session_goes_on(
    bench: Bench, held: Held
) -> None:
    person = Person(bench.engine)
    await person.run("a", "const kept = 7;")
    cell = 'console.log("one"); console.log("two"); DataRepository.sync.get("held", "a")'
    running = asyncio.create_task(person.run("b", cell))
    await held.asked.wait()
    assert await bench.engine.interrupt(person.session)
    ran = await running
    assert (ran.error["name"], ran.text) == ("Interrupted", "one\ntwo\n")
    held.answers[0].set_result("of the cell before")
    ran = await person.run("c", 'DataRepository.sync.upsert("cells", { id: "own", kept }).kept')
    assert ran.result == "7"
    said = [line.text for _, line in bench.engine.logs("demo")]
    assert "two" not in said + ran.text.split()  # what has left is not said again


async def test_what_a_cell_wrote_is_shown_before_it_waits(bench: Bench, held: Held) -> None:
    person = Person(bench.engine)
    running = asyncio.create_task(
        person.run(
            "a", 'console.log("one"); console.log("two"); DataRepository.sync.get("held", "a")'
        )
    )
    await held.asked.wait()
    held.answers[0].set_result("three")
    ran = await running
    assert (ran.text, ran.result) == ("one\ntwo\n", "'three'")


# ── a worker that says what it likes ──


class Line(asyncio.Transport):
    """Keeps what the host sends to a worker."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = wire.FrameReader()
        self.replies: list[tuple[int, bytes]] = []

    def write(self, data: Any) -> None:
        frames = self.reader.feed(bytes(data))
        self.replies += [(number, body) for op, _, number, body in frames if op == wire.REPLY]

    def abort(self) -> None:
        pass


def taken_over() -> tuple[WorkerProcess, Isolate, Line]:
    """A worker in a test's hands with one invocation, number 1; its host calls do not end."""

    async def gate(*_: object) -> None:
        await asyncio.Event().wait()

    process, line = WorkerProcess(settings()), Line()
    process.connection_made(line)
    config = {"cpu_limit": 1.0, "stream_timeout": 1.0}
    isolate = Isolate(process, config, gate, lambda *_: None, lambda *_: None)
    flight = Flight(process.loop, Invocation("1", "http", "app", "dev", "1", "GET /"), ("i",))
    flight.future.add_done_callback(lambda future: future.exception())
    isolate.take(flight)
    return process, isolate, line


CALL = b'["c",1,%d,"data","get",[]]'
DEEP = b'["c",1,7,"data","get",[%s]]' % (b"[" * 5000 + b"]" * 5000)
# what it says, whether the host ends it, the code of what it is answered
SAID = [
    ("an invocation that is none", b'["w",9,7]', False, b"no_invocation"),
    ("a call too deep to be read", b'["w",1,7],' + DEEP, False, b"nested_too_deeply"),
    (
        "too many calls",
        b'["w",1,7],' + b",".join(CALL % n for n in range(7, 10_008)),
        False,
        b"too_many_calls",
    ),
    ("an answer while it waits", b'["w",1,7],["d",1,{}]', False, None),
    ("a call that it waits for", b'["w",1,7],' + CALL % 7, False, None),
    ("a number larger than a frame has", b'["w",9,4294967303]', False, b"no_invocation"),
    ("two calls of one number", CALL % 7 + b"," + CALL % 7, True, None),
    ("no number", b'["w",1,"x"]', True, None),
    ("nothing", b'["w",1]', True, None),
    ("a list", b'["w",[1],7]', True, None),
]


@pytest.mark.parametrize(
    ("said", "ended", "code"), [case[1:] for case in SAID], ids=[case[0] for case in SAID]
)
async def test_a_worker_that_claims_to_wait_is_answered_or_ended(
    said: bytes, ended: bool, code: bytes | None
) -> None:
    process, _, line = taken_over()
    process.data_received(wire.frame(wire.OUTBOX, 1, 0, said))
    await asyncio.sleep(0)
    assert process.ended is ended
    if code is None:
        assert line.replies == []
    else:
        ((number, body),) = line.replies
        assert number == 7
        assert code in body


async def test_a_worker_that_waits_is_not_late_until_it_has_its_answer() -> None:
    process, isolate, line = taken_over()
    assert isolate.waiting_since > 0
    process.data_received(wire.frame(wire.OUTBOX, 1, 0, b'["w",1,7],' + CALL % 7))
    assert isolate.waiting_since == 0
    isolate.abandon(1, RequestError("Over.", code="deadline"))
    await asyncio.sleep(0)
    assert isolate.waiting_since > 0
    ((number, body),) = line.replies
    assert number == 7
    assert b'"deadline"' in body
