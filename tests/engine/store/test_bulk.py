"""Many documents at a time: snapshots, loads and clearing, on every store."""

import asyncio
import random

import orjson
import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.store.duckdb import DuckDBStore
from tests.engine.store.conftest import Documents

NOW = "2024-05-06T07:08:09.123Z"
SHOP = Scope("shop", "dev")


def stored(doc_id, version=1, **fields):
    whole = {"id": doc_id, **fields, "version": version, "createdAt": NOW, "updatedAt": NOW}
    return f"line {doc_id}", orjson.dumps(whole)


async def read(snapshot, held, **options):
    return [orjson.loads(t) async for p in snapshot.read(held, **options) for t in p]


async def test_a_snapshot_has_every_collection_of_every_app_and_environment(store):
    async with store.snapshot() as snapshot:
        assert snapshot.collections == ()
    for app, env, name in [("b", "dev", "x"), ("a", "production", "x"), ("a", "dev", "y")]:
        await store.within(Scope(app, env)).create(name, [{"in": app + env}])
    await store.within(Scope("a", "dev")).create("y", [{"in": "adev"}])
    async with store.snapshot() as snapshot:
        held = [(h.app, h.env, h.name, h.documents) for h in snapshot.collections]
        expected = [("a", "dev", "y", 2), ("a", "production", "x", 1), ("b", "dev", "x", 1)]
        assert held == expected
        for one in snapshot.collections:
            assert {doc["in"] for doc in await read(snapshot, one)} == {one.app + one.env}


async def test_documents_come_in_the_order_of_their_creation_where_it_is_asked_for(store, data):
    for day in (3, 1, 2):
        await data.create("days", {"id": f"d{day}", "createdAt": f"2024-01-0{day}"})
    async with store.snapshot() as snapshot:
        [held] = snapshot.collections
        assert [doc["id"] for doc in await read(snapshot, held, in_order=True)] == [
            "d1",
            "d2",
            "d3",
        ]


async def test_a_snapshot_does_not_see_what_is_written_meanwhile(store, data):
    await data.create_many("tasks", [{"id": f"{n}", "n": n} for n in range(2500)])
    async with store.snapshot() as snapshot:
        [held] = snapshot.collections
        portions = snapshot.read(held)
        found = [orjson.loads(text) for text in await anext(portions)]
        await data.delete("tasks", "2499")
        await data.create("tasks", {"id": "2499", "n": -1})  # the id again, which is free
        await data.update("tasks", "2498", {"n": -1})
        await data.create("tasks", {"n": -1})
        await data.create("others", {"n": -1})
        found += [orjson.loads(text) async for portion in portions for text in portion]
        assert sorted(doc["n"] for doc in found) == list(range(2500))
        assert len(snapshot.collections) == 1
    assert await data.count("tasks", {"n": -1}) == 3


async def test_a_snapshot_under_writers_is_of_one_instant(store, data):
    for name in ("here", "there"):
        await data.create_many(name, [{"id": f"{n}", "amount": 100} for n in range(20)])
    done = asyncio.Event()

    async def mover(seed):
        draw = random.Random(seed)
        while not done.is_set():
            giver, taker = draw.sample(("here", "there"), 2)
            transaction = await store.begin(SHOP)
            try:
                for name, amount in ((giver, -1), (taker, 1)):
                    change = {"$inc": {"amount": amount}}
                    await transaction.modify(name, f"{draw.randrange(20)}", change)
                await transaction.commit()
            except AiweError:  # another one was faster
                await transaction.rollback()

    movers = [asyncio.create_task(mover(seed)) for seed in range(4)]
    sums = []
    for _ in range(15):
        async with store.snapshot() as snapshot:
            docs = [doc for held in snapshot.collections for doc in await read(snapshot, held)]
            sums.append(sum(doc["amount"] for doc in docs))
    done.set()
    await asyncio.gather(*movers)
    assert sums == [4000] * 15
    moved = [doc["amount"] for doc in await data.query("here")]
    assert moved != [100] * 20


async def test_documents_are_loaded_as_they_are(store, data):
    assert await data.get("tasks", "a") is None  # and that there is none is remembered
    portions = [[stored("a", 7, title="x")], [stored("b"), stored("c", createdAt=NOW)]]
    loaded = await store.load(SHOP, "tasks", portions)
    assert (loaded.created, loaded.replaced, loaded.skipped) == (3, 0, 0)
    doc = await data.get("tasks", "a")
    assert doc == {"id": "a", "title": "x", "version": 7, "createdAt": NOW, "updatedAt": NOW}
    assert [doc["id"] for doc in await data.query("tasks")] == ["a", "b", "c"]
    assert (await data.update("tasks", "a", {}))["version"] == 8


async def test_one_taken_id_and_nothing_is_loaded(store, data, refused):
    await data.create("tasks", {"id": "c", "mine": True})
    portions = [[stored("a"), stored("b")], [stored("c"), stored("d")], [stored("a")]]
    error = await refused(store.load(SHOP, "tasks", portions), "already_exists")
    assert error.details == {"ids": ["c", "a"], "count": 2}
    assert '"c", "a"' in error.message
    assert "Nothing was stored" in error.message
    assert [doc["id"] for doc in await data.query("tasks")] == ["c"]
    assert await data.get("tasks", "a") is None
    await store.load(SHOP, "tasks", [[stored("a")]])


async def test_of_many_taken_ids_the_first_are_named(store, refused):
    portion = [stored(f"{n}") for n in range(100)]
    await store.load(SHOP, "tasks", [portion])
    error = await refused(store.load(SHOP, "tasks", [portion]), "already_exists")
    assert (error.details["count"], len(error.details["ids"])) == (100, 20)
    assert "and 80 more" in error.message


async def test_what_is_taken_can_be_left_out(store, data):
    await data.create("tasks", {"id": "b", "mine": True})
    portions = [[stored("a"), stored("b")], [stored("a", twice=True)]]
    loaded = await store.load(SHOP, "tasks", portions, "skip")
    assert (loaded.created, loaded.replaced, loaded.skipped) == (1, 0, 2)
    assert (await data.get("tasks", "b"))["mine"]
    assert "twice" not in await data.get("tasks", "a")


async def test_what_is_taken_can_be_replaced_and_gets_the_next_version(store, data):
    await data.create("tasks", {"id": "b", "mine": True})
    await data.update("tasks", "b", {"more": 1})
    portions = [[stored("b", 9, theirs=True), stored("a")]]
    loaded = await store.load(SHOP, "tasks", portions, "replace")
    assert (loaded.created, loaded.replaced, loaded.skipped) == (1, 1, 0)
    doc = await data.get("tasks", "b")
    assert (doc["version"], doc["theirs"], doc["createdAt"]) == (3, True, NOW)
    assert "mine" not in doc


async def test_a_source_that_fails_leaves_nothing_behind(store, data):
    def portions():
        yield [stored("a")]
        raise OSError("the file is gone")

    with pytest.raises(Exception, match="the file is gone"):
        await store.load(SHOP, "tasks", portions())
    assert await data.query("tasks") == []
    await data.create("tasks", {"id": "a"})


async def test_what_a_collection_declares_holds_for_what_is_loaded(store, data, refused):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    rules = {"schema": schema, "unique": ["n"]}
    await store.define(SHOP, "tasks", rules, "v1")
    await data.create("tasks", {"id": "old", "n": 1})
    good = [stored("a", n=2), stored("b", n=3), stored("c")]
    for bad, code in (
        (stored("d", n="x"), "invalid_document"),
        (stored("d", n=1), "already_exists"),
    ):
        error = await refused(store.load(SHOP, "tasks", [good, [stored("e"), bad]]), code)
        assert error.message.startswith("line d: ")
        assert error.message.endswith("Nothing was stored.")
    error = await refused(store.load(SHOP, "tasks", [good, [stored("d", n=3)]]), "already_exists")
    assert error.message.startswith("line d: ")
    assert await data.count("tasks") == 1
    await store.load(SHOP, "tasks", [good])
    await refused(data.create("tasks", {"n": 3}), "already_exists")
    assert [doc["id"] for doc in await data.query("tasks", {"n": {"$gt": 1}})] == ["a", "b"]
    await store.load(SHOP, "tasks", [[stored("a", n=7)]], "replace")
    await data.create("tasks", {"n": 2})
    await store.clear(SHOP)
    await data.create("tasks", {"n": 7})
    await refused(data.create("tasks", {"n": "x"}), "invalid_document")


async def test_what_is_written_during_a_load_comes_after_it(store, data):
    loading = asyncio.ensure_future(store.load(SHOP, "tasks", [[stored("a", n=1)]]))
    await asyncio.sleep(0)
    changed = await data.update("tasks", "a", {"n": 2})
    await loading
    assert changed["version"] == 2
    assert (await data.get("tasks", "a"))["n"] == 2


async def test_a_scope_is_cleared_and_no_other(store, data):
    other = Documents(store, Scope("shop", "production"))
    for place in (data, other):
        await place.create_many("tasks", [{"id": "a"}, {"id": "b"}])
    await data.create("notes", {"id": "n"})
    await data.get("tasks", "a")
    assert await store.clear(SHOP) == {"notes": 1, "tasks": 2}
    assert await data.get("tasks", "a") is None
    assert await data.query("tasks") == []
    assert await other.count("tasks") == 2
    assert await store.clear(SHOP) == {"notes": 0, "tasks": 0}
    assert await store.clear(Scope("nobody", "dev")) == {}
    await data.create("tasks", {"id": "a"})


async def test_what_was_loaded_and_cleared_is_durable(opened):
    first = opened()
    await first.load(SHOP, "kept", [[stored("a")]])
    await first.load(SHOP, "gone", [[stored("a")]])
    await first.clear(Scope("shop", "staging"))
    await first.close()
    second = opened()
    async with second.snapshot() as snapshot:
        assert [(h.name, h.documents) for h in snapshot.collections] == [("gone", 1), ("kept", 1)]


async def test_a_snapshot_goes_on_where_a_collection_is_declared_anew_meanwhile(store, data):
    await data.create_many("tasks", [{"id": f"{n}", "n": n} for n in range(3000)])
    rules = {
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "unique": ["n"],
    }
    async with store.snapshot() as snapshot:
        [held] = snapshot.collections
        portions = snapshot.read(held)
        count = len(await anext(portions))
        assert await store.define(SHOP, "tasks", rules, "v1")
        await data.create("tasks", {"n": 3000})
        count += sum([len(portion) async for portion in portions])
        assert (count, held.definition, snapshot.migrations) == (3000, None, ())


async def test_a_store_is_filled_with_what_another_one_held(store, data, tmp_path, refused):
    rules = {"unique": ["n"], "index": ["n"], "owner": True}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    other = DuckDBStore(tmp_path / "other.duckdb", Settings())
    try:
        source = Documents(other, SHOP)
        await source.create_many("tasks", [{"n": 1}, {"n": 2}, {"n": "three"}])
        await source.update("tasks", (await source.query("tasks"))[0]["id"], {"more": 1})
        await other.define(SHOP, "tasks", rules, "v1")
        await other.define(SHOP, "tasks", {**rules, "schema": schema}, "v2")  # "three" stays
        await other.define(Scope("shop", "production"), "empty", rules, "v1")
        await Documents(other, Scope("~shop", "dev")).create("sessions", {"n": 1})
        async with other.snapshot() as before:
            texts = [
                (held, [[("here", text) async for p in before.read(held) for text in p]])
                for held in before.collections
            ]
        await store.fill(texts, before.migrations)
        async with store.snapshot() as after:
            assert after.collections == before.collections
            assert [one.definition for one in after.collections] == [
                one.definition for one in before.collections
            ]
            assert after.migrations == before.migrations
            assert [one["version"] for one in after.migrations] == ["v1", "v2", "v1"]
        assert await data.query("tasks") == await source.query("tasks")
    finally:
        await other.close()
    await refused(data.create("tasks", {"n": 2}), "already_exists")
    await refused(data.create("tasks", {"n": "four"}), "invalid_document")


async def test_a_closed_store_takes_no_snapshot(store, refused):
    await store.close()

    async def take():
        async with store.snapshot():
            pass

    await refused(take(), "store_closed")
    await refused(store.load(SHOP, "tasks", []), "store_closed")
    await refused(store.clear(SHOP), "store_closed")


@pytest.mark.slow
async def test_documents_larger_than_the_database_likes_pass_all_the_same(opened):
    """A vector of these is far more than the memory it has."""
    store = opened(database_memory=32 * MB)
    text = "".join(f"{number:08x}" for number in range(80_000))  # 640 KB

    def portions():
        for start in range(0, 70, 10):
            yield [stored(f"{n:03}", text=f"{n:03}{text}") for n in range(start, start + 10)]

    loaded = await store.load(SHOP, "large", portions())
    assert loaded.created == 70
    async with store.snapshot() as snapshot:
        [held] = snapshot.collections
        count = 0
        async for portion in snapshot.read(held, in_order=True):
            for one in portion:
                assert orjson.loads(one)["text"].startswith(f"{count:03}")
                count += 1
            assert sum(map(len, portion)) < 32 * MB
        assert count == 70
