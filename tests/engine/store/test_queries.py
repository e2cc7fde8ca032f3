"""What filters find, in which order, and how a wrong one is told."""

import pytest

from aiwe_engine.protocols import Scope
from tests.engine.store.conftest import Documents

PEOPLE = [
    {"id": "ada", "age": 36, "city": "London", "tags": ["maths", "poems"], "vip": True},
    {"id": "bob", "age": "36", "city": "Ulm", "tags": [], "address": {"zip": "89073", "no": 5}},
    {"id": "cem", "age": 17.5, "city": None, "tags": ["maths", 7], "vip": False},
    {"id": "dea", "age": 70, "city": "Århus", "tags": "maths", "address": {"zip": 89073}},
    {
        "id": "eve",
        "city": "Ulm%_'\"",
        "list": [{"a": 1}, {"a": 2}],
        "a/b": {"~c": 1},
        "nulls": [1, None],
    },
]

CASES = [
    ({}, "ada bob cem dea eve"),
    ({"age": 36}, "ada"),
    ({"age": 36.0}, "ada"),
    ({"age": "36"}, "bob"),
    ({"age": True}, ""),
    ({"vip": True}, "ada"),
    ({"vip": False}, "cem"),
    ({"vip": 1}, ""),
    ({"city": None}, "cem"),
    ({"age": None}, "eve"),
    ({"age": 36, "city": "London"}, "ada"),
    ({"age": 36, "city": "Ulm"}, ""),
    ({"id": "ada"}, "ada"),
    ({"id": {"$gt": "cem"}}, "dea eve"),
    ({"id": {"$in": ["ada", "eve", "x"]}}, "ada eve"),
    ({"age": {"$gt": 17.5}}, "ada dea"),
    ({"age": {"$gte": 17.5}}, "ada cem dea"),
    ({"age": {"$gt": 17, "$lt": 40}}, "ada cem"),
    ({"age": {"$lte": 36}}, "ada cem"),
    ({"age": {"$gte": "3"}}, "bob"),
    ({"age": {"$eq": 36}}, "ada"),
    ({"age": {"$ne": 36}}, "bob cem dea eve"),
    ({"city": {"$ne": None}}, "ada bob dea eve"),
    ({"age": {"$in": [36, 70]}}, "ada dea"),
    ({"age": {"$in": ["36", 17.5, None]}}, "bob cem eve"),
    ({"age": {"$in": []}}, ""),
    ({"age": {"$nin": [36, None]}}, "bob cem dea"),
    ({"age": {"$nin": []}}, "ada bob cem dea eve"),
    ({"vip": {"$in": [True, None]}}, "ada bob dea eve"),
    ({"city": {"$like": "%l%"}}, "bob eve"),
    ({"city": {"$like": "L_ndon"}}, "ada"),
    ({"city": {"$like": "l%"}}, ""),
    ({"city": {"$ilike": "l%"}}, "ada"),
    ({"age": {"$like": "3%"}}, "bob"),
    ({"city": {"$exists": True}}, "ada bob cem dea eve"),
    ({"vip": {"$exists": True}}, "ada cem"),
    ({"vip": {"$exists": False}}, "bob dea eve"),
    ({"tags": {"$contains": "maths"}}, "ada cem dea"),
    ({"tags": {"$contains": "ath"}}, "dea"),
    ({"tags": {"$contains": 7}}, "cem"),
    ({"tags": {"$contains": "7"}}, ""),
    ({"tags": {"$contains": 1e300}}, ""),
    ({"tags": {"$contains": None}}, ""),
    ({"nulls": {"$contains": None}}, "eve"),
    ({"city": {"$contains": "'\""}}, "eve"),
    ({"tags": []}, "bob"),
    ({"tags": ["maths", "poems"]}, "ada"),
    ({"tags": ["poems", "maths"]}, ""),
    ({"tags": ["maths"]}, ""),
    ({"tags": {"$ne": []}}, "ada cem dea eve"),
    ({"address.zip": "89073"}, "bob"),
    ({"address.zip": 89073}, "dea"),
    ({"address": {"no": 5, "zip": "89073"}}, "bob"),
    ({"address": {"zip": "89073"}}, ""),
    ({"address": {}}, ""),
    ({"address.city": None}, "ada bob cem dea eve"),
    ({"list.1.a": 2}, "eve"),
    ({"list": [{"a": 1}, {"a": 2}]}, "eve"),
    ({"a/b.~c": 1}, "eve"),
    ({"city": "Ulm%_'\""}, "eve"),
    ({"$or": [{"age": 36}, {"city": "Ulm"}]}, "ada bob"),
    ({"$and": [{"age": {"$gt": 1}}, {"city": "London"}]}, "ada"),
    ({"$not": {"age": 36}}, "bob cem dea eve"),
    ({"$not": {"$or": [{"age": 36}, {"vip": {"$exists": False}}]}}, "cem"),
    ({"age": {"$not": {"$gt": 17.5}}}, "bob cem eve"),
    ({"$or": [{"$and": [{"vip": True}, {"age": 36}]}, {"id": "eve"}], "tags": None}, "eve"),
    ({"createdAt": {"$gt": "2000-01-01"}}, "ada bob cem dea eve"),
    ({"createdAt": {"$lt": "2000-01-01T00:00:00+05:00"}}, ""),
    ({"version": 1}, "ada bob cem dea eve"),
    ({"version": {"$gt": 1}}, ""),
    ({"x'); DROP TABLE documents_1; --": 1}, ""),
    ({"city": {"$like": "'; DROP TABLE documents_1; --"}}, ""),
]


@pytest.fixture
async def people(data):
    for person in PEOPLE:
        await data.create("people", person)
    return data


async def test_a_filter_finds_what_it_says(people):
    for where, expected in CASES:
        found = [doc["id"] for doc in await people.query("people", where)]
        assert (where, found) == (where, expected.split())
        assert (where, await people.count("people", where)) == (where, len(found))


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"age": {"$get": 5}}, "$gte"),
        ({"age": {"$greater": 5}}, "$gt"),
        ({"age": {"$in": 5}}, '$in: ["a", "b"]'),
        ({"age": {"$in": [{}]}}, "$in"),
        ({"age": {"$gt": None}}, "$gt: 5"),
        ({"age": {"$gt": True}}, "$gt"),
        ({"age": {"$exists": 1}}, "$exists: true"),
        ({"city": {"$like": 5}}, "$like"),
        ({"tags": {"$contains": ["a"]}}, "$contains"),
        ({"age": {"$gt": 5, "x": 1}}, "not both"),
        ({"age": {"$not": 5}}, "$gt"),
        ({"$gt": 5}, "below a field"),
        ({"$nor": []}, "$or"),
        ({"$or": []}, "$or: ["),
        ({"$or": {}}, "$or: ["),
        ({"$and": [5]}, '{ status: "open" }'),
        ({"$not": []}, '{ status: "open" }'),
        ([], '{ status: "open" }'),
        ("age > 5", '{ status: "open" }'),
        ({"": 1}, "address.city"),
        ({"a..b": 1}, "address.city"),
        ({"a\0b": 1}, "address.city"),
        ({"limit": {"$gt": 5}}, "$and: [{ limit: … }]"),
    ],
)
async def test_a_wrong_filter_names_the_right_one(data, refused, where, told):
    error = await refused(data.query("people", where), "invalid_filter")
    assert told in error.hint
    assert error.status == 400


async def test_what_no_id_can_be_finds_nothing(data, refused):
    await data.create("people", {"id": "a"})
    for id_ in ("\0", "a\0", "\1", "x" * 300):
        assert await data.query("people", {"id": id_}) == []
        assert await data.query("people", {"id": {"$in": [id_, "b"]}}) == []
        assert await data.count("people", {"id": {"$gte": id_}}) == (id_ < "a")
        assert await data.delete_many("people", {"id": id_}) == 0
        error = await refused(data.query("people", cursor=id_), "invalid_cursor")
        assert error.status == 400


async def test_a_filter_has_its_limits(data, refused):
    deep: dict = {"a": 1}
    for _ in range(30):
        deep = {"$not": deep}
    await refused(data.query("people", deep), "invalid_filter")
    await refused(data.query("people", {str(n): n for n in range(201)}), "invalid_filter")
    assert await data.query("people", {str(n): n for n in range(200)}) == []
    await refused(data.query("people", {"a": {"$in": ["x"] * 10_001}}), "invalid_filter")
    together = {"$or": [{"a": {"$in": ["x"] * 6_000}}, {"b": {"$nin": ["x"] * 6_000}}]}
    await refused(data.query("people", together), "invalid_filter")
    assert await data.query("people", {"a": {"$in": [*range(5000), *map(str, range(5000))]}}) == []


async def test_a_list_has_the_order_of_creation(people):
    assert await ids(people) == "ada bob cem dea eve"
    assert await ids(people, sort="recent") == "eve dea cem bob ada"


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("age", "cem ada dea bob eve"),
        ("-age", "bob dea ada cem eve"),
        ({"age": -1}, "bob dea ada cem eve"),
        ("city", "ada bob eve dea cem"),
        ("-city", "dea eve bob ada cem"),
        ("vip,-id", "cem ada eve dea bob"),
        ({"vip": 1, "id": -1}, "cem ada eve dea bob"),
        ("-id", "eve dea cem bob ada"),
        ("-createdAt", "eve dea cem bob ada"),
        ("nothing", "ada bob cem dea eve"),
        ("-nothing", "ada bob cem dea eve"),
        ("address.zip", "dea bob ada cem eve"),
        ("", "ada bob cem dea eve"),
    ],
)
async def test_a_sort_has_numbers_before_strings_and_what_is_missing_last(people, sort, expected):
    assert await ids(people, sort=sort) == expected


async def test_options_may_stand_in_the_filter(people):
    found = await people.query("people", {"age": {"$exists": True}, "limit": 2, "sort": "-id"})
    assert [doc["id"] for doc in found] == ["dea", "cem"]
    assert await ids(people, limit=2, offset=1) == "bob cem"
    assert await ids(people, offset=4) == "eve"
    assert await ids(people, limit=0) == ""
    await people.create("people", {"id": "fay", "limit": 5})
    found = await people.query("people", {"$and": [{"limit": 5}]})
    assert [doc["id"] for doc in found] == ["fay"]
    assert await people.count("people", {"limit": 5}) == 1


async def test_only_the_named_fields_come(people):
    found = await people.query("people", {"id": "bob"}, fields=["city", "address.no", "nothing"])
    assert found == [{"id": "bob", "city": "Ulm", "address": {"no": 5}}]
    found = await people.query("people", {"id": "bob"}, fields=["address.no", "address"])
    assert found == [{"id": "bob", "address": {"zip": "89073", "no": 5}}]


@pytest.mark.parametrize(
    "options",
    [
        {"limit": -1},
        {"limit": 1.5},
        {"limit": "5"},
        {"limit": True},
        {"offset": -1},
        {"sort": 5},
        {"sort": {"a": 2}},
        {"sort": "a,,b"},
        {"sort": ["a"]},
        {"sort": "a desc"},
        {"sort": "b,a:ASC"},
        {"sort": "a'); --\0"},
        {"fields": "title"},
        {"fields": [5]},
        {"fields": [""]},
        {"fields": ["a"] * 1_001},
        {"cursor": 5},
        {"cursor": ["x"]},
        {"limt": 5},
    ],
)
async def test_a_wrong_option_is_refused(people, refused, options):
    await refused(people.query("people", {}, **options), "invalid_filter")
    if "limt" not in options:
        await refused(people.query("people", options), "invalid_filter")


async def test_an_option_given_twice_is_refused(people, refused):
    await refused(people.query("people", {"limit": 5}, limit=6), "invalid_filter")


async def test_equal_questions_at_one_time_are_told_apart_by_type(people):
    import asyncio

    results = await asyncio.gather(
        *(people.query("people", {"vip": value}) for value in (True, 1, 1.0, "true", True))
    )
    assert [len(found) for found in results] == [1, 0, 0, 0, 1]


@pytest.mark.binds("result_limit")
async def test_a_query_has_a_largest_result(opened, refused):
    data = Documents(opened(result_limit=10_000), Scope("shop", "dev"))
    await data.create_many("tasks", [{"text": "x" * 1000} for _ in range(20)])
    error = await refused(data.query("tasks"), "result_too_large")
    assert "limit" in error.hint
    assert len(await data.query("tasks", {"limit": 5})) == 5


async def ids(data, **options):
    return " ".join([doc["id"] for doc in await data.query("people", {}, **options)])
