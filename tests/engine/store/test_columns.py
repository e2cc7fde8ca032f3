"""Declared fields: whatever a store makes of them, a query finds what it finds without them."""

from __future__ import annotations

from typing import Any

import pytest

from aiwe_engine.protocols import Scope

DEFINITION = {
    "schema": {
        "properties": {
            "s": {"type": ["string", "null"]},
            "n": {"type": ["number", "null"]},
            "i": {"type": ["integer", "null"]},
            "b": {"type": ["boolean", "null"]},
            "e": {"enum": ["new", "paid", None]},
        }
    },
    "index": [["any"], ["deep.er", "s"]],
}
STRINGS = [
    "",
    "a",
    "A",
    "ä",
    "Z",
    "10",
    "9",
    "null",
    "true",
    '"',
    "'",
    "%",
    "\\",
    "😀",
    "a\nb",
    "\0",
    "x\0y",
]
NUMBERS = [0, -0.0, 1, 1.0, 1.5, -3, 1e300, -1e-7, 2**53, 2**53 + 1, 2**63, 0.1]
INTEGERS = [0, 1, 5.0, -7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1e15]
ANY = [None, "a", "5", 5, 5.0, True, [], [1, "a"], {}, {"x": 1}, "\0", 2**60]
DOCUMENTS = [
    *({"s": value} for value in [*STRINGS, None]),
    *({"n": value} for value in [*NUMBERS, None]),
    *({"i": value} for value in [*INTEGERS, None]),
    *({"b": value} for value in [True, False, None]),
    *({"e": value} for value in ["new", "paid", None]),
    *({"any": value} for value in ANY),
    *({"deep": {"er": value}} for value in [*ANY, *STRINGS]),
    {"deep": 5},
    {},
]
MISFITS = [
    {"s": 5},
    {"n": "5"},
    {"i": 1.5},
    {"i": 2**63},
    {"b": "true"},
    {"e": []},
    {"s": {"a": 1}},
]
VALUES = [
    "a",
    "",
    "5",
    "true",
    "\0",
    "x\0y",
    "new",
    0,
    1,
    5,
    1.5,
    2**53,
    2**63,
    1e300,
    True,
    False,
    None,
]
OPERATORS = ("$gt", "$gte", "$lt", "$lte")


def filters() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for field in ("s", "n", "i", "b", "e", "any", "deep.er"):
        found += [{field: value} for value in VALUES]
        found += [{field: {"$ne": value}} for value in ("a", 1, True, None)]
        found += [{field: {"$exists": value}} for value in (True, False)]
        found += [{field: {"$contains": value}} for value in ("a", 1, True, "0")]
        found += [{field: {"$like": "%a%"}}, {field: {"$ilike": "A%"}}, {field: {"$like": "_"}}]
        found += [{field: {"$in": VALUES[::2]}}, {field: {"$nin": ["a", 1, None]}}]
        found += [{field: {name: value}} for name in OPERATORS for value in ("a", "5", 1, 2**53)]
        found += [{field: {}}, {field: []}, {field: [1, "a"]}]
    return found


@pytest.fixture
async def filled(data, store):
    """The same documents undeclared, declared before and after they came, and with misfits."""
    scope = Scope("shop", "dev")
    documents = [{"id": f"d{n:03d}", **doc} for n, doc in enumerate(DOCUMENTS)]
    misfits = [{"id": f"m{n:03d}", **doc} for n, doc in enumerate(MISFITS)]
    await store.define(scope, "before", DEFINITION, "v1")
    for name in ("plain", "before", "after"):
        await data.create_many(name, documents)
    for name in ("plain_mixed", "mixed"):
        await data.create_many(name, documents + misfits)
    for name in ("after", "mixed"):
        await store.define(scope, name, DEFINITION, "v1")
    return data


async def test_a_filter_finds_the_same_with_columns_and_without(filled):
    for where in filters():
        plain, mixed = [
            [doc["id"] for doc in await filled.query(name, where, sort="id")]
            for name in ("plain", "plain_mixed")
        ]
        for name, expected in (("before", plain), ("after", plain), ("mixed", mixed)):
            found = [doc["id"] for doc in await filled.query(name, where, sort="id")]
            assert found == expected, (name, where)


@pytest.mark.parametrize("field", ["s", "n", "i", "b", "e", "any", "deep.er"])
async def test_a_sort_and_its_pages_are_the_same_with_columns_and_without(filled, field):
    for sort in (field, f"-{field}", f"-s,{field}"):
        plain = [doc["id"] for doc in await filled.query("plain", {}, sort=sort)]
        mixed = [doc["id"] for doc in await filled.query("plain_mixed", {}, sort=sort)]
        for name, expected in (("before", plain), ("after", plain), ("mixed", mixed)):
            assert [doc["id"] for doc in await filled.query(name, {}, sort=sort)] == expected
        paged: list[str] = []
        options: dict[str, Any] = {"sort": sort, "limit": 17}
        while page := await filled.calls.query("before", {}, options):
            paged += [text.decode().split('"')[3] for text in page]
            options["cursor"] = paged[-1]
        assert paged == plain


async def test_columns_follow_every_kind_of_write(filled):
    await filled.update("after", "d000", {"s": "new", "n": 7})
    await filled.modify("after", "d001", {"$set": {"s": "new"}, "$inc": {"n": 7}})
    await filled.replace("after", "d002", {"s": "new", "n": 7.0, "createdAt": "2020-01-01"})
    await filled.upsert("after", {"id": "d003", "s": "new", "n": 7})
    await filled.upsert("after", {"id": "x", "s": "new", "n": 7})
    found = await filled.query("after", {"s": "new", "n": 7}, sort="id")
    assert [doc["id"] for doc in found] == ["d000", "d001", "d002", "d003", "x"]
    assert await filled.delete_many("after", {"n": {"$gte": 7, "$lt": 8}}) == 5
    assert await filled.count("after", {"s": "new"}) == 0


async def test_columns_change_with_the_definition(filled, store):
    async def define(definition: Any) -> None:
        await store.define(Scope("shop", "dev"), "after", definition, "v2")

    async def check() -> None:
        for where in ({"s": "a"}, {"n": 1}, {"any": "a"}, {"deep.er": 5}, {"i": 1}):
            assert await filled.count("after", where) == await filled.count("plain", where), where

    await define({"index": [["s"], ["n"]]})
    await check()
    await define({"schema": {"properties": {"n": {"type": "number"}}}})
    await check()
    await filled.create("after", {"id": "z", "n": 1, "any": "a"})
    await filled.create("plain", {"id": "z", "n": 1, "any": "a"})
    await define(DEFINITION)
    await check()
    await define({})
    await check()
