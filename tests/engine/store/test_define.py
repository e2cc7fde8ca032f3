"""`define`, on every store: what is declared is checked on every write, whoever writes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope, Store

TASK = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "done": {"type": "boolean"},
        "points": {"type": ["integer", "null"]},
        "price": {"type": "number"},
    },
}


@pytest.fixture
def define(store: Store):
    async def call(collection: str, definition: Any, version: str = "v1", app: str = "shop"):
        return await store.define(Scope(app, "dev"), collection, definition, version)

    return call


async def test_a_document_that_does_not_fit_is_refused_by_every_kind_of_write(
    data, define, refused
):
    await define("tasks", {"schema": TASK})
    good = await data.create("tasks", {"title": "Buy milk", "done": False})
    doc_id = good["id"]
    calls = [
        data.create("tasks", {"done": False}),
        data.create_many("tasks", [{"title": "a"}, {"title": 5}]),
        data.update("tasks", doc_id, {"title": ""}),
        data.replace("tasks", doc_id, {"done": True}),
        data.upsert("tasks", {"id": "t1", "title": None}),
        data.upsert("tasks", {"id": doc_id, "title": None}),
        data.modify("tasks", doc_id, {"$unset": {"title": 1}}),
        data.modify("tasks", doc_id, {"$set": {"points": 1.5}}),
    ]
    for call in calls:
        error = await refused(call, "invalid_document")
        assert error.status == 400
        assert error.details[0]["message"]
    assert await data.query("tasks") == [good]


async def test_one_that_is_refused_takes_no_other_with_it(data, define):
    await define("tasks", {"schema": TASK, "unique": [["title"]]})
    docs = [{"title": f"t{n % 7}"} if n % 3 else {"title": n} for n in range(60)]
    results = await asyncio.gather(
        *[data.create("tasks", doc) for doc in docs], return_exceptions=True
    )
    codes = [result.code for result in results if isinstance(result, AiweError)]
    assert codes.count("invalid_document") == 20
    assert codes.count("already_exists") == 33
    assert await data.count("tasks") == 7


async def test_a_unique_key_belongs_to_one_document_whatever_the_call(data, define, refused):
    await define("users", {"unique": [["email"], ["team.id", "number"]]})
    ann = await data.create("users", {"email": "a", "team": {"id": 1}, "number": 1})
    ben = await data.create("users", {"email": "b", "team": {"id": 1}, "number": 2})
    calls = [
        data.create("users", {"email": "a"}),
        data.create_many("users", [{"email": "c"}, {"email": "c"}]),
        data.create("users", {"team": {"id": 1.0}, "number": 2}),
        data.update("users", ben["id"], {"email": "a"}),
        data.update("users", ben["id"], {"number": 1}),
        data.replace("users", ben["id"], {"email": "a"}),
        data.upsert("users", {"id": "new", "email": "a"}),
        data.upsert("users", {"id": ben["id"], "email": "a"}),
        data.modify("users", ben["id"], {"$set": {"email": "a"}}),
        data.modify("users", ben["id"], {"$inc": {"number": -1}}),
    ]
    for call in calls:
        error = await refused(call, "already_exists")
        assert error.status == 409
        assert error.details["fields"] in (["email"], ["team.id", "number"])
        assert " and ".join(error.details["fields"]) in error.message
    assert await data.query("users", {}, sort="id") == sorted([ann, ben], key=lambda d: d["id"])


async def test_a_key_may_be_kept_freed_and_taken_again(data, define):
    await define("users", {"unique": [["email"]]})
    ann = await data.create("users", {"email": "a"})
    await data.update("users", ann["id"], {"email": "a", "name": "Ann"})
    await data.upsert("users", {"id": ann["id"], "email": "a2"})
    ben = await data.create("users", {"email": "a"})
    await data.delete("users", ben["id"])
    await data.create("users", {"id": "c", "email": "a"})
    await data.delete_many("users", {})
    assert await data.create_many("users", [{"email": "a"}, {"email": "a2"}])


async def test_what_is_null_or_missing_is_compared_with_nothing(data, define, refused):
    await define("users", {"unique": [["email", "name"]]})
    docs = [{}, {}, {"email": "a"}, {"email": "a"}, {"email": "a", "name": None}]
    await data.create_many("users", docs)
    await data.create("users", {"email": 1, "name": "x"})
    await data.create("users", {"email": "1", "name": "x"})
    await refused(data.create("users", {"email": 1.0, "name": "x"}), "already_exists")


async def test_writes_that_wait_together_meet_each_other(data, define):
    await define("users", {"unique": [["email"]]})
    await data.create_many("users", [{"id": "a", "email": "a"}, {"id": "b", "email": "b"}])
    calls = [
        data.update("users", "a", {"email": "b"}),  # taken
        data.update("users", "b", {"email": "c"}),
        data.update("users", "a", {"email": "b"}),  # free by now
        data.create("users", {"id": "x", "email": "a"}),
        data.create("users", {"id": "y", "email": "a"}),  # taken
        data.delete("users", "x"),
        data.create("users", {"id": "z", "email": "a"}),
        data.update("users", "z", {"email": "c"}),  # taken
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    failed = [n for n, result in enumerate(results) if isinstance(result, AiweError)]
    assert failed == [0, 4, 7]
    found = {doc["id"]: doc["email"] for doc in await data.query("users")}
    assert found == {"a": "b", "b": "c", "z": "a"}


async def test_a_definition_holds_for_its_app_and_environment_only(data, define, store):
    await define("tasks", {"schema": TASK})
    from tests.engine.store.conftest import Documents

    for scope in (Scope("shop", "production"), Scope("other", "dev")):
        await Documents(store, scope).create("tasks", {"title": 5})
    await data.create("notes", {"title": 5})


async def test_a_definition_and_its_keys_outlive_the_store(opened, refused):
    from tests.engine.store.conftest import Documents

    scope = Scope("shop", "dev")
    store = opened()
    await store.define(scope, "users", {"schema": TASK, "unique": [["title"]]}, "v1")
    await Documents(store, scope).create("users", {"title": "a"})
    await store.close()
    again = opened()
    data = Documents(again, scope)
    await refused(data.create("users", {"title": "a"}), "already_exists")
    await refused(data.create("users", {"title": 5}), "invalid_document")
    assert await again.define(scope, "users", {"schema": TASK, "unique": [["title"]]}, "v2") == []


async def test_what_a_definition_changes_is_told_in_words(define):
    assert await define("tasks", {"schema": TASK, "unique": [["title"]]}) == [
        "collection made",
        "schema declared",
        "unique key title added",
    ]
    assert (
        await define("tasks", {"unique": [["title"]], "schema": dict(reversed(TASK.items()))}) == []
    )
    assert await define("tasks", {"index": [["a", "b.c"]], "owner": True}, "v2") == [
        "schema dropped",
        "unique key title dropped",
        "index a and b.c added",
        "documents belong to their owner",
    ]
    assert await define("tasks", {"index": [["a", "b.c"]]}, "v3") == []
    assert await define("tasks", {"owner": False}, "v4") == [
        "index a and b.c dropped",
        "documents belong no more to their owner",
    ]


async def test_a_declared_collection_is_listed_before_anything_is_in_it(data, define):
    await define("tasks", {})
    assert await data.collections() == ["tasks"]
    assert await data.query("tasks") == []


async def test_stored_documents_that_do_not_fit_a_new_schema_stay_and_are_told_of(
    data, define, refused
):
    await data.create_many("tasks", [{"id": "a", "title": "ok"}, {"id": "b"}, {"id": "c"}])
    said = await define("tasks", {"schema": TASK})
    assert said[-1].startswith("2 stored documents do not fit the schema")
    assert await data.count("tasks") == 3
    await refused(data.update("tasks", "b", {"done": True}), "invalid_document")
    await data.update("tasks", "b", {"done": True, "title": "now"})
    await data.delete("tasks", "c")


async def test_a_unique_key_that_stored_documents_break_changes_nothing(data, define, refused):
    await define("users", {"unique": [["name"]]})
    docs = [{"id": f"u{n}", "email": "a" if n % 2 else n, "name": n} for n in range(20)]
    await data.create_many("users", docs)
    error = await refused(define("users", {"unique": [["email"]], "owner": True}), "not_unique")
    assert error.status == 409
    assert error.details == {"fields": ["email"], "ids": ["u1", "u11", "u13", "u15", "u17"]}
    assert "email" in error.message
    assert "u11" in error.message
    await refused(data.create("users", {"name": 3}), "already_exists")
    await data.create("users", {"email": 4, "name": 30})
    await data.delete_many("users", {"email": "a", "id": {"$ne": "u1"}})
    await data.delete("users", "u4")
    await define("users", {"unique": [["email"]]})
    await refused(data.create("users", {"email": "a"}), "already_exists")
    await data.create("users", {"name": 3})


async def test_the_same_definition_at_once_is_made_once(define):
    said = await asyncio.gather(*[define("tasks", {"schema": TASK}, f"v{n}") for n in range(8)])
    assert sorted(said, reverse=True) == [["collection made", "schema declared"], *[[]] * 7]


async def test_writes_issued_before_and_after_a_definition_meet_what_held_then(data, define):
    results = await asyncio.gather(
        data.create("tasks", {"id": "a"}),
        define("tasks", {"schema": TASK}),
        data.create("tasks", {"id": "b"}),
        data.create("tasks", {"id": "c", "title": "x"}),
        return_exceptions=True,
    )
    assert results[1][-1].startswith("1 stored documents")
    assert results[2].code == "invalid_document"
    assert [doc["id"] for doc in await data.query("tasks", {}, sort="id")] == ["a", "c"]


async def test_what_cannot_be_declared_is_refused_and_changes_nothing(data, define, refused):
    await refused(define("tasks", {"uniqe": []}), "invalid_definition")
    await refused(define("no name", {}), "invalid_collection")
    assert await data.collections() == []


async def test_a_whole_number_of_more_than_64_bits_is_no_integer_field(data, define, refused):
    await define("tasks", {"schema": {"properties": {"n": {"type": "integer"}}}})
    for value in (2**63, -(2.0**64), 1e300):
        error = await refused(data.create("tasks", {"n": value}), "invalid_document")
        assert error.details == [
            {"path": "/n", "message": "must be a whole number of at most 64 bits"}
        ]
    await data.create_many(
        "tasks", [{"n": 2**63 - 1}, {"n": -(2**63)}, {"n": 5.0}, {"n": None} | {}][:3]
    )
