"""The same JSON handler here, on Express and on the Kernel Gateway, in interleaved rounds."""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from benchmarks import load, report, servers

ROUNDS = 3


def run() -> list[report.Row]:
    """Median of some rounds; each server rests while another is loaded."""
    with ExitStack() as stack:
        targets = {
            "aiwe": stack.enter_context(servers.aiwe(servers.APPS / "hello.js")),
            **{
                f"Express 5 on node {version}": stack.enter_context(servers.express(node))
                for version, node in servers.nodes().items()
            },
            "Kernel Gateway": stack.enter_context(servers.kernel_gateway()),
        }
        seen: dict[str, list[load.Load]] = {name: [] for name in targets}
        for server in targets.values():
            load.measure(f"{server.url}/hello", seconds=1)
        for _ in range(ROUNDS):
            for name, server in targets.items():
                seen[name].append(load.measure(f"{server.url}/hello"))
    rate = {name: statistics.median(one.rate for one in loads) for name, loads in seen.items()}
    p99 = {name: statistics.median(one.p99 for one in loads) for name, loads in seen.items()}
    peers = [name for name in targets if name.startswith("Express")]
    failed = sum(one.failed for one in seen["aiwe"])
    return [
        *(report.Row(n, f"{rate[n]:,.0f} req/s, p99 {p99[n]:.1f} ms") for n in targets),
        *(_compared(name, rate["aiwe"] / rate[name], peers) for name in targets if name != "aiwe"),
        report.at_most("aiwe, p99 at 32 connections", p99["aiwe"], 8, "ms"),
        report.at_most("aiwe, failed requests", failed, 0, "requests"),
    ]


def _compared(name: str, ratio: float, peers: list[str]) -> report.Row:
    """Targets bind for the machine's own node; Express on another is there to be known."""
    what = f"aiwe : {name}"
    if name == "Kernel Gateway":
        return report.at_least(what, ratio, 150, "times")
    if name == peers[0]:
        return report.at_least(what, ratio, 1.8, "times")
    return report.Row(what, f"{ratio:,.1f} times")
