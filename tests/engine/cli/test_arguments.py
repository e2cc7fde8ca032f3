"""The command line without an engine: arguments, help, and how errors are told."""

import json
import os
import subprocess
import sys

import pytest

from aiwe_engine import __version__
from aiwe_engine.cli import main
from aiwe_engine.cli.lab import lab_command
from aiwe_engine.cli.main import parser
from aiwe_engine.cli.report import as_text, report
from aiwe_engine.errors import ProgramError
from aiwe_engine.settings import ROWS
from aiwe_engine.types import Where
from tests.engine.configuration.samples import another

HEAVY = (
    "duckdb",
    "uvicorn",
    "httptools",
    "orjson",
    "asyncio",
    "py_mini_racer",
    "aiwe_engine.engine",
)


def test_version_is_told(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"aiwe {__version__}\n"


def test_help_loads_nothing_that_it_does_not_need():
    code = (
        "import sys\nfrom aiwe_engine.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.full)
def test_every_setting_is_an_option_of_serve(row):
    value, text = another(row)
    assert getattr(parser().parse_args(["serve", row.option, text]), row.name) == value
    assert not hasattr(parser().parse_args(["serve"]), row.name)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["serve", "--port", "70000"],
        ["serve", "--port", "x"],
        ["serve", "--port", "-1"],
        ["serve", "--management-port", "65536"],
        ["serve", "--env", "test"],
        ["serve", "--dead", "5"],
        ["serve", "--body-limit", "much"],
        ["serve", "--deadline", "0"],
        ["serve", "--isolation", "none"],
        ["serve", "--config"],
        ["serve", "--cors-credentials", "maybe"],
        ["check"],
        ["routes"],
    ],
)
def test_wrong_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: aiwe" in capsys.readouterr().err


ERROR = ProgramError(
    "totl is not defined",
    code="handler_failed",
    hint="Did you mean total?",
    where=Where("shop.ipynb", "c1", 3, 7),
)
ERROR.excerpt = "3 | totl += 1\n    ^"


def test_an_error_is_told_with_its_place_the_source_and_what_to_do():
    assert as_text(ERROR) == (
        "error: totl is not defined (handler_failed)\n"
        "  at shop.ipynb, cell c1, line 3, column 7\n"
        "\n  3 | totl += 1\n      ^\n\n"
        "hint: Did you mean total?\n"
    )


def test_an_error_in_json_has_the_one_shape(capsys):
    report(ERROR, json=True)
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "code": "handler_failed",
            "message": "totl is not defined",
            "hint": "Did you mean total?",
            "where": {"file": "shop.ipynb", "cell": "c1", "line": 3, "column": 7},
            "excerpt": "3 | totl += 1\n    ^",
        }
    }


def test_lab_opens_the_welcome_notebook_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"--ServerApp.root_dir={tmp_path}" in lab_command(None, [])
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_hello.ipynb").write_text("{}")
    command = lab_command(None, ["--port", "1"])
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/01_hello.ipynb" in command
    assert "--ServerApp.jpserver_extensions=aiwe_server_extension=True" in command
    assert command[-2:] == ["--port", "1"]


def test_lab_opens_a_folder_or_a_notebook_elsewhere(tmp_path):
    notebook = tmp_path / "a b.ipynb"
    notebook.write_text("{}")
    assert f"--ServerApp.root_dir={tmp_path}" in lab_command(tmp_path, [])
    command = lab_command(notebook, [])
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/a%20b.ipynb" in command


def test_lab_refuses_what_is_not_there(capsys):
    assert main(["lab", "/no/such/place"]) == 1
    assert "path_not_found" in capsys.readouterr().err
