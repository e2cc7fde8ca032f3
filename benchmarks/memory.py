"""What a server at rest holds: the proportional set size of the process and all its children."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil

from benchmarks import load, report, servers


def run() -> list[report.Row]:
    """After some requests, so that a worker is there, and a little rest."""
    with servers.aiwe(servers.APPS / "hello.js") as server:
        load.measure(f"{server.url}/hello", seconds=2)
        time.sleep(2)
        parts = {_name(process): _pss(process.pid) for process in _family(server.pid)}
    rows = [report.Row(name, f"{size:,.0f} MB") for name, size in parts.items()]
    return [*rows, report.at_most("together, PSS", sum(parts.values()), 200, "MB")]


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
