"""`%secrets` without a page: what is printed, what a page would be told, and that no value is in either."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aiwe_kernel.discover import Engine
from aiwe_kernel.secrets.listing import secrets_text, terminal
from tests.kernel.fake_engine import FakeEngine
from tests.kernel.notebook import Notebook, Outcome

VALUE = "kx-4f9a1c77-that-nobody-reads"
AIWE = Path(sys.executable).with_name("aiwe")


def told(outcome: Outcome) -> dict[str, Any]:
    """What a page is told: the state of the widget."""
    opened = outcome.contents("comm_open")
    [made] = [one for one in opened if one["data"]["state"]["_model_name"] == "AnyModel"]
    state: dict[str, Any] = made["data"]["state"]
    return state


def text(outcome: Outcome) -> str:
    return str(outcome.displays[0]["text/plain"])


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    with Notebook(JPY_SESSION_NAME="weather.ipynb") as one:
        yield one


@pytest.fixture(scope="module")
def command(notebook: Notebook) -> list[str]:
    """What the cell says is to be typed in a terminal."""
    empty = text(notebook.run("%secrets", cell="s"))
    assert empty.startswith("There are no secrets that weather could use.\n")
    [line] = [line for line in empty.splitlines() if line.startswith("    aiwe secrets set NAME ")]
    return line.split()


@pytest.fixture(scope="module")
def listed(notebook: Notebook, command: list[str]) -> Outcome:
    """The cell, once the command was run."""
    line = [{"NAME": "weather_key", "aiwe": str(AIWE)}.get(word, word) for word in command]
    done = subprocess.run(line, input=VALUE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return notebook.run("%secrets", cell="s")


def test_a_secret_that_the_printed_command_stores_is_listed(listed: Outcome) -> None:
    head, row, *rest = text(listed).splitlines()
    assert head.split("  ")[0] == "secret"
    cells = [cell.strip() for cell in row.split("  ") if cell.strip()]
    where = ["weather, everywhere", "api.example.com", "header", "never", "vault"]
    assert cells == ["weather_key", *where]
    assert any(line.startswith("In a terminal") for line in rest)


def test_a_page_is_told_what_there_is_and_which_engine_has_it(listed: Outcome) -> None:
    state = told(listed)
    assert state["app"] == "weather"
    assert [one["id"] for one in state["secrets"]] == ["weather_key"]
    assert state["environments"] == ["dev", "staging", "production"]
    assert len(state["engine"]) == 32


def test_a_value_is_nowhere_in_what_the_kernel_says(notebook: Notebook, listed: Outcome) -> None:
    used = notebook.run('[Secrets.get("weather_key"), console.log(Secrets.get("weather_key"))]')
    for outcome in (listed, used):
        assert VALUE not in json.dumps(outcome.messages, default=str)


def test_the_kernels_own_token_gives_no_value(notebook: Notebook, listed: Outcome) -> None:
    assert listed
    code = (
        "%%python\nk = get_ipython().kernel.connection.known\nprint(k.url, k.token, k.url and '.')"
    )
    url, token, _ = notebook.run(code).stdout.split()
    headers = {"Authorization": f"Bearer {token}"}
    place = "/editor/api/secrets"
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as kernel:
        paths = (place, f"{place}/weather_key", f"{place}/weather_key/usage")
        answers = [kernel.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not [answer.text for answer in answers if VALUE in answer.text]


def test_another_run_of_a_cell_takes_the_place_of_the_first(notebook: Notebook) -> None:
    notebook.run("%secrets", cell="twice")
    outcome = notebook.run("%secrets", cell="twice")
    assert len(outcome.contents("comm_close")) == 1


def test_what_is_typed_behind_the_magic_is_refused_and_not_repeated(notebook: Notebook) -> None:
    outcome = notebook.run(f"%secrets set weather_key {VALUE}")
    assert outcome.error["ename"] == "UsageError"
    assert "never into a cell" in outcome.traceback
    assert VALUE not in outcome.traceback


def test_the_magic_is_completed_and_explained(notebook: Notebook) -> None:
    assert "%secrets" in notebook.ask("complete", "%secr", 5)["matches"]
    assert "%secrets" in text(notebook.run("%help"))


def test_an_engine_that_refuses_says_why() -> None:
    refusal = {"code": "not_permitted", "message": "This needs secrets.read.", "hint": "Ask."}
    with FakeEngine() as engine:
        engine.answers["GET /editor/api/secrets"] = {"error": refusal, "status": 403}
        with Notebook(**engine.environ) as notebook:
            outcome = notebook.run("%secrets")
    assert "This needs secrets.read." in outcome.traceback
    assert "Hint: Ask." in outcome.traceback
    assert outcome.displays == []


@pytest.mark.parametrize(
    ("engine", "status", "expected"),
    [
        (None, {}, ("In a terminal", "--app shop")),
        (
            Engine("http://127.0.0.1:9", "t", "?"),
            {"root": "/w", "data": "/w/.aiwe"},
            ("In a terminal, in /w", "--app shop"),
        ),
        (
            Engine("http://127.0.0.1:9", "t", "?"),
            {"root": "/w", "data": "/tmp/a b"},
            ("In a terminal", "--app shop --data '/tmp/a b'"),
        ),
        (
            Engine("https://aiwe.example.com", "t", "AIWE_URL"),
            {"root": "/srv", "data": "/srv/.aiwe"},
            ("In a terminal of aiwe.example.com, in /srv", "--app shop"),
        ),
    ],
)
def test_the_command_is_the_one_for_the_place_where_the_engine_is(
    engine: Engine | None, status: dict[str, str], expected: tuple[str, str]
) -> None:
    where, end = expected
    how = terminal("shop", engine, status)
    assert how["where"] == where
    assert how["command"] == f"aiwe secrets set NAME --hosts api.example.com {end}"


def test_what_cannot_be_used_is_said() -> None:
    secret = {"id": "a", "app": None, "env": "staging", "hosts": [], "in": ["body", "url"]}
    secrets = [
        {
            **secret,
            "source": "configuration",
            "configured": "aiwe.toml",
            "lastUsed": "2026-05-01T10:00:00.000000Z",
        },
        {**secret, "id": "b", "hosts": ["x.org"], "source": "vault", "problem": {"message": "key"}},
    ]
    lines = secrets_text("shop", secrets, {"where": "There", "command": "c"}).splitlines()
    assert "none: sent nowhere" in lines[1]
    assert "every app, staging" in lines[1]
    assert "2026-05-01 10:00:00" in lines[1]
    assert lines[1].endswith("aiwe.toml")
    assert "cannot be opened" in lines[2]
    assert "header, body, url" in lines[2]
