"""A cell goes live: drafts, scratch cells, changes, and what an error leaves as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Cell
from tests.engine.deployments.lab import Person


async def test_a_cell_that_registers_a_route_is_live_when_it_has_run(person: Person) -> None:
    ran = await person.run("a", 'app.get("/hello", () => ({ hello: "world" }));')
    assert ran.ok
    assert ran.changes == {"GET /hello": "added"}
    assert ran.deployment["routes"][0]["url"] == "http://demo.localhost:8890/hello"
    assert await person.ask("/hello") == (200, {"hello": "world"})


async def test_the_value_of_the_last_expression_and_the_console_are_shown(person: Person) -> None:
    ran = await person.run("a", 'console.log("one"); console.error("two"); const x = 6; x * 7')
    assert [e["type"] for e in ran.events] == ["stdout", "stderr", "result", "deployment", "done"]
    assert ran.result == "42"
    assert ran.deployment["scratch"] is True


async def test_running_a_cell_again_replaces_what_it_registered(person: Person) -> None:
    await person.run("a", 'app.get("/one", () => 1); app.get("/two", () => 2);')
    ran = await person.run("a", 'app.get("/one", () => "changed"); app.get("/three", () => 3);')
    assert ran.changes == {"GET /one": "changed", "GET /three": "added", "GET /two": "removed"}
    assert await person.ask("/one") == (200, "changed")
    assert (await person.ask("/two"))[0] == 404


async def test_declarations_persist_and_cells_that_are_used_are_part_of_the_app(
    person: Person,
) -> None:
    first = await person.run("a", "const greet = (name) => `Hello ${name}`;")
    assert first.deployment["scratch"] is True
    await person.run("b", 'app.get("/greet", () => greet("you"));')
    assert await person.ask("/greet") == (200, "Hello you")
    again = await person.run("a", "const greet = (name) => `Good day ${name}`;")
    assert again.deployment["scratch"] is False
    assert await person.ask("/greet") == (200, "Good day you")


async def test_directives_decide_by_hand(person: Person) -> None:
    ran = await person.run("a", '// @scratch\napp.get("/never", () => 1);')
    assert ran.deployment["scratch"] is True
    assert (await person.ask("/never"))[0] == 404
    await person.run("b", 'app.get("/x", () => globalThis.late);')
    ran = await person.run("c", "// @deploy\nglobalThis.late = 'there';")
    assert ran.deployment["scratch"] is False
    assert await person.ask("/x") == (200, "there")


async def test_a_cell_that_declares_a_collection_is_part_of_the_app(person: Person) -> None:
    declares = 'DataRepository.define("people", { unique: [["email"]] });'
    ran = await person.run("a", declares)
    assert ran.deployment["scratch"] is False
    assert ran.deployment["version"]
    asks = await person.run("b", 'await DataRepository.list("people")')
    assert asks.deployment["scratch"] is True


async def test_effects_happen_once_and_serving_isolates_repeat_them_in_memory(
    person: Person,
) -> None:
    text = """
    const made = await DataRepository.create("seeds", { n: 1 });
    app.get("/seed", () => made.id);
    app.get("/count", async () => await DataRepository.count("seeds"));
    """
    await person.run("a", text)
    assert await person.ask("/count") == (200, 1)
    seed = await person.ask("/seed")
    await person.run("b", 'app.get("/other", () => 1);')
    assert await person.ask("/count") == (200, 1)
    assert await person.ask("/seed") == seed
    await person.run("a", text)
    assert await person.ask("/count") == (200, 2)
    assert await person.ask("/seed") != seed


async def test_a_cell_runs_a_transaction_and_serving_isolates_repeat_it_in_memory(
    person: Person,
) -> None:
    ran = await person.run(
        "a",
        """
        const n = await DataRepository.transaction(async (tx) => {
          await tx.create("seeds", {});
          return tx.count("seeds");
        });
        app.get("/n", async () => [n, await DataRepository.count("seeds")]);
        n
        """,
    )
    assert ran.result == "1"
    await person.run("b", 'app.get("/other", () => 1);')
    assert await person.ask("/n") == (200, [1, 1])


async def test_init_functions_run_once_when_their_cell_runs(person: Person) -> None:
    await person.run(
        "a",
        """
        async function initSeeds() { await DataRepository.create("seeds", { n: 1 }); }
        function init() { app.get("/count", async () => await DataRepository.count("seeds")); }
        """,
    )
    assert await person.ask("/count") == (200, 1)
    await person.run("b", 'app.get("/other", () => 1);')
    assert await person.ask("/count") == (200, 1)


ERRORS = [
    ("let a = 1;\n\nnul.x;", "ReferenceError", 3, 1, None),
    ("let b = ;", "SyntaxError", 1, 9, None),
    ("\n  consle.log(1)", "ReferenceError", 2, 3, "console"),
    ("app.gett('/x', () => 1)", "TypeError", 1, 5, "app.get"),
    ("DataRepository.finde('x')", "TypeError", 1, 16, "DataRepository"),
    ("const f = () => { throw new TypeError('bad') };\nf();", "TypeError", 1, 25, None),
    ("type T = { a: number };\nconst t: T = { a: 1 }; t.a.b.c;", "TypeError", 2, 30, None),
]


@pytest.mark.parametrize(("text", "name", "line", "column", "hint"), ERRORS)
async def test_an_error_names_cell_line_and_column_of_the_authors_text(
    person: Person, text: str, name: str, line: int, column: int, hint: str | None
) -> None:
    ran = await person.run("abc", text)
    assert not ran.ok
    assert ran.error["name"] == name
    assert ran.error["where"] == {
        "file": "demo.ipynb",
        "cell": "abc",
        "line": line,
        "column": column,
    }
    assert "^" in ran.error["excerpt"]
    if hint is not None:
        assert hint in ran.error["hint"]


async def test_a_version_that_does_not_load_leaves_the_one_before_it_live(person: Person) -> None:
    await person.run("a", 'app.get("/x", () => "before");')
    await person.run("s", "// @scratch\nconst onlyHere = 1;")
    ran = await person.run("a", 'app.get("/x", () => "after"); onlyHere;')
    assert not ran.ok
    assert ran.error["where"]["cell"] == "a"
    assert await person.ask("/x") == (200, "before")


async def test_a_handlers_error_points_into_its_cell(person: Person) -> None:
    await person.run("h", 'app.get("/x", (req) => {\n  return reqq.query;\n});')
    status, answer = await person.ask("/x")
    assert status == 500
    assert answer["error"]["where"]["cell"] == "h"
    assert answer["error"]["where"]["line"] == 2
    (line,) = [one for _, one in person.engine.logs("demo") if one.level == "error"]
    assert "cell-h.js:2:3" in line.text


async def test_the_later_of_two_equal_routes_wins_and_the_output_says_so(person: Person) -> None:
    await person.run("a", 'app.get("/x", () => "first");')
    ran = await person.run("b", 'app.get("/x", () => "second");')
    assert await person.ask("/x") == (200, "second")
    assert any("replaces" in warning for warning in ran.deployment["warnings"])


async def test_cells_load_in_the_order_of_the_document(person: Person) -> None:
    await person.engine.arrange("", "demo.ipynb", ["a", "b"], saved=False)
    await person.run("b", 'app.get("/x", () => "b");')
    await person.run("a", 'app.get("/x", () => "a");')
    assert await person.ask("/x") == (200, "b")
    await person.engine.arrange("demo", "demo.ipynb", ["b", "a"], saved=False)
    await person.run("c", 'app.get("/y", () => 1);')
    assert await person.ask("/x") == (200, "a")


async def test_a_cell_that_left_the_saved_notebook_leaves_the_draft(person: Person) -> None:
    await person.run("a", 'app.get("/a", () => 1);')
    await person.run("b", 'app.get("/b", () => 1);')
    await person.engine.arrange("demo", "demo.ipynb", ["a"], saved=True)
    assert (await person.ask("/a"))[0] == 200
    assert (await person.ask("/b"))[0] == 404


async def test_an_anonymous_cell_leaves_when_a_later_one_replaces_all_of_it(person: Person) -> None:
    await person.run("1", 'app.get("/a", () => "old");', anonymous=True)
    await person.run("2", 'app.get("/a", () => "new");', anonymous=True)
    assert await person.ask("/a") == (200, "new")
    ran = await person.run("3", "1", anonymous=True)
    assert ran.ok


async def test_the_console_streams_while_a_cell_runs(engine: Engine) -> None:
    person = Person(engine)
    seen = asyncio.Event()
    asked = Cell(person.session, "", "a", "for (let i = 0; ; i++) console.log(i);", "demo.ipynb")

    async def watch() -> list[str]:
        texts = []
        async for event in engine.run_cell(asked):
            if event["type"] == "stdout":
                texts.append(str(event["text"]))
                seen.set()
        return texts

    running = asyncio.create_task(watch())
    await asyncio.wait_for(seen.wait(), 20)
    assert not running.done()
    assert await engine.interrupt(person.session)
    assert (await running)[0] == "0\n"


async def test_a_thrown_value_that_is_no_error_is_shown(person: Person) -> None:
    ran = await person.run("a", "throw { odd: [1, 2] };")
    assert "{ odd: [ 1, 2 ] }" in ran.error["message"]


LOOPS = [
    "for (;;);",
    "await 0; for (;;);",
    "await new Promise(() => {});",
    "for (;;) await 0;",
    "for (;;) { try { DataRepository.sync.get('a b', 'x'); } catch {} }",
]


@pytest.mark.parametrize("loop", LOOPS)
async def test_an_interrupt_ends_any_cell_and_the_session_goes_on(
    engine: Engine, loop: str
) -> None:
    person = Person(engine)
    await person.run("a", "const kept = 7;")
    running = asyncio.create_task(person.run("b", 'console.log("begun");' + loop))
    while not await engine.interrupt(person.session):
        await asyncio.sleep(0.01)
    ran = await running
    assert ran.error["name"] in {"Interrupted", "CpuLimitError"}
    assert (await person.run("c", "kept")).result == "7"


@pytest.mark.binds("cell_cpu_limit")
@pytest.mark.parametrize(("limit", "code"), [(0.1, "cpu_limit"), (20.0, None)])
async def test_cell_cpu_limit_is_that_of_cells_alone(
    tmp_path: Path, limit: float, code: str | None
) -> None:
    busy = "{ let sum = 0; for (let i = 0; i < 4e8; i++) sum += i & 3; globalThis.kept = sum; }"
    settings = Settings(cpu_limit=0.1, cell_cpu_limit=limit)
    async with Engine(settings, root=tmp_path, data=tmp_path / ".aiwe") as engine:
        person = Person(engine)
        ran = await person.run("a", f'{busy} app.get("/x", () => {{ {busy} return 1; }})')
        assert ran.ok is (code is None)
        if code is not None:
            assert ran.error["code"] == code
        else:
            assert (await person.ask("/x"))[0] == 500


async def test_a_cell_that_kills_its_worker_costs_the_session_and_not_the_app(
    person: Person,
) -> None:
    await person.run("a", 'const kept = 1; app.get("/x", () => kept);')
    ran = await person.run("b", "const a = []; for (;;) a.push(new Array(1e6).fill(a.length));")
    assert ran.error["code"] in {"memory_limit", "worker_crashed", "cpu_limit"}
    assert await person.ask("/x") == (200, 1)
    assert (await person.run("c", "1 + 1")).result == "2"


async def test_a_restarted_kernel_loses_its_session_and_not_what_is_live(person: Person) -> None:
    await person.run("a", 'const kept = 1; app.get("/x", () => kept);')
    await person.engine.end_session(person.session)
    assert await person.ask("/x") == (200, 1)
    ran = await Person(person.engine, session="kernel-2").run("b", "typeof kept")
    assert ran.result == "'undefined'"
    assert await person.ask("/x") == (200, 1)


async def test_live_looks_into_the_isolate_that_serves(person: Person) -> None:
    await person.run("a", 'let hits = 0; app.get("/x", () => ++hits);')
    await person.ask("/x")
    await person.ask("/x")
    assert (await person.engine.live("demo", "hits"))["data"]["text/plain"] == "2"


async def test_a_handler_that_assigns_a_top_level_variable_is_told_so(person: Person) -> None:
    ran = await person.run("a", 'let hits = 0; app.get("/x", () => ++hits);')
    assert any("'hits'" in warning for warning in ran.deployment["warnings"])


async def test_two_notebooks_of_one_name_are_an_error_that_names_both(engine: Engine) -> None:
    await Person(engine, "a/demo.ipynb", "k1").run("a", 'app.get("/x", () => 1);')
    ran = await Person(engine, "b/demo.ipynb", "k2").run("a", 'app.get("/x", () => 1);')
    assert ran.error["code"] == "duplicate_app"
    assert "a/demo.ipynb" in ran.error["message"]
    assert "b/demo.ipynb" in ran.error["message"]


async def test_no_request_is_lost_while_cells_are_redeployed(person: Person) -> None:
    await person.run("a", 'app.get("/x", async () => { await 0; return 0; });')
    stop = False
    seen: set[int] = set()

    async def load() -> None:
        while not stop:
            status, value = await person.ask("/x")
            assert status == 200
            seen.add(value)

    clients = [asyncio.create_task(load()) for _ in range(8)]
    for n in range(1, 30):
        await person.run("a", f'app.get("/x", async () => {{ await 0; return {n}; }});')
    stop = True
    await asyncio.gather(*clients)
    assert max(seen) >= 28
