"""Pages by cursor: each document comes once, in order, whatever is written meanwhile."""

import asyncio
import random

import orjson
import pytest

VALUES = [
    5,
    5.0,
    -1,
    2**53,
    "5",
    "a",
    "A",
    "",
    "é",
    True,
    False,
    None,
    [1, 2],
    {"a": 1},
    "x'y",
    1e20,
]
SORTS = [
    "n",
    "-n",
    "n,-m",
    "-n,m,-createdAt",
    "-createdAt",
    "id",
    "-id",
    "deep.n",
    "recent",
    "-deep.n,n",
    "",
]


async def fill(data, count=80):
    chance = random.Random(7)
    docs = []
    for index in range(count):
        doc = {"id": f"d{chance.randrange(10**6)}-{index}", "m": index % 3}
        if chance.random() < 0.85:
            doc["n"] = chance.choice(VALUES)
        if chance.random() < 0.5:
            doc["deep"] = {"n": chance.choice(VALUES)}
        docs.append(doc)
    await data.create_many("things", docs)


async def pages(data, where=None, **options):
    """The ids of every page, and how many pages there were."""
    found, count, cursor = [], 0, None
    while True:
        page = await data.page("things", where or {}, **options, cursor=cursor)
        found += [orjson.loads(text)["id"] for text in page]
        count += 1
        assert len(page) <= options["limit"]
        if page.cursor is None:
            return found, count
        cursor = page.cursor


@pytest.mark.parametrize("sort", SORTS)
async def test_the_pages_together_are_the_whole_in_its_order(data, sort):
    await fill(data)
    whole = [doc["id"] for doc in await data.query("things", {}, sort=sort)]
    assert len(whole) == 80
    for limit in (7, 40, 80, 1000):
        found, count = await pages(data, limit=limit, sort=sort)
        assert found == whole
        assert count == -(-80 // limit)


async def test_a_filter_and_chosen_fields_go_with_a_cursor(data):
    await fill(data)
    whole = [doc["id"] for doc in await data.query("things", {"m": 1}, sort="-n")]
    found, _ = await pages(data, {"m": 1}, limit=4, sort="-n", fields=["m"])
    assert found == whole


@pytest.mark.parametrize("sort", ["n", "-n", "-createdAt", "id"])
async def test_what_stays_comes_once_while_others_write(data, sort):
    await fill(data)
    stays = {doc["id"] for doc in await data.query("things")}
    going = sorted(stays)[::3]
    stays -= set(going)

    async def write():
        for number, doc_id in enumerate(going):
            await data.delete("things", doc_id)
            await data.create("things", {"id": f"new{number}", "n": VALUES[number % len(VALUES)]})

    writing = asyncio.ensure_future(write())
    found, _ = await pages(data, limit=5, sort=sort)
    await writing
    assert [one for one in found if one in stays] == [
        doc["id"] for doc in await data.query("things", {}, sort=sort) if doc["id"] in stays
    ]
    assert len(found) == len(set(found))


async def test_a_cursor_outlives_its_document(data):
    await data.create_many("things", [{"id": str(n), "n": n} for n in range(6)])
    first = await data.page("things", {}, limit=3, sort="n")
    await data.delete("things", "2")
    rest = await data.query("things", {}, limit=3, sort="n", cursor=first.cursor)
    assert [doc["n"] for doc in rest] == [3, 4, 5]


async def test_the_id_of_a_document_is_a_cursor_while_it_is_there(data, refused):
    await data.create_many("things", [{"id": str(n), "n": -n} for n in range(6)])
    found = await data.query("things", {}, limit=2, sort="n", cursor="4")
    assert [doc["n"] for doc in found] == [-3, -2]
    error = await refused(data.query("things", {}, cursor="nobody"), "invalid_cursor")
    assert "nobody" in error.message


async def test_the_last_page_has_no_cursor(data):
    await data.create_many("things", [{"n": n} for n in range(6)])
    assert (await data.page("things", {}, limit=6)).cursor is None
    assert (await data.page("things", {}, limit=5)).cursor
    assert (await data.page("things", {})).cursor is None
    assert (await data.page("things", {}, limit=0)).cursor is None
    assert (await data.page("nothing", {}, limit=5)).cursor is None
    assert len(await data.query("things", {}, cursor="")) == 6


async def test_a_long_value_is_no_part_of_a_cursor(data):
    await data.create_many("things", [{"n": f"{n}" * 5000} for n in range(3)])
    page = await data.page("things", {}, limit=1, sort="n")
    assert len(page.cursor) < 3000
    (found,) = await data.query("things", {}, limit=1, sort="n", cursor=page.cursor)
    assert found["n"][0] == "1"


async def test_a_cursor_of_another_sort_or_a_damaged_one_is_refused(data, refused):
    await data.create_many("things", [{"n": n} for n in range(6)])
    cursor = (await data.page("things", {}, limit=2, sort="n")).cursor
    error = await refused(data.query("things", {}, sort="-n", cursor=cursor), "invalid_cursor")
    assert "sort" in error.hint
    for text in (cursor[:-6], "~", "~e30", "~" + "A" * 3000, "~bnVsbA", "' OR 1=1 --"):
        await refused(data.query("things", {}, sort="n", cursor=text), "invalid_cursor")
