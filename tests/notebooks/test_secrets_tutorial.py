"""The tutorial on secrets does what it says, and the values that a person sets stay where they belong."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.tutorial import DEPLOYMENT, Tutorial, running
from tests.security.search import Search

KEY, WEBHOOK = "c0ffee-weather-key-4711", "d00d1e-webhook-key-0815"
SEARCH = Search({"key": KEY.encode(), "webhook": WEBHOOK.encode()})
AIWE = Path(sys.executable).with_name("aiwe")


def printed(cells: list[Any], cell_id: str) -> str:
    [shown] = [out for out in outputs(cells, cell_id) if "text/plain" in out.get("data", {})]
    return str(shown["data"]["text/plain"])


def outputs(cells: list[Any], cell_id: str) -> list[Any]:
    return next(cell.outputs for cell in cells if cell.id == cell_id)


def value_of(tutorial: Tutorial, cell_id: str) -> str:
    return "".join(
        out["data"]["text/plain"]
        for out in tutorial.outputs(cell_id)
        if DEPLOYMENT not in out.get("data", {}) and "data" in out
    )


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "aiwe.toml").write_text('[fetch]\nallow_private = ["127.0.0.1:*"]\n')

    def set_secrets(cells: list[Any]) -> None:
        """What the text says, by the command that the cell prints."""
        [live] = [o["data"][DEPLOYMENT] for o in outputs(cells, "stand-in") if "data" in o]
        place = "127.0.0.1:" + live["routes"][0]["url"].split("/")[2].rpartition(":")[2]
        text = printed(cells, "secrets")
        [command] = [line for line in text.splitlines() if line.startswith("    aiwe secrets set ")]
        for name, hosts, value in (
            ("weather_key", place, KEY),
            ("weather_webhook", "none", WEBHOOK),
        ):
            said = {"aiwe": str(AIWE), "NAME": name, "api.example.com": hosts}
            line = [said.get(word, word) for word in command.split()]
            done = subprocess.run(line, input=value, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr

    with running("11_secrets.ipynb", folder, after={"secrets": set_secrets}) as tutorial:
        yield tutorial


def test_the_service_gets_the_key_and_nobody_sees_it(weather: Tutorial) -> None:
    answer = weather.get("/forecast")
    assert answer.status == 200, answer.text
    forecast = {"place": "Tampere", "sky": "clear", "celsius": 21, "key": "[redacted]"}
    assert answer.json == {"status": 200, "forecast": forecast}
    assert weather.get("/stand-in/forecast", {"X-Key": "a wrong one, long enough"}).status == 401


def test_printing_shows_nothing(weather: Tutorial) -> None:
    assert "".join(out.get("text", "") for out in weather.outputs("print")) == (
        "The key is [redacted]\n"
    )


def test_another_host_is_refused_with_a_hint(weather: Tutorial) -> None:
    said = value_of(weather, "host")
    assert "secret_host_not_allowed" in said
    assert "may not be sent to collector.example" in said
    assert "aiwe secrets change weather_key" in said


def test_an_encoded_reference_is_told(weather: Tutorial) -> None:
    said = value_of(weather, "encoded")
    assert "secret_encoded" in said
    assert "Secrets.basic" in said


def test_a_report_is_taken_with_its_signature_only(weather: Tutorial) -> None:
    assert weather.get("/stand-in/send").json == {"signed": 204, "unsigned": 401}
    body = json.dumps({"place": "Oulu", "sky": "snow"}).encode()
    right = hmac.new(WEBHOOK.encode(), body, hashlib.sha256).hexdigest()
    wrong = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    for signature, status in ((right, 204), (wrong, 401), (right.upper(), 401), ("", 401)):
        sent = weather.send("POST", "/webhook", body, {"X-Signature": signature})
        assert sent.status == status
    assert weather.send("POST", "/webhook", body + b" ", {"X-Signature": right}).status == 401
    assert [one["sky"] for one in weather.get("/reports").json] == ["snow", "rain"]


def test_what_there_is_is_listed(weather: Tutorial) -> None:
    rows = [line.split() for line in printed(weather.cells, "audit").splitlines()[1:3]]
    assert [row[0] for row in rows] == ["weather_key", "weather_webhook"]
    assert "sent nowhere" in printed(weather.cells, "audit")


def test_no_value_is_in_the_notebook(weather: Tutorial) -> None:
    assert SEARCH.found(json.dumps(weather.cells).encode()) == set()
