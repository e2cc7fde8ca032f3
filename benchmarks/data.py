"""A durable write and a read, through the whole stack: HTTP, isolate, store and back."""

from __future__ import annotations

import json
import urllib.request

from benchmarks import load, report, servers


def run() -> list[report.Row]:
    """Alone, which shows the latency, and at 32 connections, which shows what is gathered."""
    rows = []
    with servers.aiwe(servers.APPS / "data.js") as server:
        script = servers.APPS / "post.lua"
        read_url = f"{server.url}/notes/{_make(server.url)}"
        for connections in (1, 32):
            at = f"{connections} connection{'s' * (connections > 1)}"
            write = load.measure(f"{server.url}/notes", connections=connections, script=script)
            read = load.measure(read_url, connections=connections)
            for what, one in (("durable create", write), ("get by id", read)):
                text = f"{one.rate:,.0f} req/s, p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms"
                rows.append(report.Row(f"{what}, {at}", text))
                if one.failed:
                    rows.append(report.at_most(f"{what}, {at}, failed", one.failed, 0, "requests"))
    return rows


def _make(url: str) -> str:
    body = json.dumps({"title": "a note", "words": 12}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/notes", body, headers)) as answer:
        return str(json.load(answer)["id"])
