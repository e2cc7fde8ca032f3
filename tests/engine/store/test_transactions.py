"""Transactions: all or nothing, as if one had run after the other. Known to every backend."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope, Store
from tests.engine.store.conftest import Documents

Work = Callable[["Begun"], Awaitable[Any]]


class Begun(Documents):
    """One transaction as programs see it."""

    def __init__(self, store: Store, scope: Scope, calls: Any) -> None:
        super().__init__(store, scope)
        self.calls = calls

    async def commit(self) -> None:
        await self.calls.commit()

    async def rollback(self) -> bool:
        return await self.calls.rollback()


async def begin(data: Documents) -> Begun:
    return Begun(data.store, data.scope, await data.store.begin(data.scope))


async def conflicts(tx: Begun) -> bool:
    """Commits; whether it was told of a conflict."""
    try:
        await tx.commit()
    except AiweError as error:
        told = (error.code, error.status, "run it again" in (error.hint or ""))
        if told != ("transaction_conflict", 409, True):
            raise
        return True
    return False


async def run(data: Documents, work: Work) -> tuple[Any, int]:
    """What programs do: again until it holds. The result, and how often the work ran."""
    for runs in range(1, 1_000):
        tx = await begin(data)
        try:
            result = await work(tx)
        except AiweError:
            if await tx.rollback():
                raise
            continue
        if not await conflicts(tx):
            return result, runs
    raise AssertionError("it never came through")


async def ends_in_conflict(*transactions: Begun) -> list[bool]:
    """Commits them one after the other: which of them were told of a conflict."""
    return [await conflicts(tx) for tx in transactions]


# ── what goes wrong where transactions are not kept apart ──


async def test_no_update_is_lost(data):
    await data.create("accounts", {"id": "a", "balance": 100})
    one, two = await begin(data), await begin(data)
    for tx, amount in ((one, 30), (two, 50)):
        account = await tx.get("accounts", "a")
        await tx.update("accounts", "a", {"balance": account["balance"] - amount})
    assert await ends_in_conflict(one, two) == [False, True]
    assert (await data.get("accounts", "a"))["balance"] == 70


async def test_two_doctors_cannot_both_go_off_call(data):
    for name in ("ann", "bob"):
        await data.create("doctors", {"id": name, "on_call": True})
    one, two = await begin(data), await begin(data)
    for tx, name in ((one, "ann"), (two, "bob")):
        assert await tx.count("doctors", {"on_call": True}) == 2
        await tx.update("doctors", name, {"on_call": False})
    assert await ends_in_conflict(one, two) == [False, True]
    assert await data.count("doctors", {"on_call": True}) == 1


async def test_write_skew_by_id_is_a_conflict_too(data):
    await data.create_many("doctors", [{"id": "ann", "on": 1}, {"id": "bob", "on": 1}])
    one, two = await begin(data), await begin(data)
    for tx, mine, other in ((one, "ann", "bob"), (two, "bob", "ann")):
        assert (await tx.get("doctors", other))["on"] == 1
        await tx.update("doctors", mine, {"on": 0})
    assert await ends_in_conflict(one, two) == [False, True]


async def test_what_is_not_committed_is_read_by_nobody(data):
    await data.create("accounts", {"id": "a", "balance": 100})
    tx = await begin(data)
    await tx.update("accounts", "a", {"balance": 0})
    await tx.create("accounts", {"id": "b", "balance": 100})
    assert (await data.get("accounts", "a"))["balance"] == 100
    assert await data.get("accounts", "b") is None
    assert await data.count("accounts") == 1
    assert [doc["balance"] for doc in await data.query("accounts")] == [100]
    assert await tx.rollback() is True
    assert (await data.get("accounts", "a"))["version"] == 1


async def test_a_document_read_twice_is_the_same(data):
    await data.create("accounts", {"id": "a", "balance": 100})
    tx = await begin(data)
    before = await tx.get("accounts", "a")
    await data.update("accounts", "a", {"balance": 1})
    try:
        assert await tx.get("accounts", "a") == before
    finally:
        await tx.rollback()


async def test_a_count_that_a_create_makes_wrong_is_a_conflict(data):
    await data.create("seats", {"taken": True})
    tx = await begin(data)
    free = await tx.count("seats", {"taken": False})
    await data.create("seats", {"taken": False})
    await tx.create("reports", {"free": free})
    assert await ends_in_conflict(tx) == [True]
    assert await data.count("reports") == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.create("tasks", {"id": "new", "n": 3}),
        lambda data: data.update("tasks", "a", {"n": 3}),
        lambda data: data.delete("tasks", "b"),
        lambda data: data.delete_many("tasks", {"n": 2}),
    ],
)
async def test_a_query_conflicts_with_every_kind_of_write_to_its_collection(data, change):
    await data.create_many("tasks", [{"id": "a", "n": 1}, {"id": "b", "n": 2}])
    tx = await begin(data)
    await tx.query("tasks", {"n": {"$gt": 0}})
    await tx.create("sums", {"n": 3})
    await change(data)
    assert await ends_in_conflict(tx) == [True]


async def test_a_read_only_transaction_saw_one_moment(data):
    await data.create_many("accounts", [{"id": "a", "n": 50}, {"id": "b", "n": 50}])
    reader = await begin(data)
    first = (await reader.get("accounts", "a"))["n"]

    async def move(tx):
        await tx.update("accounts", "a", {"n": 0})
        await tx.update("accounts", "b", {"n": 100})

    await run(data, move)
    second = (await reader.get("accounts", "b"))["n"]
    assert await ends_in_conflict(reader) == [True] or first + second == 100


async def test_a_collection_that_was_not_there_is_missed(data):
    asks: list[Work] = [
        lambda tx: tx.query("later"),
        lambda tx: tx.count("later"),
        lambda tx: tx.get("later", "x"),
        lambda tx: tx.delete_many("later", {}),
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
    assert await ends_in_conflict(*begun) == [True] * len(asks)


async def test_what_others_do_elsewhere_is_no_conflict(data):
    await data.create_many("tasks", [{"id": "a"}, {"id": "b"}])
    await data.create("other", {})
    tx = await begin(data)
    await tx.get("tasks", "a")
    await tx.query("people")
    await tx.create("reports", {})
    await data.update("tasks", "b", {"n": 1})
    await data.create("other", {})
    assert await ends_in_conflict(tx) == [False]


# ── all or nothing ──


async def test_a_transfer_happens_as_a_whole(data):
    await data.create_many("accounts", [{"id": "a", "n": 100}, {"id": "b", "n": 0}])

    async def transfer(tx):
        await tx.modify("accounts", "a", {"$inc": {"n": -30}})
        await tx.modify("accounts", "b", {"$inc": {"n": 30}})
        await tx.create("transfers", {"n": 30})

    assert await run(data, transfer) == (None, 1)
    accounts = await data.query("accounts", sort="id")
    assert [(doc["n"], doc["version"]) for doc in accounts] == [(70, 2), (30, 2)]
    assert await data.count("transfers") == 1


async def test_after_a_rollback_nothing_is_there(data):
    await data.create("accounts", {"id": "a", "n": 100})
    tx = await begin(data)
    await tx.update("accounts", "a", {"n": 0})
    await tx.upsert("accounts", {"id": "b"})
    await tx.create("made", {})
    await tx.delete_many("accounts", {"n": 0})
    assert await tx.rollback() is True
    assert [doc["n"] for doc in await data.query("accounts")] == [100]
    assert await data.collections() == ["accounts"]


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


async def test_a_call_that_fails_leaves_the_transaction_as_it_was(data, refused):
    await data.create("tasks", {"id": "a", "n": 1})
    tx = await begin(data)
    await refused(tx.create("tasks", {"id": "a"}), "already_exists")
    await refused(tx.create_many("tasks", [{"id": "b"}, {"id": "a"}]), "already_exists")
    await refused(tx.update("tasks", "x", {}), "not_found")
    await refused(tx.update("tasks", "a", {"n": 2}, if_version=9), "version_conflict")
    await refused(tx.create("no such name", {}), "invalid_collection")
    await tx.create("tasks", {"id": "c"})
    assert await ends_in_conflict(tx) == [False]
    assert [doc["id"] for doc in await data.query("tasks", sort="id")] == ["a", "c"]


# ── its own writes ──


async def test_it_sees_its_own_writes_everywhere(data):
    await data.create_many("tasks", [{"id": f"t{n}", "n": n} for n in range(5)])
    tx = await begin(data)
    await tx.update("tasks", "t0", {"n": 10})
    await tx.delete("tasks", "t1")
    await tx.create("tasks", {"id": "t9", "n": 2.5})
    assert (await tx.get("tasks", "t0"))["n"] == 10
    assert await tx.get("tasks", "t1") is None
    assert await tx.count("tasks") == 5
    assert await tx.count("tasks", {"n": {"$gt": 2}}) == 4
    ids = [doc["id"] for doc in await tx.query("tasks", sort="-n")]
    assert ids == ["t0", "t4", "t3", "t9", "t2"]
    page = await tx.query("tasks", {"n": {"$gte": 2}}, sort="n", limit=2, offset=1, fields=["n"])
    assert page == [{"id": "t9", "n": 2.5}, {"id": "t3", "n": 3}]
    assert [doc["id"] for doc in await tx.query("tasks", {"id": "t0", "n": 0})] == []
    recent = [doc["id"] for doc in await tx.query("tasks", sort="recent", limit=1)]
    assert recent == ["t9"]
    await tx.commit()
    assert [doc["id"] for doc in await data.query("tasks", sort="-n")] == ids


async def test_it_sees_what_it_wrote_to_a_collection_that_is_not_there_yet(data):
    tx = await begin(data)
    await tx.create_many("new", [{"id": "a", "n": 2}, {"id": "b", "n": 1}])
    assert [doc["id"] for doc in await tx.query("new", sort="n")] == ["b", "a"]
    assert await tx.count("new", {"n": 1}) == 1
    assert await tx.collections() == ["new"]
    assert await data.collections() == []
    assert await tx.delete_many("new", {"n": 1}) == 1
    await tx.commit()
    assert [doc["id"] for doc in await data.query("new")] == ["a"]
    assert await data.collections() == ["new"]


async def test_delete_many_takes_its_own_writes_along(data):
    await data.create_many("tasks", [{"id": f"t{n}", "done": n % 2 == 0} for n in range(4)])
    tx = await begin(data)
    await tx.update("tasks", "t0", {"done": False})
    await tx.create("tasks", {"id": "mine", "done": True})
    assert await tx.delete_many("tasks", {"done": True}) == 2
    assert await tx.delete_many("tasks", {"done": True}) == 0
    await tx.commit()
    assert [doc["id"] for doc in await data.query("tasks", sort="id")] == ["t0", "t1", "t3"]


async def test_a_document_may_go_and_come_again(data):
    await data.create("tasks", {"id": "a", "n": 1})
    tx = await begin(data)
    assert await tx.delete("tasks", "a") is True
    assert await tx.delete("tasks", "a") is False
    made = await tx.create("tasks", {"id": "a", "n": 2})
    assert (made["version"], await tx.count("tasks")) == (1, 1)
    await tx.create("tasks", {"id": "b"})
    await tx.delete("tasks", "b")
    await tx.commit()
    assert await data.query("tasks") == [made]


async def test_a_document_that_is_made_and_changed_keeps_when_it_was_made(data):
    tx = await begin(data)
    await tx.create("tasks", {"id": "old", "createdAt": "2001-01-01T00:00:00.000Z"})
    await tx.update("tasks", "old", {"n": 1})
    await tx.create("tasks", {"id": "new"})
    await tx.modify("tasks", "new", {"$inc": {"n": 1}})
    await tx.commit()
    found = await data.query("tasks", {"createdAt": {"$lt": "2002-01-01"}})
    assert [(doc["id"], doc["version"]) for doc in found] == [("old", 2)]
    assert [doc["id"] for doc in await data.query("tasks")] == ["old", "new"]


async def test_another_scope_has_no_part_in_it(store):
    mine, other = Documents(store, Scope("shop", "dev")), Documents(store, Scope("shop", "staging"))
    for data in (mine, other):
        await data.create("tasks", {"id": "a", "n": 1})
    tx = await begin(mine)
    await tx.query("tasks")
    await tx.update("tasks", "a", {"n": 2})
    await other.update("tasks", "a", {"n": 3})
    assert await ends_in_conflict(tx) == [False]
    assert (await other.get("tasks", "a"))["n"] == 3


# ── many at once ──


async def test_sixty_four_increments_of_one_document_all_count(data):
    await data.create("counters", {"id": "c", "n": 0})

    async def increment(tx):
        doc = await tx.get("counters", "c")
        await tx.update("counters", "c", {"n": doc["n"] + 1})
        return doc["n"]

    results = await asyncio.gather(*(run(data, increment) for _ in range(64)))
    assert sorted(n for n, _ in results) == list(range(64))
    assert max(runs for _, runs in results) > 1
    assert (await data.get("counters", "c"))["n"] == 64


async def test_transactions_at_once_leave_what_some_order_of_them_leaves(data):
    """Money moves between accounts, by ids or by queries; sums seen and left are always right."""
    chance = random.Random(4)
    await data.create_many("accounts", [{"id": str(n), "n": 10} for n in range(5)])

    def mover() -> Work:
        source, target = chance.sample("01234", 2)
        amount, by_query = chance.randint(1, 5), chance.random() < 0.3

        async def move(tx: Begun) -> int:
            if by_query:
                docs = {doc["id"]: doc["n"] for doc in await tx.query("accounts")}
            else:
                docs = {i: (await tx.get("accounts", i))["n"] for i in "01234"}
            if docs[source] >= amount:
                await tx.update("accounts", source, {"n": docs[source] - amount})
                await tx.update("accounts", target, {"n": docs[target] + amount})
                await tx.create("log", {"source": source, "target": target, "n": amount})
            return sum(docs.values())

        return move

    sums = await asyncio.gather(*(run(data, mover()) for _ in range(24)))
    assert {total for total, _ in sums} == {50}
    left = {doc["id"]: doc["n"] for doc in await data.query("accounts")}
    expected = dict.fromkeys("01234", 10)
    for entry in await data.query("log"):
        expected[entry["source"]] -= entry["n"]
        expected[entry["target"]] += entry["n"]
    assert left == expected
    assert min(left.values()) >= 0
