"""The line magics that ask the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.fake_engine import DONE, FakeEngine, deployment
from tests.kernel.notebook import Notebook

WIDGET = "application/vnd.jupyter.widget-view+json"
DEMO = {
    "app": "demo",
    "env": "dev",
    "version": "v1",
    "url": "http://demo.localhost:8890",
    "path": "demo.ipynb",
    "routes": [
        {
            "method": "GET",
            "path": "/tasks",
            "url": "http://demo.localhost:8890/tasks",
            "where": {"cell": "c1", "line": 3},
            "summary": "All <tasks>",
        },
        {"method": "GET", "path": "/tasks/:id", "url": "http://demo.localhost:8890/tasks/:id"},
    ],
}
OTHER = DEMO | {"app": "other", "path": "other.ipynb", "url": "http://other.localhost:8890"}


@pytest.fixture(scope="module")
def notebook(engine: FakeEngine) -> Iterator[Notebook]:
    """A kernel of the notebook demo.ipynb, with two apps live at its engine."""
    engine.answers["GET /apps"] = {"apps": [DEMO, OTHER]}
    with Notebook(**engine.environ, JPY_SESSION_NAME="demo.ipynb") as one:
        yield one


@pytest.fixture(scope="module")
def nameless(engine: FakeEngine) -> Iterator[Notebook]:
    """A kernel that does not know its notebook and ran nothing yet."""
    with Notebook(**engine.environ) as one:
        yield one


def test_routes_lists_the_routes_of_this_notebook(notebook: Notebook) -> None:
    [shown] = notebook.run("%routes").displays
    assert "/tasks/:id" in shown["text/plain"]
    assert "other" not in shown["text/plain"]
    assert '<a href="http://demo.localhost:8890/tasks"' in shown["text/html"]
    assert "All &lt;tasks&gt;" in shown["text/html"]
    assert "cell c1, line 3" in shown["text/html"]
    count = notebook.run("let here = 1", cell="c1").reply["execution_count"]
    assert f"In [{count}], line 3" in notebook.run("%routes").displays[0]["text/html"]


def test_only_what_a_click_can_open_is_a_link(notebook: Notebook) -> None:
    [shown] = notebook.run("%routes").displays
    assert 'href="http://demo.localhost:8890/tasks/:id"' not in shown["text/html"]


def test_routes_all_lists_every_app(notebook: Notebook) -> None:
    [shown] = notebook.run("%routes all").displays
    assert "app other" in shown["text/plain"]


def test_open_links_to_a_path_of_the_app(notebook: Notebook) -> None:
    [shown] = notebook.run("%open /tasks").displays
    assert shown["text/plain"] == "http://demo.localhost:8890/tasks"
    assert 'href="http://demo.localhost:8890/tasks"' in shown["text/html"]


def test_live_shows_the_value_where_requests_are_served(
    engine: FakeEngine, notebook: Notebook
) -> None:
    engine.answers["POST /live"] = {"data": {"text/plain": "'demo'"}}
    assert notebook.run("%live app.name").result == {"text/plain": "'demo'"}
    assert engine.asked("POST /live")[-1] == {"app": "demo", "expression": "app.name"}


def test_an_error_of_live_is_the_expressions(engine: FakeEngine, notebook: Notebook) -> None:
    error = {"code": "x", "name": "ReferenceError", "message": "nope is not defined"}
    engine.answers["POST /live"] = {"error": error, "status": 400}
    assert notebook.run("%live nope").error["ename"] == "ReferenceError"


@pytest.mark.parametrize("magic", ["%live app.name", "%open /x"])
def test_before_anything_is_live_a_magic_says_what_to_do(nameless: Notebook, magic: str) -> None:
    outcome = nameless.run(magic)
    assert outcome.error["ename"] == "NothingLive"
    assert "Hint" in outcome.traceback


def test_a_deployment_tells_the_name_of_the_app(engine: FakeEngine, nameless: Notebook) -> None:
    engine.cells["deploys"] = [deployment(("GET", "/", "added")), DONE]
    nameless.run("deploys")
    assert nameless.run("%open").displays[0]["text/plain"] == "http://demo.localhost:8890/"


@pytest.mark.parametrize("magic", ["%live", "%logs many"])
def test_a_wrong_argument_is_answered_with_the_right_form(notebook: Notebook, magic: str) -> None:
    assert notebook.run(magic).error["evalue"].startswith("Usage: %")


def test_help_names_every_magic_that_there_is(notebook: Notebook) -> None:
    [shown] = notebook.run("%help").displays
    for name in ("%live", "%routes", "%logs", "%open", "%engine", "%%python", "%%time"):
        assert name in shown["text/plain"]
        assert name in shown["text/html"]


def test_engine_says_which_one_and_how_it_was_found(engine: FakeEngine, notebook: Notebook) -> None:
    [shown] = notebook.run("%engine").displays
    assert engine.url in shown["text/plain"]
    assert "AIWE_URL" in shown["text/plain"]
    assert engine.token not in shown["text/plain"]


def test_logs_prints_the_last_lines(engine: FakeEngine, notebook: Notebook) -> None:
    for number in range(5):
        engine.log(text=f"line {number}", request_id=f"r{number}")
    printed = notebook.run("%logs 2").stdout
    assert "line 4" in printed
    assert "r3" in printed
    assert "line 2" not in printed


class Viewer:
    """The models of a log viewer, kept up to date from the messages of their comms."""

    def __init__(self, notebook: Notebook, outcome_messages: list[dict]) -> None:
        self.notebook = notebook
        self.models: dict[str, dict] = {}
        for message in outcome_messages:
            self.take(message)

    def take(self, message: dict) -> None:
        content = message["content"]
        if message["msg_type"] in ("comm_open", "comm_msg"):
            state = content["data"].get("state", {})
            self.models.setdefault(content["comm_id"], {}).update(state)

    def of(self, model: str) -> tuple[str, dict]:
        return next((i, m) for i, m in self.models.items() if m.get("_model_name") == model)

    @property
    def text(self) -> str:
        return self.of("HTMLModel")[1]["value"]

    def until(self, words: str) -> None:
        while words not in self.text:
            self.take(self.notebook.client.get_iopub_msg(timeout=10))

    def send(self, model: str, data: dict) -> None:
        session = self.notebook.client.session
        message = session.msg("comm_msg", {"comm_id": self.of(model)[0], "data": data})
        self.notebook.client.shell_channel.send(message)

    def set(self, model: str, **state: object) -> None:
        self.send(model, {"method": "update", "state": state, "buffer_paths": []})


@pytest.fixture(scope="module")
def viewer(engine: FakeEngine, notebook: Notebook) -> Viewer:
    engine.log(text="before <it>", request_id="req-before")
    outcome = notebook.run("%logs", cell="viewer")
    assert WIDGET in outcome.displays[0]
    assert "before <it>" in outcome.displays[0]["text/plain"]
    return Viewer(notebook, outcome.messages)


def test_the_log_viewer_shows_what_was_there_escaped(viewer: Viewer) -> None:
    assert "before &lt;it&gt;" in viewer.text


def test_the_log_viewer_keeps_up_while_no_cell_runs(engine: FakeEngine, viewer: Viewer) -> None:
    engine.log(text="while idle", request_id="req-idle")
    viewer.until("while idle")
    assert viewer.text.count("before &lt;it&gt;") == 1


def test_the_log_viewer_filters_by_request_and_by_level(engine: FakeEngine, viewer: Viewer) -> None:
    engine.log(text="quite bad", level="error", request_id="req-bad")
    viewer.until("quite bad")
    viewer.set("TextModel", value="req-idle")
    viewer.until("</div>")
    while "quite bad" in viewer.text:
        viewer.take(viewer.notebook.client.get_iopub_msg(timeout=10))
    assert "while idle" in viewer.text
    viewer.set("TextModel", value="")
    viewer.until("quite bad")
    viewer.set("DropdownModel", index=3)
    while "while idle" in viewer.text:
        viewer.take(viewer.notebook.client.get_iopub_msg(timeout=10))
    assert "quite bad" in viewer.text
    viewer.set("DropdownModel", index=0)
    viewer.until("while idle")


def test_the_log_viewer_is_cleared_and_goes_on(engine: FakeEngine, viewer: Viewer) -> None:
    viewer.send("ButtonModel", {"method": "custom", "content": {"event": "click"}})
    viewer.until("Nothing yet.")
    engine.log(text="a new one")
    viewer.until("a new one")
    assert "while idle" not in viewer.text


def test_assets_lists_what_there_is_with_links(engine: FakeEngine, notebook: Notebook) -> None:
    base = "http://demo.localhost:8890/assets/"
    engine.answers["GET /assets/demo"] = {
        "assets": [
            {
                "path": "css/<a>.css",
                "url": base + "css/a.css",
                "content_type": "text/css; charset=utf-8",
                "size": 120,
                "origin": "cell",
                "cell": "far",
            },
            {
                "path": "logo.svg",
                "url": base + "logo.svg",
                "content_type": "image/svg+xml",
                "size": 5_400_000,
                "origin": "written",
            },
        ]
    }
    [shown] = notebook.run("%assets").displays
    first, second = shown["text/plain"].splitlines()
    assert first.split() == [
        "css/<a>.css",
        "text/css",
        "120",
        "B",
        "cell",
        "far",
        base + "css/a.css",
    ]
    assert "5.1 MB" in second
    count = notebook.run("%%asset css/a.css\nx", cell="far").reply["execution_count"]
    assert f"In [{count}]" in notebook.run("%assets").displays[0]["text/plain"]
    assert "uploaded or written" in second
    assert f'<a href="{base}logo.svg"' in shown["text/html"]
    assert "<a>.css" not in shown["text/html"]


def test_without_assets_it_says_how_to_have_one(engine: FakeEngine, notebook: Notebook) -> None:
    engine.answers["GET /assets/demo"] = {"assets": []}
    [shown] = notebook.run("%assets").displays
    assert "%%asset css/site.css" in shown["text/plain"]
