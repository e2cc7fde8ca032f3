"""Completion, help and completeness: Jupyter's requests, JavaScript's offsets."""

from __future__ import annotations

from typing import Any

import pytest

from aiwe_kernel.cell import from_utf16, read_cell, to_utf16
from tests.kernel.fake_engine import FakeEngine
from tests.kernel.notebook import Notebook


@pytest.mark.parametrize("text", ["abc", "é", "🐍y", "👍🏽 = 1", ""])
def test_offsets_survive_both_ways(text: str) -> None:
    for position in range(len(text) + 1):
        assert from_utf16(text, to_utf16(text, position)) == position


def complete(body: Any) -> dict[str, Any]:
    """Completes the word `ap` that ends at the position, as UTF-16 has it."""
    end = body["position"]
    assert body["source"].encode("utf-16-le")[: end * 2].decode("utf-16-le").endswith("ap")
    matches = [{"text": "app", "kind": "const", "detail": "const app: App"}]
    return {"matches": matches, "start": end - 2, "end": end}


@pytest.mark.parametrize(
    ("code", "position"),
    [
        ("ap", 2),
        ("'🐍' + '👍🏽'; ap", 14),
        ("%engine\nap", 10),
        ("%%js\nap + 1", 7),
        ("%%time\nap", 9),
    ],
)
def test_javascript_completes_at_the_place_of_the_cursor(
    engine: FakeEngine, notebook: Notebook, code: str, position: int
) -> None:
    engine.answers["POST /language/complete"] = complete
    reply = notebook.ask("complete", code, position)
    assert reply["matches"] == ["app"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (position - 2, position)
    assert code[reply["cursor_start"] : reply["cursor_end"]] == "ap"


def test_names_of_the_other_cells_complete(engine: FakeEngine, notebook: Notebook) -> None:
    engine.answers["POST /language/complete"] = complete
    notebook.run("let apple = 1", cell="one")
    notebook.ask("complete", "ap", 2)
    others = engine.asked("POST /language/complete")[-1]["others"]
    assert {"cell": "one", "source": "let apple = 1"} in others


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%%python\nimport os\nos.getpi", "getpid"),
        ("%rout", "%routes"),
        ("// first\n%ope", "%open"),
        ("%%mark", "%%markdown"),
        ("%%ass", "%%asset"),
        ("%ass", "%assets"),
    ],
)
def test_python_and_magics_complete_too(notebook: Notebook, code: str, expected: str) -> None:
    reply = notebook.ask("complete", code, len(code))
    assert any(match.endswith(expected) for match in reply["matches"])
    assert code[reply["cursor_start"] :] in expected


def test_a_completion_in_python_replaces_its_own_text(notebook: Notebook) -> None:
    code = "%%python\nimport math\nmath.sqr"
    reply = notebook.ask("complete", code, len(code))
    assert code[: reply["cursor_start"]] + reply["matches"][0] == code + "t"


def test_an_asset_is_no_javascript(engine: FakeEngine, notebook: Notebook) -> None:
    before = len(engine.seen)
    code = "%%asset a.js\nfunction ap"
    reply = notebook.ask("complete", code, len(code))
    assert (reply["status"], reply["matches"], reply["cursor_start"]) == ("ok", [], len(code))
    assert not notebook.ask("inspect", code, len(code))["found"]
    assert notebook.ask("is_complete", code) == {"status": "complete"}
    notebook.run(code, cell="asset")
    engine.answers["POST /language/complete"] = complete
    notebook.ask("complete", "ap", 2)
    assert [name for name, _ in engine.seen[before:]] == ["run", "POST /language/complete"]
    assert "asset" not in [other["cell"] for other in engine.seen[-1][1]["others"]]


def test_an_argument_of_live_completes_as_javascript(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.answers["POST /language/complete"] = complete
    reply = notebook.ask("complete", "%live ap", 8)
    assert reply["matches"] == ["app"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (6, 8)


def test_help_of_a_name_is_shown_as_text_and_markdown(
    engine: FakeEngine, notebook: Notebook
) -> None:
    hover = {"text": "const app: App", "markdown": "**app**"}
    engine.answers["POST /language/hover"] = hover
    reply = notebook.ask("inspect", "app.get", 2)
    assert reply["found"]
    assert reply["data"] == {"text/plain": "const app: App", "text/markdown": "**app**"}


def test_a_question_mark_opens_the_pager(engine: FakeEngine, notebook: Notebook) -> None:
    engine.answers["POST /language/hover"] = {"text": "const app: App", "markdown": ""}
    [page] = notebook.run("app?").reply["payload"]
    assert page["source"] == "page"
    assert page["data"]["text/plain"] == "const app: App"
    assert engine.asked("POST /language/hover")[-1]["source"] == "app"


@pytest.mark.parametrize("hover", [None, {"text": "any", "markdown": "any"}])
def test_a_name_that_nobody_knows_is_not_found(
    engine: FakeEngine, notebook: Notebook, hover: dict[str, str] | None
) -> None:
    engine.answers["POST /language/hover"] = lambda _: hover
    assert not notebook.ask("inspect", "nosuch", 2)["found"]
    assert notebook.run("nosuch?").error["ename"] == "NotFound"


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ({"status": "complete", "indent": ""}, {"status": "complete"}),
        ({"status": "invalid", "indent": ""}, {"status": "invalid"}),
        ({"status": "incomplete", "indent": "  "}, {"status": "incomplete", "indent": "  "}),
    ],
)
def test_whether_javascript_is_complete_is_the_engines_to_say(
    engine: FakeEngine, notebook: Notebook, answer: dict[str, str], reply: dict[str, str]
) -> None:
    engine.answers["POST /language/complete_check"] = answer
    assert notebook.ask("is_complete", "f(") == reply


@pytest.mark.parametrize(
    ("code", "status"), [("%%python\nif 1:", "incomplete"), ("%%python\nx = 1", "complete")]
)
def test_whether_python_is_complete_is_pythons_to_say(
    notebook: Notebook, code: str, status: str
) -> None:
    assert notebook.ask("is_complete", code)["status"] == status


def test_an_engine_that_fails_costs_the_completions_only(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.answers["POST /language/complete"] = {"error": {"code": "x"}, "status": 500}
    reply = notebook.ask("complete", "ap", 2)
    assert (reply["status"], reply["matches"]) == ("ok", [])


@pytest.mark.parametrize(
    "code", ["let a = 1", "%live x\nlet a", "%%js\nlet a", "%%time\nx", "%%python\nx = 1\n", "\n"]
)
def test_reading_a_cell_keeps_every_offset_and_line(code: str) -> None:
    source = read_cell(code).source
    assert len(source) == len(code)
    assert [i for i, c in enumerate(source) if c == "\n"] == [
        i for i, c in enumerate(code) if c == "\n"
    ]
