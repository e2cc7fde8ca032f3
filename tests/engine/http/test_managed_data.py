"""The management routes of data: what lies in an app's collections, page by page."""

import json
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from aiwe_engine.types import Cell
from tests.engine.http.fake import call

TOKEN = "t0ken"
HEADERS = [("authorization", f"Bearer {TOKEN}")]
SEED = """// @scratch
await DataRepository.createMany("tasks", Array.from({ length: 7 }, (_, n) => ({ id: "t" + n, n, done: n > 4 })));
for (const id of ["a/b", "..", "%2F", "?x=1#y", "ü 🙂"]) await DataRepository.create("odd", { id });
await DataRepository.create("gone", { id: "g" });
await DataRepository.delete("gone", "g");
DataRepository.define("people", { unique: [["email"]] });
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(tmp_path_factory):
    """The management of an engine whose app "shop" has data, and is not live."""
    root = tmp_path_factory.mktemp("managed")
    async with Engine(Settings(), root=root, data=root / ".aiwe") as engine:
        cell = Cell(session="s", app="shop", cell="c", text=SEED)
        events = [event async for event in engine.run_cell(cell)]
        assert events[-1]["ok"], events
        assert engine.deployments() == []
        yield ManagementFace(engine, Settings(), TOKEN)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(face, path, **query):
    given = {name: v if isinstance(v, str | int) else json.dumps(v) for name, v in query.items()}
    target = f"/aiwe/api/data/{path}" + ("?" + urlencode(given) if given else "")
    return await call(face, target, host="127.0.0.1:9", headers=HEADERS)


async def test_collections_are_listed_with_their_counts_and_last_writes(face):
    answer = await ask(face, "shop", latest="true")
    listed = {one["name"]: one for one in answer.json["collections"]}
    assert {name: one["documents"] for name, one in listed.items()} == {
        "gone": 0,
        "odd": 5,
        "people": 0,
        "tasks": 7,
    }
    assert listed["tasks"]["latest"].endswith("Z")
    assert listed["gone"]["latest"] is None
    assert listed["gone"]["definition"] is None
    assert listed["people"]["definition"]["unique"] == [["email"]]


async def test_when_a_collection_was_written_is_told_only_when_that_is_asked_for(face):
    listed = (await ask(face, "shop")).json["collections"]
    assert [set(one) for one in listed] == [{"name", "documents", "definition"}] * 4


async def test_of_an_app_that_nobody_knows_there_is_no_data(face):
    assert (await ask(face, "nobody")).json == {"collections": []}


PAGES = [
    ({}, [0, 1, 2, 3, 4, 5, 6], 7),
    ({"where": {"done": True}}, [5, 6], 2),
    ({"where": {"done": True}, "sort": "-n"}, [6, 5], 2),
    ({"sort": {"n": -1}, "limit": 2}, [6, 5], 7),
    ({"sort": "-n", "limit": 2, "offset": 3}, [3, 2], 7),
    ({"where": {"n": {"$lt": 4}, "sort": "-n", "limit": 1}}, [3], 4),
    ({"limit": 0}, [], 7),
    ({"where": {"n": "3"}}, [], 0),
]


@pytest.mark.parametrize(("query", "numbers", "total"), PAGES)
async def test_a_page_is_found_counted_and_sorted(face, query, numbers, total):
    page = (await ask(face, "shop/tasks", **query)).json
    assert [document["n"] for document in page["documents"]] == numbers
    assert page["total"] == total


async def test_a_page_leads_to_the_next_and_the_last_one_to_none(face):
    numbers, cursor = [], ""
    while cursor is not None:
        page = (await ask(face, "shop/tasks", limit=3, sort="-n", cursor=cursor)).json
        numbers.append([document["n"] for document in page["documents"]])
        cursor = page["cursor"]
    assert numbers == [[6, 5, 4], [3, 2, 1], [0]]


async def test_only_the_fields_that_are_asked_for_are_sent(face):
    page = (await ask(face, "shop/tasks", fields=["n"], limit=1)).json
    assert page["documents"] == [{"id": "t0", "n": 0}]


@pytest.mark.parametrize("doc_id", ["a/b", "..", "%2F", "?x=1#y", "ü 🙂"])
async def test_a_document_is_found_whatever_its_id(face, doc_id):
    segment = quote(doc_id, safe="").replace(".", "%2E")
    assert (await ask(face, f"shop/odd/{segment}")).json["id"] == doc_id


async def select(face, body):
    target, headers = "/aiwe/api/data/shop/sql", [*HEADERS, ("content-type", "application/json")]
    data = json.dumps(body).encode()
    return await call(face, target, "POST", host="127.0.0.1:9", headers=headers, body=data)


async def test_a_select_is_answered_with_columns_types_and_rows(face):
    texts = ["SELECT done, count(*) AS many FROM tasks WHERE n > ", " GROUP BY done ORDER BY many"]
    table = (await select(face, {"texts": texts, "values": [2]})).json
    assert table == {
        "columns": ["done", "many"],
        "types": ["BOOLEAN", "BIGINT"],
        "rows": [[False, 2], [True, 2]],
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"texts": ["SELECT 1 +"]}, "invalid_sql"),
        ({"texts": ["DELETE FROM tasks"]}, "invalid_sql"),
        ({"texts": ["SELECT * FROM taks"]}, "unknown_collection"),
        ({"texts": ["SELECT ", ""]}, "invalid_input"),
        ({"texts": []}, "invalid_input"),
        ({"texts": "SELECT 1"}, "invalid_input"),
        ({"texts": ["SELECT 1"], "values": {}}, "invalid_input"),
        ({}, "invalid_input"),
    ],
)
async def test_what_is_no_select_is_refused(face, body, code):
    answer = await select(face, body)
    assert (answer.status, answer.error["code"]) == (400, code)
    assert answer.error["hint"]
    assert len((await ask(face, "shop/tasks")).json["documents"]) == 7


REFUSED = [
    ("shop/taks", {}, 404, "no_such_collection", "Did you mean tasks"),
    ("nobody/tasks", {}, 404, "no_such_collection", "no data at all"),
    ("shop/tasks/none", {}, 404, "not_found", "deleted"),
    ("shop/tasks", {"where": {"n": {"$gtt": 1}}}, 400, "invalid_filter", "Did you mean $gt"),
    ("shop/tasks", {"where": "{n: 1}"}, 400, "invalid_input", "management.md"),
    ("shop/tasks", {"where": [1]}, 400, "invalid_input", "management.md"),
    ("shop/tasks", {"limit": 1001}, 400, "invalid_input", "management.md"),
    ("shop/tasks", {"limit": "many"}, 400, "invalid_input", "management.md"),
    ("shop/tasks", {"limit": 1, "where": {"limit": 1}}, 400, "invalid_filter", "Leave limit"),
    ("shop/tasks", {"fields": "n"}, 400, "invalid_input", "management.md"),
    ("shop/tasks", {"sort": "a..b"}, 400, "invalid_filter", "field"),
    ("shop/tasks", {"cursor": "nowhere"}, 400, "invalid_cursor", "cursor"),
]


@pytest.mark.parametrize(("path", "query", "status", "code", "hint"), REFUSED)
async def test_what_cannot_be_answered_says_why(face, path, query, status, code, hint):
    answer = await ask(face, path, **query)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert hint in answer.error["hint"]
