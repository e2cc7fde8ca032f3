"""The same documents and the same questions for every contestant, in turns, in one run.

Only aiwe is asked through HTTP and a handler, with wrk on the same cores; the others are asked by
the process that would use them. Before a question counts, all must have given the same answer.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import report, servers
from benchmarks.data import orders
from benchmarks.data.aiwe import Aiwe
from benchmarks.data.contestant import CONNECTIONS, Contestant
from benchmarks.data.postgresql import PostgreSQL
from benchmarks.data.sqlite import SQLite
from tests import postgres

ROUNDS = 3
SECONDS = 4
SMALL, LARGE = 100_000, 1_000_000
QUERIES = 10

Medians: TypeAlias = dict[str, float]  # by contestant


def run() -> list[report.Row]:
    """Creates first, while all are empty; then reads, queries and aggregates."""
    with ExitStack() as stack:
        aiwe, *others = _contestants(stack)
        rows = [
            *_creates(aiwe, others),
            *_load([aiwe, *others], "small", SMALL),
            *_reads(aiwe, others, "small", SMALL),
            *_queries([aiwe, *others], "small"),
            *_load([aiwe, *others], "large", LARGE),
            *_reads(aiwe, others, "large", LARGE),
            report.at_most("aiwe, failed requests", aiwe.failed, 0, "requests"),
        ]
    if not postgres.is_installed():
        rows.append(report.Row("PostgreSQL", f"left out. {postgres.MISSING}"))
    return rows


def _contestants(stack: ExitStack) -> tuple[Aiwe, *tuple[Contestant, ...]]:
    server = stack.enter_context(servers.aiwe(servers.APPS / "orders.js"))
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aiwe-bench-"))
    aiwe = stack.enter_context(closing(Aiwe(server.url)))
    others: list[Contestant] = [stack.enter_context(closing(SQLite(Path(folder))))]
    if postgres.is_installed():
        cluster = stack.enter_context(postgres.cluster(fsync=True))
        others.append(stack.enter_context(closing(PostgreSQL(cluster.url()))))
    return aiwe, *others


def _creates(aiwe: Aiwe, others: list[Contestant]) -> list[report.Row]:
    medians = _in_turns([aiwe, *others], lambda one: one.creates(SECONDS))
    return _rates("durable creates", medians, aiwe, 2_000)


def _reads(aiwe: Aiwe, others: list[Contestant], table: str, count: int) -> list[report.Row]:
    medians = _in_turns([aiwe, *others], lambda one: one.reads(table, count, SECONDS))
    return _rates(f"reads by id, of {count:,}", medians, aiwe, 4_000)


def _rates(what: str, medians: Medians, aiwe: Aiwe, target: float) -> list[report.Row]:
    own = f"{what}, {aiwe.name}, {CONNECTIONS} handlers at once"
    rows = [report.at_least(own, medians[aiwe.name], target, "/s")]
    rest = [(name, rate) for name, rate in medians.items() if name != aiwe.name]
    return rows + [report.Row(f"{what}, {name}", f"{rate:,.0f} /s") for name, rate in rest]


def _load(contestants: list[Contestant], table: str, count: int) -> list[report.Row]:
    batches = list(orders.batches(count))
    rows = []
    for one in contestants:
        seconds = _timed(partial(one.load, table, batches))
        text = f"{seconds:,.1f} s, {count / seconds:,.0f} /s"
        rows.append(report.Row(f"load of {count:,} documents, {one.name}", text))
    return rows


def _queries(contestants: list[Contestant], table: str) -> list[report.Row]:
    pages = orders.pages(QUERIES)
    for page in pages:
        _agree({one.name: one.page(table, page) for one in contestants})

    def ask(one: Contestant) -> float:
        return statistics.median(_timed(partial(one.page, table, page)) for page in pages)

    medians = _in_turns(contestants, ask)
    what = f"filtered and sorted query over {SMALL:,}, {orders.LIMIT} found"
    return [report.Row(f"{what}, {n}", f"{s * 1000:,.1f} ms") for n, s in medians.items()]


def _in_turns(contestants: list[Contestant], measure: Callable[[Contestant], float]) -> Medians:
    """The median of each, over some rounds in which everybody has a turn."""
    seen: dict[str, list[float]] = {one.name: [] for one in contestants}
    for _ in range(ROUNDS):
        for one in contestants:
            seen[one.name].append(measure(one))
    return {name: statistics.median(values) for name, values in seen.items()}


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _agree(answers: dict[str, Any]) -> None:
    first, *rest = answers.values()
    if any(answer != first for answer in rest):
        raise RuntimeError(f"not the same: {answers}")
