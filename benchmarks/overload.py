"""Ten times the requests that an app may have waiting: what becomes of them, and of another app.

`wrk` keeps 2,000 connections busy with an app that lets 200 wait; another app of the same server is
asked one request after the other, before and meanwhile.
"""

from __future__ import annotations

import http.client
import re
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import load, report, servers

QUEUE, CONNECTIONS = 200, 2000
ASKED = 300


def run() -> list[report.Row]:
    """Latency of the other app at rest and under the overload, and the memory of all processes."""
    with tempfile.TemporaryDirectory(prefix="aiwe-bench-") as folder:
        paths = [Path(folder, name) for name in ("slow.js", "hello.js")]
        for path in paths:
            path.write_text((servers.APPS / path.name).read_text(encoding="utf-8"))
        option = ("--runtime-queue", str(QUEUE))
        with servers.aiwe(paths[0], str(paths[1]), *option) as server:
            port = urlsplit(server.url).port
            assert port is not None
            load.measure(f"{_of('slow', port)}/slow", seconds=2, connections=QUEUE // 2)
            calm, before = _latency(port), _memory(server.pid)
            with load.constantly(f"{_of('slow', port)}/slow", connections=QUEUE // 2) as half:
                busy = _latency(port)
            with load.constantly(f"{_of('slow', port)}/slow", connections=CONNECTIONS) as seen:
                time.sleep(1)
                over, after = _latency(port), _memory(server.pid)
    answered = (seen[0].requests - seen[0].failed) / seen[0].requests * seen[0].rate
    return [
        report.Row(f"answered with {QUEUE // 2} at a time", f"{half[0].rate:,.0f} req/s"),
        report.Row(f"answered with {CONNECTIONS} at a time", f"{answered:,.0f} req/s"),
        report.Row("refused of them", f"{seen[0].failed:,} of {seen[0].requests:,}"),
        report.Row("another app, p50, at rest", f"{calm:.1f} ms"),
        report.Row(f"another app, p50, with {QUEUE // 2} at a time", f"{busy:.1f} ms"),
        report.Row(f"another app, p50, with {CONNECTIONS} at a time", f"{over:.1f} ms"),
        report.Row("memory before and in the overload", f"{before:,.0f} MB, {after:,.0f} MB"),
    ]


def _of(app: str, port: int) -> str:
    return f"http://{app}.localhost:{port}"


def _latency(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    times = []
    for _ in range(ASKED):
        began = time.perf_counter()
        connection.request("GET", "/hello", headers={"Host": f"hello.localhost:{port}"})
        assert connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return statistics.median(times)


def _memory(pid: int) -> float:
    """Resident memory of the process and its children, in MB."""
    found = 0
    for one in [pid, *_children(pid)]:
        status = Path(f"/proc/{one}/status").read_text(encoding="ascii")
        size = re.search(r"VmRSS:\s+(\d+)", status)
        found += int(size[1]) if size else 0
    return found / 1024


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in listed.split()]
