"""Hot deploy: a cell is run, and the new code answers."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import load, report, servers

RUNS, REDEPLOYS, CONNECTIONS = 100, 1000, 8


def run() -> list[report.Row]:
    """Run to first answer, alone and 1,000 times under constant load."""
    with servers.aiwe(servers.APPS / "hello.js", "--env", "dev") as server:
        management = Management(server)
        live = [_run_to_live(management, number) for number in range(RUNS)]
        with load.constantly(management.url("/value"), connections=CONNECTIONS) as seen:
            loaded = [_run_to_live(management, RUNS + number) for number in range(REDEPLOYS)]
    return [
        report.Row("run of a cell to first answer of its code, p50", f"{_at(live, 50):.1f} ms"),
        report.at_most("the same, p95", _at(live, 95), 100, "ms"),
        report.Row("the same under load, p50", f"{_at(loaded, 50):.1f} ms"),
        report.Row("the same under load, p95", f"{_at(loaded, 95):.1f} ms"),
        report.Row(f"requests during {REDEPLOYS} redeploys", f"{seen[0].requests:,}"),
        report.at_most("of them failed", seen[0].failed, 0, "requests"),
    ]


class Management:
    """The management API of a server, and the app that the cells make."""

    def __init__(self, server: servers.Server) -> None:
        assert server.data is not None
        info = json.loads(Path(server.data, "engine.json").read_text())
        self._token = info["token"]
        self._management = _connect(info["management_url"])
        self._apps = _connect(server.url)
        self._port = urlsplit(server.url).port
        self._host = ""

    def run_cell(self, source: str) -> None:
        """Runs one cell and takes its events, up to `done`."""
        body = {"session": "bench", "app": "hot", "cell": "value", "source": source}
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        self._management.request("POST", "/aiwe/api/cells/run", json.dumps(body), headers)
        events = [json.loads(line) for line in self._management.getresponse().read().splitlines()]
        if not events[-1].get("ok"):
            raise RuntimeError(events)
        deployment = next(e["deployment"] for e in events if e["type"] == "deployment")
        self._host = urlsplit(deployment["url"]).netloc

    def url(self, path: str) -> str:
        """Where the app serves `path`."""
        return f"http://{self._host}{path}"

    def get(self, path: str) -> Any:
        """The JSON that the app answers."""
        self._apps.request("GET", path, headers={"Host": self._host})
        return json.loads(self._apps.getresponse().read())


def _run_to_live(management: Management, number: int) -> float:
    source = f'app.get("/value", () => ({{ value: {number} }}));'
    began = time.perf_counter()
    management.run_cell(source)
    answer = management.get("/value")
    took = (time.perf_counter() - began) * 1000
    if answer != {"value": number}:
        raise RuntimeError(f"old code answered after run {number}: {answer}")
    return took


def _connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)


def _at(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]
