"""Twenty people who sign in at once: what others notice of it, and how long it takes them.

A password costs 25 ms of CPU each time, on purpose. Others must lose no more than a tenth; and those who sign
in must come through though both cores are busy with something else.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks import load, report, servers

PEOPLE = 20
ROUNDS = 5
WINDOW = 4  # seconds
PASSWORD = "correct horse battery"


def run() -> list[report.Row]:
    """Others first, beside twenty logins and without; then the logins beside busy processes."""
    with servers.aiwe(servers.APPS / "people.js") as server:
        asyncio.run(_at_once(server, "/register"))
        asyncio.run(_at_once(server, "/login"))  # threads and caches are there
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(load.measure(f"{server.url}/hello", seconds=WINDOW).rate)
            beside.append(_beside(server))
        idle = asyncio.run(_at_once(server, "/login"))
        with _busy(os.cpu_count() or 1):
            busy = asyncio.run(_at_once(server, "/login"))
    ratio = statistics.median(two / one for one, two in zip(alone, beside, strict=True))
    return [
        report.Row("others alone", f"{statistics.median(alone):,.0f} req/s"),
        report.Row(f"others, {PEOPLE} logins at once", f"{statistics.median(beside):,.0f} req/s"),
        report.at_least("what is left to them", 100 * ratio, 90, "%"),
        report.Row(f"{PEOPLE} logins at once, nothing else", f"{idle:,.2f} s"),
        report.at_most(f"{PEOPLE} logins at once, both cores busy", busy, 10, "s"),
    ]


def _beside(server: servers.Server) -> float:
    """The rate of others in a window in which twenty people sign in."""

    async def both() -> float:
        others = asyncio.to_thread(load.measure, f"{server.url}/hello", seconds=WINDOW)
        seen, _ = await asyncio.gather(others, _at_once(server, "/login"))
        return seen.rate

    return asyncio.run(both())


async def _at_once(server: servers.Server, path: str) -> float:
    """Seconds until twenty people have their answers.

    Raises:
        RuntimeError: somebody was refused.
    """
    limits = httpx.Limits(max_connections=PEOPLE)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60) as http:
        began = time.perf_counter()
        bodies = [{"username": f"user-{at}", "password": PASSWORD} for at in range(PEOPLE)]
        answers = await asyncio.gather(*(http.post(path, json=body) for body in bodies))
        took = time.perf_counter() - began
    refused = [answer.text for answer in answers if answer.is_error]
    if refused:
        raise RuntimeError(f"{len(refused)} of {PEOPLE} were refused: {refused[0]}")
    return took


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keeps cores busy with processes of usual priority."""
    processes = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _spin() -> None:
    while True:
        sum(range(10_000))
