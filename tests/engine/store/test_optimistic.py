"""Transactions that take notes: what exactly is a conflict where nobody waits for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store import floor, optimistic
from aiwe_engine.store.duckdb import DuckDBStore
from tests.engine.store.conftest import Documents
from tests.engine.store.test_transactions import Begun, Work, begin


@pytest.fixture
async def data(tmp_path):
    store = DuckDBStore(tmp_path / "data.duckdb", Settings())
    yield Documents(store, Scope("shop", "dev"))
    await store.close()


async def lost(tx: Begun) -> bool:
    """Whether its end was refused, and whether an error of its work would have been doubted."""
    try:
        await tx.commit()
    except RequestError as error:
        return error.code == "transaction_conflict"
    return False


async def changed(data: Documents) -> None:
    tx = await begin(data)
    await tx.upsert("tasks", {"id": "a"})
    await tx.commit()


CHANGES: dict[str, Callable[[Documents], Any]] = {
    "create": lambda data: data.create("tasks", {"id": "new", "n": 3}),
    "update": lambda data: data.update("tasks", "a", {"n": 3}),
    "delete": lambda data: data.delete("tasks", "b"),
    "delete_many": lambda data: data.delete_many("tasks", {"n": 2}),
    "transaction": changed,
    "define": lambda data: data.store.define(data.scope, "tasks", {"owner": True}, "v1"),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_query_conflicts_with_every_change_of_its_collection(data, change):
    await data.create_many("tasks", [{"id": "a", "n": 1}, {"id": "b", "n": 2}])
    begun = []
    for ask in (
        lambda tx: tx.query("tasks", {"n": 7}),
        lambda tx: tx.count("tasks"),
        lambda tx: tx.delete_many("tasks", {"n": 7}),
    ):
        tx = await begin(data)
        await ask(tx)
        begun.append(tx)
    await CHANGES[change](data)
    assert [await lost(tx) for tx in begun] == [True] * len(begun)


async def test_what_was_not_there_is_missed_when_it_comes(data):
    asks: list[Work] = [
        lambda tx: tx.query("later"),
        lambda tx: tx.get("later", "x"),
        lambda tx: tx.delete("later", "x"),
        lambda tx: tx.collections(),
    ]
    await data.create("now", {"id": "a"})
    begun = []
    for ask in asks:
        tx = await begin(data)
        await ask(tx)
        await tx.create("reports", {})
        begun.append(tx)
    await data.create("later", {"id": "x"})
    assert [await lost(tx) for tx in begun] == [True] * len(asks)
    assert await data.count("reports") == 0


async def test_what_others_do_elsewhere_is_no_conflict(data):
    await data.create_many("tasks", [{"id": "a"}, {"id": "b"}])
    await data.create("other", {})
    tx = await begin(data)
    await tx.get("tasks", "a")
    await tx.query("people")
    await tx.create("reports", {})
    await data.update("tasks", "b", {"n": 1})
    await data.create("other", {})
    assert not await lost(tx)


async def test_rollback_tells_whether_what_was_read_still_holds(data):
    await data.create("accounts", {"id": "a", "n": 1})
    for ask in (lambda tx: tx.get("accounts", "a"), lambda tx: tx.count("accounts")):
        tx = await begin(data)
        await ask(tx)
        await data.modify("accounts", "a", {"$inc": {"n": 1}})
        assert await tx.rollback() is False
        tx = await begin(data)
        await ask(tx)
        assert await tx.rollback() is True


async def test_one_that_has_lost_wins_against_many_that_write_all_the_time(data):
    await data.create("tasks", {"id": "a", "n": 0})
    stop = asyncio.Event()

    async def write() -> int:
        times = 0
        while not stop.is_set():
            await data.modify("tasks", "a", {"$inc": {"n": 1}})
            times += 1
        return times

    writers = [asyncio.create_task(write()) for _ in range(8)]
    won = []
    for losses in (0, 1):
        tx = Begun(data.store, data.scope, await data.store.begin(data.scope, losses))
        for _ in range(5):
            count = await tx.count("tasks")
            seen = (await tx.get("tasks", "a"))["n"]
        await tx.update("tasks", "a", {"n": seen, "count": count})
        won.append(not await lost(tx))
    stop.set()
    assert won == [False, True]
    assert min(await asyncio.gather(*writers)) > 0
    doc = await data.get("tasks", "a")
    assert (doc["count"], doc["n"] > seen) == (1, True)  # they went on


async def test_what_waits_for_it_waits_no_longer_than_it_may(data, monkeypatch):
    monkeypatch.setattr(floor, "HOLD", 0.01)
    tx = Begun(data.store, data.scope, await data.store.begin(data.scope, 2))
    assert await tx.count("tasks") == 0
    made = await data.create_many("tasks", [{"id": "a"}, {"id": "b"}])
    assert [doc["id"] for doc in made] == ["a", "b"]
    assert await lost(tx)


async def test_what_waits_for_one_is_done_when_the_store_is_closed(tmp_path):
    path, scope = tmp_path / "data.duckdb", Scope("shop", "dev")
    store = DuckDBStore(path, Settings())
    data = Documents(store, scope)
    await data.create("tasks", {})
    await store.begin(scope, 2)
    waiting = asyncio.create_task(data.create("tasks", {"id": "x"}))
    while not waiting.done() and not store._floors.of(scope)._waiting:
        await asyncio.sleep(0)
    await store.close()
    assert (await waiting)["id"] == "x"


async def test_what_is_loaded_or_cleared_meanwhile_is_noticed(data):
    portions = [
        [("a", b'{"id":"a","version":1,"createdAt":"2020-01-01","updatedAt":"2020-01-01"}')]
    ]
    for change in (
        lambda: data.store.load(data.scope, "tasks", portions),
        lambda: data.store.clear(data.scope),
    ):
        tx = await begin(data)
        count = await tx.count("tasks")
        await change()
        await tx.create("notes", {"count": count})
        assert await lost(tx)
    assert await data.count("notes") == 0


async def test_one_holds_so_much_and_no_more(data, refused, monkeypatch):
    monkeypatch.setattr(optimistic, "LARGEST", 3_000)
    await data.create_many("tasks", [{"id": f"t{n}", "text": "x" * 900} for n in range(4)])
    writes, reads, picks = await begin(data), await begin(data), await begin(data)
    for n in range(2):
        await writes.create("tasks", {"id": f"w{n}", "text": "x" * 900})
        await reads.get("tasks", f"t{n}")
    error = await refused(writes.create("tasks", {"text": "x" * 2_000}), "transaction_too_large")
    assert error.status == 413
    assert "several transactions" in error.hint
    await reads.get("tasks", "nothing")
    await refused(reads.get("tasks", "t2"), "transaction_too_large")
    await refused(picks.delete_many("tasks", {}), "transaction_too_large")
    await writes.commit()
    assert await data.count("tasks") == 6


@pytest.mark.binds("transaction_memory")
async def test_all_together_hold_so_much_and_it_is_free_again_at_their_end(tmp_path, refused):
    settings = replace(Settings(), transaction_memory=5_000)
    store = DuckDBStore(tmp_path / "data.duckdb", settings)
    data = Documents(store, Scope("shop", "dev"))
    first, second = await begin(data), await begin(data)
    for tx in (first, second):
        await tx.create("tasks", {"text": "x" * 2_000})
    error = await refused(second.create("tasks", {"text": "x" * 2_000}), "transactions_full")
    assert (error.status, "data.transaction_memory" in error.hint) == (503, True)
    await first.rollback()
    await second.create("tasks", {"text": "x" * 2_000})
    await second.commit()
    assert store.budget.used == 0
    assert await data.count("tasks") == 2
    await store.close()


async def test_what_sql_has_found_must_hold(data):
    await data.create("tasks", {"id": "a", "n": 1})
    tx = await begin(data)
    assert (await tx.calls.sql(["SELECT sum(n) AS n FROM tasks"], [])).rows == [(1,)]
    await tx.create("sums", {"n": 1})
    await data.update("tasks", "a", {"n": 2})
    assert await lost(tx)
