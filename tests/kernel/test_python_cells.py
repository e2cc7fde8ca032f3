"""Python and IPython's own cells live beside JavaScript, as they would in any notebook."""

from __future__ import annotations

import re

from tests.kernel.fake_engine import FakeEngine
from tests.kernel.notebook import Notebook


def test_python_runs_in_the_kernel_and_keeps_its_names(notebook: Notebook) -> None:
    assert notebook.run("%%python\nimport os\nhere = os.getpid()").reply["status"] == "ok"
    assert notebook.run("%%py\nhere == os.getpid()").result == {"text/plain": "True"}


def test_nothing_of_a_python_cell_reaches_the_engine(
    engine: FakeEngine, notebook: Notebook
) -> None:
    notebook.run("%%python\nsecret = 1")
    assert [body for body in engine.asked("run") if "secret" in body["source"]] == []


def test_an_error_in_python_is_pythons_with_the_cells_line(notebook: Notebook) -> None:
    outcome = notebook.run("%%python\n\n1 / 0")
    assert outcome.error["ename"] == "ZeroDivisionError"
    assert re.search(r"----> ?3 1 ?/ ?0", re.sub(r"\x1b\[[\d;]*m", "", outcome.traceback))


def test_python_awaits_at_top_level(notebook: Notebook) -> None:
    cell = "%%python\nimport asyncio\nawait asyncio.sleep(0, 'slept')"
    assert notebook.run(cell).result == {"text/plain": "'slept'"}


def test_python_that_hands_code_to_ipython_means_python(notebook: Notebook) -> None:
    assert "loop" in notebook.run("%%python\n%timeit -n1 -r1 sum(range(3))").stdout
    cell = "%%python\nget_ipython().run_cell('nested = 20 + 1'); nested"
    assert notebook.run(cell).result == {"text/plain": "21"}


def test_html_and_markdown_cells_are_shown(notebook: Notebook) -> None:
    assert notebook.run("%%html\n<b>x</b>").displays[0]["text/html"] == "<b>x</b>\n"
    assert notebook.run("%%markdown\n# x").displays[0]["text/markdown"] == "# x\n"


def test_a_javascript_cell_may_say_so(engine: FakeEngine, notebook: Notebook) -> None:
    notebook.run("%%js\nlet plain = 1")
    assert engine.asked("run")[-1]["source"] == "    \nlet plain = 1"


def test_a_magic_of_ipython_stands_before_javascript(
    engine: FakeEngine, notebook: Notebook
) -> None:
    outcome = notebook.run("%pwd\nlet after = 1")
    assert outcome.reply["status"] == "ok"
    assert engine.asked("run")[-1]["source"].endswith("let after = 1")


def test_a_magic_that_does_not_exist_is_an_error(engine: FakeEngine, notebook: Notebook) -> None:
    before = len(engine.asked("run"))
    assert "%nonsense" in notebook.run("%nonsense\nlet never = 1").error["evalue"]
    assert len(engine.asked("run")) == before


def test_a_magic_of_ours_works_in_a_python_cell(notebook: Notebook) -> None:
    outcome = notebook.run("%%python\n%help")
    assert "%routes" in outcome.displays[0]["text/plain"]


def test_a_widget_answers_while_no_cell_runs(notebook: Notebook) -> None:
    cell = """%%python
import ipywidgets
button, clicks = ipywidgets.Button(), []
button.on_click(clicks.append)
button.model_id"""
    result = notebook.run(cell).result
    assert result is not None
    model = result["text/plain"].strip("'")
    content = {"comm_id": model, "data": {"method": "custom", "content": {"event": "click"}}}
    notebook.client.shell_channel.send(notebook.client.session.msg("comm_msg", content))
    assert notebook.run("%%python\nlen(clicks)").result == {"text/plain": "1"}
