"""Management below Jupyter's address: for whoever Jupyter lets in, and in the engine's shape."""

from __future__ import annotations

import json

import pytest

from tests.server.jupyter import Jupyter, logged_in

ROUTES = [
    ("GET", "status"),
    ("GET", "apps"),
    ("GET", "logs"),
    ("GET", "events"),
    ("GET", "data/shop"),
    ("GET", "data/shop/tasks"),
    ("GET", "data/shop/tasks/1"),
    ("GET", "transfer/collections"),
    ("GET", "transfer/export?app=shop&env=dev&collections=tasks"),
    ("GET", "transfer/backup"),
    ("POST", "transfer/import?app=shop&env=dev&collection=tasks"),
    ("POST", "transfer/reset"),
    ("POST", "data/shop/sql"),
    ("POST", "cells/run"),
    ("POST", "cells/interrupt"),
    ("POST", "live"),
    ("POST", "try"),
    ("POST", "language/complete"),
    ("PUT", "documents"),
    ("DELETE", "sessions/s"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_stranger_is_refused_in_the_error_shape(
    jupyter: Jupyter, method: str, route: str
) -> None:
    with jupyter.stranger as stranger:
        answer = stranger.request(method, f"/aiwe/api/{route}", json={})
    assert answer.status_code == 403
    assert set(answer.json()["error"]) >= {"code", "message"}


@pytest.mark.parametrize("token", ["wrong", "Bearer"])
def test_a_wrong_token_is_refused(jupyter: Jupyter, token: str) -> None:
    with jupyter.stranger as stranger:
        answer = stranger.get("/aiwe/api/status", headers={"Authorization": f"token {token}"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_allowed"


def test_the_control_listeners_token_means_nothing_to_jupyter(jupyter: Jupyter) -> None:
    token = jupyter.connection()["token"]
    with jupyter.stranger as stranger:
        answer = stranger.get("/aiwe/api/status", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_the_engine_answers_whoever_has_the_token(jupyter: Jupyter) -> None:
    with jupyter.client as client:
        status = client.get("/aiwe/api/status").json()
    assert status["env"] == "dev"
    assert status["pid"] == jupyter.process.pid
    assert status["root"] == str(jupyter.root)
    assert status["data"] == str(jupyter.root / ".aiwe")


def test_a_browser_that_is_logged_in_is_answered(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        assert browser.get("/aiwe/api/status").status_code == 200


def test_a_browsers_post_needs_the_xsrf_header(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        body = {"session": "nobody"}
        without = browser.post("/aiwe/api/cells/interrupt", json=body)
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
        with_it = browser.post("/aiwe/api/cells/interrupt", json=body, headers=xsrf)
    assert without.status_code == 403
    assert (with_it.status_code, with_it.json()) == (200, {"interrupted": False})


def test_a_page_of_another_origin_is_refused(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"], "Origin": "http://tasks.localhost:8890"}
        assert browser.get("/aiwe/api/status", headers=xsrf).status_code == 404
        assert browser.post("/aiwe/api/try", json={}, headers=xsrf).status_code == 404


def test_an_error_of_the_engine_arrives_as_it_is(jupyter: Jupyter) -> None:
    with jupyter.client as client:
        answer = client.post("/aiwe/api/live", json={"app": "nowhere", "expression": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_app")


def test_a_cells_events_stream_through(jupyter: Jupyter) -> None:
    body = {
        "session": "m",
        "path": "managed.ipynb",
        "cell": "a",
        "source": "console.log('one'); 6 * 7",
    }
    with (
        jupyter.client as client,
        client.stream("POST", "/aiwe/api/cells/run", json=body) as answer,
    ):
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        events = [json.loads(line) for line in answer.iter_lines()]
    assert [event["type"] for event in events][-1] == "done"
    assert {"type": "stdout", "text": "one\n"} in events


def test_what_happens_arrives_as_an_event(jupyter: Jupyter) -> None:
    with jupyter.client as client, client.stream("GET", "/aiwe/api/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        next(line for line in lines if line)  # the stream is open
        jupyter.run('app.get("/e", () => 1)', path="events.ipynb", session="e")
        assert next(line for line in lines if line == "event: deploy")
