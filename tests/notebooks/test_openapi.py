"""What a tutorial says of its API at /openapi.json holds: schemathesis finds nothing to complain of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.engine.cli.process import serving
from tests.notebooks.tutorial import NOTEBOOKS

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
OPTIONS = ["--checks", "all", "--no-color", "--seed", "1", "--max-examples", "30"]

#: No schema says which passwords are too easily guessed, so some that are valid by theirs are refused. Nobody has
#: stored the secrets of the other one, which its calls need.
LENIENT = {
    "09_sign_up.ipynb": ["--exclude-checks", "positive_data_acceptance"],
    "11_secrets.ipynb": ["--exclude-checks", "not_a_server_error"],
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_does_what_its_document_says(name: str, tmp_path: Path) -> None:
    with serving(NOTEBOOKS / name, cwd=tmp_path) as server:
        document = json.loads(server.ask("/openapi.json")[2])
        validate(document)
        assert document["paths"]
        address = f"http://127.0.0.1:{server.port}/openapi.json"
        tester = Path(sys.executable).with_name("schemathesis")
        done = subprocess.run(
            [tester, "run", address, *OPTIONS, *LENIENT.get(name, ())],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_is_meant_to_fail_is_no_part_of_the_document(name: str, tmp_path: Path) -> None:
    with serving(NOTEBOOKS / name, cwd=tmp_path) as server:
        paths = json.loads(server.ask("/openapi.json")[2])["paths"]
        assert {"/broken", "/runaway"} & set(paths) == set()
