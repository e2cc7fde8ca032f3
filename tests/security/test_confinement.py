"""A worker that an attacker has taken over whole: what its process may still ask of the kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiwe_engine.confinement import seccomp
from aiwe_engine.confinement.calls import CALLS, NEWEST, UNKNOWN, conditional
from aiwe_engine.engine import Engine
from aiwe_engine.errors import EngineError
from aiwe_engine.runtime import process as workers
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request
from tests.engine.cli.process import ENVIRONMENT, serving

linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
WORKS = {
    "thread": "allowed",
    "the socket to the host": "allowed",
    "an isolate from before": "2",
    "a new isolate": "4",
    "a hot loop": "59999997",
    "allocations": "1000000",
    "a large buffer": "200000000",
}
MISSING = {"io_uring", "a call of a kernel to come"}  # answered as by a kernel that lacks them


@linux
def test_a_confined_process_reaches_nothing_and_v8_goes_on() -> None:
    argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("confined.py"))]
    done = subprocess.run(
        [*argv, json.dumps(sys.path)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    if answer["report"]["missing"]:
        pytest.skip(f"this kernel lacks {answer['report']['missing']}")
    told = answer["told"]
    assert {name: told.pop(name) for name in WORKS} == WORKS
    assert told == {name: "ENOSYS" if name in MISSING else "EPERM" for name in told}
    assert len(told) > 35
    assert not Path("/tmp/escaped").exists()


def binds(pid: int) -> set[str]:
    """What the kernel says of the threads of a process: `NoNewPrivs Seccomp`, each pair once."""
    return {
        " ".join(
            line.split()[1]
            for line in (task / "status").read_text().splitlines()
            if line.startswith(("NoNewPrivs:", "Seccomp:"))
        )
        for task in Path(f"/proc/{pid}/task").iterdir()
    }


def engine(folder: Path, **changes: Any) -> Engine:
    return Engine(Settings(**changes), root=folder, data=folder / ".aiwe")


async def serve(one: Engine, folder: Path) -> int:
    """The id of the worker of an app that has answered."""
    (folder / "app.js").write_text('app.get("/", () => new URL("http://A/b").href);')
    await one.load(folder / "app.js")
    answer = await one.handle("app", Request("GET", "/", headers=[("host", "x")], id="1"))
    assert answer.body == b"http://a/b"
    workers: dict[str, int] = one.status()["workers"]  # type: ignore[assignment]
    return workers["app/dev"]


@linux
@pytest.mark.binds("confinement")
async def test_every_thread_of_every_process_with_v8_is_confined(tmp_path: Path) -> None:
    async with engine(tmp_path) as one:
        assert binds(await serve(one, tmp_path)) == {"1 2"}
        assert one.status()["confinement"]["missing"] == []  # type: ignore[index,call-overload]
        assert one._compiler.process.pid is not None
        assert binds(one._compiler.process.pid) == {"1 2"}
        question = {"session": "s", "cell": "c", "source": "con", "position": 3, "others": []}
        assert (await one.language("complete", question))["matches"]
        assert binds(one._language.process.pid) == {"1 2"}


@linux
async def test_a_worker_holds_no_way_round_its_filter(tmp_path: Path) -> None:
    async with engine(tmp_path) as one:
        folder = Path(f"/proc/{await serve(one, tmp_path)}/fd")
        held = [str(link.readlink()) for link in folder.iterdir()]
        assert held
        assert [name for name in held if "io_uring" in name] == []


@linux
@pytest.mark.binds("confinement")
async def test_confinement_off_leaves_workers_as_they_are(tmp_path: Path) -> None:
    async with engine(tmp_path, confinement="off") as one:
        assert binds(await serve(one, tmp_path)) == {"0 0"}
        assert one.status()["confinement"] == {}


@pytest.fixture
def a_kernel_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that start on a machine that has no list of system calls."""
    poor = "from aiwe_engine.confinement import seccomp; seccomp.MACHINES.clear();"
    boot = workers._BOOT.replace("from aiwe_engine.runtime", poor + "from aiwe_engine.runtime")
    assert poor in boot
    monkeypatch.setattr(workers, "_BOOT", boot)


@linux
@pytest.mark.binds("confinement")
async def test_what_the_kernel_lacks_is_told_in_the_log_and_the_status(
    tmp_path: Path, a_kernel_without: None
) -> None:
    async with engine(tmp_path) as one:
        await serve(one, tmp_path)
        status: Any = one.status()
        assert len(status["confinement"]["missing"]) == 1
        lines = [line.text for _, line in one.logs(None) if "not confined" in line.text]
        assert len(lines) == 1
        assert "seccomp: there is no list of system calls" in lines[0]


POOR = """
from aiwe_engine.runtime import process
poor = "from aiwe_engine.confinement import seccomp; seccomp.MACHINES.clear();"
process._BOOT = process._BOOT.replace("from aiwe_engine.runtime", poor + "from aiwe_engine.runtime")
"""


@linux
@pytest.mark.binds("confinement")
@pytest.mark.parametrize("poor", [True, False])
def test_aiwe_serve_says_at_its_start_what_the_kernel_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, poor: bool
) -> None:
    if poor:
        (tmp_path / "sitecustomize.py").write_text(POOR)
    paths = f"{tmp_path}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", paths)
    (tmp_path / "app.js").write_text('app.get("/", () => 1);')
    with serving("app.js", cwd=tmp_path) as server:
        status, _, errors = server.end()
    assert status == 0
    said = [line for line in errors.splitlines() if "not confined" in line]
    if not poor:
        assert said == []
        return
    (line,) = said
    assert line[9:].startswith("aiwe warn Workers are not confined as they could be")
    assert "(runtime.confinement): seccomp: there is no list of system calls" in line


@linux
@pytest.mark.binds("confinement")
async def test_where_confinement_is_required_nothing_starts_without(
    tmp_path: Path, a_kernel_without: None
) -> None:
    with pytest.raises(EngineError) as raised:
        await engine(tmp_path, confinement="require").__aenter__()
    assert raised.value.code == "confinement_missing"
    assert raised.value.message.startswith("Workers cannot be confined as runtime.confinement")
    assert raised.value.hint == (
        "Run on Linux 5.13 or newer with Landlock and seccomp, or set runtime.confinement to auto."
    )


@linux
@pytest.mark.binds("confinement")
async def test_where_confinement_is_required_and_there_it_serves(tmp_path: Path) -> None:
    async with engine(tmp_path, confinement="require", spare_workers=0) as one:
        assert binds(await serve(one, tmp_path)) == {"1 2"}


@pytest.mark.parametrize("column", [0, 1])
def test_the_tables_name_each_call_once(column: int) -> None:
    pairs = [*CALLS.values(), *UNKNOWN.values(), *(pair for pair, _ in conditional(7).values())]
    numbers = [pair[column] for pair in pairs if pair[column] is not None]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) <= NEWEST


HEADERS = {  # of the kernel, column of the tables → where they are and how they write a number
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("column", HEADERS)
def test_the_numbers_are_those_of_the_kernels_headers(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip(f"there is no {HEADERS[column]}")
    written = re.findall(
        r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[column].read_text(encoding="utf-8")
    )
    known = {name: int(number) for name, number in written}
    tables = {**CALLS, **UNKNOWN, **{name: pair for name, (pair, _) in conditional(7).items()}}
    named = {name: pair[column] for name, pair in tables.items() if pair[column] is not None}
    assert len(named) > 35
    assert named == {name: known.get(name) for name in named}
    assert known["seccomp"] == list(seccomp.MACHINES.values())[column][1]


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_a_filter_ends_by_refusing_and_fits_the_kernel(machine: str) -> None:
    words = seccomp.program(machine, 7)
    assert len(words) % 8 == 0
    assert len(words) // 8 < 4096
    assert words[-8:] == seccomp._answer(seccomp.ERRNO | 1)
