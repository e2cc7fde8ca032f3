"""Load from wrk: one thread, so that on two cores the server has the other one."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 5
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw. Times are milliseconds; `failed` counts other statuses and broken sockets."""

    rate: float
    p50: float
    p99: float
    requests: int
    failed: int


def measure(
    url: str,
    *,
    seconds: int | None = None,
    connections: int = 32,
    script: Path | None = None,
    argument: str | None = None,
) -> Load:
    """Loads `url` for some seconds; `argument` is what the script's `init` gets."""
    command = _command(url, seconds or SECONDS, connections, script)
    if argument is not None:
        command += ["--", argument]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return read(done.stdout)


@contextmanager
def constantly(url: str, *, connections: int) -> Iterator[list[Load]]:
    """Loads `url` while the block runs; afterwards the list holds what was seen."""
    seen: list[Load] = []
    command = _command(url, 3600, connections, None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield seen
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
            seen.append(read(output))


def _command(url: str, seconds: int, connections: int, script: Path | None) -> list[str]:
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: apt-get install wrk")
    parts = urlsplit(url)
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    if script:
        options += ["-s", str(script)]
    host = f"Host: {parts.netloc}"
    return ["wrk", *options, "-H", host, parts._replace(netloc=f"127.0.0.1:{parts.port}").geturl()]


def read(output: str) -> Load:
    """The numbers out of wrk's report."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    total = re.search(r"(\d+) requests in", output)
    if rate is None or total is None:
        raise RuntimeError(f"wrk said:\n{output}")
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    failed = sum(map(int, sockets.groups())) if sockets else 0
    failed += int(statuses[1]) if statuses else 0
    return Load(float(rate[1]), _at(output, 50), _at(output, 99), int(total[1]), failed)


def _at(output: str, percentile: int) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s|m)\b", output)
    return float(found[1]) * MILLISECONDS[found[2]] if found else float("nan")
