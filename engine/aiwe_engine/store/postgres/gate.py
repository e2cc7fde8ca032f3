"""Which transactions must be serialisable, so that those of programs are.

PostgreSQL keeps serialisable transactions apart from each other, not from others. So while one of a
program is open, in whatever process, every group of writes is one too. Else groups are plain
transactions, which lock what they read and are never told to begin again.

The two kinds exclude each other by locks of an empty table: many transactions of programs may hold
theirs at a time, and many plain groups theirs, but never one of each. A transaction waits for the groups
that are under way; a group does not wait, it becomes serialisable.

Transactions that keep losing against each other take turns, by the lock of another table.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from psycopg import errors

from aiwe_engine.store.postgres.statements import Table

#: Begins a transaction of a program. What it sees is what holds when its lock is granted, or later.
ENTER = "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE aiwe.gate IN SHARE MODE"
#: Goes on with ENTER for one that has lost before.
WAIT = "; LOCK TABLE aiwe.turn IN EXCLUSIVE MODE"
_PLAIN = ["BEGIN", "LOCK TABLE aiwe.gate IN ROW EXCLUSIVE MODE NOWAIT"]
_CLOSED = 0.2  # seconds for which a closed gate is not tried again
_PATIENCE = 3  # attempts of a group before it keeps all others from what it writes


class Gate:
    """How the groups of one process begin."""

    def __init__(self) -> None:
        self._open_at = 0.0

    def begin(self, tables: Iterable[Table], attempt: int) -> list[str]:
        """The statements that begin a group.

        Args:
            tables: what it reaches. A serialisable transaction locks them before it sees anything, so
                that it sees what was declared of them last.
            attempt: how often it was tried, from 1.
        """
        if time.monotonic() >= self._open_at:
            return _PLAIN
        return alone(tables) if attempt > _PATIENCE else _serialisable(tables, "ROW EXCLUSIVE")

    def refused(self, error: BaseException) -> bool:
        """Whether a group failed only because a transaction is open: the next ones begin otherwise."""
        if time.monotonic() < self._open_at or not isinstance(error, errors.LockNotAvailable):
            return False
        self._open_at = time.monotonic() + _CLOSED
        return True


def alone(tables: Iterable[Table]) -> list[str]:
    """The statements that begin a transaction while whose course nobody else writes to some tables."""
    return _serialisable(tables, "EXCLUSIVE")


def _serialisable(tables: Iterable[Table], mode: str) -> list[str]:
    numbers = sorted((table.number, table.name) for table in tables)
    locks = [f"LOCK TABLE {name} IN {mode} MODE" for _, name in numbers]
    return ["BEGIN ISOLATION LEVEL SERIALIZABLE", *locks]
