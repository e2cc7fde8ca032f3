"""Which engine a kernel takes, and which it must not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aiwe_kernel.discover import find_engine, kernel_id, notebook_path


def write(folder: Path, pid: int, **more: object) -> None:
    info = {"pid": pid, "management_url": "http://127.0.0.1:1/", "token": "t", "root": "/r"} | more
    (folder / f"aiwe-{pid}.json").write_text(json.dumps(info))


def test_an_address_in_the_environment_comes_first(tmp_path: Path) -> None:
    write(tmp_path, os.getppid())
    environ = {
        "AIWE_URL": "http://x:1/aiwe/api",
        "AIWE_TOKEN": "s",
        "JPY_PARENT_PID": str(os.getppid()),
    }
    engine = find_engine(environ, str(tmp_path))
    assert engine is not None
    assert (engine.url, engine.token, engine.how) == ("http://x:1", "s", "AIWE_URL")


@pytest.mark.parametrize("text", ["secret\n", '{"token": "secret", "pid": 1}'])
def test_the_token_may_lie_in_a_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    engine = find_engine({"AIWE_URL": "http://x", "AIWE_TOKEN_FILE": str(path)}, str(tmp_path))
    assert engine is not None
    assert engine.token == "secret"
    assert "secret" not in repr(engine)


def test_the_server_that_started_the_kernel_is_next(tmp_path: Path) -> None:
    write(tmp_path, os.getppid())
    engine = find_engine({"JPY_PARENT_PID": str(os.getppid())}, str(tmp_path))
    assert engine is not None
    assert (engine.url, engine.token, engine.root) == ("http://127.0.0.1:1", "t", "/r")


def test_a_server_that_did_not_start_this_kernel_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, os.getppid())
    assert find_engine({"JPY_PARENT_PID": str(os.getpid())}, str(tmp_path)) is None
    assert find_engine({}, str(tmp_path)) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": PID}', '{"pid": 1, "management_url": "http://x"}']
)
def test_a_file_that_says_something_else_is_no_engine(tmp_path: Path, text: str) -> None:
    pid = os.getppid()
    (tmp_path / f"aiwe-{pid}.json").write_text(text.replace("PID", str(pid)))
    assert find_engine({"JPY_PARENT_PID": str(pid)}, str(tmp_path)) is None


def test_a_server_that_is_gone_is_no_engine(tmp_path: Path) -> None:
    gone = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(gone, 0)
    write(tmp_path, gone)
    assert find_engine({"JPY_PARENT_PID": str(gone)}, str(tmp_path)) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/run/kernel-0a1b-2c.json", "0a1b-2c"),
        ("/run/kernel-7.json", "7"),
        ("/tmp/tmpabc.json", None),
        ("", None),
    ],
)
def test_a_kernel_has_the_id_that_jupyter_gave_it(path: str, expected: str | None) -> None:
    assert kernel_id(path) == expected


@pytest.mark.parametrize(
    ("name", "root", "expected"),
    [
        ("/r/a/b.ipynb", "/r", "a/b.ipynb"),
        ("/elsewhere/b.ipynb", "/r", "/elsewhere/b.ipynb"),
        ("/r/b.ipynb", None, "/r/b.ipynb"),
        ("b.ipynb", "/r", "b.ipynb"),
        (None, "/r", None),
    ],
)
def test_the_notebook_is_named_relative_to_the_root(
    name: str | None, root: str | None, expected: str | None
) -> None:
    environ = {"JPY_SESSION_NAME": name} if name else {}
    assert notebook_path(environ, root) == expected
