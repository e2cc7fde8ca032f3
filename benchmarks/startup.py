"""From the start of `aiwe serve` to the line that says it is ready."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time

from benchmarks import report, servers

RUNS = 5


def run() -> list[report.Row]:
    """The first start of an app compiles it; later ones find it compiled."""
    first, later = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="aiwe-bench-") as data:
            first.append(_start(data))
            later.append(_start(data))
    return [
        report.at_most("first start, median", statistics.median(first), 1.5, "s"),
        report.at_most("later starts, median", statistics.median(later), 1.5, "s"),
        report.at_most("worst of all", max(first + later), 1.5, "s"),
    ]


def _start(data: str) -> float:
    app = servers.APPS / "hello.js"
    command: servers.Command = [servers.BIN / "aiwe", "serve", app, "--port", "0", "--data", data]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = any("aiwe ready on" in line for line in process.stdout)
        took = time.perf_counter() - began
        process.terminate()
        process.wait(15)
    if not ready:
        raise RuntimeError("aiwe serve ended before it was ready")
    return took
