"""What an author's SQL must not reach in DuckDB, which knows no users and no rights."""

from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
import pytest_asyncio

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.store.duckdb.functions import FUNCTIONS, TABLES
from tests.engine.store.conftest import Documents

pytestmark = pytest.mark.asyncio(loop_scope="module")
CANARY = "c4n4ry"

# Each must be refused, and nothing of another scope, of the catalog or of the machine be told.
ATTACKS = """
SELECT * FROM documents_1
SELECT * FROM documents_2
SELECT * FROM main.documents_2
SELECT * FROM data.main.documents_2
SELECT * FROM "documents_2"
SELECT * FROM DOCUMENTS_2
SELECT * FROM collections
SELECT * FROM fields
SELECT * FROM theirs
SELECT * FROM mine, documents_2
SELECT * FROM mine WHERE id IN (SELECT id FROM documents_2)
SELECT (SELECT max(data) FROM documents_2) FROM mine
SELECT (WITH documents_2 AS (SELECT 1) SELECT 1), * FROM documents_2
WITH a AS (SELECT * FROM documents_2), documents_2 AS (SELECT 1) SELECT * FROM a
WITH documents_2 AS (SELECT * FROM documents_2) SELECT * FROM documents_2
WITH RECURSIVE documents_2 AS (SELECT * FROM documents_2) SELECT * FROM documents_2
WITH RECURSIVE documents_2 AS (SELECT * FROM documents_2 UNION ALL SELECT * FROM documents_2 WHERE false) SELECT * FROM documents_2
WITH RECURSIVE documents_2 AS (SELECT 1 UNION SELECT 2 FROM (WITH RECURSIVE keys_2 AS (SELECT 1 FROM keys_2 UNION SELECT 1) SELECT 1)) SELECT 1
WITH "\u212aeys_2" AS (SELECT 1) SELECT * FROM keys_2
WITH "duc\u212adb_columns" AS (SELECT 1) SELECT * FROM duckdb_columns
SELECT * FROM (WITH documents_2 AS (SELECT 1) SELECT 1) JOIN documents_2 ON true
SELECT * FROM mine UNION ALL SELECT * FROM documents_2
SELECT * FROM mine, LATERAL (SELECT * FROM documents_2)
SELECT * FROM mine PIVOT (max(id) FOR id IN (SELECT id FROM documents_2))
PIVOT documents_2 ON id
FROM documents_2 SELECT data
TABLE documents_2
DESCRIBE documents_2
SUMMARIZE documents_2
SHOW TABLES
SHOW ALL TABLES
EXPLAIN SELECT * FROM mine
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_class
SELECT * FROM sqlite_master
SELECT * FROM pragma_table_info('documents_2')
SELECT * FROM pragma_storage_info('documents_2')
SELECT * FROM query('SELECT * FROM documents_2')
SELECT * FROM query_table('documents_2')
SELECT * FROM query_table(['documents_2'])
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM documents_2'))
SELECT json_serialize_sql('SELECT * FROM documents_2')
SELECT * FROM seq_scan('documents_2')
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_json('/etc/passwd')
SELECT * FROM read_parquet('/etc/passwd')
SELECT * FROM read_duckdb('/etc/passwd')
SELECT * FROM glob('/*')
SELECT * FROM sniff_csv('/etc/passwd')
SELECT * FROM '/etc/passwd'
SELECT * FROM 'x.csv'
SELECT * FROM "http://127.0.0.1/x.csv"
SELECT * FROM json_each((SELECT data FROM documents_2 LIMIT 1))
SELECT * FROM python_map_function()
SELECT * FROM rows
SELECT * FROM connection
SELECT * FROM duckdb_logs()
SELECT * FROM enable_logging()
SELECT * FROM checkpoint()
SELECT getenv('HOME')
SELECT current_setting('temp_directory')
SELECT getvariable('x')
SELECT current_query()
SELECT version()
SELECT nextval('s')
SELECT write_log('x')
SELECT sleep_ms(100000)
SELECT pg_sleep(1)
SELECT setseed(0.5)
SELECT stats(id) FROM mine
SELECT which_secret('x', 'y')
SELECT pg_catalog.pg_get_viewdef(1)
SELECT main.lower('A')
SELECT system.main.lower('A')
SELECT finalize('x')
SELECT json_deserialize_sql('{}')
SELECT length(repeat('x', 4000000000))
SELECT lpad('x', 4000000000, 'y')
SELECT range(10000000000)
SELECT damerau_levenshtein('a', 'b')
SELECT list_resize([1], 10000000000)
SELECT format('{:>4000000000}', 'x')
SELECT list_transform([1], lambda x: getenv('HOME'))
SELECT [getenv(x) FOR x IN ['HOME']]
SELECT count(*) FILTER (WHERE getenv('HOME') = 'x') FROM mine
SELECT sum(1) OVER (PARTITION BY getenv('HOME')) FROM mine
SELECT 'HOME'.getenv()
SELECT * FROM mine LIMIT (SELECT count(*) FROM documents_2)
SELECT * FROM mine ORDER BY (SELECT max(id) FROM documents_2)
SELECT * FROM mine AT (VERSION => 1)
SELECT * FROM mine QUALIFY row_number() OVER (ORDER BY getenv('HOME')) = 1
INSERT INTO mine VALUES (1)
INSERT INTO documents_1 VALUES ('x', now(), '{}')
UPDATE documents_1 SET data = '{}'
DELETE FROM documents_1
WITH x AS (DELETE FROM documents_1 RETURNING *) SELECT * FROM x
WITH x AS (INSERT INTO documents_1 VALUES ('x', now(), '{}') RETURNING *) SELECT * FROM x
WITH x AS (UPDATE documents_1 SET data = '{}' RETURNING *) SELECT * FROM x
CREATE TABLE x AS SELECT 1
CREATE MACRO lower(x) AS 'x'
DROP TABLE documents_1
TRUNCATE documents_1
ALTER TABLE documents_1 RENAME TO x
COPY mine TO '/tmp/aiwe-attack.csv'
COPY documents_2 TO '/tmp/aiwe-attack.csv'
EXPORT DATABASE '/tmp/aiwe-attack'
ATTACH '/tmp/aiwe-attack.db' AS x
DETACH data
INSTALL httpfs
LOAD httpfs
SET threads = 1
SET GLOBAL enable_external_access = true
RESET ALL
PRAGMA database_list
PRAGMA enable_profiling
CALL pragma_version()
CHECKPOINT
VACUUM
BEGIN
COMMIT
ROLLBACK
PREPARE x AS SELECT 1
EXECUTE x
USE main
SELECT 1) TO '/tmp/aiwe-attack.csv'; --
SELECT 1); DROP TABLE documents_1; --
SELECT 1 UNION ALL (SELECT 2
*/ SELECT 1 /*
SELECT $1
SELECT ?
SELECT :name
""".strip().splitlines()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = DuckDBStore(tmp_path_factory.mktemp("sql") / "data.duckdb", Settings())
    mine = Documents(store, Scope("shop", "dev"))
    await mine.create("mine", {"id": "m1", "n": 1})  # documents_1
    theirs = Documents(store, Scope("bank", "dev"))
    await store.define(theirs.scope, "theirs", {"unique": [["secret"]]}, "v1")  # with keys_2
    await theirs.create("theirs", {"id": CANARY, "secret": CANARY})  # documents_2
    yield mine
    await store.close()


@pytest.mark.parametrize("text", ATTACKS)
async def test_sql_reaches_nothing_but_its_own_collections(data: Documents, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        await data.calls.sql([text], [])
    error = caught.value
    assert error.code in {"invalid_sql", "unknown_collection"}
    assert error.status == 400
    told = f"{error} {error.hint} {error.details}"
    assert CANARY not in told
    assert str(Path.cwd()) not in told
    assert "theirs" not in told.replace(text, "") or "theirs" in text
    assert [d["id"] for d in await data.query("mine")] == ["m1"]
    assert not list(Path("/tmp").glob("aiwe-attack*"))


async def test_no_python_variable_is_a_table(data: Documents, refused: Any) -> None:
    rows = duckdb.sql("SELECT 1 AS a")
    assert rows is not None
    await refused(data.calls.sql(["SELECT * FROM rows"], []), "unknown_collection")


async def test_the_database_itself_refuses_what_the_reading_of_a_statement_lets_through(
    data: Documents, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    from aiwe_engine.store.duckdb import syntax

    monkeypatch.setattr(syntax, "read", lambda *_: syntax.Reading())
    write = "WITH x AS (DELETE FROM documents_1 RETURNING *) SELECT * FROM x"
    await refused(data.calls.sql([write], []), "invalid_sql")
    await refused(data.calls.sql(["SELECT * FROM read_text('/etc/passwd')"], []), "invalid_sql")
    await refused(data.calls.sql(["SELECT * FROM '/etc/passwd'"], []), "invalid_sql")
    for table in ("documents_2", "keys_2", "main.documents_2", "collections"):
        await refused(data.calls.sql([f"SELECT * FROM {table}"], []), "invalid_sql")
    assert await data.count("mine") == 1


async def test_every_function_of_the_list_is_one_that_has_no_effects() -> None:
    known = duckdb.sql(
        "SELECT lower(function_name), max(has_side_effects), list(DISTINCT function_type) "
        "FROM duckdb_functions() GROUP BY ALL"
    ).fetchall()
    effects = {name: has for name, has, _ in known}
    kinds: dict[str, set[str]] = {name: set(found) for name, _, found in known}
    made = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}  # another value each time
    assert {name for name in FUNCTIONS if effects[name.lower()]} == made
    assert not {name for name in FUNCTIONS if kinds[name.lower()] <= {"table", "pragma"}} - {
        "unnest"
    }
    assert {name for name in TABLES if "table" not in kinds[name]} == set()


async def test_deep_and_long_statements_are_refused(data: Documents, refused: Any) -> None:
    for text in (
        "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
        "SELECT " + "NOT " * 20_000 + "true",
        "SELECT " + "[" * 5_000 + "]" * 5_000,
        "SELECT * FROM (" * 3_000 + "SELECT 1" + ")" * 3_000,
        "SELECT '" + "x" * 200_000 + "'",
    ):
        await refused(data.calls.sql([text], []), "invalid_sql")


async def test_keys_that_are_data_do_not_fill_the_catalog(data: Documents) -> None:
    await data.create("wide", {f"k{n}": n for n in range(1_010)})
    (row,) = (await data.calls.sql(["SELECT * FROM wide"], [])).rows
    assert len(row) == 1_000 + len(["id", "version", "createdAt", "updatedAt"]) - 1
    table = await data.calls.sql(["SELECT _doc->>'k1009' AS last FROM wide"], [])
    assert table.rows == [("1009",)]


async def test_fields_of_documents_of_an_older_version_are_found(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    store = DuckDBStore(path, Settings())
    data = Documents(store, Scope("shop", "dev"))
    await data.create_many(
        "t", [{"id": "1", "n": 1, "a/b": {"x": 1}}, {"id": "2", "n": 2.5, "s": "x"}]
    )
    await store.close()
    with duckdb.connect(str(path)) as old:
        old.execute("DROP TABLE fields")
    store = DuckDBStore(path, Settings())
    table = await store.within(data.scope).sql(
        ['SELECT n, "a/b", s, version FROM t ORDER BY id'], []
    )
    assert table.types == ("DOUBLE", "JSON", "VARCHAR", "BIGINT")
    assert orjson.loads(orjson.dumps(table.rows)) == [[1, {"x": 1}, None, 1], [2.5, None, "x", 1]]
    await store.close()


async def test_a_value_that_should_order_is_told_how_a_column_is_chosen(
    data: Documents, refused: Any
) -> None:
    await data.create("mine", {"price": 1})
    error = await refused(
        data.calls.sql(["SELECT * FROM mine ORDER BY ", ""], ["price"]), "invalid_sql"
    )
    assert "CASE" in error.hint
    error = await refused(data.calls.sql(["SELECT * FROM order"], []), "invalid_sql")
    assert '"order"' in error.hint
