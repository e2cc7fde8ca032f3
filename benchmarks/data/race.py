"""The same documents and the same questions for every contestant, in turns, in one run.

Only aiwe is asked through HTTP and a handler, with wrk on the same cores; the others are asked by
the process that would use them. Before a question counts, all must have given the same answer.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
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
DECLARED = "_declared"  # ends the name of a collection whose fields aiwe is told of

Medians: TypeAlias = dict[str, float]  # by who was asked


def run() -> list[report.Row]:
    """Creates first, while all are empty; then reads, queries and aggregates."""
    with ExitStack() as stack:
        aiwe, others, more = _contestants(stack)
        every = [*others, *more]
        rows = [
            *_creates(aiwe, every),
            *_load(aiwe, every, "small", SMALL),
            *_reads(aiwe, every, "small", SMALL),
            *_queries(aiwe, every, "small"),
            *_load(aiwe, others, "large", LARGE),
            *_reads(aiwe, others, "large", LARGE),
            *_aggregates(aiwe, others, "large"),
            *(report.at_most(f"{o.name}, failed", o.failed, 0, "requests") for o in (aiwe, *more)),
        ]
    if not postgres.is_installed():
        rows.append(report.Row("PostgreSQL", f"left out. {postgres.MISSING}"))
    return rows


def _contestants(stack: ExitStack) -> tuple[Aiwe, list[Contestant], list[Aiwe]]:
    """One aiwe with its own file, the others, and one that keeps its documents in PostgreSQL."""
    server = stack.enter_context(servers.aiwe(servers.APPS / "orders.js"))
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aiwe-bench-"))
    aiwe = stack.enter_context(closing(Aiwe(server.url)))
    more: list[Aiwe] = []
    others: list[Contestant] = [stack.enter_context(closing(SQLite(Path(folder))))]
    if postgres.is_installed():
        cluster = stack.enter_context(postgres.cluster(fsync=True))
        others.append(stack.enter_context(closing(PostgreSQL(cluster.url()))))
        url = stack.enter_context(cluster.database())
        kept = stack.enter_context(servers.aiwe(servers.APPS / "orders.js", "--data-url", url))
        more.append(stack.enter_context(closing(Aiwe(kept.url, "aiwe on PostgreSQL"))))
    return aiwe, others, more


def _creates(aiwe: Aiwe, others: list[Contestant]) -> list[report.Row]:
    asks = {one.name: partial(one.creates, SECONDS) for one in (aiwe, *others)}
    return _rates("durable creates", _in_turns(asks), 2_000)


def _reads(aiwe: Aiwe, others: list[Contestant], table: str, count: int) -> list[report.Row]:
    asks = {one.name: partial(one.reads, table, count, SECONDS) for one in (aiwe, *others)}
    return _rates(f"reads by id, of {count:,}", _in_turns(asks), 4_000)


def _rates(what: str, medians: Medians, target: float) -> list[report.Row]:
    """The rate of aiwe and what it ought to be, then the others'."""
    (name, rate), *rest = medians.items()
    own = report.at_least(f"{what}, {name}, {CONNECTIONS} handlers at once", rate, target, "/s")
    return [own, *(report.Row(f"{what}, {name}", f"{rate:,.0f} /s") for name, rate in rest)]


def _load(aiwe: Aiwe, others: list[Contestant], table: str, count: int) -> list[report.Row]:
    batches = list(orders.batches(count))
    asks = {one.name: partial(one.load, table, batches) for one in (aiwe, *others)}
    asks[f"{aiwe.name}, declared fields"] = partial(aiwe.load, table + DECLARED, batches)
    rows = []
    for name, load in asks.items():
        seconds = _timed(load)
        text = f"{seconds:,.1f} s, {count / seconds:,.0f} /s"
        rows.append(report.Row(f"load of {count:,} documents, {name}", text))
    return rows


def _queries(aiwe: Aiwe, others: list[Contestant], table: str) -> list[report.Row]:
    pages = orders.pages(QUERIES)
    finds = {one.name: partial(one.page, table) for one in (aiwe, *others)}
    finds[f"{aiwe.name}, declared fields"] = partial(aiwe.page, table + DECLARED)
    for page in pages:
        _agree({name: find(page) for name, find in finds.items()})
    asks = {
        name: partial(_median, [partial(find, p) for p in pages]) for name, find in finds.items()
    }
    what = f"filtered and sorted query over {SMALL:,}, {orders.LIMIT} found"
    return _times(what, _in_turns(asks))


def _aggregates(aiwe: Aiwe, others: list[Contestant], table: str) -> list[report.Row]:
    sums = {one.name: partial(one.totals, table) for one in (aiwe, *others)}
    sums[declared := f"{aiwe.name}, declared fields"] = partial(aiwe.totals, table + DECLARED)
    _agree({name: total() for name, total in sums.items()})
    medians = _in_turns({name: partial(_timed, total) for name, total in sums.items()})
    base = medians[others[0].name]
    return [
        *_times(f"aggregate over {LARGE:,}, by status", medians),
        report.at_least(
            "aggregate, SQLite : aiwe, declared fields", base / medians[declared], 10, "times"
        ),
        report.at_least("aggregate, SQLite : aiwe", base / medians[aiwe.name], 5, "times"),
    ]


def _times(what: str, medians: Medians) -> list[report.Row]:
    return [report.Row(f"{what}, {name}", f"{s * 1000:,.1f} ms") for name, s in medians.items()]


def _in_turns(asks: Mapping[str, Callable[[], float]]) -> Medians:
    """The median of each, over some rounds in which everybody has a turn."""
    seen: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            seen[name].append(ask())
    return {name: statistics.median(values) for name, values in seen.items()}


def _median(questions: list[Callable[[], object]]) -> float:
    return statistics.median(map(_timed, questions))


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _agree(answers: dict[str, Any]) -> None:
    first, *rest = answers.values()
    if any(answer != first for answer in rest):
        raise RuntimeError(f"not the same: {answers}")
