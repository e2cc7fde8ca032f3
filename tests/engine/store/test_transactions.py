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


async def begin(data: Documents, losses: int = 0) -> Begun:
    return Begun(data.store, data.scope, await data.store.begin(data.scope, losses))


async def conflicts(tx: Begun, work: Work | None = None) -> bool:
    """Ends a transaction with the rest of its work; whether it was told of a conflict."""
    try:
        if work is not None:
            await work(tx)
        await tx.commit()
    except AiweError as error:
        told = (error.code, error.status, "run it again" in (error.hint or ""))
        if told != ("transaction_conflict", 409, True):
            raise
        return True
    return False


async def both(one: Begun, first: Work, two: Begun, second: Work) -> list[bool]:
    """Ends two at the same time: one may have to wait for the other, or lose against it."""
    return list(await asyncio.gather(conflicts(one, first), conflicts(two, second)))


async def run(data: Documents, work: Work) -> tuple[Any, int]:
    """What programs do: again until it holds. The result, and how often the work ran."""
    for runs in range(1, 1_000):
        tx = await begin(data, losses=runs - 1)
        try:
            result = await work(tx)
        except AiweError:
            if await tx.rollback():
                raise
            continue
        if not await conflicts(tx):
            return result, runs
    raise AssertionError("it never came through")


# ── what goes wrong where transactions are not kept apart ──


async def test_no_update_is_lost(data):
    await data.create("accounts", {"id": "a", "balance": 100})

    async def look(tx, amount) -> Work:
        left = (await tx.get("accounts", "a"))["balance"] - amount
        return lambda tx: tx.update("accounts", "a", {"balance": left})

    one, two = await begin(data), await begin(data)
    told = await both(one, await look(one, 30), two, await look(two, 50))
    assert sorted(told) == [False, True]
    assert (await data.get("accounts", "a"))["balance"] == (70 if told[1] else 50)


async def test_no_update_of_somebody_without_a_transaction_is_lost(data):
    await data.create("accounts", {"id": "a", "balance": 100})
    tx = await begin(data)
    left = (await tx.get("accounts", "a"))["balance"] - 50
    await data.update("accounts", "a", {"balance": 70})
    assert await conflicts(tx, lambda tx: tx.update("accounts", "a", {"balance": left}))
    assert (await data.get("accounts", "a"))["balance"] == 70


async def test_who_writes_without_a_transaction_has_a_place_in_the_order_too(data):
    """The first saw no raise, so it came before it; the second saw the raise and not the first."""
    await data.create_many("people", [{"id": "ann", "pay": 1}, {"id": "sum", "pay": 1}])
    first = await begin(data)
    pay = (await first.get("people", "ann"))["pay"]
    await data.update("people", "ann", {"pay": 2})
    second = await begin(data)
    seen = [(await second.get("people", name))["pay"] for name in ("ann", "sum")]
    assert seen == [2, 1]
    told = [
        await conflicts(second, lambda tx: tx.create("notes", {"seen": seen})),
        await conflicts(first, lambda tx: tx.update("people", "sum", {"pay": pay + 10})),
    ]
    assert told != [False, False]


@pytest.mark.parametrize("by", ["query", "count", "id"])
async def test_two_doctors_cannot_both_go_off_call(data, by):
    await data.create_many("doctors", [{"id": "ann", "on": True}, {"id": "bob", "on": True}])

    async def leave(tx, name) -> Work:
        if by == "query":
            others = len(await tx.query("doctors", {"on": True})) - 1
        elif by == "count":
            others = await tx.count("doctors", {"on": True}) - 1
        else:
            others = int((await tx.get("doctors", {"ann": "bob", "bob": "ann"}[name]))["on"])
        assert others == 1
        return lambda tx: tx.update("doctors", name, {"on": False})

    one, two = await begin(data), await begin(data)
    assert sorted(await both(one, await leave(one, "ann"), two, await leave(two, "bob"))) == [
        False,
        True,
    ]
    assert await data.count("doctors", {"on": True}) == 1


async def test_a_seat_is_given_once_although_there_was_no_document_to_read(data):
    await data.create("bookings", {"seat": "1a"})

    async def book(tx) -> Work:
        assert await tx.count("bookings", {"seat": "7f"}) == 0
        return lambda tx: tx.create("bookings", {"seat": "7f"})

    one, two = await begin(data), await begin(data)
    assert sorted(await both(one, await book(one), two, await book(two))) == [False, True]
    assert await data.count("bookings", {"seat": "7f"}) == 1


async def test_collections_that_were_not_there_are_missed(data):
    one, two = await begin(data), await begin(data)
    assert (await one.query("b"), await two.query("a")) == ([], [])
    told = await both(one, lambda tx: tx.create("a", {}), two, lambda tx: tx.create("b", {}))
    assert sorted(told) == [False, True]
    assert len(await data.collections()) == 1


async def test_an_id_that_was_free_is_given_once(data):
    await data.create("tasks", {})
    one, two = await begin(data), await begin(data)
    assert (await one.get("tasks", "x"), await two.get("tasks", "x")) == (None, None)

    def take(n: int) -> Work:
        return lambda tx: tx.upsert("tasks", {"id": "x", "n": n})

    told = await both(one, take(1), two, take(2))
    assert sorted(told) == [False, True]
    taken = await data.get("tasks", "x")
    assert (taken["n"], taken["version"]) == (told.index(False) + 1, 1)


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
    assert await tx.get("accounts", "a") == before
    await tx.rollback()


async def test_who_only_reads_saw_one_moment(data):
    await data.create_many("accounts", [{"id": "a", "n": 50}, {"id": "b", "n": 50}])
    reader = await begin(data)
    first = (await reader.get("accounts", "a"))["n"]

    async def move(tx):
        await tx.update("accounts", "a", {"n": 0})
        await tx.update("accounts", "b", {"n": 100})

    await run(data, move)
    second = (await reader.get("accounts", "b"))["n"]
    assert await conflicts(reader) or first + second == 100


async def test_who_only_reads_sees_no_state_that_no_order_gives(data):
    """The penalty is due only if the deposit came later, and the reader saw the deposit first."""
    await data.create_many("accounts", [{"id": "x", "n": 0}, {"id": "y", "n": 0}])
    withdrawal = await begin(data)
    total = sum([(await withdrawal.get("accounts", name))["n"] for name in "xy"])
    await run(data, lambda tx: tx.update("accounts", "y", {"n": 20}))
    reader = await begin(data)
    seen = [(await reader.get("accounts", name))["n"] for name in "xy"]
    assert not await conflicts(reader)
    penalty = 1 if total < 10 else 0
    lost = await conflicts(withdrawal, lambda tx: tx.update("accounts", "x", {"n": -10 - penalty}))
    assert lost or seen == [0, 0]


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


async def test_unique_keys_hold_when_it_is_committed(data):
    await data.store.define(data.scope, "people", {"unique": [["email"]]}, "v1")
    await data.create_many("people", [{"id": "a", "email": "a@x"}, {"id": "b", "email": "b@x"}])

    async def swap(tx):
        await tx.delete("people", "a")
        await tx.update("people", "b", {"email": "a@x"})
        await tx.create("people", {"id": "c", "email": "b@x"})

    await run(data, swap)
    emails = {doc["id"]: doc["email"] for doc in await data.query("people")}
    assert emails == {"b": "a@x", "c": "b@x"}
    tx = await begin(data)
    with pytest.raises(AiweError) as caught:  # at once, or at the end
        await conflicts(tx, lambda tx: tx.create("people", {"email": "a@x"}))
    assert caught.value.code == "already_exists"
    assert await data.count("people") == 2


async def test_a_call_that_fails_leaves_the_transaction_as_it_was(data, refused):
    await data.create("tasks", {"id": "a", "n": 1})
    tx = await begin(data)
    await refused(tx.create("tasks", {"id": "a"}), "already_exists")
    await refused(tx.create_many("tasks", [{"id": "b"}, {"id": "a"}]), "already_exists")
    await refused(tx.update("tasks", "x", {}), "not_found")
    await refused(tx.update("tasks", "a", {"n": 2}, if_version=9), "version_conflict")
    await refused(tx.create("no such name", {}), "invalid_collection")
    await tx.create("tasks", {"id": "c"})
    assert not await conflicts(tx)
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
    assert not await conflicts(tx)
    assert (await other.get("tasks", "a"))["n"] == 3


# ── many at once ──


async def test_increments_of_one_document_all_count(data):
    await data.create("counters", {"id": "c", "n": 0})

    async def increment(tx):
        doc = await tx.get("counters", "c")
        await tx.update("counters", "c", {"n": doc["n"] + 1})
        return doc["n"]

    results = await asyncio.gather(*(run(data, increment) for _ in range(24)))
    assert sorted(n for n, _ in results) == list(range(24))
    assert max(runs for _, runs in results) > 1
    assert (await data.get("counters", "c"))["n"] == 24


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
