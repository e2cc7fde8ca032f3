"""The tutorials run as they stand, in the kernel, and serve what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.tutorial import NOTEBOOKS, Tutorial, running

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


def opened(name: str, factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with running(name, factory.mktemp("notebook")) as tutorial:
        yield tutorial


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("01_hello.ipynb", tmp_path_factory)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("02_tasks_api.ipynb", tmp_path_factory)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    yield from opened("03_dynamic_pages.ipynb", tmp_path_factory)


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_is_committed_clean(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    assert notebook.metadata.kernelspec.name == "aiwe"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_passes_aiwe_check(name: str, tmp_path: Path) -> None:
    aiwe = Path(sys.executable).with_name("aiwe")
    command = [aiwe, "check", NOTEBOOKS / name, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_links_between_tutorials_lead_somewhere(name: str) -> None:
    text = (NOTEBOOKS / name).read_text()
    linked = re.findall(r"\]\(([\w./-]+\.ipynb)\)", text)
    assert [link for link in linked if not (NOTEBOOKS / link).is_file()] == []


def test_hello_answers_what_it_says(hello: Tutorial) -> None:
    assert hello.request("GET", "/hello").text == "Hello from a notebook cell!"
    answer = hello.request("GET", "/hello/Ada?excited=yes")
    assert answer.json == {"greeting": "Hello, Ada!", "path": "/hello/Ada"}
    assert hello.request("GET", "/shout/psst").text == "PSST!"


def test_hello_shows_planets_as_a_table_and_what_was_logged(hello: Tutorial) -> None:
    shown = [out["data"].get("text/html", "") for out in hello.outputs("scratch") if "data" in out]
    assert [markup for markup in shown if "<table" in markup and "Jupiter" in markup]
    assert "Jupiter" in "".join(out.get("text", "") for out in hello.outputs("console"))


def test_hello_shows_an_error_and_a_runaway_to_the_one_who_asked(hello: Tutorial) -> None:
    broken = hello.request("GET", "/broken", headers={"Accept": "application/json"})
    assert broken.status == 500
    assert broken.json["error"]["where"]["line"] == 3
    assert hello.request("GET", "/runaway").status >= 500
    assert hello.request("GET", "/hello").status == 200


def test_tasks_are_created_read_changed_and_deleted(tasks: Tutorial) -> None:
    made = tasks.request("POST", "/tasks", {"title": "Implement UC-201"})
    assert made.status == 201
    task = made.json
    assert made.headers["location"] == f"/tasks/{task['id']}"
    assert (task["title"], task["status"]) == ("Implement UC-201", "pending")
    assert re.match(r"\d{4}-\d\d-\d\dT.*Z$", task["createdAt"])

    address = f"/tasks/{task['id']}"
    assert tasks.request("GET", address).json == task
    assert task in tasks.request("GET", "/tasks").json
    assert task not in tasks.request("GET", "/tasks?status=completed").json

    changed = tasks.request("PUT", address, {"title": "Implement UC-201", "status": "completed"})
    assert (changed.status, changed.json["status"]) == (200, "completed")
    assert changed.json["version"] == task["version"] + 1
    assert tasks.request("GET", "/tasks?status=completed").json == [changed.json]

    gone = tasks.request("DELETE", address)
    assert (gone.status, gone.text) == (204, "")
    assert tasks.request("GET", address).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/tasks", {}, 400),
        ("POST", "/tasks", {"title": "  "}, 400),
        ("POST", "/tasks", {"title": "x", "status": "lost"}, 400),
        ("POST", "/tasks", ["title"], 400),
        ("GET", "/tasks/none", None, 404),
        ("PUT", "/tasks/none", {"title": "x"}, 404),
        ("DELETE", "/tasks/none", None, 404),
        ("PATCH", "/tasks/none", {"title": "x"}, 405),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(
    tasks: Tutorial, method: str, path: str, body: object, status: int
) -> None:
    answer = tasks.request(method, path, body, {"Accept": "application/json"})
    assert answer.status == status
    error = answer.json["error"]
    assert {"code", "message"} <= set(error)
    assert error["request_id"] == answer.headers["x-request-id"]


def test_a_body_that_is_not_json_is_a_400(tasks: Tutorial) -> None:
    answer = tasks.send("POST", "/tasks", b'{"title": ', {"Content-Type": "application/json"})
    assert answer.status == 400


def test_of_two_changes_of_one_version_one_wins(tasks: Tutorial) -> None:
    task = tasks.request("POST", "/tasks", {"title": "shared"}).json
    bodies = [{"title": f"mine {n}", "version": task["version"]} for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda b: tasks.request("PUT", f"/tasks/{task['id']}", b), bodies))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7


def test_many_tasks_made_at_once_are_all_there(tasks: Tutorial) -> None:
    titles = {f"at once {n}" for n in range(40)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda title: tasks.request("POST", "/tasks", {"title": title}), titles))
    assert titles <= {task["title"] for task in tasks.request("GET", "/tasks").json}


def test_pages_show_data_and_escape_it(pages: Tutorial) -> None:
    front = pages.request("GET", "/")
    assert front.headers["content-type"].startswith("text/html")
    assert "A bug &amp; how it was found" in front.text
    assert "<script>" not in front.text
    assert "&lt;script&gt;" in front.text


def test_a_post_has_a_page_and_one_that_is_not_there_too(pages: Tutorial) -> None:
    third = pages.request("GET", "/posts/third")
    assert third.status == 200
    assert "<img" not in third.text
    assert "Mallory &lt;admin&gt;" in third.text
    missing = pages.request("GET", "/posts/%3Cb%3E")
    assert missing.status == 404
    assert "<b>" not in missing.text


def test_a_search_finds_and_escapes_what_was_asked(pages: Tutorial) -> None:
    found = pages.request("GET", "/search?q=loom")
    assert '<a href="/posts/first">Notes on the engine</a>' in found.text
    assert "A bug" not in found.text
    attack = pages.request("GET", "/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in attack.text
    assert "Nothing found." in attack.text


def test_a_page_depends_on_its_visitor(pages: Tutorial) -> None:
    assert "Tervetuloa" in pages.request("GET", "/welcome", headers={"Accept-Language": "fi"}).text


def test_each_tutorial_tells_its_routes(hello: Tutorial, tasks: Tutorial, pages: Tutorial) -> None:
    assert {"GET /hello", "GET /hello/:name"} <= hello.routes
    wanted = {"GET /tasks", "POST /tasks"}
    wanted |= {f"{method} /tasks/:id" for method in ("GET", "PUT", "DELETE")}
    assert tasks.routes == wanted
    assert {"GET /", "GET /posts/:id", "GET /search"} <= pages.routes
    assert json.dumps(tasks.deployments[-1]["warnings"]) == "[]"
