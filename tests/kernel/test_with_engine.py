"""The whole way: a notebook, its kernel, and the private engine that the kernel starts."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from aiwe_kernel.errors import CellError
from aiwe_kernel.private import PrivateEngine
from tests.kernel.notebook import Notebook

MIME = "application/vnd.aiwe.deployment+json"


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    with Notebook(JPY_SESSION_NAME="demo.ipynb") as one:
        yield one


def fetch(url: str) -> str:
    """What an app answers; its name is looked up by nobody."""
    _, _, rest = url.partition("//")
    host, _, path = rest.partition("/")
    port = host.rpartition(":")[2]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read().decode()


def test_a_cell_goes_live_and_its_next_run_replaces_it(notebook: Notebook) -> None:
    first = notebook.run('app.get("/hello", () => "one");', cell="hello")
    [route] = first.displays[0][MIME]["routes"]
    assert (route["path"], route["change"]) == ("/hello", "added")
    assert first.result is None
    assert fetch(route["url"]) == "one"
    second = notebook.run('app.get("/hello", () => "two");', cell="hello")
    assert [r["change"] for r in second.displays[0][MIME]["routes"]] == ["changed"]
    assert fetch(route["url"]) == "two"


def test_the_app_has_the_name_of_the_notebook(notebook: Notebook) -> None:
    outcome = notebook.run('app.get("/named", () => app.name)', cell="named")
    assert outcome.displays[0][MIME]["app"] == "demo"
    assert notebook.run("%live app.name").result["text/plain"] == "'demo'"


def test_declarations_last_from_cell_to_cell_and_may_be_made_again(notebook: Notebook) -> None:
    notebook.run("const x = 20; class P { n = 1 }", cell="x")
    assert notebook.run("x + new P().n").result["text/plain"] == "21"
    notebook.run("const x = 30", cell="x")
    assert notebook.run("x").result["text/plain"] == "30"


def test_a_scratch_cell_says_so(notebook: Notebook) -> None:
    assert notebook.run("1 + 1").displays[0][MIME]["scratch"] is True


@pytest.mark.parametrize(
    ("code", "markup"),
    [
        ("[{ a: 1, b: '<x>' }, { a: 2 }]", "&lt;x&gt;</td>"),
        ("({ a: { b: [1, 2] } })", "<details"),
        ("new Map([[1, { a: 1 }]])", "Map(1)"),
        ("html`<b>${'<'}</b>`", "<b>&lt;</b>"),
        ("Response.json({ a: 1 }, { status: 201 })", "201"),
        ("new TypeError('bad')", "TypeError: bad"),
        ("({ get danger() { throw 1 } })", "[getter]"),
        ("const loop = {}; loop.self = loop; loop", "[circular]"),
    ],
)
def test_a_value_is_shown_as_what_it_is(notebook: Notebook, code: str, markup: str) -> None:
    result = notebook.run(code).result
    assert markup in result["text/html"]
    assert result["text/plain"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("6 * 7", "42"),
        ("'text'", "'text'"),
        ("10n", "10n"),
        ("null", "null"),
        ("({})", "{}"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_plain_value_is_shown_as_text(notebook: Notebook, code: str, text: str) -> None:
    assert notebook.run(code).result == {"text/plain": text}


def test_a_huge_value_is_shown_in_part(notebook: Notebook) -> None:
    result = notebook.run("Array.from({ length: 1e5 }, (_, i) => ({ i }))").result
    assert "100 of 100000 rows" in result["text/html"]
    assert len(result["text/html"]) < 300_000


def test_an_image_is_shown_as_an_image(notebook: Notebook) -> None:
    code = "Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)"
    assert notebook.run(code).result["image/png"] == "iVBORw0KGgo="


def test_display_shows_now_and_the_result_last(notebook: Notebook) -> None:
    outcome = notebook.run("display({ a: 1 }); console.log('between'); 3")
    assert [k for k in outcome.kinds if k != "clear_output"] == [
        "display_data",
        "stream",
        "display_data",
        "execute_result",
    ]


def test_an_error_names_the_cell_the_line_and_shows_it(notebook: Notebook) -> None:
    code = 'function g() {\n  throw new TypeError("boom");\n}\n\ng();'
    outcome = notebook.run(code, cell="bad")
    assert (outcome.error["ename"], outcome.error["evalue"]) == ("TypeError", "boom")
    assert "cell-bad.js:2:" in outcome.traceback
    assert "cell-bad.js:5:" in outcome.traceback
    assert 'throw new TypeError("boom");' in outcome.traceback
    assert "^" in outcome.traceback


def test_a_syntax_error_names_its_place(notebook: Notebook) -> None:
    outcome = notebook.run("%pwd\nlet a = 1;\nlet z = ;", cell="syntax")
    assert outcome.error["ename"] == "SyntaxError"
    assert "cell-syntax.js:3:" in outcome.traceback


@pytest.mark.parametrize(("typed", "meant"), [("Respones", "Response"), ("DataRepositry", "Data")])
def test_a_misspelt_global_is_answered_with_the_right_name(
    notebook: Notebook, typed: str, meant: str
) -> None:
    outcome = notebook.run(f"{typed}.x")
    assert outcome.error["ename"] == "ReferenceError"
    assert meant in outcome.traceback.partition("Hint")[2]


@pytest.mark.parametrize(
    "code",
    [
        "while (true) {}",
        "await new Promise(() => {})",
        "await 0; while (true) {}",
        "setTimeout(() => { while (true) {} }, 0); await new Promise(() => {})",
        "Promise.resolve().then(() => { while (true) {} }); await new Promise(() => {})",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
    ],
)
def test_the_interrupt_ends_any_cell(notebook: Notebook, code: str) -> None:
    notebook.run("globalThis.before = 7")
    pause = "await new Promise((r) => setTimeout(r, 20));"
    sent = notebook.send(f"console.log('started'); {pause} {code}")
    notebook.wait_for(sent, "stream")
    began = time.monotonic()
    notebook.manager.interrupt_kernel()
    assert notebook.receive(sent).error["ename"] in ("Interrupted", "KeyboardInterrupt")
    assert time.monotonic() - began < 5
    assert notebook.run("1 + 1").result["text/plain"] == "2"


def test_output_after_a_cell_is_over_appears_in_no_other_cell(notebook: Notebook) -> None:
    notebook.run('setTimeout(() => console.log("late"), 100)')
    later = notebook.run('await new Promise((r) => setTimeout(r, 400)); console.log("mine")')
    assert later.stdout == "mine\n"


def test_an_asset_cell_is_a_file_of_the_app(notebook: Notebook) -> None:
    shown = notebook.run("%%asset css/a.css\na { color: red }", cell="asset").displays[0]
    [asset] = shown[MIME]["assets"]
    assert asset["change"] == "added"
    assert fetch(asset["url"]) == "a { color: red }"
    assert "css/a.css" in notebook.run("%assets").displays[0]["text/plain"]
    assert notebook.run("(await Assets.list()).length").result["text/plain"] == "1"
    failed = notebook.run("%%asset ../a.css\nx", cell="other")
    assert "behind /assets/" in failed.traceback
    notebook.run("", cell="asset")
    assert "There are no assets" in notebook.run("%assets").displays[0]["text/plain"]


def test_names_complete_with_those_of_other_cells(notebook: Notebook) -> None:
    notebook.run("const treasure = { gold: 1 }", cell="chest")
    assert "treasure" in notebook.ask("complete", "treas", 5)["matches"]
    reply = notebook.ask("complete", "'👍'; treasure.go", 16)
    assert reply["matches"] == ["gold"]
    assert reply["cursor_start"] == 14


def test_hover_explains_a_name(notebook: Notebook) -> None:
    reply = notebook.ask("inspect", "app.get", 5)
    assert "get" in reply["data"]["text/plain"]


def test_what_handlers_log_is_in_the_log_with_the_request(notebook: Notebook) -> None:
    outcome = notebook.run('app.get("/logs", () => { console.log("seen"); return 1 })', cell="logs")
    url = next(r["url"] for r in outcome.displays[0][MIME]["routes"] if r["path"] == "/logs")
    fetch(url)
    assert "seen" in notebook.run("%logs 5").stdout


def test_nothing_of_a_python_cell_is_javascript(notebook: Notebook) -> None:
    assert notebook.run("%%python\n[n * n for n in range(3)]").result["text/plain"] == "[0, 1, 4]"


def engine_process(notebook: Notebook) -> psutil.Process:
    kernel = psutil.Process(notebook.manager.provisioner.process.pid)
    [engine] = [c for c in kernel.children() if "aiwe_kernel.private" in c.cmdline()]
    return engine


def test_the_private_engine_ends_with_the_kernel() -> None:
    with Notebook() as notebook:
        notebook.run("1")
        engine = engine_process(notebook)
    engine.wait(10)


def test_the_private_engine_ends_with_a_kernel_that_is_killed() -> None:
    with Notebook() as notebook:
        notebook.run("1")
        engine = engine_process(notebook)
        folder = engine.cmdline()[-1]
        os.kill(notebook.manager.provisioner.process.pid, signal.SIGKILL)
        engine.wait(15)
        assert not os.path.exists(folder)  # noqa: PTH110


def test_a_private_engine_that_dies_is_replaced_and_said_so() -> None:
    with Notebook() as notebook:
        notebook.run("let x = 1")
        engine = engine_process(notebook)
        engine.kill()
        while engine.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert notebook.run("x").error["ename"] == "EngineLost"
        assert notebook.run("2").result["text/plain"] == "2"


def nbclient_run(*cells: str) -> nbformat.NotebookNode:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "aiwe", "display_name": "aiwe", "language": "javascript"}
    return NotebookClient(book, timeout=60, kernel_name="aiwe").execute()


def test_a_notebook_runs_without_any_server() -> None:
    book = nbclient_run('app.get("/", () => "hi");', "%routes", "const n = 2;", "n * 21")
    assert MIME in book.cells[0].outputs[0].data
    assert "/" in book.cells[1].outputs[0].data["text/plain"]
    assert book.cells[3].outputs[-1].data["text/plain"] == "42"


def test_asset_cells_run_without_any_server_too() -> None:
    read = "await (await Assets.read('a.css')).text()"
    book = nbclient_run("%%asset a.css\na{}", "%%asset a.css\nb{}", read)
    assert book.cells[1].outputs[0].data[MIME]["warnings"] == []
    assert book.cells[2].outputs[-1].data["text/plain"] == "'b{}'"


def test_nbclient_reports_the_javascript_error() -> None:
    with pytest.raises(CellExecutionError, match="TypeError: boom"):
        nbclient_run('throw new TypeError("boom")')


async def test_a_private_engine_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aiwe.toml").write_text("[htp]\nbody_limit = 1")
    monkeypatch.chdir(tmp_path)
    engine = PrivateEngine()
    with pytest.raises(CellError) as caught:
        await engine.start()
    await engine.stop()
    assert caught.value.code == "engine_unreachable"
    assert (
        "There is no setting htp.body_limit. Did you mean http.body_limit?"
        in (caught.value.error["excerpt"])
    )
    assert not engine.folder.exists()
