"""A configuration that changes while apps are served: what holds when, and what is not lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from tests.engine.runtime.bench import Bench, Open, settings

MB = 1024 * 1024
COUNTER = """
let hits = 0;
app.get("/hits", () => ++hits);
app.get("/config", () => app.config);
app.get("/slow", async () => { await new Promise((go) => setTimeout(go, 400)); return ++hits; });
"""


async def configure(bench: Bench, **changes: Any) -> list[str]:
    return await bench.engine.configure(Configuration(settings(**changes)))


HUNGRY = """app.get("/x", () => {
  const a = [];
  for (let i = 0; i < 30; i++) a.push(new Array(1e5).fill(i + 0.5));
  return a.length;
});"""
LIMITS: list[tuple[dict[str, Any], str, Any, dict[str, Any], Any]] = [
    (
        {"deadline": 0.1},
        'app.get("/x", () => new Promise((go) => setTimeout(go, 300, "late")));',
        (504, "deadline"),
        {"deadline": 5.0},
        200,
    ),
    (
        {"cpu_limit": 0.05, "deadline": 20.0},
        'app.get("/x", () => { let s = 0; for (let i = 0; i < 3e8; i++) s += i & 3; return s; });',
        (500, "cpu_limit"),
        {"cpu_limit": 10.0, "deadline": 20.0},
        200,
    ),
    (
        {"response_limit": 100},
        'app.get("/x", () => "y".repeat(101));',
        (500, "response_too_large"),
        {"response_limit": 101},
        200,
    ),
    (
        {"document_limit": 100},
        'app.get("/x", () => DataRepository.create("t", { text: "y".repeat(101) }));',
        (413, "document_too_large"),
        {},
        200,
    ),
    (
        {"heap_limit": 16 * MB, "cpu_limit": 5.0, "deadline": 20.0},
        HUNGRY,
        (500, "memory_limit"),
        {"heap_limit": 256 * MB, "cpu_limit": 5.0, "deadline": 20.0},
        200,
    ),
]


@pytest.mark.parametrize(
    ("before", "program", "refused", "after", "status"),
    LIMITS,
    ids=[next(iter(one[0])) for one in LIMITS],
)
async def test_a_limit_that_is_raised_or_lowered_binds_from_the_next_request_on(
    open_bench: Open,
    before: dict[str, Any],
    program: str,
    refused: tuple[int, str],
    after: dict[str, Any],
    status: int,
) -> None:
    bench: Bench = await open_bench(**before)
    await bench.serve(program)
    assert await bench.code("/x") == refused
    assert await configure(bench, **after) == []
    assert (await bench.get("/x")).status == status
    await configure(bench, **before)
    assert await bench.code("/x") == refused


async def test_what_is_under_way_ends_where_it_began_and_the_next_begins_anew(bench: Bench) -> None:
    await bench.serve(COUNTER)
    assert await bench.json("/hits") == 1
    slow = asyncio.create_task(bench.json("/slow"))
    await asyncio.sleep(0)  # it is on its way
    worker = dict(bench.engine.status()["workers"])
    await configure(bench, heap_limit=48 * MB)
    assert await bench.json("/hits") == 1
    assert await slow == 2
    assert dict(bench.engine.status()["workers"]) != worker
    pid = worker["app/dev"]
    async with asyncio.timeout(10):
        while _alive(pid):
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_an_isolate_stays_where_nothing_of_it_changed(bench: Bench) -> None:
    await bench.serve(COUNTER)
    assert await bench.json("/hits") == 1
    workers = dict(bench.engine.status()["workers"])
    await configure(bench, deadline=2.0, allowed_hosts=("a.example",), log_lines=7)
    assert await bench.json("/hits") == 2
    assert dict(bench.engine.status()["workers"]) == workers


async def test_values_of_one_app_change_for_that_app_alone(bench: Bench) -> None:
    await bench.serve(COUNTER)
    await bench.serve(COUNTER, "other")
    for app in ("app", "other"):
        assert [await bench.json("/hits", app), await bench.json("/config", app)] == [1, {}]
    base = settings()
    own = AppConfiguration(replace(base, deadline=0.1), config={"currency": "EUR"})
    await bench.engine.configure(Configuration(base, apps={"app": own}))
    assert await bench.json("/config") == {"currency": "EUR"}
    assert await bench.code("/slow") == (504, "deadline")
    assert await bench.json("/hits", "other") == 2
    assert (await bench.get("/slow", "other")).status == 200
    await bench.engine.configure(Configuration(base))
    assert await bench.json("/config") == {}


@pytest.mark.parametrize("order", [("shared", "request"), ("request", "shared")])
async def test_isolation_changes_between_requests(open_bench: Open, order: tuple[str, str]) -> None:
    hits = {"shared": [1, 2, 3], "request": [1, 1, 1]}
    bench: Bench = await open_bench(isolation=order[0])
    await bench.serve(COUNTER)
    for isolation in (*order, order[0]):
        slow = asyncio.create_task(bench.json("/slow"))
        await asyncio.sleep(0)
        await configure(bench, isolation=isolation)
        assert await slow >= 1
        await configure(bench, isolation=isolation, log_limit=1000)  # a fresh isolate
        assert [await bench.json("/hits") for _ in range(3)] == hits[isolation]
        await configure(bench, isolation=isolation)


async def test_an_app_that_cannot_live_under_new_limits_goes_on_under_its_old_ones(
    bench: Bench,
) -> None:
    # It looks at its configuration while it loads, as a program may.
    text = COUNTER + 'if (app.config.broken) throw new Error("it is broken");'
    await bench.serve(text)
    await bench.serve(COUNTER, "other")
    assert await bench.json("/hits") == 1
    base = settings(log_limit=1000)
    broken = AppConfiguration(base, config={"broken": True})
    await bench.engine.configure(Configuration(base, apps={"app": broken}))
    assert await bench.json("/hits") == 2
    assert await bench.json("/hits", "other") == 1
    (line,) = [line for _, line in bench.engine.logs("app") if line.level == "error"]
    assert "it is broken" in line.text
    assert "old limits" in line.text
    await configure(bench)
    assert await bench.json("/hits") == 1


@pytest.mark.parametrize("isolation", ["shared", "request"])
async def test_requests_that_come_while_it_changes_are_all_answered(
    open_bench: Open, isolation: str
) -> None:
    bench: Bench = await open_bench(isolation=isolation, deadline=30.0)
    await bench.serve(COUNTER)
    answers: list[int] = []
    stop = asyncio.Event()

    async def hammer() -> None:
        while not stop.is_set():
            answers.append((await bench.get("/hits")).status)

    hammers = [asyncio.create_task(hammer()) for _ in range(6)]
    for size, other in ((48, "request"), (56, "shared"), (48, isolation)):
        before = len(answers)
        async with asyncio.timeout(20):  # however many requests come, it is taken
            await configure(bench, heap_limit=size * MB, isolation=other, deadline=30.0)
        while len(answers) < before + 20:
            await asyncio.sleep(0)
    stop.set()
    await asyncio.gather(*hammers)
    assert set(answers) == {200}
    first, second = [await bench.json("/hits") for _ in range(2)]
    assert second - first == (0 if isolation == "request" else 1)


async def test_changes_that_come_together_are_taken_one_after_the_other(bench: Bench) -> None:
    await bench.serve(COUNTER)
    base = settings()
    values: list[dict[str, Any]] = [{"n": n} for n in range(5)]
    await asyncio.gather(
        *(
            bench.engine.configure(
                Configuration(base, apps={"app": AppConfiguration(base, config=value)})
            )
            for value in values
        )
    )
    assert await bench.json("/config") == {"n": 4}


async def test_an_app_at_rest_comes_up_under_the_new_configuration(open_bench: Open) -> None:
    bench: Bench = await open_bench(worker_idle=0.2)
    await bench.serve(COUNTER)
    async with asyncio.timeout(10):
        while bench.engine.status()["workers"]:
            await asyncio.sleep(0.02)
    base = settings(worker_idle=0.2)
    own = AppConfiguration(base, config={"late": True})
    await bench.engine.configure(Configuration(base, apps={"app": own}))
    assert not bench.engine.status()["workers"]
    assert await bench.json("/config") == {"late": True}


async def test_spare_workers_follow(open_bench: Open) -> None:
    bench: Bench = await open_bench(spare_workers=2)
    await bench.serve(COUNTER)
    pool = bench.engine._pool
    spares = [await spare for spare in pool._spares]
    assert len(spares) == 2
    await configure(bench, spare_workers=1)
    assert len(pool._spares) == 1
    await asyncio.sleep(0)  # a spare is ended in the loop's next pass
    assert [one.ended for one in spares] == [False, True]
    await configure(bench, spare_workers=1, heap_limit=48 * MB)
    await asyncio.sleep(0)
    assert spares[0].ended
    assert (await pool._spares[0]).limits["heap_limit"] == 48 * MB
    await configure(bench, spare_workers=0)
    assert pool._spares == []


async def test_the_log_keeps_the_latest_lines_when_it_shrinks_and_grows(bench: Bench) -> None:
    await bench.serve('app.get("/x", () => { for (let i = 0; i < 9; i++) console.log(i); });')
    await bench.get("/x")
    await configure(bench, log_lines=3)
    assert [line.text for _, line in bench.engine.logs("app")] == ["6", "7", "8"]
    await configure(bench, log_lines=5)
    await bench.get("/x")
    assert [line.text for _, line in bench.engine.logs("app")] == ["4", "5", "6", "7", "8"]


async def test_what_waits_for_a_restart_is_named_and_not_taken(bench: Bench) -> None:
    waiting = await configure(bench, database_threads=7, port=1234, deadline=2.5)
    assert waiting == ["server.port", "data.database_threads"]
    assert bench.engine.settings == settings(deadline=2.5)
