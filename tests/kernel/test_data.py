"""`%data` with a real engine: what the grid is told, step by step, as a browser takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.notebook import TIMEOUT, Notebook

SEED = """
await DataRepository.createMany("orders", Array.from({ length: 60 }, (_, n) => ({
  id: "o" + String(n).padStart(2, "0"), n, status: n % 3 ? "paid" : "open", big: 0, tags: ["a", n],
  ...(n === 59 && { note: "x".repeat(500), late: null }),
})));
await DataRepository.create("other", { id: "a/.. <b>", text: "<script>alert(1)</script>", lines: "one\\ntwo" });
0
"""


class Grid:
    """The browser's side of one grid: the state that it was sent, and steps."""

    def __init__(self, notebook: Notebook, magic: str) -> None:
        self.notebook = notebook
        self.outcome = notebook.run(magic)
        opened = self.outcome.contents("comm_open")
        [made] = [one for one in opened if one["data"]["state"]["_model_name"] == "AnyModel"]
        self.comm = made["comm_id"]
        self.state: dict[str, Any] = dict(made["data"]["state"])
        self.said: list[Any] = []
        for message in self.outcome.messages:
            self._take(message)
        self.number = 0

    def _take(self, message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] != "comm_msg" or content["comm_id"] != self.comm:
            return
        if content["data"]["method"] == "update":
            self.state |= content["data"]["state"]
        else:
            self.said.append(content["data"]["content"])

    def step(self, do: str, **more: Any) -> dict[str, Any]:
        """Takes a step; what is shown once the kernel says that it is done."""
        self.number += 1
        content = {"do": do, "n": self.number, **more}
        self.send({"method": "custom", "content": content})
        self.until(lambda: {"done": self.number} in self.said)
        view: dict[str, Any] = self.state["view"]
        return view

    def send(self, data: Any) -> None:
        client = self.notebook.client
        message = client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        client.shell_channel.send(message)

    def until(self, holds: Any) -> None:
        while not holds():
            self._take(self.notebook.client.get_iopub_msg(timeout=TIMEOUT))

    def column(self, name: str) -> list[str]:
        view = self.state["view"]
        place = view["columns"].index(name)
        return [row[place]["text"] for row in view["rows"]]

    @property
    def text(self) -> str:
        return str(self.outcome.displays[0]["text/plain"])


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    with Notebook() as one:
        empty = Grid(one, "%data")
        assert empty.state["collections"] == []
        assert 'DataRepository.create("tasks"' in empty.text
        assert one.run(SEED).reply["status"] == "ok"
        yield one


def test_collections_are_listed_with_their_counts(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data")
    listed = [(one["name"], one["documents"], one["rules"]) for one in grid.state["collections"]]
    assert listed == [("orders", 60, {}), ("other", 1, {})]
    assert {one["latest"][-1] for one in grid.state["collections"]} == {"Z"}
    assert grid.state["view"] == {}
    assert "orders      60" in grid.text


def test_a_collection_is_opened_with_its_newest_documents_first(notebook: Notebook) -> None:
    view = Grid(notebook, "%data").step("open", collection="orders")
    assert view["ids"][:2] == ["o59", "o58"]
    assert view["columns"][0] == "id"
    assert view["columns"][-3:] == ["version", "createdAt", "updatedAt"]
    assert (view["total"], view["start"], view["previous"], view["next"]) == (60, 0, False, True)


def test_pages_are_turned_to_the_end_and_back(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data orders")
    assert grid.step("turn", forward=True)["ids"][0] == "o34"
    last = grid.step("turn", forward=True)
    assert (last["ids"][-1], last["start"], last["next"]) == ("o00", 50, False)
    assert grid.step("turn", forward=True) == last  # there is none behind it
    assert grid.step("turn", forward=False)["ids"][0] == "o34"
    first = grid.step("size", size=10)
    assert (first["ids"][0], len(first["ids"]), first["previous"]) == ("o59", 10, False)


def test_columns_sort_and_what_was_asked_stays(notebook: Notebook) -> None:
    grid = Grid(notebook, '%data orders { status: "open" }')
    assert grid.step("sort", by="n", direction=1)["ids"][:2] == ["o00", "o03"]
    assert grid.step("sort", by="n", direction=-1)["ids"][:2] == ["o57", "o54"]
    assert grid.state["view"]["sort"] == ["n", -1]
    assert grid.state["view"]["total"] == 20
    assert grid.step("sort", by="n", direction=0)["sort"] == []


QUESTIONS = [
    ('{ status: "open", n: { $gt: 50 } }', ["57", "54", "51"]),
    ("status: 'open', n: {$gt: 50,},", ["57", "54", "51"]),
    ('{"status": "open", "n": {"$gt": 50}};', ["57", "54", "51"]),
    ("{ n: { $in: [1, 2] }, sort: 'n' } // the first ones", ["1", "2"]),
    ("sort: { n: 1 }, limit: 2", ["0", "1"]),
    ("sort: 'n', limit: 2, offset: 3", ["3", "4"]),
    ("$or: [{ n: 0 }, { n: 1 }]", ["1", "0"]),
    ("n: { $lt: -1 }", []),
]


@pytest.mark.parametrize(("line", "found"), QUESTIONS)
def test_a_filter_is_written_as_in_javascript(
    notebook: Notebook, line: str, found: list[str]
) -> None:
    grid = Grid(notebook, "%data orders")
    view = grid.step("ask", line=line)
    assert grid.state["error"] == {}
    assert (grid.column("n") if found else view["rows"]) == found
    assert view["line"] == line


def test_a_page_behind_a_limit_and_an_offset_of_ones_own_goes_on_from_there(
    notebook: Notebook,
) -> None:
    grid = Grid(notebook, "%data orders sort: 'n', limit: 2, offset: 3")
    assert grid.step("turn", forward=True)["ids"] == ["o05", "o06"]
    assert grid.state["view"]["start"] == 5


MISTAKES = [
    ("{ n: ", "unexpected end of input", "Write values"),
    ("{ n: new Date() }", "The filter cannot be read", "Write values"),
    ("{ n: NaN }", "NaN is not a value", "Write values"),
    ("{ n: process.exit() }", "The filter cannot be read", "Write values"),
    ("[1]", "The filter cannot be read", "Write values"),
    ("{" + "a: {" * 3000, "nested too deeply", "Write values"),
    ("{ n: { $gtt: 5 } }", "$gtt is not an operator", "Did you mean $gt"),
    ("{ limit: 'many' }", "limit takes a whole number", "$and: [{ limit:"),
    ("{ limit: 1001 }", "limit takes a whole number up to 1000", "$and"),
    ("{ offset: -1 }", "offset takes a whole number", "$and"),
    ("{ sort: 5 }", "sort takes text", "$and"),
    ("{ fields: 'n' }", "fields takes a list", "$and"),
    ("{ sort: 'a..b' }", "not a field name", "address.city"),
]


@pytest.mark.parametrize(("line", "message", "hint"), MISTAKES)
def test_a_mistake_is_told_in_place_and_what_was_shown_stays(
    notebook: Notebook, line: str, message: str, hint: str
) -> None:
    grid = Grid(notebook, "%data orders")
    before = grid.state["view"]
    assert grid.step("ask", line=line) == before
    assert message in grid.state["error"]["message"]
    assert hint in grid.state["error"]["hint"]
    assert grid.step("turn", forward=True)["start"] == 25
    assert grid.state["error"] == {}


def test_a_cell_is_short_and_the_whole_document_is_a_step_away(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data orders { n: 59 }")
    [row] = grid.state["view"]["rows"]
    cells = dict(zip(grid.state["view"]["columns"], row, strict=True))
    assert cells["tags"] == {"text": '["a", 59]', "kind": "json"}
    assert cells["late"] == {"text": "null", "kind": "null"}
    assert cells["note"] == {"text": "x" * 160, "kind": "string", "more": True}
    grid.step("unfold", row=0)
    [whole] = [said for said in grid.said if "row" in said]
    assert '"note": "' + "x" * 500 + '"' in whole["text"]


def test_a_value_that_is_markup_stays_text(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data other")
    assert grid.column("text") == ["<script>alert(1)</script>"]
    assert grid.column("lines") == ["one⏎two"]
    grid.step("unfold", row=0)
    assert "<script>" in grid.said[-2]["text"]
    assert set(grid.outcome.displays[0]) == {
        "text/plain",
        "application/vnd.jupyter.widget-view+json",
    }


def test_a_document_that_is_gone_is_told(notebook: Notebook) -> None:
    notebook.run('await DataRepository.create("other", { id: "brief" }); 0')
    grid = Grid(notebook, '%data other { id: "brief" }')
    notebook.run('await DataRepository.delete("other", "brief"); 0')
    grid.step("unfold", row=0)
    assert 'no document "brief"' in grid.state["error"]["message"]


SELECT = (
    "SELECT status, count(*) AS many, min(n) AS least FROM orders GROUP BY status ORDER BY many"
)


def test_a_select_is_shown_as_a_table(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data")
    view = grid.step("ask", line=SELECT)
    assert view["columns"] == ["status", "many", "least"]
    assert (grid.column("status"), grid.column("many")) == (["open", "paid"], ["20", "40"])
    assert (view["ids"], view["total"], view["next"]) == (None, 2, False)
    assert grid.step("sort", by="many", direction=-1)["rows"][0][1]["text"] == "40"
    grid.step("unfold", row=0)
    assert '"status": "paid"' in grid.said[-2]["text"]


def test_a_long_table_is_paged_through(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data SELECT n, note FROM orders ORDER BY n")
    assert grid.column("n")[-1] == "24"
    assert grid.step("turn", forward=True)["start"] == 25
    assert (grid.step("turn", forward=True)["next"], grid.column("n")[-1]) == (False, "59")
    assert grid.step("turn", forward=False)["start"] == 25
    assert grid.step("sort", by="note", direction=1)["rows"][0][0]["text"] == "59"  # null is last
    assert grid.text.splitlines()[0] == "SELECT n, note FROM orders ORDER BY n"
    assert grid.step("open", collection="orders")["ids"][0] == "o59"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SELECT 1 +", "Syntax error"),
        ("SELECT * FROM ordres", "ordres"),
        ("with gone as (delete from orders returning *) select * from gone", ""),
        ("{ n: 1 }", "No collection is chosen"),
        ("from: 1", "No collection is chosen"),
    ],
)
def test_a_mistake_in_sql_is_told_in_place(notebook: Notebook, line: str, message: str) -> None:
    grid = Grid(notebook, "%data")
    grid.step("ask", line=line)
    assert message in grid.state["error"]["message"]
    assert grid.state["error"]["hint"]
    assert grid.step("open", collection="orders")["total"] == 60


def test_what_is_written_meanwhile_is_counted_and_shown_when_asked_for(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data")
    grid.step("open", collection="other")
    notebook.send('await DataRepository.create("other", { id: "new" }); 0')
    grid.until(lambda: grid.state["stale"])
    grid.until(lambda: grid.state["collections"][1]["documents"] == 2)
    assert grid.state["collections"][1]["name"] == "other"
    assert grid.state["view"]["total"] == 1
    assert grid.step("refresh")["ids"] == ["new", "a/.. <b>"]
    assert grid.state["stale"] is False


def test_what_is_declared_of_a_collection_is_told(notebook: Notebook) -> None:
    definition = "{ schema: { properties: { email: { type: 'string' } } }, unique: [['email']], owner: true }"
    assert notebook.run(f"DataRepository.define('people', {definition}); 0").reply["status"] == "ok"
    grid = Grid(notebook, "%data people")
    [people] = [one for one in grid.state["collections"] if one["name"] == "people"]
    assert people["rules"]["short"] == "1 field, unique email, each owner apart"
    assert '"email": {' in people["rules"]["text"]
    assert grid.text == "people\n0 to 0 of 0"


def test_a_message_that_means_nothing_harms_nothing(notebook: Notebook) -> None:
    grid = Grid(notebook, "%data orders")
    for content in ({}, {"do": "explode"}, {"do": "open"}, {"do": "size", "size": "many"}):
        grid.send({"method": "custom", "content": content})
    assert grid.step("refresh")["total"] == 60


@pytest.mark.parametrize(
    "write",
    [
        'await DataRepository.transaction((tx) => tx.create("other", { later: true }))',
        'await DataRepository.deleteMany("other", { later: true })',
        'DataRepository.sync.update("other", "a/.. <b>", { seen: true })',
    ],
)
def test_every_kind_of_write_is_noticed(notebook: Notebook, write: str) -> None:
    grid = Grid(notebook, "%data other")
    notebook.send(f"{write}; 0")
    grid.until(lambda: grid.state["stale"])


@pytest.mark.parametrize(
    ("magic", "name", "hint"),
    [
        ("%data order", "EngineError", "Did you mean orders"),
        ("%data orders { n: }", "FilterError", "Write values"),
        ("%data orders { n: { $gtt: 1 } }", "EngineError", "Did you mean $gt"),
    ],
)
def test_a_mistake_in_the_magic_is_the_cells_error(
    notebook: Notebook, magic: str, name: str, hint: str
) -> None:
    outcome = notebook.run(magic)
    assert outcome.error["ename"] == name
    assert hint in outcome.traceback


def test_without_widgets_the_documents_are_a_table_of_text(notebook: Notebook) -> None:
    text = Grid(notebook, "%data orders sort: 'n', limit: 2").text.splitlines()
    assert text[0] == "orders sort: 'n', limit: 2"
    assert text[1].split()[:3] == ["id", "n", "status"]
    assert text[2].split()[:3] == ["o00", "0", "open"]
    assert text[-1] == "1 to 2 of 60"
