"""What a server at rest holds: the proportional set size of the process and all its children."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil

from benchmarks import load, report, servers


def run() -> list[report.Row]:
    """After some requests, so that all that an app needs is there, and a little rest."""
    with servers.aiwe(servers.APPS / "hello.js") as server:
        load.measure(f"{server.url}/hello", seconds=2)
        plain = _at_rest(server)
    with servers.aiwe(servers.APPS / "data.js") as server:
        load.measure(f"{server.url}/notes", seconds=2, script=servers.APPS / "post.lua")
        data = _at_rest(server)
    rows = [report.Row(name, f"{size:,.0f} MB") for name, size in plain.items()]
    return [
        *rows,
        report.at_most("together, PSS", sum(plain.values()), 200, "MB"),
        report.Row("with an app that stores data", f"{sum(data.values()):,.0f} MB"),
    ]


def _at_rest(server: servers.Server) -> dict[str, float]:
    time.sleep(2)
    return {_name(process): _pss(process.pid) for process in _family(server.pid)}


def _family(pid: int) -> list[psutil.Process]:
    host = psutil.Process(pid)
    return [host, *host.children(recursive=True)]


def _name(process: psutil.Process) -> str:
    words = [Path(word).name for word in process.cmdline()[:4]]
    return f"{' '.join(words)} ({process.pid})"


def _pss(pid: int) -> float:
    found = re.search(
        r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE
    )
    return int(found[1]) / 1024 if found else 0.0
