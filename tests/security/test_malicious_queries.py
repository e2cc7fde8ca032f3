"""Injection: what a stranger sends is never taken for a part of a query, an object, a page or a header.

Each table is: name of the attack → what is sent → what is answered. What must not happen is the same for all:
no canary of another app, person or tenant comes back, nothing of the engine's insides, no answer is a failure
of the engine's, and the bank goes on as it was (`scene`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.postgres import Cluster
from tests.security.scene import CANARY, LEAKS, Reply, Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = (Path(__file__).parent / "careless_shop.js").read_text(encoding="utf-8")
ADA = {"username": "ada", "password": "correct horse battery"}
MALLORY = {"username": "mallory", "password": "tr0ub4dor and three"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["duckdb", "postgres"])
async def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """The shop with its goods, one store after the other."""
    settings: dict[str, Any] = {"cpu_limit": 2.0, "deadline": 15.0}
    if request.param == "postgres":
        settings["data_url"] = request.getfixturevalue("module_database")
    async with scene(tmp_path_factory.mktemp("injection"), settings) as one:
        await one.serve("shop", SHOP)
        for number, name in enumerate(("apple", "pear")):
            made = await data(one, "create", "stock", {"name": name, "price": number})
            assert made.status == 200
        await data(one, "create", "members", {"name": "ada", "pin": "4711"})
        for person in (ADA, MALLORY):
            assert (await one.ask("POST", "/register", person)).status == 200
        cookie = await sign_in(one, ADA)
        noted = await one.ask("POST", "/notes", {"text": CANARY}, headers=cookie)
        assert noted.body == b"noted"
        yield one


@pytest.fixture(scope="module")
def module_database(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as url:
        yield url


async def sign_in(one: Scene, who: dict[str, str]) -> dict[str, str]:
    answer = await one.ask("POST", "/login", who)
    assert answer.body == b"in", answer
    pairs = [cookie.partition(";")[0] for cookie in answer.all("set-cookie")]
    return {"cookie": "; ".join(pairs)}


async def data(one: Scene, method: str, *args: Any, headers: Any = None) -> Reply:
    return await one.ask("POST", f"/data/{method}", list(args), headers=headers)


QUOTES = [
    "' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE stock; --", '" OR ""="', '"; DROP TABLE stock; --', "') OR ('a'='a", "1; SELECT pg_sleep(9)", "\\' OR 1=1 --",
    "' UNION SELECT iban FROM accounts --", "x' UNION ALL SELECT NULL, current_user --", "'||(SELECT iban FROM accounts)||'", "$$; DROP TABLE stock; $$", "%", "_", "%' ESCAPE '", "\\",
    "$.name", "$[*]", "$.**", "name\" = '' OR \"1\" = \"1", "name; ATTACH '/etc/passwd'", "name) FROM read_text('/etc/passwd') --", "'::text; --", "E'\\x27'", "\u02bc OR 1=1", "\uff07 OR 1=1 --",
    "read_csv('/etc/passwd')", "data->>'iban'", "{0}", "%s", "%(a)s", "$1", "?", ":name", "@name", "[", "a.b'c\"d", "../accounts", "__proto__", "constructor", "",
]  # fmt: skip

NAMES = [
    "accounts", "bank.accounts", "bank/accounts", "production/bank/accounts", "../bank/accounts", "stock; DROP TABLE stock", 'stock" --', "stock' --", "information_schema.tables", "pg_catalog.pg_tables",
    "duckdb_tables()", "sqlite_master", "main.documents", "aiwe.documents", "documents", "people", "sessions", "api_keys", "signing_keys", "secrets", "files", "$secrets", "_people", "#people", "own:people",
    "stock\x00", "stock\n", "STOCK", "__proto__", "constructor", "hasOwnProperty", "", " ", "\u017ftock", "a" * 65, "stock/*", "read_text('/etc/passwd')", None, 7, True, [], {}, ["stock"], {"$ne": None},
]  # fmt: skip

METHODS = ["get", "list", "query", "first", "count", "deleteMany", "delete", "update", "replace", "modify", "upsert", "create", "createMany"]  # fmt: skip


def _of_name(method: str, name: Any) -> list[Any]:
    """The arguments of a call that would do the most harm in the collection of this name."""
    doc = {"id": "account-one", "iban": "stolen"}
    further: dict[str, list[Any]] = {
        "get": ["account-one"], "delete": ["account-one"], "deleteMany": [{}], "update": ["account-one", {"iban": "stolen"}],
        "replace": ["account-one", {"iban": "stolen"}], "modify": ["account-one", {"$set": {"iban": "stolen"}}], "upsert": [doc], "create": [doc], "createMany": [[doc]],
    }  # fmt: skip
    return [name, *further.get(method, [])]


def calls() -> list[tuple[str, list[Any]]]:
    """Every argument of the data API with every text that means something to a database."""
    found: list[tuple[str, list[Any]]] = []
    for number, text in enumerate(
        QUOTES
    ):  # every shape with half of the texts, and every text with half of the shapes
        shapes: tuple[Any, ...] = (
            {"name": text}, {text: "apple"}, {f"name.{text}": 1}, {"name": {"$like": text}}, {"name": {"$ilike": text}}, {"name": {"$contains": text}}, {"name": {"$in": [text, text]}}, {"name": {text: 1}},
            {text: {"$exists": True}}, {"$or": [{text: text}, {"name": {"$gt": text}}]}, {"$not": {text: {"deep": [text]}}}, text,
        )  # fmt: skip
        found += [("query", ["stock", shape]) for shape in shapes[number % 2 :: 2]]
        found.append(("count", ["stock", {text: text}]))
        asked: tuple[Any, ...] = ({"sort": f"name,-{text}"}, {"sort": {text: 1}}, {"sort": {"name": text}}, {"fields": [text, f"name.{text}"]}, {"fields": text}, {"cursor": text}, {"cursor": "~" + text},
                                  {"limit": text}, {"offset": text}, {text: text})  # fmt: skip
        found += [("query", ["stock", {}, options]) for options in asked[number % 2 :: 2]]
        found += [("get", ["stock", text]), ("delete", ["stock", text]), ("update", ["stock", text, {text: text}]), ("modify", ["stock", text, {"$set": {text: text}}]), ("modify", ["stock", text, {text: {"name": 1}}]),
                  ("replace", ["stock", text, {text: text}, {"ifVersion": text}]), ("first", ["stock", {text: text}])]  # fmt: skip
    return found


EXPECTED = {
    "invalid_filter", "invalid_id", "invalid_cursor", "invalid_collection", "invalid_argument", "invalid_document", "invalid_change", "not_found", "validation_failed",
    "already_exists", "sign_in_required",
}  # fmt: skip
AT_ONCE = 100


async def all_of(one: Scene, table: list[tuple[str, list[Any]]], headers: Any = None) -> list[Any]:
    """What each call gives: `found`, or the code of its error. Nothing of it may leak."""
    given: list[Any] = []
    for start in range(0, len(table), AT_ONCE):
        answer = await one.ask("POST", "/calls", table[start : start + AT_ONCE], headers=headers)
        assert answer.status == 200, answer.body[:500]
        given += answer.json
    wrong = [
        (call, result)
        for call, result in zip(table, given, strict=True)
        if LEAKS.search(orjson.dumps(result)) or result.get("code", "not_found") not in EXPECTED
    ]
    assert wrong == []
    return given


async def test_no_text_in_any_argument_is_a_part_of_a_query(place: Scene) -> None:
    table = calls()
    given = await all_of(place, table)
    assert [
        call
        for call, result in zip(table, given, strict=True)
        if call == ("query", ["stock", {"name": call[1][-1]}]) and result.get("found")
    ] == []
    left = (await data(place, "list", "stock", {"sort": "name"})).json["found"]
    assert [one["name"] for one in left] == ["apple", "pear"]
    await place.unharmed()


STATEMENTS = [
    "DROP TABLE stock", "DELETE FROM stock", "UPDATE stock SET name = 'x'", "INSERT INTO stock VALUES (1)", "SELECT 1; DROP TABLE stock", "CREATE TABLE t AS SELECT 1", "SELECT * FROM accounts", "SELECT * FROM bank.accounts",
    "SELECT * FROM information_schema.tables", "SELECT * FROM pg_catalog.pg_user", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_tables()", "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM glob('/*')", "COPY (SELECT 1) TO '/tmp/out'", "COPY stock FROM '/etc/passwd'", "ATTACH '/tmp/x.db'", "INSTALL httpfs", "LOAD httpfs",
    "PRAGMA database_list", "SET memory_limit = '1GB'", "SELECT current_setting('data_directory')", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('/')", "SELECT lo_import('/etc/passwd')", "SELECT pg_sleep(20)", "CALL pg_sleep(20)",
    "SELECT set_config('role', 'postgres', false)", "SET ROLE postgres", "RESET ALL", "DO $$ BEGIN END $$", "LISTEN x", "EXPLAIN ANALYZE DELETE FROM stock", "WITH gone AS (DELETE FROM stock RETURNING *) SELECT * FROM gone", "SELECT getenv('HOME')",
    "SELECT query_to_xml('SELECT 1', true, true, '')", "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('accounts')", "SELECT dblink('', '')", "SELECT current_database(), current_user, inet_server_addr()", "SELECT version()", "",
    "SELECT * FROM stock -- ", "SELECT /* ; DROP TABLE stock */ 1", "EXPORT DATABASE '/tmp/out'", "CHECKPOINT", "VACUUM", "BEGIN", "COMMIT", "ROLLBACK", "USE bank", "SHOW TABLES", "DESCRIBE stock", "SUMMARIZE stock",
]  # fmt: skip
HARMLESS = {"SELECT * FROM stock -- ", "SELECT /* ; DROP TABLE stock */ 1"}


async def test_a_statement_of_a_stranger_reads_the_app_s_own_data_at_most(place: Scene) -> None:
    """A program that lets strangers write SQL has a hole, and it is a hole into its own data only."""
    room = asyncio.Semaphore(8)

    async def ask(text: str) -> Reply:
        async with room:
            return await place.ask("POST", "/order", {"text": text})

    answers = await asyncio.gather(*map(ask, STATEMENTS))
    wrong = [
        (text, answer.status, answer.body[:300])
        for text, answer in zip(STATEMENTS, answers, strict=True)
        if LEAKS.search(answer.body.replace(b"duckdb.org", b""))
        or not (answer.status == 200 if text in HARMLESS else 400 <= answer.status < 500)
    ]
    assert wrong == []
    for text in QUOTES:
        assert (await place.ask("POST", "/search", {"name": text})).json == {"found": []}
    left = (await data(place, "list", "stock", {"sort": "name"})).json["found"]
    assert [one["name"] for one in left] == ["apple", "pear"]
    await place.unharmed()


async def test_no_name_of_a_collection_reaches_what_is_not_the_app_s(place: Scene) -> None:
    table = [(method, _of_name(method, name)) for method in METHODS for name in NAMES]
    await all_of(place, table)
    left = (await data(place, "list", "stock", {"sort": "name"})).json["found"]
    assert [one["name"] for one in left] == ["apple", "pear"]
    assert (await place.ask("POST", "/login", ADA)).status == 200  # the people are there
    await place.unharmed()


# name, the body of a request to /sign-in-by-filter, which looks up a member by name and PIN
OPERATORS: list[tuple[str, Any]] = [
    ("not equal", {"name": "ada", "pin": {"$ne": None}}),
    ("greater", {"name": {"$gt": ""}, "pin": {"$gt": ""}}),
    ("a pattern", {"name": "ada", "pin": {"$like": "%"}}),
    ("exists", {"name": "ada", "pin": {"$exists": True}}),
]


@pytest.mark.parametrize(("name", "body"), OPERATORS, ids=[one[0] for one in OPERATORS])
async def test_operators_of_a_body_are_the_program_s_to_refuse(
    place: Scene, name: str, body: Any
) -> None:
    """A filter is data, so operators in one work; a route whose input is described takes none."""
    described = f"""
DataRepository.define("members", {{}});
app.post("/in", async (req) => (await DataRepository.first("members", req.body)) ? "in" : Response.error(401, "No."))
  .describe({{ input: {{ type: "object", properties: {{ name: {{ type: "string" }}, pin: {{ type: "string" }} }}, required: ["name", "pin"], additionalProperties: false }} }});
// {name}
"""
    await place.serve("gate", described)
    answer = await place.ask("POST", "/in", body, app="gate")
    assert (answer.status, answer.code) == (400, "invalid_input")
    assert (await place.ask("POST", "/in", {"name": "ada", "pin": "1"}, app="gate")).status == 401
    # Accounts are no filter: operators for a name or a password are refused whoever wrote the program.
    answer = await place.ask("POST", "/login", {"username": body["name"], "password": body["pin"]})
    assert (answer.status, answer.code) == (400, "invalid_argument")


async def test_what_one_person_owns_no_filter_of_another_finds(place: Scene) -> None:
    cookie = await sign_in(place, MALLORY)
    filters: list[Any] = [
        None, {}, {"owner": {"$ne": "x"}}, {"owner": {"$exists": True}}, {"$or": [{"owner": {"$ne": None}}, {}]}, {"$not": {"owner": "x"}}, {"text": {"$like": "%"}}, {"$and": [{"$or": [{}]}]},
    ]  # fmt: skip
    table: list[tuple[str, list[Any]]] = []
    for where in filters:
        table += [
            ("query", ["notes", where]),
            ("count", ["notes", where]),
            ("first", ["notes", where]),
        ]
        table += [("deleteMany", ["notes", where])] if where is not None else []
    table += [("list", ["notes", {"sort": "owner", "fields": ["owner", "text"]}])]
    for headers in (cookie, None):
        for call, result in zip(table, await all_of(place, table, headers), strict=True):
            assert result.get("found") in ([], 0, None, *([] if call[0] != "count" else [0])), call
    mine = await place.ask(
        "POST", "/calls", [["list", ["notes"]]], headers=await sign_in(place, ADA)
    )
    assert CANARY in mine.body.decode()


async def test_who_has_no_tenant_sees_and_writes_nothing_of_one(place: Scene) -> None:
    people = place.engine.people
    assert people is not None
    cookie = await sign_in(place, MALLORY)
    table: list[tuple[str, list[Any]]] = [
        ("create", ["orders", {"id": "o", "tenant": "acme", "text": "x"}]), ("upsert", ["orders", {"id": "p", "tenant": "acme"}]), ("list", ["orders"]), ("query", ["orders", {"tenant": {"$ne": None}}]),
        ("update", ["orders", "o", {"tenant": "other"}]), ("modify", ["orders", "o", {"$set": {"tenant": "other"}}]), ("deleteMany", ["orders", {}]),
    ]  # fmt: skip
    for headers in (cookie, None):
        answer = await place.ask("POST", "/calls", table, headers=headers)
        assert all(not result.get("found") or "code" in result for result in answer.json), (
            answer.json
        )
