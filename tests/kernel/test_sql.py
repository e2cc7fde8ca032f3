"""%%sql, and DataFrames in Python cells: a notebook, its kernel, and the engine that it starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.notebook import Notebook

FILL = """
await DataRepository.createMany("tasks", [
  { id: "t1", title: "Milk <b>", status: "open", total: 2, n: 1, tags: ["a"], done: false },
  { id: "t2", title: "Bread", status: "done", total: 1.5, n: 2, done: true, "odd name": 1 },
  { id: "t3", title: "Tea", status: "open", total: 4.25 },
]);
await DataRepository.createMany("many", Array.from({ length: 250 }, (_, i) => ({ i })));
app.get("/", () => "ok");
"""


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    with Notebook(JPY_SESSION_NAME="demo.ipynb") as one:
        assert one.run(FILL, cell="fill").reply["status"] == "ok"
        yield one


def test_a_select_is_shown_as_a_table(notebook: Notebook) -> None:
    outcome = notebook.run("%%sql\nSELECT title, total, n FROM tasks\nORDER BY total DESC")
    assert outcome.result is not None
    assert outcome.result["text/plain"].splitlines() == [
        "title     total     n",
        "Tea        4.25  null",
        "Milk <b>    2.0     1",
        "Bread       1.5     2",
    ]
    markup = outcome.result["text/html"]
    assert '<th style="text-align:right" title="DOUBLE">total</th>' in markup
    assert '<td style="text-align:right">4.25</td>' in markup
    assert "<i>null</i>" in markup
    assert "Milk &lt;b&gt;" in markup
    assert "<b>" not in markup


def test_long_and_empty_results_say_so(notebook: Notebook) -> None:
    many = notebook.run("%%sql\nSELECT i FROM many").result
    assert many is not None
    assert many["text/plain"].endswith("showing 100 of 250 rows")
    assert many["text/html"].count("<tr>") == 101
    none = notebook.run("%%sql\nSELECT i FROM many WHERE i < 0").result
    assert none is not None
    assert none["text/plain"].endswith("No rows.")


def test_a_line_magic_asks_too(notebook: Notebook) -> None:
    outcome = notebook.run("%sql SELECT count(*) AS n FROM tasks")
    assert outcome.result is not None
    assert outcome.result["text/plain"] == "n\n3"


def test_a_mistake_shows_its_place_in_the_cell(notebook: Notebook) -> None:
    outcome = notebook.run("%%sql\nSELECT title,\n       staus\nFROM tasks")
    assert outcome.error["ename"] == "EngineError"
    assert outcome.error["evalue"] == 'There is no column "staus"'
    assert "3 |        staus\n           ^" in outcome.traceback
    assert "Did you mean status" in outcome.traceback
    unknown = notebook.run("%%sql\nSELECT * FROM task")
    assert 'There is no collection "task"' in unknown.traceback
    assert "tasks" in unknown.traceback
    written = notebook.run("%%sql\nDELETE FROM tasks")
    assert "Only SELECT" in written.traceback
    assert "documents_" not in outcome.traceback + unknown.traceback + written.traceback


def test_a_named_result_is_a_data_frame(notebook: Notebook) -> None:
    shown = notebook.run("%%sql found\nSELECT * FROM tasks ORDER BY id")
    assert shown.result is not None
    code = """%%python
assert list(found["title"]) == ["Milk <b>", "Bread", "Tea"], found
kinds = {name: str(kind) for name, kind in found.dtypes.items()}
assert kinds["total"] == "Float64" and kinds["n"] == "Int64" and kinds["done"] == "boolean", kinds
assert kinds["title"] == "string" and kinds["createdAt"].startswith("datetime64") and "UTC" in kinds["createdAt"], kinds
assert found["n"].sum() == 3 and found["n"].isna().sum() == 1
assert found["tags"][0] == ["a"]
print(found.groupby("status")["total"].sum().to_dict())"""
    outcome = notebook.run(code)
    assert outcome.reply["status"] == "ok", outcome.traceback
    assert outcome.stdout == "{'done': 1.5, 'open': 6.25}\n"
    wrong = notebook.run("%%sql not-a-name\nSELECT 1 AS a")
    assert "not a name in Python" in wrong.traceback


def test_python_asks_for_frames_by_itself(notebook: Notebook) -> None:
    code = """%%python
frame = aiwe.sql("SELECT status, count(*) AS n FROM tasks GROUP BY status ORDER BY status")
print(frame.to_dict("list"))
tasks = aiwe.data("tasks", {"status": "open"}, sort="total")
print(list(tasks["id"]), str(tasks["total"].dtype), str(tasks["updatedAt"].dtype)[:10])
print(len(aiwe.data("many")), len(aiwe.data("many", limit=7)), aiwe.collections())
print(len(aiwe.data("tasks", {"status": "no"})), len(aiwe.sql("SELECT * FROM tasks LIMIT 0")))"""
    outcome = notebook.run(code)
    assert outcome.reply["status"] == "ok", outcome.traceback
    assert outcome.stdout.splitlines() == [
        "{'status': ['done', 'open'], 'n': [1, 2]}",
        "['t1', 't3'] Float64 datetime64",
        "250 7 ['many', 'tasks']",
        "0 0",
    ]
    assert "no column" in notebook.run('%%python\naiwe.sql("SELECT x FROM tasks")').traceback


def test_pandas_is_imported_by_those_alone_who_ask_for_a_frame() -> None:
    with Notebook(JPY_SESSION_NAME="plain.ipynb") as one:
        one.run('await DataRepository.create("t", { a: 1 })', cell="a")
        assert one.run("%%sql\nSELECT a FROM t").result is not None
        assert one.run('%%python\nimport sys; print("pandas" in sys.modules)').stdout == "False\n"


@pytest.mark.parametrize(
    ("code", "has", "has_not"),
    [
        ("%%sql\nSELECT * FROM ta", "tasks", "title"),
        ("%%sql\nSELECT ti FROM tasks", "title", "total"),
        ("%%sql\nSELECT odd FROM tasks", '"odd name"', "title"),
        ("%%sql\nSEL", "SELECT", "tasks"),
    ],
)
def test_collections_and_columns_complete(
    notebook: Notebook, code: str, has: str, has_not: str
) -> None:
    position = code.find(" FROM tasks") if " FROM tasks" in code else len(code)
    notebook.client.complete(code, position)
    reply = notebook.client.get_shell_msg(timeout=20)
    while reply["msg_type"] != "complete_reply":
        reply = notebook.client.get_shell_msg(timeout=20)
    assert has in reply["content"]["matches"]
    assert has_not not in reply["content"]["matches"]
