"""Exports, imports and backups of the engine inside Jupyter: by its command line, and below its address."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from tests.engine.cli.process import here
from tests.server.jupyter import Jupyter

TRANSFER = "/aiwe/api/transfer"
PLACE = {"app": "moved", "env": "dev", "collection": "tasks"}


def lines(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield json.dumps({"id": f"{number}", "text": "x" * 1000}).encode() + b"\n"


@pytest.fixture
def clean(jupyter: Jupyter) -> Iterator[Jupyter]:
    """Jupyter, and nothing of this app in it afterwards."""
    yield jupyter
    with jupyter.client as client:
        client.post(f"{TRANSFER}/reset", json={"env": "dev", "app": "moved"}).raise_for_status()


def test_documents_pass_through_jupyter_in_both_directions(clean: Jupyter) -> None:
    with clean.client as client:
        answer = client.post(f"{TRANSFER}/import", params=PLACE, content=lines(3000))
        assert answer.json() == {"created": 3000, "replaced": 0, "skipped": 0}
        bad = client.post(f"{TRANSFER}/import", params=PLACE, content=b'{"id":"new"}\n{"id":\n')
        assert (bad.status_code, bad.json()["error"]["code"]) == (400, "invalid_json")
        assert "body:2:" in bad.json()["error"]["message"]
        where = {"app": "moved", "env": "dev", "collections": "tasks"}
        exported = client.get(f"{TRANSFER}/export", params=where)
        assert exported.headers["content-type"] == "application/x-ndjson"
        documents = [json.loads(line) for line in exported.text.splitlines()]
        assert [one["id"] for one in documents] == sorted(str(n) for n in range(3000))
        none = client.get(f"{TRANSFER}/export", params={**where, "collections": "none"})
        assert (none.status_code, none.json()["error"]["code"]) == (404, "no_such_collection")
        backup = client.get(f"{TRANSFER}/backup")
        with zipfile.ZipFile(io.BytesIO(backup.content)) as archive:
            assert archive.testzip() is None
            told = json.loads(archive.read("manifest.json"))
        assert ("moved", 3000) in [(one["app"], one["documents"]) for one in told["collections"]]


def test_the_command_line_finds_the_engine_inside_jupyter(clean: Jupyter) -> None:
    root = clean.root
    given = b'{"id":"a"}'
    more = ("--collection", "tasks", "--app", "moved")
    status, _, err = here("data", "import", "-", *more, cwd=root, given=given)
    assert (status, err) == (0, "tasks of moved, dev: 1 document created\n")
    assert '"id":"a"' in here("data", "export", "tasks", "--app", "moved", cwd=root)[1]
    assert here("backup", "-o", "b.zip", cwd=root)[0] == 0
    (root / "b.zip").unlink()


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "export?env=dev&collections=a", "app"),
        ("GET", "export?app=a&env=other&collections=a", "env"),
        ("GET", "export?app=a&env=dev", "collections"),
        ("POST", "import?app=a&env=dev", "collection"),
        ("POST", "import?app=a&env=dev&collection=a&taken=maybe", "taken"),
        ("POST", "reset", "env"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    jupyter: Jupyter, method: str, path: str, field: str
) -> None:
    with jupyter.client as client:
        answer = client.request(method, f"{TRANSFER}/{path}", json={})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_input")
    assert error["details"][0]["path"] == field
