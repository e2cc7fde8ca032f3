"""Operators inside a document, done without a read."""

import asyncio

import pytest

START = {
    "n": 5,
    "text": "b",
    "tags": ["a", 1, True, {"x": 1}],
    "deep": {"n": 1.5},
    "none": None,
    "flag": False,
}

CASES = [
    ({"$inc": {"n": 2}}, {"n": 7}),
    ({"$inc": {"n": -0.5, "deep.n": 1, "new": 3, "none": 1}},
     {"n": 4.5, "deep": {"n": 2.5}, "new": 3, "none": 1}),
    ({"$push": {"tags": "z", "new": {"a": 1}, "none": None}},
     {"tags": ["a", 1, True, {"x": 1}, "z"], "new": [{"a": 1}], "none": [None]}),
    ({"$pull": {"tags": 1}}, {"tags": ["a", True, {"x": 1}]}),
    ({"$pull": {"tags": {"x": 1}, "new": 1, "deep.none.x": 1}}, {"tags": ["a", 1, True]}),
    ({"$set": {"deep.m.o": [1], "n": "text"}}, {"deep": {"n": 1.5, "m": {"o": [1]}}, "n": "text"}),
    ({"$unset": {"text": True, "new": 1, "deep.n": ""}}, {"text": ..., "deep": {}}),
    ({"$unset": ["text", "none"]}, {"text": ..., "none": ...}),
    ({"$min": {"n": 3, "text": "c", "new": 1}}, {"n": 3, "new": 1}),
    ({"$max": {"n": 3, "text": "c", "none": "x"}}, {"text": "c", "none": "x"}),
    ({"$inc": {"n": 1}, "$set": {"text": "both"}}, {"n": 6, "text": "both"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CASES, ids=str)
async def test_an_operator_changes_its_fields_and_no_other(data, change, expected):
    doc = await data.create("tasks", START)
    changed = await data.modify("tasks", doc["id"], change)
    wanted = {**START, **expected}
    assert {name: changed[name] for name in changed if name not in ENGINE} == {
        name: value for name, value in wanted.items() if value is not ...
    }
    assert (changed["version"], changed["createdAt"]) == (2, doc["createdAt"])
    assert await data.query("tasks") == [changed]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"$inc": {"text": 1}}, "right type"),
        ({"$inc": {"n": "1"}}, "$inc: { n: 1 }"),
        ({"$inc": {"n": True}}, "$inc"),
        ({"$inc": {"tags": 1}}, "right type"),
        ({"$inc": {"flag": 1}}, "right type"),
        ({"$inc": {"text.a": 1}}, "right type"),
        ({"$push": {"n": 1}}, "right type"),
        ({"$pull": {"n": 1}}, "right type"),
        ({"$min": {"n": "a"}}, "right type"),
        ({"$max": {"tags": 1}}, "right type"),
        ({"$min": {"n": None}}, "$min"),
        ({"$increment": {"n": 1}}, "$inc"),
        ({"$push": {"tags": {"$each": ["a", "b"]}}}, "in a transaction"),
        ({"$pull": {"tags": {"$in": ["a"]}}}, "in a transaction"),
        ({"$addToSet": {"tags": "a"}}, "DataRepository.transaction"),
        ({"n": 1}, "$set: { n: … }"),
        ({"$inc": 5}, "$inc: { field: … }"),
        ({"$set": {"version": 9}}, "Leave it out"),
        ({"$unset": ["id"]}, "Leave it out"),
        ({}, "$inc: { views: 1 }"),
        (5, "$inc: { views: 1 }"),
    ],
    ids=str,
)
async def test_a_wrong_change_changes_nothing(data, refused, change, told):
    doc = await data.create("tasks", START)
    error = await refused(data.modify("tasks", doc["id"], change), "invalid_change")
    assert told in error.hint
    assert await data.get("tasks", doc["id"]) == doc


async def test_nothing_cannot_be_modified(data, refused):
    error = await refused(data.modify("tasks", "x", {"$inc": {"n": 1}}), "not_found")
    assert error.status == 404


async def test_every_increment_of_many_callers_counts(data):
    await data.create("tasks", {"id": "x"})
    change = {"$inc": {"n": 1}, "$push": {"list": 1}}
    await asyncio.gather(*(data.modify("tasks", "x", change) for _ in range(500)))
    doc = await data.get("tasks", "x")
    assert (doc["n"], len(doc["list"]), doc["version"]) == (500, 500, 501)


ENGINE = ("id", "version", "createdAt", "updatedAt")
