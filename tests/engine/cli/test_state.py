"""The data folder: one engine at a time, and where it is reached."""

import json
import os
import stat
import subprocess
import sys

import pytest

from aiwe_engine.errors import EngineError
from aiwe_engine.state import DataFolder

URLS = {"management_url": "http://127.0.0.1:1/", "apps_url": "http://127.0.0.1:2/", "token": "t0p"}
HOLD = """
import sys, time
from pathlib import Path
from aiwe_engine.state import DataFolder
folder = DataFolder(Path(sys.argv[1]))
folder.lock()
folder.write_engine_json(management_url="", apps_url="", token="old", root=Path("."))
print("locked", flush=True)
time.sleep(60)
"""


def test_a_second_engine_is_told_who_holds_the_folder(tmp_path):
    with DataFolder(tmp_path / "data"), pytest.raises(EngineError) as caught:
        DataFolder(tmp_path / "data").lock()
    assert caught.value.code == "data_in_use"
    assert caught.value.details["pid"] == os.getpid()
    assert str(os.getpid()) in caught.value.message
    assert "--data" in caught.value.hint


def test_a_released_folder_can_be_taken_again(tmp_path):
    for _ in range(2):
        with DataFolder(tmp_path) as folder:
            folder.write_engine_json(**URLS, root=tmp_path)
        assert not (tmp_path / "engine.json").exists()


def test_engine_json_is_for_its_owner_and_says_where_the_engine_is(tmp_path):
    with DataFolder(tmp_path / "data") as folder:
        path = folder.write_engine_json(**URLS, root=tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert json.loads(path.read_text()) == {"pid": os.getpid(), "root": str(tmp_path), **URLS}
        assert sorted(p.name for p in path.parent.iterdir()) == ["engine.json", "engine.lock"]


def test_the_folder_of_a_killed_engine_is_free(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(EngineError) as caught:
            DataFolder(tmp_path).lock()
        assert caught.value.details["pid"] == process.pid
        process.kill()
    with DataFolder(tmp_path) as folder:
        path = folder.write_engine_json(**URLS, root=tmp_path)
        assert json.loads(path.read_text())["token"] == "t0p"


def test_what_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError) as caught:
        DataFolder(tmp_path / "file" / "data").lock()
    assert caught.value.code == "data_unusable"
