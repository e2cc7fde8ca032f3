"""Documents, one by one: what is stored, what comes back, what is refused."""

import asyncio
import time

import pytest

from aiwe_engine.protocols import Scope
from tests.engine.store.conftest import Documents

FIELDS = {
    "text": 'Grüße, 世界 🎉 "quoted" \\ back\\slash \u0000 \u2028',
    "empty": "",
    "numbers": [0, -1, 1.5, 1e300, 5e-324, 0.1, 2**53, 2**53 + 1, -(2**63), 2**64 - 1],
    "flags": [True, False, None],
    "nested": {"a": [{"b": [[], {}]}], "": "no name", "dotted.name": 1, "$dollar": 2},
    "__proto__": {"polluted": True},
    "constructor": "x",
    "'; DROP TABLE documents_1; --": "'; DELETE FROM collections; --",
}


async def test_what_is_created_comes_back_as_it_was(data):
    created = await data.create("things", FIELDS)
    assert {name: created[name] for name in FIELDS} == FIELDS
    assert await data.get("things", created["id"]) == created
    assert await data.query("things") == [created]


async def test_it_comes_back_from_the_file_too(data, opened):
    created = await data.create("things", FIELDS)
    await data.store.close()
    assert await Documents(opened(), data.scope).get("things", created["id"]) == created


async def test_the_engine_adds_id_version_and_times(data):
    doc = await data.create("tasks", {"title": "Milk"})
    assert doc["version"] == 1
    assert doc["createdAt"] == doc["updatedAt"]
    assert abs(time.time() - _seconds(doc["createdAt"])) < 60
    assert list(doc) == ["id", "title", "version", "createdAt", "updatedAt"]


async def test_made_ids_sort_in_the_order_of_their_making(data):
    docs = await data.create_many("tasks", [{"n": n} for n in range(500)])
    ids = [doc["id"] for doc in docs]
    assert ids == sorted(ids)
    assert len({doc_id[-16:] for doc_id in ids}) == 500  # the tail is random


async def test_an_id_of_ones_own_is_kept_and_cannot_be_taken_twice(data, refused):
    assert (await data.create("products", {"id": "tea/green", "n": 1}))["id"] == "tea/green"
    error = await refused(data.create("products", {"id": "tea/green", "n": 2}), "already_exists")
    assert error.status == 409
    assert (await data.get("products", "tea/green"))["n"] == 1


async def test_many_are_created_all_or_none(data, refused):
    await data.create("products", {"id": "b"})
    await refused(data.create_many("products", [{"id": "a"}, {"id": "b"}]), "already_exists")
    await refused(data.create_many("products", [{"id": "c"}, {"id": "c"}]), "already_exists")
    assert [doc["id"] for doc in await data.query("products")] == ["b"]
    assert await data.create_many("products", []) == []


async def test_a_creation_time_of_ones_own_is_kept_where_it_is_iso_8601(data):
    for given in ("2020-02-29", "2020-02-29T12:00:00Z", "2020-02-29T12:00:00.123456+02:00"):
        doc = await data.create("old", {"createdAt": given, "version": 9, "updatedAt": "x"})
        assert doc["createdAt"] == given
        assert doc["version"] == 1
        assert doc["updatedAt"] != "x"
    for given in ("yesterday", 5, None, "20200229T12", "0000-00-00"):
        assert (await data.create("old", {"createdAt": given}))["createdAt"] != given


async def test_a_missing_document_is_null_and_a_missing_collection_is_empty(data):
    assert await data.get("tasks", "x") is None
    await data.create("tasks", {"id": "y"})
    assert await data.get("tasks", "x") is None
    assert await data.get("nothing", "x") is None
    assert await data.query("nothing") == []
    assert await data.count("nothing") == 0
    assert await data.delete("nothing", "x") is False
    assert await data.delete_many("nothing", {}) == 0
    assert await data.collections() == ["tasks"]


async def test_a_document_that_was_missed_is_found_once_it_is_there(data):
    await data.create("tasks", {"id": "y"})
    assert await data.get("tasks", "x") is None
    await data.create("tasks", {"id": "x"})
    assert (await data.get("tasks", "x"))["id"] == "x"


async def test_an_update_lays_fields_over_the_document(data):
    doc = await data.create("tasks", {"title": "Milk", "tags": {"a": 1}})
    new = await data.update("tasks", doc["id"], {"done": True, "tags": {"b": 2}})
    assert new["title"] == "Milk"
    assert new["tags"] == {"b": 2}
    assert new["version"] == 2
    assert new["createdAt"] == doc["createdAt"]
    assert new["updatedAt"] >= doc["updatedAt"]
    assert await data.get("tasks", doc["id"]) == new
    assert await data.query("tasks", {"done": True}) == [new]


async def test_a_document_sent_back_whole_is_an_update_like_any_other(data):
    doc = await data.create("tasks", {"title": "Milk"})
    new = await data.update("tasks", doc["id"], {**doc, "title": "Bread"})
    assert (new["title"], new["version"], new["id"]) == ("Bread", 2, doc["id"])


async def test_an_update_of_nothing_is_not_found(data, refused):
    for call in (data.update("tasks", "x", {}), data.replace("tasks", "x", {})):
        assert (await refused(call, "not_found")).status == 404


async def test_an_update_cannot_change_the_id(data, refused):
    doc = await data.create("tasks", {})
    await refused(data.update("tasks", doc["id"], {"id": "other"}), "invalid_document")
    await refused(data.replace("tasks", doc["id"], {"id": "other"}), "invalid_document")


async def test_if_version_compares_before_it_sets(data, refused):
    doc = await data.create("tasks", {"n": 0})
    assert (await data.update("tasks", doc["id"], {"n": 1}, if_version=1))["version"] == 2
    error = await refused(data.update("tasks", doc["id"], {"n": 2}, 1), "version_conflict")
    assert error.status == 409
    assert error.details == {"version": 2}
    await refused(data.replace("tasks", doc["id"], {"n": 2}, 1), "version_conflict")
    assert (await data.get("tasks", doc["id"]))["n"] == 1
    assert (await data.replace("tasks", doc["id"], {"m": 3}, 2))["version"] == 3


async def test_a_replaced_document_has_only_its_new_fields(data):
    doc = await data.create("tasks", {"title": "Milk", "done": True})
    new = await data.replace("tasks", doc["id"], {"title": "Bread"})
    assert set(new) == {"id", "title", "version", "createdAt", "updatedAt"}
    assert (new["version"], new["createdAt"]) == (2, doc["createdAt"])


async def test_an_upsert_creates_and_then_replaces(data):
    first = await data.upsert("content", {"id": "terms", "text": "one"})
    second = await data.upsert("content", {"id": "terms", "body": "two"})
    assert (first["version"], second["version"]) == (1, 2)
    assert "text" not in second
    assert await data.query("content") == [second]


async def test_a_changed_creation_time_counts_in_sorting(data):
    for name in ("a", "b"):
        await data.create("tasks", {"id": name})
    await data.update("tasks", "b", {"createdAt": "1999-01-01T00:00:00Z"})
    assert [doc["id"] for doc in await data.query("tasks")] == ["b", "a"]
    await data.replace("tasks", "a", {"createdAt": "1998-01-01"})
    assert [doc["id"] for doc in await data.query("tasks")] == ["a", "b"]


async def test_a_deleted_document_is_gone_and_its_id_is_free(data):
    doc = await data.create("tasks", {"id": "x", "n": 1})
    assert await data.delete("tasks", "x") is True
    assert await data.delete("tasks", "x") is False
    assert await data.get("tasks", "x") is None
    assert await data.count("tasks") == 0
    again = await data.create("tasks", {"id": "x", "n": 2})
    assert (again["version"], again["n"]) == (1, 2)
    assert again["createdAt"] >= doc["createdAt"]


async def test_many_are_deleted_by_filter(data):
    await data.create_many("tasks", [{"n": n} for n in range(10)])
    assert await data.delete_many("tasks", {"n": {"$gte": 4}}) == 6
    assert [doc["n"] for doc in await data.query("tasks")] == [0, 1, 2, 3]
    assert await data.delete_many("tasks", {}) == 4


async def test_writes_take_their_place_when_they_are_called(data):
    calls = [
        data.create("tasks", {"id": "x", "n": 0}),
        data.update("tasks", "x", {"n": 1}),
        data.delete_many("tasks", {"n": 1}),
        data.create("tasks", {"id": "x", "n": 2}),
        data.update("tasks", "x", {"m": 3}),
        data.delete("tasks", "x"),
        data.upsert("tasks", {"id": "x", "n": 4}),
        data.replace("tasks", "x", {"n": 5}, 1),
    ]
    results = await asyncio.gather(*calls)
    assert results[1]["version"] == 2
    assert results[2] == 1
    assert results[4]["n"] == 2
    assert results[5] is True
    assert await data.query("tasks") == [results[7]]


async def test_a_write_that_fails_fails_alone(data):
    await data.create("tasks", {"id": "taken"})
    calls = [data.create("tasks", {"n": n}) for n in range(20)]
    calls[7:7] = [data.create("tasks", {"id": "taken"}), data.update("tasks", "gone", {})]
    results = await asyncio.gather(*calls, return_exceptions=True)
    failed = [getattr(result, "code", None) for result in results]
    assert [code for code in failed if code] == ["already_exists", "not_found"]
    assert await data.count("tasks") == 21


@pytest.mark.parametrize(
    "name", ["", "a b", "a" * 65, "a.b", "tasks;", "täsk", "../x", '"', None, 5, ["a"], {}, "a\n"]
)
async def test_a_collection_needs_a_name(data, refused, name):
    for call in (data.create(name, {}), data.get(name, "x"), data.query(name), data.count(name)):
        await refused(call, "invalid_collection")


async def test_collections_that_differ_in_case_are_two(data):
    await data.create("Tasks", {"n": 1})
    await data.create("tasks", {"n": 2})
    assert await data.collections() == ["Tasks", "tasks"]
    assert [doc["n"] for doc in await data.query("tasks")] == [2]


@pytest.mark.parametrize("doc_id", ["", "a" * 201, "a\nb", "\0", "\ud800", 5, True, {}, ["a"]])
async def test_an_id_is_a_string(data, refused, doc_id):
    await refused(data.create("tasks", {"id": doc_id}), "invalid_id")
    await refused(data.get("tasks", doc_id), "invalid_id")
    await refused(data.delete("tasks", doc_id), "invalid_id")


async def test_a_missing_id_is_told_so(data, refused):
    error = await refused(data.get("tasks", None), "invalid_id")
    assert "undefined" in error.hint
    await refused(data.upsert("tasks", {"n": 1}), "invalid_id")
    assert (await data.create("tasks", {"id": None}))["id"]


@pytest.mark.parametrize("doc", [None, [], "text", 5, [{"a": 1}]])
async def test_a_document_is_an_object(data, refused, doc):
    await refused(data.create("tasks", doc), "invalid_document")


@pytest.mark.binds("document_limit")
async def test_a_document_has_a_largest_size(opened, refused):
    data = Documents(opened(document_limit=1000), Scope("shop", "dev"))
    error = await refused(data.create("tasks", {"text": "x" * 1000}), "document_too_large")
    assert error.status == 413
    await data.create("tasks", {"id": "x", "text": "x" * 700})
    await refused(data.update("tasks", "x", {"more": "x" * 300}), "document_too_large")
    await refused(data.replace("tasks", "x", {"more": "x" * 1000}), "document_too_large")


async def test_what_json_cannot_hold_is_refused_or_null_as_in_javascript(data, refused):
    doc = await data.create("tasks", {"a": float("nan"), "b": float("inf")})
    assert (doc["a"], doc["b"]) == (None, None)
    await refused(data.create("tasks", {"n": 2**64}), "invalid_document")
    deep: dict = {}
    for _ in range(300):
        deep = {"deeper": deep}
    await refused(data.create("tasks", deep), "invalid_document")


async def test_a_deep_document_is_stored(data):
    deep: dict = {}
    for _ in range(120):
        deep = {"deeper": [deep]}
    doc = await data.create("tasks", {"deep": deep})
    assert await data.query("tasks") == [doc]


async def test_scopes_see_nothing_of_each_other(data):
    others = [Scope("shop", "production"), Scope("blog", "dev"), Scope("shop/dev", "")]
    for scope in others:
        other = Documents(data.store, scope)
        await other.create("tasks", {"id": "x", "of": scope.app})
        assert await data.get("tasks", "x") is None
        assert await data.query("tasks") == []
        assert await data.count("tasks") == 0
        assert await data.delete("tasks", "x") is False
        assert await data.delete_many("tasks", {}) == 0
        assert await data.collections() == []
    await data.create("tasks", {"id": "x", "of": "mine"})
    for scope in others:
        assert (await Documents(data.store, scope).get("tasks", "x"))["of"] == scope.app


async def test_a_closed_store_says_so(data, refused):
    await data.create("tasks", {})
    await data.store.close()
    await refused(data.create("tasks", {}), "store_closed")
    await refused(data.query("tasks"), "store_closed")
    await refused(data.get("tasks", "x"), "store_closed")
    await refused(data.collections(), "store_closed")


def _seconds(text):
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


@pytest.mark.binds("data_collections")
async def test_an_app_has_so_many_collections_and_no_more(opened, refused):
    store = opened(data_collections=3)
    data = Documents(store, Scope("shop", "dev"))
    for n in range(3):
        await data.create(f"c{n}", {})
    error = await refused(data.create("c3", {}), "too_many_collections")
    assert (error.status, "data.collections" in error.hint) == (507, True)
    await refused(data.upsert("c3", {"id": "a"}), "too_many_collections")
    tx = await store.begin(Scope("shop", "dev"))
    await refused(tx.create("c3", [{}]), "too_many_collections")
    await tx.rollback()
    await data.create("c0", {})
    await Documents(store, Scope("shop", "staging")).create("c3", {})
    assert await data.collections() == ["c0", "c1", "c2"]
