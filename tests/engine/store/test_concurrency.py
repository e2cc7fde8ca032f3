"""Many callers at once: nothing is lost, nothing is done twice, nobody reads the past."""

import asyncio
import random

from aiwe_engine.errors import AiweError

CALLERS = 64


async def test_a_thousand_creates_from_many_callers_are_all_there(data):
    async def caller(n):
        return [await data.create("tasks", {"by": n, "step": step}) for step in range(16)]

    made = await asyncio.gather(*(caller(n) for n in range(CALLERS)))
    found = {(doc["by"], doc["step"]) for doc in await data.query("tasks")}
    assert len(found) == CALLERS * 16
    assert len({doc["id"] for docs in made for doc in docs}) == CALLERS * 16


async def test_every_update_of_one_document_counts(data):
    await data.create("counters", {"id": "c"})

    async def caller(n):
        docs = [await data.update("counters", "c", {f"by{n}": step}) for step in range(16)]
        versions = [doc["version"] for doc in docs]
        assert versions == sorted(versions)
        return versions

    seen = await asyncio.gather(*(caller(n) for n in range(CALLERS)))
    assert sorted(version for versions in seen for version in versions) == list(
        range(2, CALLERS * 16 + 2)
    )
    doc = await data.get("counters", "c")
    assert doc["version"] == CALLERS * 16 + 1
    assert [doc[f"by{n}"] for n in range(CALLERS)] == [15] * CALLERS


async def test_no_increment_is_lost_with_if_version(data):
    await data.create("counters", {"id": "c", "n": 0})

    async def caller():
        done = conflicts = 0
        while done < 8:
            doc = await data.get("counters", "c")
            try:
                await data.update("counters", "c", {"n": doc["n"] + 1}, doc["version"])
                done += 1
            except AiweError:
                conflicts += 1
        return conflicts

    conflicts = await asyncio.gather(*(caller() for _ in range(16)))
    assert (await data.get("counters", "c"))["n"] == 16 * 8
    assert sum(conflicts) > 0


async def test_one_of_many_creates_of_one_id_wins(data):
    calls = [data.create("tasks", {"id": "one", "by": n}) for n in range(CALLERS)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    won = [result for result in results if isinstance(result, dict)]
    assert won == [await data.get("tasks", "one")]
    assert {result.code for result in results if not isinstance(result, dict)} == {"already_exists"}


async def test_what_was_acknowledged_is_what_every_read_finds(data):
    """Reads by id, queries and counts, right after each write, while others write and read."""
    chance = random.Random(7)

    async def caller(n):
        name, there = f"doc{n}", None
        for _ in range(25):
            if there is None:
                there = await data.create("tasks", {"id": name, "n": chance.random()})
            elif chance.random() < 0.3:
                assert await data.delete("tasks", name)
                there = None
            else:
                there = await data.update("tasks", name, {"n": chance.random()})
            assert await data.get("tasks", name) == there
            assert await data.query("tasks", {"id": name}) == ([there] if there else [])
            assert await data.count("tasks", {"id": name}) == (1 if there else 0)

    await asyncio.gather(*(caller(n) for n in range(24)))


async def test_reads_stay_right_where_the_cache_is_too_small(opened):
    from aiwe_engine.protocols import Scope
    from tests.engine.store.conftest import Documents

    await test_what_was_acknowledged_is_what_every_read_finds(
        Documents(opened(document_cache=2_000), Scope("shop", "dev"))
    )


async def test_versions_never_go_back_for_a_reader(data):
    await data.create("tasks", {"id": "x"})
    stop = asyncio.Event()

    async def writer():
        for _ in range(150):
            await data.update("tasks", "x", {"a": 1})
        stop.set()

    async def reader():
        last = 0
        while not stop.is_set():
            version = (await data.get("tasks", "x"))["version"]
            assert version >= last
            last = version
            await asyncio.sleep(0)

    await asyncio.gather(writer(), reader(), reader())


async def test_a_caller_that_gave_up_disturbs_nobody(data):
    tasks = [asyncio.create_task(data.create("tasks", {"n": n})) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [result for result in results if isinstance(result, dict)]
    assert len(kept) == 25
    found = {doc["id"] for doc in await data.query("tasks")}
    assert {doc["id"] for doc in kept} <= found


async def test_the_event_loop_goes_on_while_the_store_works(data):
    """A group of large writes and a query over all of them; the loop is never away for long."""
    longest = 0.0
    done = asyncio.Event()

    async def watch():
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not done.is_set():
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    for _ in range(5):
        await data.create_many("tasks", [{"text": "x" * 200, "n": n} for n in range(2000)])
    assert len(await data.query("tasks", {"n": {"$gte": 0}})) == 10_000
    done.set()
    await watching
    assert longest < 0.5  # seconds; a busy machine takes its share
