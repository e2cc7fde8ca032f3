"""Documents so large that a vector of them does not fit into the memory that DuckDB may use."""

import asyncio
import signal
import sys
from dataclasses import replace

import orjson
import pytest

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.store.duckdb import DuckDBStore
from tests.engine.store.conftest import Documents

SHOP = Scope("shop", "dev")
FILLER = "".join(f"{number:08x}" for number in range(12_500))  # 100 KB
SMALL, AMPLE = 32 * MB, 2_048 * MB
VALUES = [3, -2.5, 3.0, "b", "a", "é", "\uffee", "\U0001f600", None, True, [1, "b"], {"x": 1}]

FILTERS = [
    None,
    {"n": {"$gt": 40}},
    {"n": {"$in": [7, 8, 500]}},
    {"v": 3},
    {"v": None},
    {"v": {"$gte": "b"}},
    {"v": {"$contains": "b"}},
    {"$or": [{"n": 3}, {"deep.k": 2}]},
    {"v": {"$exists": False}},
    {"id": "d007"},
    {"text": "none"},
]
OPTIONS = [
    {"limit": 7},
    {"limit": 7, "offset": 5},
    {"limit": 30, "sort": "v"},
    {"limit": 30, "sort": "-v"},
    {"limit": 9, "offset": 3, "sort": "deep.k,-n"},
    {"limit": 9, "sort": "-createdAt"},
    {"limit": 5, "sort": "-id"},
]


def documents(count=53):
    """Some with a value of each kind, some with none, in an order that is none of those asked for."""
    made = []
    for n in range(count):
        at = n * 37 % count
        doc = {"id": f"d{at:03}", "n": at, "deep": {"k": at % 4}, "text": FILLER}
        doc["createdAt"] = f"2026-01-{1 + at % 28:02}T00:00:00.000Z"
        if at % 13 < len(VALUES):
            doc["v"] = VALUES[at % 13]
        made.append(doc)
    return made


async def fill(data, count=53):
    made = documents(count)
    for start in range(0, count, 10):
        await data.create_many("large", made[start : start + 10])


@pytest.fixture
async def place(tmp_path):
    stores = []

    def open_data(memory, **settings):
        limits = replace(Settings(), database_memory=memory, **settings)
        stores.append(DuckDBStore(tmp_path / "data.duckdb", limits))
        return Documents(stores[-1], SHOP)

    yield open_data
    for store in stores:
        await store.close()


async def answers(calls):
    """What is found in many ways, pages and counts; documents as their ids."""
    found = []
    for where in FILTERS:
        found.append((where, await calls.count("large", where)))
        for options in OPTIONS if where is None else OPTIONS[2:3]:
            page = await calls.query("large", where, options)
            ids = [orjson.loads(text)["id"] for text in page]
            found.append((where, options, ids))
            if page.cursor is not None and "offset" not in options:
                page = await calls.query("large", where, options | {"cursor": page.cursor})
                found.append((where, options, "next", [orjson.loads(one)["id"] for one in page]))
    return found


async def changed(calls):
    """The same in a transaction that has changed some."""
    await calls.update("large", "d003", {"v": "changed", "n": 1_000}, None)
    await calls.delete("large", "d007")
    await calls.create("large", [{"id": f"new{n}", "n": 41 + n, "v": n} for n in range(3)])
    return await answers(calls)


async def test_answers_are_the_same_whether_all_fit_into_the_memory_or_few_at_a_time(place):
    data = place(AMPLE)
    await fill(data)
    whole = await answers(data.calls)
    transaction = await data.store.begin(SHOP)
    whole_changed = await changed(transaction)
    await data.store.close()
    data = place(SMALL)
    assert await answers(data.calls) == whole
    transaction = await data.store.begin(SHOP)
    assert await changed(transaction) == whole_changed
    counts = {str(one[0]): one[1] for one in whole if len(one) == 2}
    assert counts[str(FILTERS[1])] == 12
    assert counts[str(FILTERS[-1])] == 0
    # What was written is not there before the commit.
    assert await data.count("large", {"n": 1_000}) == 0


async def test_large_documents_are_deleted_by_a_condition_and_others_stay(place):
    data = place(SMALL)
    await fill(data)
    assert await data.delete_many("large", {"n": {"$gte": 30}}) == 23
    assert await data.count("large", {"n": {"$gte": 0}}) == 30
    assert len(await data.query("large", {"n": {"$lt": 35}}, sort="n", limit=100)) == 30


async def test_limits_of_results_and_of_time_hold_for_large_documents_too(place, refused):
    data = place(SMALL, result_limit=2 * MB)
    await fill(data, 60)
    error = await refused(data.query("large", {"n": {"$gte": 0}}), "result_too_large")
    assert "limit" in error.hint
    assert len(await data.query("large", {"n": {"$gte": 0}}, limit=5)) == 5
    data.store.configure(replace(Settings(), query_limit=0.001))
    await refused(data.count("large", {"n": {"$gte": 0}}), "query_too_slow")
    data.store.configure(Settings())
    assert await data.count("large", {"n": {"$gte": 0}}) == 60


async def test_declared_fields_of_large_documents_are_for_sql_too(place, refused):
    data = place(SMALL)
    await fill(data)
    query = ["SELECT sum(n) AS s FROM large WHERE n >= 50"]
    error = await refused(data.calls.sql(query, []), "query_too_large")
    assert "define" in error.hint
    definition = {"schema": {"properties": {"n": {"type": "integer"}}}}
    await data.store.define(SHOP, "large", definition, "1")
    assert (await data.calls.sql(query, [])).rows == [(sum(range(50, 53)),)]
    assert await data.count("large", {"n": {"$gte": 50}}) == 3


WRITE = """
import asyncio, os, pathlib, sys
from dataclasses import replace
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.store.duckdb import DuckDBStore

async def write():
    settings = replace(Settings(), database_memory=64 * MB)
    calls = DuckDBStore(pathlib.Path(sys.argv[1]), settings).within(Scope("shop", "dev"))
    text = "".join(f"{number:08x}" for number in range(110_000))
    made = [calls.create("large", [{"id": str(n), "n": n, "text": text}]) for n in range(60)]
    await asyncio.gather(*made)
    os.kill(os.getpid(), 9)

asyncio.run(write())
"""


@pytest.mark.slow
async def test_large_documents_are_there_after_a_crash_with_the_memory_they_were_written_with(
    place, tmp_path
):
    path = str(tmp_path / "data.duckdb")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE, path)
    assert await process.wait() == -signal.SIGKILL
    data = place(64 * MB)
    assert await data.count("large", {"n": {"$gte": 0}}) == 60
    await data.update("large", "7", {"n": -1})
    assert [doc["id"] for doc in await data.query("large", {"n": -1})] == ["7"]
