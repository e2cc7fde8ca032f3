"""What the confinement of workers costs: their start, and requests, with and without it in one run."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import ExitStack

from aiwe_engine.runtime.process import WorkerProcess
from aiwe_engine.settings import Settings
from benchmarks import load, report, servers

MODES = ("off", "auto")
ROUNDS, STARTS = 5, 20


def run() -> list[report.Row]:
    """Medians of rounds that take turns, and what `auto` is of `off`."""
    starts = asyncio.run(_starts())
    rates = _rates()
    return [
        *(report.Row(f"start of a worker, {mode}", f"{starts[mode]:.0f} ms") for mode in MODES),
        report.at_most("start, auto : off", starts["auto"] / starts["off"], 1.25, "times"),
        *(report.Row(f"requests, {mode}", f"{rates[mode]:,.0f} req/s") for mode in MODES),
        report.at_least("requests, auto : off", rates["auto"] / rates["off"], 0.95, "times"),
    ]


async def _starts() -> dict[str, float]:
    taken: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(STARTS):
        for mode in MODES:
            process = WorkerProcess(Settings(confinement=mode))
            began = time.perf_counter()
            await process.start()
            taken[mode].append((time.perf_counter() - began) * 1000)
            process.kill()
    return {mode: statistics.median(times) for mode, times in taken.items()}


def _rates() -> dict[str, float]:
    with ExitStack() as stack:
        running = {
            mode: stack.enter_context(
                servers.aiwe(servers.APPS / "hello.js", "--confinement", mode)
            )
            for mode in MODES
        }
        seen: dict[str, list[float]] = {mode: [] for mode in MODES}
        for _ in range(ROUNDS):
            for mode, server in running.items():
                seen[mode].append(load.measure(f"{server.url}/hello", seconds=2).rate)
    return {mode: statistics.median(rates) for mode, rates in seen.items()}
