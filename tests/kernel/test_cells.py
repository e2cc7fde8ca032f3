"""What a cell of JavaScript does in a notebook, message by message."""

from __future__ import annotations

import pytest

from tests.kernel.fake_engine import DONE, FAILED, FakeEngine, deployment
from tests.kernel.notebook import Notebook

MIME = "application/vnd.aiwe.deployment+json"


def test_the_value_of_a_cell_is_its_result(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["6 * 7"] = [{"type": "result", "data": {"text/plain": "42"}}, DONE]
    outcome = notebook.run("6 * 7")
    assert outcome.result == {"text/plain": "42"}
    assert outcome.kinds == ["execute_result"]


def test_a_cell_without_a_value_shows_nothing(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["let x = 1"] = [DONE]
    assert notebook.run("let x = 1").kinds == []


def test_a_result_keeps_its_markup_and_its_image(engine: FakeEngine, notebook: Notebook) -> None:
    data = {"text/plain": "p", "text/html": "<b>p</b>", "image/png": "iVBORw0KGgo="}
    engine.cells["picture"] = [{"type": "result", "data": data}, DONE]
    assert notebook.run("picture").result == data


def test_output_shows_while_the_cell_still_runs(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["slow"] = [{"type": "stdout", "text": "first\n"}, {"type": "wait"}, DONE]
    sent = notebook.send("slow")
    assert notebook.wait_for(sent, "stream") == {"name": "stdout", "text": "first\n"}
    notebook.manager.interrupt_kernel()
    notebook.receive(sent)


def test_stdout_and_stderr_keep_their_order(engine: FakeEngine, notebook: Notebook) -> None:
    texts = [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n"), ("stderr", "d\n")]
    engine.cells["mixed"] = [{"type": n, "text": t} for n, t in texts] + [DONE]
    shown = [(c["name"], c["text"]) for c in notebook.run("mixed").contents("stream")]
    assert shown == texts


def test_a_flood_of_lines_arrives_whole_in_few_messages(
    engine: FakeEngine, notebook: Notebook
) -> None:
    lines = [f"line {n}\n" for n in range(5000)]
    engine.cells["flood"] = [{"type": "stdout", "text": line} for line in lines] + [DONE]
    outcome = notebook.run("flood")
    assert outcome.stdout == "".join(lines)
    assert len(outcome.messages) < 500


def test_separators_of_unicode_do_not_break_an_event(
    engine: FakeEngine, notebook: Notebook
) -> None:
    text = "one\u2028two\x85three\x0cfour\n"
    engine.cells["odd"] = [{"type": "stdout", "text": text}, DONE]
    assert notebook.run("odd").stdout == text


def test_an_error_has_its_javascript_name_its_place_and_its_hint(
    engine: FakeEngine, notebook: Notebook
) -> None:
    error = {
        "code": "type_error",
        "name": "TypeError",
        "message": "boom",
        "hint": "Do it otherwise.",
        "frames": [
            {"function": "g", "cell": "c7", "line": 2, "column": 9},
            {"function": None, "cell": "c7", "line": 5, "column": 1},
        ],
        "excerpt": "  1 | function g() {\n> 2 |   throw boom\n    |         ^",
    }
    engine.cells["fails"] = [{"type": "error", "error": error}, FAILED]
    outcome = notebook.run("fails", cell="c7")
    assert (outcome.error["ename"], outcome.error["evalue"]) == ("TypeError", "boom")
    assert outcome.kinds == ["error"]
    for part in ("g (cell-c7.js:2:9)", "cell-c7.js:5:1", "|         ^", "Do it otherwise."):
        assert part in outcome.traceback
    assert f"In [{outcome.reply['execution_count']}]" in outcome.traceback
    assert "aiwe_kernel" not in outcome.traceback


@pytest.mark.parametrize("name", ["SyntaxError", "RangeError", "MyOwn$Error", "", None])
def test_an_error_of_any_name_is_shown(
    engine: FakeEngine, notebook: Notebook, name: str | None
) -> None:
    engine.cells["any"] = [{"type": "error", "error": {"name": name, "message": "m"}}, FAILED]
    assert notebook.run("any").error["ename"] == (name or "Error")


def test_a_deployment_says_what_is_live_and_where(engine: FakeEngine, notebook: Notebook) -> None:
    event = deployment(
        ("GET", "/tasks", "added"),
        ("POST", "/tasks", "changed"),
        ("DELETE", "/tasks/:id", "removed"),
        ("GET", "/health2", "same"),
        warnings=["it is <late>"],
    )
    engine.cells["deploys"] = [event, DONE]
    [shown] = notebook.run("deploys").displays
    assert shown[MIME] == event["deployment"]
    assert shown["text/plain"].splitlines() == [
        "live: GET /tasks → http://demo.localhost:8890/tasks  added",
        "live: POST /tasks → http://demo.localhost:8890/tasks  changed",
        "gone: DELETE /tasks/:id  removed",
        "warning: it is <late>",
        "app demo · dev · version v1 · 1 route unchanged",
    ]
    assert '<a href="http://demo.localhost:8890/tasks"' in shown["text/html"]
    assert "<late>" not in shown["text/html"]


def test_a_scratch_cell_says_that_it_is_scratch(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["scratch"] = [deployment(scratch=True), DONE]
    [shown] = notebook.run("scratch").displays
    assert "scratch" in shown["text/plain"]
    assert "scratch" in shown["text/html"]


def test_a_link_is_never_a_script(engine: FakeEngine, notebook: Notebook) -> None:
    event = deployment(("GET", "/x", "added"))
    event["deployment"]["routes"][0]["url"] = "javascript:alert(1)"
    engine.cells["evil"] = [event, DONE]
    [shown] = notebook.run("evil").displays
    assert "href" not in shown["text/html"]


def test_display_shows_before_the_cell_is_over(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["shows"] = [
        {"type": "display", "data": {"text/plain": "one"}},
        {"type": "wait"},
        DONE,
    ]
    sent = notebook.send("shows")
    assert notebook.wait_for(sent, "display_data")["data"] == {"text/plain": "one"}
    notebook.manager.interrupt_kernel()
    notebook.receive(sent)


def test_events_of_engines_to_come_are_passed_over(engine: FakeEngine, notebook: Notebook) -> None:
    engine.cells["newer"] = [{"type": "hologram", "data": 1}, DONE]
    assert notebook.run("newer").reply["status"] == "ok"


def test_the_cell_and_the_session_go_with_the_source(
    engine: FakeEngine, notebook: Notebook
) -> None:
    notebook.run("identified", cell="abc")
    notebook.run("anonymous")
    first, second = engine.asked("run")[-2:]
    assert first["cell"] == "abc"
    assert "cell" not in second
    assert first["session"] == second["session"]


def test_magics_run_first_and_leave_their_lines_blank(
    engine: FakeEngine, notebook: Notebook
) -> None:
    notebook.run("// note\n%engine\nlet y = 1")
    assert engine.asked("run")[-1]["source"] == "// note\n       \nlet y = 1"


def test_a_cell_of_magics_alone_runs_no_javascript(engine: FakeEngine, notebook: Notebook) -> None:
    before = len(engine.asked("run"))
    assert "AIWE_URL" in notebook.run("%engine").displays[0]["text/plain"]
    assert len(engine.asked("run")) == before


def test_time_says_how_long_the_javascript_took(engine: FakeEngine, notebook: Notebook) -> None:
    assert notebook.run("%%time\nlet z = 1").stdout.startswith("Wall time: ")
    assert engine.asked("run")[-1]["source"] == "      \nlet z = 1"


def test_executions_are_counted_and_kept_as_in_any_notebook(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.cells["kept"] = [{"type": "result", "data": {"text/plain": "'kept'"}}, DONE]
    first = notebook.run("kept").reply["execution_count"]
    assert notebook.run(f"%%python\nOut[{first}]").result == {"text/plain": "'kept'"}
    assert notebook.run("kept").reply["execution_count"] == first + 2


@pytest.mark.parametrize("code", ["%%python\n1", "%%html\nx", "%pwd", "\n"])
def test_a_cell_that_is_javascript_no_longer_leaves_the_app(
    engine: FakeEngine, notebook: Notebook, code: str
) -> None:
    engine.cells[""] = [deployment(("GET", "/old", "removed")), DONE]
    notebook.run("let old = 1", cell="turns")
    assert "gone: GET /old" in notebook.run(code, cell="turns").displays[0]["text/plain"]
    assert engine.asked("run")[-1] | {"session": ""} == {
        "session": "",
        "cell": "turns",
        "source": "",
    }
    before = len(engine.asked("run"))
    notebook.run(code, cell="turns")
    assert len(engine.asked("run")) == before


def test_an_asset_cell_goes_to_the_engine_as_it_is(engine: FakeEngine, notebook: Notebook) -> None:
    text = "%%asset css/a.css\n\n  a { color: red }  // %not_a_magic\n%engine\n"
    assert notebook.run(text, cell="asset").reply["status"] == "ok"
    assert engine.asked("run")[-1] | {"session": ""} == {
        "session": "",
        "cell": "asset",
        "source": text,
    }


def test_the_output_says_what_became_of_assets(engine: FakeEngine, notebook: Notebook) -> None:
    base = "http://demo.localhost:8890/assets/"
    made = {"content_type": "text/css; charset=utf-8", "size": 2100}
    event = deployment(
        assets=[
            {"path": "a.css", "url": base + "a.css", "change": "added", **made},
            {"path": "<b>.css", "url": base + "b.css", "change": "changed", **made},
            {"path": "same.css", "url": base + "same.css", "change": "same", **made},
            {"path": "old.css", "url": None, "change": "removed"},
        ]
    )
    engine.cells["brings"] = [event, DONE]
    [shown] = notebook.run("brings").displays
    assert shown["text/plain"].splitlines() == [
        f"live: asset a.css → {base}a.css  added (text/css, 2.1 KB)",
        f"live: asset <b>.css → {base}b.css  changed (text/css, 2.1 KB)",
        "gone: asset old.css  removed",
        "app demo · dev · version v1",
    ]
    assert f'<a href="{base}a.css"' in shown["text/html"]
    assert "<b>.css" not in shown["text/html"]


@pytest.mark.parametrize("code", ["%%python\n1", "\n"])
def test_a_cell_that_is_an_asset_no_longer_leaves_the_app(
    engine: FakeEngine, notebook: Notebook, code: str
) -> None:
    notebook.run("let old = 1", cell="asset-then-none")
    notebook.run("%%asset a.txt\nx", cell="asset-then-none")
    notebook.run(code, cell="asset-then-none")
    assert engine.asked("run")[-1]["source"] == ""
    before = len(engine.asked("run"))
    notebook.run(code, cell="asset-then-none")
    assert len(engine.asked("run")) == before
