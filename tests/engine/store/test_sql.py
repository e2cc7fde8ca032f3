"""`DataRepository.sql`: what a SELECT finds, on every store, as a program and as the store has it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.protocols import Scope, Table
from aiwe_engine.types import Caller
from tests.engine.runtime.bench import Bench, settings
from tests.engine.store.conftest import Documents
from tests.engine.store.test_transactions import begin, both

TASKS = [
    {"id": "t1", "title": "Milk", "status": "open", "total": 2, "owner": "ann", "tags": ["a", "b"]},
    {"id": "t2", "title": "Bread", "status": "done", "total": 1.5, "owner": "bob", "late": True},
    {"id": "t3", "title": "Çay", "status": "open", "total": 4, "address": {"city": "Köln"}},
]
ORDERS = [{"taskId": "t1", "qty": 2}, {"taskId": "t1", "qty": 5}, {"taskId": "t3", "qty": 1}]


async def ask(data: Documents, text: str, *values: Any) -> list[dict[str, Any]]:
    """The rows as a program gets them. A value stands where the text has `@`."""
    return rows(await data.calls.sql(text.split("@"), list(values)))


def rows(table: Table) -> list[dict[str, Any]]:
    found = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return orjson.loads(orjson.dumps(found))


@pytest.fixture
async def filled(data: Documents) -> Documents:
    await data.create_many("tasks", TASKS)
    await data.create_many("order-items", ORDERS)
    return data


FOUND: list[tuple[str, list[Any], Any]] = [
    (
        "SELECT status, count(*) AS n, avg(total) AS mean FROM tasks GROUP BY status ORDER BY status",
        [],
        [{"status": "done", "n": 1, "mean": 1.5}, {"status": "open", "n": 2, "mean": 3}],
    ),
    (
        """SELECT t.title, sum(o.qty) AS qty FROM tasks t JOIN "order-items" o ON o."taskId" = t.id
        GROUP BY t.title ORDER BY qty DESC""",
        [],
        [{"title": "Milk", "qty": 7}, {"title": "Çay", "qty": 1}],
    ),
    ("SELECT id FROM tasks WHERE title = @", ["Çay"], [{"id": "t3"}]),
    ("SELECT id FROM tasks WHERE total > @ AND status = @", [1, "done"], [{"id": "t2"}]),
    ("SELECT id FROM tasks WHERE title = @", ["x' OR 'a' = 'a"], []),
    (
        "SELECT id FROM tasks WHERE id IN (@) ORDER BY id",
        [["t1", "t3"]],
        [{"id": "t1"}, {"id": "t3"}],
    ),
    ("SELECT id FROM tasks WHERE id IN (@)", [[]], []),
    ("SELECT count(*) AS n FROM tasks WHERE id NOT IN (@)", [[]], [{"n": 3}]),
    ("SELECT id FROM tasks ORDER BY total DESC LIMIT @ OFFSET @", [1, 1], [{"id": "t1"}]),
    ("SELECT id FROM tasks WHERE late", [], [{"id": "t2"}]),
    ("SELECT id FROM tasks WHERE late IS NULL ORDER BY id", [], [{"id": "t1"}, {"id": "t3"}]),
    ("SELECT id FROM tasks WHERE address->>'city' = @", ["Köln"], [{"id": "t3"}]),
    ("SELECT tags FROM tasks WHERE id = 't1'", [], [{"tags": ["a", "b"]}]),
    ("SELECT address FROM tasks WHERE id = 't3'", [], [{"address": {"city": "Köln"}}]),
    ('SELECT id FROM tasks WHERE "createdAt" > @', [datetime(2000, 1, 1, tzinfo=UTC)], 3),
    ('SELECT id FROM tasks WHERE "createdAt" > @', [datetime(2200, 1, 1, tzinfo=UTC)], []),
    ("SELECT version FROM tasks WHERE id = 't1'", [], [{"version": 1}]),
    ("SELECT count(*) AS n FROM tasks WHERE total = @", [None], [{"n": 0}]),
    (
        "WITH tasks AS (SELECT * FROM tasks WHERE status = 'open') SELECT count(*) AS n FROM tasks",
        [],
        [{"n": 2}],
    ),
    (
        "SELECT id, row_number() OVER (ORDER BY total) AS place FROM tasks ORDER BY id;\n",
        [],
        [{"id": "t1", "place": 2}, {"id": "t2", "place": 1}, {"id": "t3", "place": 3}],
    ),
    ("SELECT 'a;b' AS x -- done", [], [{"x": "a;b"}]),
    (
        "SELECT a.id, b.id FROM tasks a, tasks b WHERE a.id = b.id AND a.late",
        [],
        [{"id": "t2", "id_1": "t2"}],
    ),
]


FOUND += [
    ("SELECT x, y FROM tasks AS t(x, y) WHERE x = 't1'", [], [{"x": "t1", "y": "Milk"}]),
    (
        "SELECT id, n FROM tasks JOIN (SELECT 't1' AS id, 7 AS n) AS one USING (id)",
        [],
        [{"id": "t1", "n": 7}],
    ),
    ("SELECT count(*) AS late FROM tasks", [], [{"late": 3}]),
    ("SELECT count(*) AS n FROM tasks NATURAL JOIN (SELECT 'open' AS status) AS s", [], [{"n": 2}]),
    ("SELECT max(t.title) AS m FROM (SELECT * FROM tasks) t", [], [{"m": "Çay"}]),
]


async def test_a_select_finds_what_it_asks_for(filled: Documents) -> None:
    for text, values, expected in FOUND:
        found = await ask(filled, text, *values)
        assert (text, len(found) if isinstance(expected, int) else found) == (text, expected)


async def test_a_row_of_a_collection_is_the_document_with_nulls(filled: Documents) -> None:
    document = await filled.get("tasks", "t1")
    assert document is not None
    (row,) = await ask(filled, "SELECT * FROM tasks WHERE id = 't1'")
    assert row == {"late": None, "address": None, **document}
    assert next(iter(row)) == "id"
    assert list(row)[-3:] == ["version", "createdAt", "updatedAt"]


async def test_columns_follow_what_documents_hold(data: Documents) -> None:
    await data.create("things", {"n": 1})
    assert (await data.calls.sql(["SELECT n FROM things"], [])).types == ("BIGINT",)
    await data.create("things", {"n": 1.5})
    assert (await data.calls.sql(["SELECT n FROM things"], [])).types == ("DOUBLE",)
    await data.create("things", {"n": "many"})
    table = await data.calls.sql(["SELECT n FROM things ORDER BY id"], [])
    assert table.types == ("JSON",)
    assert [row["n"] for row in rows(table)] == [1, 1.5, "many"]


async def test_columns_are_known_again_after_a_restart(opened: Any) -> None:
    store = opened()
    await store.within(Scope("shop", "dev")).create("things", [{"n": 1, "name": "a"}])
    await store.close()
    again = Documents(opened(), Scope("shop", "dev"))
    assert await ask(again, "SELECT n, name FROM things") == [{"n": 1, "name": "a"}]
    await again.create("things", {"n": 2.5})
    assert await ask(again, "SELECT sum(n) AS n FROM things") == [{"n": 3.5}]


ODD = [
    "order",
    "a b",
    'quo"te',
    "it's",
    "sla/sh",
    "til~de",
    "new\nline",
    "data",
    "id_1",
    "é",
    "$",
    "r",
    "f0",
    "created",
]


async def test_fields_of_any_name_are_columns(data: Documents) -> None:
    await data.create("odd", {name: place for place, name in enumerate(ODD)} | {"": 1, "x\0": 2})
    (row,) = await ask(data, "SELECT * FROM odd")
    assert {name: row[name] for name in ODD} == {name: place for place, name in enumerate(ODD)}
    for name in ODD:
        quoted = name.replace('"', '""')
        assert (await ask(data, f'SELECT "{quoted}" AS x FROM odd'))[0]["x"] == ODD.index(name)


async def test_fields_that_differ_by_their_case_alone_are_two_columns(data: Documents) -> None:
    await data.create("cases", {"a": 1, "A": "x", "ID": 2})
    (row,) = await ask(data, "SELECT * FROM cases")
    assert (row["a"], row["A_1"], row["ID_1"]) == (1, "x", 2)


async def test_values_come_as_json(data: Documents) -> None:
    await data.create("v", {"nested": {"a": [1, {"b": None}]}, "big": 2**60, "no": None})
    assert await ask(
        data, "SELECT nested, big, no, sum(big) AS s FROM v GROUP BY nested, big, no"
    ) == [{"nested": {"a": [1, {"b": None}]}, "big": 2**60, "no": None, "s": 2**60}]
    assert await ask(data, "SELECT DATE '2026-01-31' AS d, CAST(1.25 AS DECIMAL(9, 2)) AS n") == [
        {"d": "2026-01-31", "n": 1.25}
    ]


async def test_times_are_those_of_documents(filled: Documents) -> None:
    document = await filled.get("tasks", "t1")
    assert document is not None
    text = """SELECT "createdAt", "updatedAt", date_trunc('year', "createdAt") AS y FROM tasks WHERE id = 't1'"""
    assert await ask(filled, text) == [
        {
            "createdAt": document["createdAt"],
            "updatedAt": document["updatedAt"],
            "y": document["createdAt"][:4] + "-01-01T00:00:00.000Z",
        }
    ]


async def test_what_was_written_is_found_at_once(filled: Documents) -> None:
    await filled.update("tasks", "t1", {"total": 10})
    await filled.delete("tasks", "t2")
    await filled.create("tasks", {"id": "t4", "total": 1, "fresh": "yes"})
    found = await ask(filled, "SELECT id, total, fresh FROM tasks ORDER BY id")
    assert [(row["id"], row["total"], row["fresh"]) for row in found] == [
        ("t1", 10, None),
        ("t3", 4, None),
        ("t4", 1, "yes"),
    ]


MISTAKES: list[tuple[str, list[Any], str, list[str], Any]] = [
    ("SELECT * FROM taks", [], "unknown_collection", ["taks", "tasks"], (1, 15)),
    ("SELECT * FROM secrets", [], "unknown_collection", ["secrets"], (1, 15)),
    ("SELECT titel FROM tasks", [], "invalid_sql", ["titel", "title"], (1, 8)),
    ("SELECT\n  nobody\nFROM tasks", [], "invalid_sql", ["nobody"], (2, 3)),
    ("SELEC 1", [], "invalid_sql", ["syntax error"], None),
    ("SELECT id FROM tasks WHERE @ = nobody", [1], "invalid_sql", ["nobody"], (1, 35)),
    ("SELECT id FROM @", ["tasks"], "invalid_sql", ["name of a table"], (1, 16)),
    ("SELECT id FROM tasks WHERE title = '@'", ["x"], "invalid_sql", ["quotes"], (1, 37)),
    ("SELECT id FROM tasks WHERE title = $1", [], "invalid_sql", ["value"], None),
    ("SELECT 1; SELECT 2", [], "invalid_sql", ["One statement"], None),
    ("  ", [], "invalid_sql", ["empty"], None),
    ("SELECT CAST(title AS INTEGER) FROM tasks", [], "invalid_sql", [], None),
    ("DELETE FROM tasks", [], "invalid_sql", ["SELECT"], None),
]


async def test_a_mistake_is_told_with_its_place(filled: Documents, refused: Any) -> None:
    for text, values, code, says, place in MISTAKES:
        error = await refused(filled.calls.sql(text.split("@"), values), code)
        told = f"{error} {error.hint}"
        assert all(word.lower() in told.lower() for word in says), told
        assert not any(word in told for word in ("documents_", "duckdb_", "/tmp", "LINE "))
        if place is not None:
            assert (text, error.details["line"], error.details["column"]) == (text, *place)
    assert await filled.count("tasks") == 3


async def test_other_apps_and_environments_have_tables_of_their_own(
    filled: Documents, refused: Any
) -> None:
    for scope in (Scope("shop", "production"), Scope("other", "dev")):
        other = Documents(filled.store, scope)
        await refused(other.calls.sql(["SELECT * FROM tasks"], []), "unknown_collection")
        await other.create("tasks", {"id": "own", "theirs": 1})
        assert await ask(other, "SELECT id, theirs FROM tasks") == [{"id": "own", "theirs": 1}]
    error = await refused(filled.calls.sql(["SELECT theirs FROM tasks"], []), "invalid_sql")
    assert "theirs" in str(error)


async def test_a_transaction_finds_what_it_has_written(filled: Documents) -> None:
    work = await filled.store.begin(filled.scope)
    await work.update("tasks", "t1", {"total": 100}, None)
    await work.delete("tasks", "t2")
    await work.create("tasks", [{"id": "t9", "total": 1, "brand_new": "x"}])
    await work.create("fresh", [{"id": "f1", "n": 1}])
    text = "SELECT id, total, brand_new FROM tasks ORDER BY id"
    assert [tuple(row) for row in (await work.sql([text], [])).rows] == [
        ("t1", 100, None),
        ("t3", 4, None),
        ("t9", 1, "x"),
    ]
    assert rows(await work.sql(["SELECT n FROM fresh"], [])) == [{"n": 1}]
    assert (await ask(filled, "SELECT count(*) AS n FROM tasks WHERE total = 100")) == [{"n": 0}]
    await work.commit()
    assert (await ask(filled, "SELECT sum(total) AS s FROM tasks")) == [{"s": 105}]


async def test_what_two_transactions_found_by_sql_cannot_both_hold(filled: Documents) -> None:
    one, two = await begin(filled), await begin(filled)
    assert (await one.calls.sql(["SELECT sum(total) FROM tasks"], [])).rows == [(7.5,)]
    assert (await two.calls.sql(['SELECT sum(qty) FROM "order-items"'], [])).rows == [(8,)]
    told = await both(
        one,
        lambda tx: tx.create("order-items", {"qty": 7.5}),
        two,
        lambda tx: tx.update("tasks", "t3", {"total": 8}),
    )
    assert sorted(told) == [False, True]


async def test_what_a_transaction_has_not_looked_at_may_change(filled: Documents) -> None:
    work = await filled.store.begin(filled.scope)
    await work.sql(["SELECT sum(total) FROM tasks"], [])
    await work.create("sums", [{"n": 1}])
    await filled.create("order-items", {"qty": 1})
    await work.commit()


async def test_a_statement_that_takes_too_long_is_ended(opened: Any, refused: Any) -> None:
    data = Documents(opened(query_limit=0.3), Scope("shop", "dev"))
    await data.create_many("n", [{"i": i} for i in range(400)])
    endless = "SELECT count(*) FROM n a, n b, n c, n d, n e WHERE a.i + b.i + c.i + d.i + e.i = 7"
    await refused(data.calls.sql([endless], []), "query_too_slow")
    assert await ask(data, "SELECT count(*) AS n FROM n") == [{"n": 400}]


async def test_a_result_has_a_limit(opened: Any, refused: Any) -> None:
    data = Documents(opened(result_limit=10_000), Scope("shop", "dev"))
    await data.create_many("n", [{"text": "x" * 1000} for _ in range(20)])
    await refused(data.calls.sql(["SELECT text FROM n"], []), "result_too_large")
    assert await ask(data, "SELECT sum(length(text)) AS n FROM n") == [{"n": 20_000}]


PROGRAM = r"""
app.get("/found/:status", async (req) => {
  const { status } = req.params;
  return DataRepository.sql`SELECT title, total FROM tasks WHERE status = ${status} ORDER BY total`;
});
app.get("/values", async () => {
  const [row] = await DataRepository.sql`SELECT ${new Date(0)} AS date, ${2n ** 53n} AS big, ${null} AS nothing,
    ${true} AS yes, ${1.5} AS n, ${"é'\"; --"} AS text, ${{ a: [1] }} AS json, list_contains(${["a", "b"]}, ${"b"}) AS has`;
  return row;
});
app.get("/filled", async () => {
  await DataRepository.createMany("tasks", [{ title: "A", status: "open", total: 2 }, { title: "B", status: "open", total: 1 }]);
});
app.get("/refused/:what", async (req) => {
  const sql = DataRepository.sql;
  const calls = {
    string: () => sql("SELECT * FROM tasks"),
    pieces: () => sql(["SELECT * FROM tasks"]),
    missing: () => sql`SELECT * FROM tasks WHERE title = ${undefined}`,
    inside: () => sql`SELECT * FROM tasks WHERE title IN (${["a", undefined]})`,
    function: () => sql`SELECT ${() => 1}`,
    nan: () => sql`SELECT ${NaN}`,
    date: () => sql`SELECT ${new Date(NaN)}`,
    unknown: () => sql`SELECT * FROM task`,
  };
  try { await calls[req.params.what](); } catch (error) { return { code: error.code, said: `${error.message} ${error.hint}` }; }
});
"""
REFUSED = {
    "string": ("sql_needs_template", "DataRepository.sql`SELECT"),
    "pieces": ("sql_needs_template", "template"),
    "missing": ("invalid_sql", "Value 1 of DataRepository.sql is undefined"),
    "inside": ("invalid_sql", "array"),
    "function": ("invalid_sql", "Value 1"),
    "nan": ("invalid_sql", "NaN"),
    "date": ("invalid_sql", "Date"),
    "unknown": ("unknown_collection", "tasks"),
}


async def test_a_program_asks_with_a_template(tmp_path: Path) -> None:
    async with Engine(settings(), root=tmp_path, data=tmp_path / ".aiwe") as engine:
        served = Bench(engine, tmp_path)
        await served.serve(PROGRAM)
        await served.get("/filled")
        assert await served.json("/found/open") == [
            {"title": "B", "total": 1},
            {"title": "A", "total": 2},
        ]
        assert await served.json("/found/x'%20OR%20'1'='1") == []
        assert await served.json("/values") == {
            "date": "1970-01-01T00:00:00.000Z",
            "big": 2**53,
            "nothing": None,
            "yes": True,
            "n": 1.5,
            "text": "é'\"; --",
            "json": '{"a":[1]}',
            "has": True,
        }
        for what, (code, said) in REFUSED.items():
            answer = await served.json(f"/refused/{what}")
            assert (what, answer["code"]) == (what, code)
            assert said in answer["said"], answer


async def test_declared_fields_are_columns_before_there_are_documents(data: Documents) -> None:
    schema = {
        "properties": {
            "title": {"type": "string"},
            "total": {"type": "number"},
            "n": {"type": "integer"},
        }
    }
    await data.store.define(data.scope, "sales", {"schema": schema, "index": [["region"]]}, "v1")
    table = await data.calls.sql(["SELECT * FROM sales"], [])
    assert dict(zip(table.columns, table.types, strict=True)) == {
        "id": "VARCHAR",
        "title": "VARCHAR",
        "total": "DOUBLE",
        "n": "BIGINT",
        "version": "BIGINT",
        "createdAt": "TIMESTAMP",
        "updatedAt": "TIMESTAMP",
    }
    await data.create_many(
        "sales", [{"title": "a", "total": 1.5, "n": 2, "region": "N"}, {"total": 2}]
    )
    assert await ask(
        data, "SELECT sum(total) AS s, max(n) AS n, max(title) AS t, max(region) AS r FROM sales"
    ) == [{"s": 3.5, "n": 2, "t": "a", "r": "N"}]


async def test_what_a_declared_column_cannot_hold_is_found_all_the_same(data: Documents) -> None:
    await data.create_many("sales", [{"id": "1", "total": "many"}, {"id": "2", "total": 2}])
    await data.store.define(
        data.scope, "sales", {"schema": {"properties": {"total": {"type": "number"}}}}, "v1"
    )
    assert await ask(data, "SELECT total FROM sales ORDER BY id") == [
        {"total": "many"},
        {"total": 2},
    ]


@pytest.mark.parametrize("kind", ["owner", "tenant"])
async def test_sql_finds_the_documents_of_the_caller_alone(
    data: Documents, refused: Any, kind: str
) -> None:
    await data.store.define(data.scope, "notes", {kind: True}, "v1")
    ann, bob = (
        Documents(data.store, Scope("shop", "dev", Caller(user=name, tenant=name)))
        for name in ("ann", "bob")
    )
    await ann.create("notes", {"id": "a1", "text": "1", "secret": "of ann"})
    await bob.create("notes", {"id": "b1", "text": "of bob", "b_only": 1})
    await data.create("notes", {"id": "n1", "text": "of nobody"})
    await data.create("notes", {"id": "n2", "text": "of a number", kind: 5})
    for text in (
        "SELECT id FROM notes",
        "SELECT id FROM notes WHERE id IS NOT NULL OR true",
        "SELECT a.id FROM notes a, notes b",
        "WITH notes AS (SELECT * FROM notes) SELECT id FROM notes",
        "SELECT id FROM (SELECT * FROM notes UNION SELECT * FROM notes) AS n",
        "SELECT id FROM NOTES",
        f"SELECT id FROM notes WHERE {kind} IS NOT NULL",
        # These fail on the notes of others, if they ever see them.
        "SELECT id FROM notes WHERE CAST(text AS INTEGER) = 1",
        "SELECT id FROM notes WHERE 1 / CASE WHEN id = 'a1' THEN 1 ELSE CAST(id AS INTEGER) END = 1",
    ):
        assert (text, await ask(ann, text)) == (text, [{"id": "a1"}])
    assert await ask(bob, "SELECT count(*) AS n, max(secret) AS s FROM notes") == [
        {"n": 1, "s": None}
    ]
    assert await ask(data, "SELECT count(*) AS n FROM notes") == [{"n": 4}]
    stranger = Documents(data.store, Scope("shop", "dev", Caller()))
    code = "sign_in_required" if kind == "owner" else "tenant_required"
    await refused(stranger.calls.sql(["SELECT id FROM notes"], []), code)
    work = await data.store.begin(ann.scope)
    await work.create("notes", [{"id": "a2", "text": "2"}])
    assert rows(await work.sql(["SELECT id FROM notes ORDER BY id"], [])) == [
        {"id": "a1"},
        {"id": "a2"},
    ]
    await work.rollback()
