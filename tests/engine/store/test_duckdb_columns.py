"""What DuckDB makes of a definition: columns, keys and the rows of migrations."""

from __future__ import annotations

import shutil
from dataclasses import replace

import duckdb
import orjson

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.declared import wanted
from aiwe_engine.store.definitions import parse
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.store.duckdb.columns import Column
from aiwe_engine.store.duckdb.question import count, parses, stored
from aiwe_engine.store.filters import parse as condition
from tests.engine.store.conftest import Documents

SCOPE = Scope("shop", "dev")
DEFINITION = {
    "schema": {"properties": {"n": {"type": "number"}, "email": {"type": "string"}}},
    "unique": [["email"]],
}


async def test_a_migration_that_was_acknowledged_survives_the_process(tmp_path, refused):
    """The files as they are while the store is open are what a crash leaves behind."""
    store = DuckDBStore(tmp_path / "a" / "data.duckdb", replace(Settings()))
    data = Documents(store, SCOPE)
    documents = [{"id": f"d{n}", "email": f"u{n}", "n": n} for n in range(300)]
    await data.create_many("users", documents)
    await store.define(SCOPE, "users", DEFINITION, "v1")
    await data.update("users", "d7", {"email": "new", "n": 1000})
    await store.define(SCOPE, "users", {**DEFINITION, "index": [["any"]]}, "v2")
    await data.delete("users", "d8")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = DuckDBStore(tmp_path / "b" / "data.duckdb", replace(Settings()))
    found = Documents(again, SCOPE)
    assert await found.count("users", {"n": {"$gte": 200}}) == 101
    await refused(found.create("users", {"email": "u9"}), "already_exists")
    await found.create_many("users", [{"email": "u7"}, {"email": "u8"}])
    assert await again.define(SCOPE, "users", {**DEFINITION, "index": [["any"]]}, "v3") == []
    for one in (store, again):
        await one.close()


async def test_migrations_are_recorded_per_version_and_only_where_something_changed(tmp_path):
    path = tmp_path / "data.duckdb"
    store = DuckDBStore(path, replace(Settings()))
    await store.define(SCOPE, "users", DEFINITION, "v1")
    await store.define(SCOPE, "users", DEFINITION, "v2")
    await store.define(SCOPE, "users", {}, "v3")
    await store.close()
    with duckdb.connect(str(path), read_only=True) as connection:
        text = "SELECT app, env, collection, version, changes, time FROM migrations ORDER BY time"
        rows = connection.execute(text).fetchall()
    assert [row[:4] for row in rows] == [
        ("shop", "dev", "users", "v1"),
        ("shop", "dev", "users", "v3"),
    ]
    assert orjson.loads(rows[0][4])[0] == "collection made"
    assert orjson.loads(rows[1][4]) == ["schema dropped", "unique key email dropped"]
    assert rows[0][5] < rows[1][5]


def test_only_what_a_schema_holds_to_one_scalar_type_has_a_typed_column():
    fields = {
        "string": ({"type": "string"}, "VARCHAR"),
        "nullable": ({"type": ["null", "number"]}, "DOUBLE"),
        "both": ({"type": ["integer", "number"]}, "DOUBLE"),
        "reference": ({"$ref": "#/$defs/flag"}, "BOOLEAN"),
        "enum": ({"enum": ["a", None, "b"]}, "VARCHAR"),
        "const": ({"const": True}, "BOOLEAN"),
        "two": ({"type": ["string", "number"]}, None),
        "mixed": ({"enum": ["a", 1]}, None),
        "number": ({"enum": [1, 2]}, None),
        "array": ({"type": "array"}, None),
        "any": ({}, None),
        "never": (False, None),
        "dotted.name": ({"type": "string"}, None),
        "id": ({"type": "string"}, None),
        "createdAt": ({"type": "string"}, None),
    }
    properties = {name: schema for name, (schema, _) in fields.items()}
    schema = {"properties": properties, "$defs": {"flag": {"type": "boolean"}}}
    expected = {name: kind for name, (_, kind) in fields.items() if kind}
    assert wanted(parse("a", {"schema": schema})) == expected
    legacy = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#/$defs/x",
        "$defs": {"x": {}},
    }
    assert wanted(parse("a", {"schema": schema | legacy | {"$defs": {"x": {}, "flag": {}}}})) == {}
    assert wanted(parse("a", {"owner": True, "index": [["a.b"]]})) == {
        "owner": "JSON",
        "a.b": "JSON",
    }


def test_a_query_reads_no_document_whose_fields_are_all_in_exact_columns():
    columns = [
        Column("s", "VARCHAR", "c1"),
        Column("n", "DOUBLE", "c2"),
        Column("a.b", "JSON", "c3"),
    ]
    where = condition({"s": "x", "n": {"$gt": 1}, "a.b": {"$in": [1, True]}})
    assert "json_extract" not in count(stored(1, columns), where)[0]
    assert not parses(stored(1, columns), where)
    lossy = [Column("s", "VARCHAR", "c1", exact=False)]
    assert "c1" not in count(stored(1, lossy), where)[0]
    assert "json_extract" in count(stored(1, lossy), where)[0]
    assert parses(stored(1, lossy), where)
