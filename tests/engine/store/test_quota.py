"""An app keeps so many bytes of documents, on every store, by whatever call they come."""

import asyncio
import random

import orjson
import pytest

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from tests.engine.runtime.conftest import open_bench
from tests.engine.store.conftest import Documents

__all__ = ["open_bench"]
SHOP = Scope("shop", "dev")
NOW = "2024-05-06T07:08:09.123Z"


@pytest.fixture
def limited(opened):
    """Opens a store, and says what its apps may keep."""

    def open_store(limit, **settings):
        store = opened(**settings)
        store.quota.limit_of = lambda _app: limit
        return store

    return open_store


def allow(store, limit):
    store.quota.limit_of = lambda _app: limit


async def size_of(store, scope=SHOP):
    """Bytes of all documents of a scope, counted one by one."""
    calls = store.within(scope)
    texts = [text for name in await calls.collections() for text in await calls.query(name, {}, {})]
    return sum(map(len, texts))


def stored(doc_id, text):
    whole = {"id": doc_id, "t": text, "version": 1, "createdAt": NOW, "updatedAt": NOW}
    return f"line {doc_id}", orjson.dumps(whole)


async def test_an_app_that_is_full_is_told_and_can_be_emptied(limited, refused):
    store = limited(10_000)
    data = Documents(store, SHOP)
    await data.create("notes", {"id": "large", "t": "x" * 9000})
    error = await refused(data.create("notes", {"id": "more", "t": "x" * 1000}), "storage_full")
    assert error.status == 507
    assert error.message == "The documents of this app would be more than 10,000 bytes."
    assert error.hint == "Delete documents that are not needed, or raise data.app_limit."
    # What needs no more room goes on.
    await data.update("notes", "large", {"t": "y" * 9000})
    await data.create("notes", {"id": "small", "t": "x"})
    await refused(data.update("notes", "large", {"t": "y" * 9900}), "storage_full")
    await refused(data.replace("notes", "small", {"t": "y" * 1000}), "storage_full")
    await refused(data.upsert("notes", {"id": "new", "t": "y" * 1000}), "storage_full")
    await refused(data.modify("notes", "small", {"$set": {"u": "y" * 1000}}), "storage_full")
    await data.modify("notes", "small", {"$set": {"t": ""}})
    # So do other apps, other environments, and what the engine itself keeps for this one.
    for scope in (Scope("other", "dev"), Scope("shop", "production"), SHOP.own):
        await Documents(store, scope).create("notes", {"t": "x" * 9000})
    assert await data.delete("notes", "large")
    await data.create("notes", {"id": "more", "t": "x" * 9000})
    assert await data.delete_many("notes", {}) == 2
    await data.create("notes", {"t": "x" * 9000})


async def test_a_limit_that_is_lower_than_what_is_there_lets_it_become_less(limited, refused):
    store = limited(0)
    data = Documents(store, SHOP)
    await data.create_many("notes", [{"id": f"{n}", "t": "x" * 1000} for n in range(10)])
    allow(store, 5000)
    await refused(data.create("notes", {}), "storage_full")
    await data.update("notes", "0", {"t": ""})
    assert await data.delete_many("notes", {"id": {"$in": [f"{n}" for n in range(1, 8)]}}) == 7
    await data.create("notes", {})


async def test_many_documents_are_created_all_or_none(limited, refused):
    store = limited(10_000)
    data = Documents(store, SHOP)
    docs = [{"t": "x" * 1000} for _ in range(9)]
    await refused(data.create_many("notes", [*docs, *docs]), "storage_full")
    assert await size_of(store) == 0
    assert len(await data.create_many("notes", docs[:8])) == 8


async def test_of_many_at_once_as_many_are_stored_as_there_is_room_for(limited):
    store = limited(10_000)
    data = Documents(store, SHOP)
    writes = [data.create("notes", {"t": "x" * 900}) for _ in range(40)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    done = [one for one in outcomes if isinstance(one, dict)]
    assert {getattr(one, "code", "") for one in outcomes if one not in done} == {"storage_full"}
    assert len(done) == await data.count("notes") == 9


async def test_it_holds_for_transactions(limited, refused):
    store = limited(10_000)
    data = Documents(store, SHOP)
    await data.create("notes", {"id": "old", "t": "x" * 6000})

    async def over():
        work = await store.begin(SHOP)
        try:
            for number in range(3):
                await work.create("notes", [{"id": f"{number}", "t": "y" * 2000}])
            await work.commit()
        except BaseException:
            await work.rollback()
            raise

    await refused(over(), "storage_full")
    assert await data.count("notes") == 1
    work = await store.begin(SHOP)
    await work.delete("notes", "old")
    await work.create("notes", [{"id": "new", "t": "y" * 9000}])
    await work.commit()
    await refused(data.create("notes", {"t": "y" * 1000}), "storage_full")
    # What is given up has never counted.
    work = await store.begin(SHOP)
    await work.create("notes", [{"t": "y" * 500}])
    await work.rollback()
    await data.create("notes", {"t": "y" * 500})


async def test_it_holds_for_imports_and_what_is_cleared_is_free(limited, refused):
    store = limited(10_000)
    data = Documents(store, SHOP)
    portions = [[stored(f"{a}{b}", "x" * 900) for b in range(4)] for a in range(4)]
    error = await refused(store.load(SHOP, "notes", iter(portions)), "storage_full")
    assert (error.status, "Nothing was stored" in error.message) == (507, True)
    assert await data.count("notes") == 0
    await store.load(SHOP, "notes", iter(portions[:2]))
    await store.load(SHOP, "notes", iter(portions[:2]), "replace")
    await refused(data.create("notes", {"t": "x" * 3000}), "storage_full")
    await store.clear(SHOP)
    await data.create("notes", {"t": "x" * 9000})


async def test_what_is_declared_counts(limited, refused):
    store = limited(3000)
    data = Documents(store, SHOP)
    fields = {f"field{n}": {"type": "string"} for n in range(200)}
    large = {"schema": {"type": "object", "properties": fields}}
    await refused(store.define(SHOP, "notes", large, "1"), "storage_full")
    allow(store, 10_000)
    assert await store.define(SHOP, "notes", large, "1")
    await refused(data.create("notes", {"t": "x" * 6000}), "storage_full")
    assert await store.define(SHOP, "notes", {}, "2")
    await data.create("notes", {"t": "x" * 6000})


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_counted_right_whatever_was_done_and_after_a_restart(limited, refused, seed):
    chance = random.Random(seed)
    store = limited(1 << 30)
    data = Documents(store, SHOP)
    names = ["a", "b"]

    def text():
        return "ü" * chance.randrange(200)

    async def step():
        name, doc_id = chance.choice(names), f"{chance.randrange(12)}"
        try:
            await chance.choice(
                [
                    lambda: data.create(name, {"id": doc_id, "t": text()}),
                    lambda: data.create_many(name, [{"t": text()}, {"t": text()}]),
                    lambda: data.update(name, doc_id, {"t": text()}),
                    lambda: data.upsert(name, {"id": doc_id, "t": text()}),
                    lambda: data.upsert(name, {"id": doc_id, "t": text()}),
                    lambda: data.delete(name, doc_id),
                    lambda: data.delete_many(name, {"id": {"$in": [doc_id, "1", "2"]}}),
                ]
            )()
        except Exception as error:  # noqa: BLE001  a document that is, or is not, there
            assert error.code in {"not_found", "already_exists"}  # noqa: PT017

    for _ in range(8):
        await asyncio.gather(*(step() for _ in range(8)))
    for one in (store, limited(0)) if seed else (store,):
        held = await size_of(one)
        mine = Documents(one, SHOP)
        added = len(
            orjson.dumps(await Documents(one, Scope("probe", "dev")).create("a", {"t": ""}))
        )
        allow(one, held + added - 1)
        await refused(mine.create("a", {"t": ""}), "storage_full")
        allow(one, held + added)
        made = await mine.create("a", {"t": ""})
        await refused(mine.create("a", {"t": ""}), "storage_full")
        await mine.delete("a", made["id"])
        if one is store:
            await store.close()


@pytest.mark.binds("data_app_limit")
async def test_data_app_limit_is_what_one_app_may_keep(open_bench):
    bench = await open_bench(data_app_limit=5000)
    program = """
    app.post("/add", () => DataRepository.create("notes", { t: "x".repeat(2000) }));
    app.post("/empty", () => DataRepository.deleteMany("notes", {}));
    app.get("/count", () => DataRepository.count("notes"));
    """
    await bench.serve(program, "full")
    await bench.serve(program, "other")
    assert [(await bench.get("/add", "full", "POST")).status for _ in range(2)] == [200, 200]
    assert await bench.code("/add", "full", method="POST") == (507, "storage_full")
    assert (await bench.get("/add", "other", "POST")).status == 200
    assert await bench.json("/count", "full") == 2
    assert (await bench.get("/empty", "full", "POST")).status == 200
    assert (await bench.get("/add", "full", "POST")).status == 200


def test_it_may_be_set_for_one_app():
    from aiwe_engine.settings import ROWS

    assert ROWS["data_app_limit"].app
    assert Settings().data_app_limit < Settings().data_limit
