"""Whose data is whose: attempts to cross, by every call, on every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import orjson
import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.types import ANONYMOUS, Caller
from tests.engine.store.conftest import Documents

ANN, BEN = Caller("ann", "acme"), Caller("ben", "acme")
CLEO = Caller("cleo", "bell")
RULES = {
    "owner": {"owner": True},
    "tenant": {"tenant": True},
    "both": {"tenant": True, "owner": True},
}
FILTERS: list[Any] = [
    {},
    None,
    {"id": "secret"},
    {"id": {"$in": ["secret"]}},
    {"owner": "ann"},
    {"tenant": "acme", "text": "plan"},
    {"owner": {"$ne": "nobody"}},
    {"$or": [{"owner": "ann"}, {"id": "secret"}, {"n": 1}]},
    {"$or": [{"owner": {"$exists": True}}, {"tenant": {"$exists": False}}]},
    {"$not": {"owner": "cleo"}},
    {"$and": [{"$or": [{}]}, {"text": {"$like": "%"}}]},
    {"n": {"$gte": 0}},
    {"text": {"$contains": "plan"}},
]
OTHERS: list[Any] = ["ann", "acme", "", None, 5, ["ann"], {"$ne": "x"}]
Refused = Callable[[Awaitable[Any], str], Awaitable[AiweError]]


@dataclass
class Case:
    """A collection in which a victim has a document and an intruder shall not get at it."""

    store: Store
    name: str
    victim: Documents
    intruder: Documents
    app: Documents
    secret: dict[str, Any]


@pytest.fixture(params=["owner", "tenant", "both-owner", "both-tenant"])
async def case(request: pytest.FixtureRequest, store: Store) -> AsyncIterator[Case]:
    rule, _, by = request.param.partition("-")
    name = f"notes_{rule}"
    await store.define(Scope("shop", "dev"), name, {**RULES[rule], "index": [["n"]]}, "v1")
    intruder = BEN if "owner" in (rule, by) else CLEO

    def of(caller: Caller | None) -> Documents:
        return Documents(store, Scope("shop", "dev", caller))

    victim = of(ANN)
    secret = await victim.create(name, {"id": "secret", "text": "plan", "n": 1})
    await of(intruder).create(name, {"id": "own", "text": "mine", "n": 2})
    made = Case(store, name, victim, of(intruder), of(None), secret)
    yield made
    assert await victim.get(name, "secret") == secret, "it is as it was"
    assert await made.app.get(name, "secret") == secret


def test_documents_say_whose_they_are(case: Case) -> None:
    flags = RULES[case.name.removeprefix("notes_")]
    assert case.secret.get("owner") == ("ann" if "owner" in flags else None)
    assert case.secret.get("tenant") == ("acme" if "tenant" in flags else None)


@pytest.mark.parametrize("sort", ["n", "-createdAt"])
async def test_no_question_finds_what_is_anothers(case: Case, sort: str) -> None:
    for where in FILTERS:
        found = await case.intruder.query(case.name, where, sort=sort)
        assert {doc["id"] for doc in found} <= {"own"}, where
        assert await case.intruder.count(case.name, where) <= 1, where
    assert await case.app.count(case.name, {}) == 2


async def test_pages_and_fields_show_nothing_of_what_is_anothers(case: Case, refused: Refused):
    await refused(case.intruder.query(case.name, {}, cursor="secret"), "invalid_cursor")
    found = await case.intruder.query(case.name, {}, fields=["text", "owner"], limit=1)
    assert [doc["id"] for doc in found] == ["own"]
    page = await case.intruder.calls.query(case.name, {}, {"limit": 1})
    assert page.cursor is None, "there is no other"
    assert await case.intruder.query(case.name, {}, offset=1) == []


async def test_by_its_id_it_is_not_there(case: Case, refused: Refused) -> None:
    name, intruder = case.name, case.intruder
    assert await intruder.get(name, "secret") is None
    await refused(intruder.update(name, "secret", {"text": "x"}), "not_found")
    await refused(intruder.update(name, "secret", {"text": "x"}, 1), "not_found")
    await refused(intruder.replace(name, "secret", {"text": "x"}), "not_found")
    await refused(intruder.modify(name, "secret", {"$set": {"text": "x"}}), "not_found")
    await refused(intruder.upsert(name, {"id": "secret", "text": "x"}), "already_exists")
    await refused(intruder.create(name, {"id": "secret", "text": "x"}), "already_exists")
    assert await intruder.delete(name, "secret") is False


async def test_many_are_deleted_among_ones_own(case: Case) -> None:
    await case.intruder.create(case.name, {"id": "own2"})
    everything = {"$or": [{"id": "secret"}, {"text": {"$exists": True}}, {"owner": "ann"}]}
    assert await case.intruder.delete_many(case.name, everything) == 1
    assert await case.intruder.delete_many(case.name, {}) == 1
    assert await case.app.count(case.name) == 1


async def test_nothing_is_taken_from_or_given_to_another(case: Case, refused: Refused) -> None:
    name, intruder = case.name, case.intruder
    own = await intruder.get(name, "own")
    assert own is not None
    for field, value in product({"owner", "tenant"} & own.keys(), OTHERS):
        if own[field] == value:  # the one who shares it
            continue
        given = {field: value}
        await refused(intruder.create(name, given), "not_yours")
        await refused(intruder.create_many(name, [{}, given]), "not_yours")
        await refused(intruder.update(name, "own", given), "not_yours")
        await refused(intruder.replace(name, "own", given), "not_yours")
        await refused(intruder.upsert(name, {"id": "own", **given}), "not_yours")
        await refused(intruder.upsert(name, {"id": "new", **given}), "not_yours")
        await refused(intruder.modify(name, "own", {"$set": given}), "not_yours")
        await refused(intruder.modify(name, "own", {"$unset": {field: 1}}), "not_yours")
        await refused(intruder.modify(name, "own", {"$push": {field: "x"}}), "invalid_change")
    assert await intruder.get(name, "own") == own
    assert await case.app.count(name) == 2


async def test_what_is_replaced_stays_ones_own(case: Case) -> None:
    own = await case.intruder.get(case.name, "own")
    replaced = await case.intruder.replace(case.name, "own", {"text": "new"})
    upserted = await case.intruder.upsert(case.name, {"id": "own"})
    for doc in (replaced, upserted):
        assert (doc.get("owner"), doc.get("tenant")) == (own.get("owner"), own.get("tenant"))


async def test_a_transaction_crosses_nothing(case: Case, refused: Refused) -> None:
    name = case.name
    tx = await case.store.begin(case.intruder.scope)
    inside = Documents(case.store, case.intruder.scope)
    inside.calls = tx
    assert await inside.get(name, "secret") is None
    assert [doc["id"] for doc in await inside.query(name, {"$or": [{}, {"owner": "ann"}]})] == [
        "own"
    ]
    assert await inside.count(name) == 1
    await refused(inside.update(name, "secret", {"text": "x"}), "not_found")
    await refused(inside.create(name, {"id": "secret"}), "already_exists")
    assert await inside.delete(name, "secret") is False
    await inside.update(name, "own", {"text": "changed"})
    assert [doc["text"] for doc in await inside.query(name)] == ["changed"]
    assert await inside.delete_many(name, {}) == 1
    await tx.commit()
    assert await case.app.count(name) == 1


async def test_sql_finds_ones_own_alone(case: Case, refused: Refused) -> None:
    name = case.name
    for text in (
        f"SELECT id FROM {name}",
        f"SELECT id FROM {name} WHERE n >= 0 OR id = 'secret'",
        f"SELECT id FROM {name} UNION SELECT id FROM {name} ORDER BY id DESC",
        f"SELECT b.id FROM {name} a JOIN {name} b ON true",
        f"SELECT max(id) AS id FROM {name} GROUP BY text",
    ):
        assert (await case.intruder.calls.sql([text], [])).rows == [("own",)], text
    count = f"SELECT count(*) AS n FROM {name}"
    assert (await case.app.calls.sql([count], [])).rows == [(2,)]
    nobody = case.store.within(Scope("shop", "dev", ANONYMOUS))
    code = "sign_in_required" if "owner" in case.secret else "tenant_required"
    await refused(nobody.sql([count], []), code)


async def test_whoever_is_not_signed_in_is_told_so_by_every_call(case: Case, refused: Refused):
    name = case.name
    code = (
        "sign_in_required" if "owner" in RULES[name.removeprefix("notes_")] else "tenant_required"
    )
    nobody = Documents(case.store, Scope("shop", "dev", ANONYMOUS))
    calls: list[Awaitable[Any]] = [
        nobody.get(name, "secret"),
        nobody.query(name, {}),
        nobody.count(name),
        nobody.create(name, {}),
        nobody.update(name, "secret", {}),
        nobody.replace(name, "secret", {}),
        nobody.upsert(name, {"id": "secret"}),
        nobody.modify(name, "secret", {"$set": {"a": 1}}),
        nobody.delete(name, "secret"),
        nobody.delete_many(name, {}),
    ]
    for call in calls:
        error = await refused(call, code)
        assert error.status in (401, 403)


async def test_the_app_itself_sees_and_changes_all(store: Store) -> None:
    await store.define(Scope("shop", "dev"), "notes", {"owner": True, "tenant": True}, "v1")
    app = Documents(store, Scope("shop", "dev"))
    for caller in (ANN, BEN, CLEO):
        await Documents(store, Scope("shop", "dev", caller)).create("notes", {})
    assert {doc["owner"] for doc in await app.query("notes")} == {"ann", "ben", "cleo"}
    (found,) = await app.query("notes", {"owner": "ben"})
    await app.update("notes", found["id"], {"owner": "ann"})
    assert await Documents(store, Scope("shop", "dev", BEN)).count("notes") == 0
    assert await Documents(store, Scope("shop", "dev", ANN)).count("notes") == 2


async def test_one_user_of_two_tenants_is_two(store: Store) -> None:
    await store.define(Scope("shop", "dev"), "notes", {"owner": True, "tenant": True}, "v1")
    await Documents(store, Scope("shop", "dev", ANN)).create("notes", {})
    elsewhere = Documents(store, Scope("shop", "dev", Caller("ann", "bell")))
    assert await elsewhere.query("notes") == []


async def test_a_unique_key_tells_a_tenant_nothing_of_another(store: Store, refused: Refused):
    rules = {"tenant": True, "unique": [["sku"]]}
    await store.define(Scope("shop", "dev"), "products", rules, "v1")
    ann, ben, cleo = (Documents(store, Scope("shop", "dev", one)) for one in (ANN, BEN, CLEO))
    await ann.create("products", {"sku": "A1"})
    await cleo.create("products", {"sku": "A1"})
    await refused(ben.create("products", {"sku": "A1"}), "already_exists")


@pytest.mark.parametrize("scope", [Scope("shop", "production"), Scope("other", "dev")])
async def test_no_app_and_no_environment_reaches_another(store: Store, scope: Scope) -> None:
    await store.define(Scope("shop", "dev"), "notes", {"unique": [["n"]], "owner": True}, "v1")
    home = Documents(store, Scope("shop", "dev"))
    kept = await home.create("notes", {"id": "a", "n": 1})
    other = Documents(store, scope)
    assert await other.collections() == []
    assert await other.get("notes", "a") is None
    assert await other.query("notes", {"$or": [{}, {"n": 1}]}) == []
    assert await other.count("notes") == 0
    assert await other.delete("notes", "a") is False
    assert await other.delete_many("notes", {}) == 0
    await other.create("notes", {"id": "a", "n": 1})
    await other.upsert("notes", {"id": "a", "n": 2})
    assert await home.query("notes") == [kept]


async def test_what_is_written_while_owners_are_being_declared_is_nobodys_or_its_owners(
    store: Store,
) -> None:
    ann = Documents(store, Scope("shop", "dev", ANN))
    nobody = Documents(store, Scope("shop", "dev", ANONYMOUS))
    await ann.create("notes", {"id": "before"})
    results = await asyncio.gather(
        store.define(Scope("shop", "dev"), "notes", {"owner": True}, "v1"),
        ann.create("notes", {"id": "during"}),
        nobody.delete_many("notes", {}),
        nobody.create("notes", {"id": "nobody"}),
        ann.create("notes", {"id": "own", "owner": "ann"}),
        return_exceptions=True,
    )
    codes = [getattr(result, "code", None) for result in results]
    assert codes == [None, "not_yours", "sign_in_required", "sign_in_required", None]
    app = Documents(store, Scope("shop", "dev"))
    assert {doc["id"] for doc in await app.query("notes")} == {"before", "own"}
    assert orjson.loads((await ann.calls.query("notes", {}, {}))[0])["id"] == "own"
