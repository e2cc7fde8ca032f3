"""Each limit of the runtime binds: what is within it passes, what is over it is told so."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.engine.runtime.bench import Bench, Open

MB = 1024 * 1024
#: About 0.4 s of CPU time, however busy the machine is.
BUSY = "let sum = 0; for (let i = 0; i < 4e8; i++) sum += i & 3; globalThis.kept = sum;"


@pytest.mark.binds("cpu_limit")
async def test_cpu_limit_stops_a_turn_that_uses_more(open_bench: Open) -> None:
    program = f'app.get("/x", () => {{ {BUSY} return 1; }})'
    strict: Bench = await open_bench(cpu_limit=0.1)
    await strict.serve(program)
    assert await strict.code("/x") == (500, "cpu_limit")
    patient: Bench = await open_bench(cpu_limit=5.0, deadline=20.0)
    await patient.serve(program, "other")
    assert await patient.json("/x", "other") == 1


@pytest.mark.binds("deadline")
async def test_deadline_ends_a_request_that_waits_longer(open_bench: Open) -> None:
    program = 'app.get("/x", () => new Promise((go) => setTimeout(go, 400, "late")));'
    strict: Bench = await open_bench(deadline=0.1)
    await strict.serve(program)
    assert await strict.code("/x") == (504, "deadline")
    patient: Bench = await open_bench(deadline=5.0)
    await patient.serve(program, "other")
    assert (await patient.get("/x", "other")).body == b"late"


@pytest.mark.binds("heap_limit")
async def test_heap_limit_bounds_what_an_isolate_keeps(open_bench: Open) -> None:
    program = """app.get("/x", () => {
      const a = [];
      for (let i = 0; i < 30; i++) a.push(new Array(1e5).fill(i + 0.5));
      return a.length;
    });"""
    small: Bench = await open_bench(heap_limit=16 * MB, cpu_limit=5.0, deadline=20.0)
    await small.serve(program)
    assert await small.code("/x") == (500, "memory_limit")
    large: Bench = await open_bench(heap_limit=256 * MB, cpu_limit=5.0, deadline=20.0)
    await large.serve(program, "other")
    assert await large.json("/x", "other") == 30


@pytest.mark.binds("buffer_limit")
async def test_buffer_limit_replaces_an_isolate_that_hoards(open_bench: Open) -> None:
    bench: Bench = await open_bench(buffer_limit=16 * MB, heap_limit=32 * MB)
    await bench.serve(
        """
        const hoard = [];
        app.get("/more", () => { hoard.push(new Uint8Array(40e6).fill(1)); return hoard.length; });
        app.get("/held", () => hoard.length);
        """
    )
    held = [0]
    async with asyncio.timeout(20):
        while held == sorted(set(held)):  # it only grows, until another isolate begins at nothing
            await bench.get("/more")
            await asyncio.sleep(0.11)  # memory is weighed at most ten times a second
            held.append(await bench.json("/held"))
    assert max(held) < 10


@pytest.mark.binds("worker_memory")
async def test_worker_memory_makes_an_allocation_fail_and_not_the_machine(
    open_bench: Open,
) -> None:
    program = """app.get("/x", () => {
      try { return new Uint8Array(900e6).fill(1).length; } catch (error) { return error.name; }
    });"""
    bench: Bench = await open_bench(worker_memory=768 * MB, cpu_limit=5.0)
    await bench.serve(program)
    assert (await bench.get("/x")).body == b"RangeError"


@pytest.mark.binds("stack_size")
async def test_stack_size_bounds_recursion(open_bench: Open) -> None:
    program = """app.get("/x", () => {
      let depth = 0;
      const down = () => { depth++; down(); };
      try { down(); } catch {}
      return depth;
    });"""
    depths = []
    for size in (200, 800):
        bench: Bench = await open_bench(stack_size=size)
        await bench.serve(program, f"app{size}")
        depths.append(await bench.json("/x", f"app{size}"))
    assert depths[0] * 2 < depths[1]


@pytest.mark.binds("response_limit")
async def test_response_limit_refuses_a_larger_answer(open_bench: Open) -> None:
    bench: Bench = await open_bench(response_limit=1000)
    await bench.serve('app.get("/x/:n", (req) => "é".repeat(+req.params.n));')
    assert (await bench.get("/x/500")).status == 200
    assert await bench.code("/x/501") == (500, "response_too_large")


@pytest.mark.binds("log_limit")
async def test_log_limit_cuts_what_one_request_writes(open_bench: Open) -> None:
    bench: Bench = await open_bench(log_limit=1000)
    await bench.serve(
        'app.get("/x", () => { for (let i = 0; i < 50; i++) console.log("y".repeat(99)); });'
    )
    await bench.get("/x")
    lines = [line.text for _, line in bench.engine.logs("app")]
    assert sum(len(text) for text in lines[:-1]) == 1000
    assert "cut at 1000" in lines[-1]


@pytest.mark.binds("log_lines")
async def test_log_lines_is_how_many_are_kept(open_bench: Open) -> None:
    bench: Bench = await open_bench(log_lines=5)
    await bench.serve('app.get("/x", () => { for (let i = 0; i < 9; i++) console.log(i); });')
    await bench.get("/x")
    assert [line.text for _, line in bench.engine.logs("app")] == ["4", "5", "6", "7", "8"]


@pytest.mark.binds("isolation")
async def test_isolation_by_request_gives_each_a_fresh_isolate(open_bench: Open) -> None:
    program = 'let hits = 0; app.get("/x", () => ++hits);'
    shared: Bench = await open_bench(isolation="shared")
    await shared.serve(program)
    assert [await shared.json("/x") for _ in range(3)] == [1, 2, 3]
    alone: Bench = await open_bench(isolation="request")
    await alone.serve(program, "other")
    assert [await alone.json("/x", "other") for _ in range(3)] == [1, 1, 1]
    together = await asyncio.gather(*(alone.json("/x", "other") for _ in range(8)))
    assert together == [1] * 8


async def test_isolation_by_request_ends_a_loop_and_answers_the_others(open_bench: Open) -> None:
    alone: Bench = await open_bench(isolation="request")
    await alone.serve('app.get("/loop", () => { for (;;); }); app.get("/x", () => 1);')
    loop, *others = await asyncio.gather(alone.code("/loop"), *(alone.json("/x") for _ in range(4)))
    assert loop == (500, "cpu_limit")
    assert others == [1] * 4


@pytest.mark.binds("worker_idle")
async def test_worker_idle_ends_an_unused_worker_and_the_next_request_starts_one(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(worker_idle=0.2)
    await bench.serve('app.get("/x", () => "here");')
    async with asyncio.timeout(10):
        while bench.engine.status()["workers"]:
            await asyncio.sleep(0.05)
    assert (await bench.get("/x")).body == b"here"
    assert bench.engine.status()["workers"]


@pytest.mark.binds("load_cpu_limit")
async def test_load_cpu_limit_is_its_own(open_bench: Open) -> None:
    bench: Bench = await open_bench(cpu_limit=0.1, load_cpu_limit=10.0)
    await bench.serve(f'{BUSY} app.get("/x", () => {{ {BUSY} }});')
    assert await bench.code("/x") == (500, "cpu_limit")


#: Minutes in V8's own code, which looks at no interrupt.
DEAF = '"a".repeat(1e6).lastIndexOf("a".repeat(5e5) + "b")'


@pytest.mark.binds("kill_grace")
async def test_kill_grace_is_how_long_a_turn_may_ignore_that_it_was_stopped(
    open_bench: Open,
) -> None:
    program = f'app.get("/x", () => {DEAF}); app.get("/y", () => "alive");'
    strict: Bench = await open_bench(cpu_limit=0.1, kill_grace=0.1, deadline=20.0)
    await strict.serve(program)
    assert await strict.code("/x") == (500, "cpu_limit")
    assert (await strict.get("/y")).body == b"alive"
    patient: Bench = await open_bench(cpu_limit=0.1, kill_grace=60.0, deadline=1.0)
    await patient.serve(program, "other")
    assert await patient.code("/x", "other") == (504, "deadline")


@pytest.mark.binds("spare_workers")
@pytest.mark.parametrize("spares", [0, 2])
async def test_spare_workers_are_ready_before_they_are_needed(
    open_bench: Open, spares: int
) -> None:
    bench: Bench = await open_bench(spare_workers=spares)
    started = time.monotonic()
    await bench.serve('app.get("/x", () => 1);')
    await bench.serve('app.get("/x", () => 2);', "second")
    assert time.monotonic() - started < 20
    assert len(bench.engine._pool._spares) == spares
