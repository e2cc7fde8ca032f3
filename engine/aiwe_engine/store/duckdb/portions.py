"""Portions of a table: documents fetched by their ids, so many at a time as fit into the memory.

DuckDB reads a table in vectors of 2,048 rows, and parses the documents of a whole one before it lets go
of the first. Where they are large that is more than it may use; of what is fetched by ids a vector holds
no more than these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from aiwe_engine.store.duckdb.database import Database

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection
    from aiwe_engine.store.duckdb.sql import Sql

T = TypeVar("T")
VECTOR = 2_048  # rows
MOST = 500  # fetched by the index rather than by reading all
SAMPLE = 20  # documents that a table is judged by
PARSED = 8  # bytes that parsing takes for one
HOLD = 60.0  # seconds that a judgement holds
_FAILED_HOLD = 600.0  # the same when it is by experience


class Sizes:
    """Which tables have documents so large that their fields cannot be taken out of a whole vector.

    Used from several threads: what they may do is to judge the same table twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, tuple[bool, float]] = {}  # until when

    def are_large(self, connection: Connection, number: int) -> bool:
        """Whether the documents of a table are. It is looked up now and then, not each time."""
        known = self._known.get(number)
        if known is None or known[1] < monotonic():
            judged = are_large(connection, number, self._database.memory)
            known = self._known[number] = judged, monotonic() + HOLD
        return known[0]

    def failed(self, number: int) -> None:
        """The memory did not suffice for a table: it is not tried again for a while."""
        self._known[number] = True, monotonic() + _FAILED_HOLD


def are_large(connection: Connection, number: int, memory: int) -> bool:
    """Whether the documents of a table are, by some of them where one is."""
    allowed = memory // 4 // PARSED // VECTOR  # bytes of one
    if longest(connection, number) <= allowed:
        return False
    table = f"documents_{number:d}"
    ids = connection.execute(f"SELECT id FROM {table} USING SAMPLE {SAMPLE} ROWS").fetchall()
    text = f"SELECT avg(strlen(data)) FROM {table} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    mean = (connection.execute(text, [[doc_id for (doc_id,) in ids]]).fetchone() or (0,))[0]
    rows = (connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,))[0]
    return bool((mean or 0) * min(rows, VECTOR) > allowed * VECTOR)


def parts(connection: Connection, number: int, memory: int) -> list[Sql]:
    """Conditions for parts of a table that can be parsed at once: one where documents are small."""
    if not are_large(connection, number, memory):
        return [("TRUE", [])]
    ids = connection.execute(f"SELECT id FROM documents_{number:d}").fetchall()
    groups = cut([doc_id for (doc_id,) in ids], memory, longest(connection, number))
    return [("id IN (SELECT unnest(?::VARCHAR[]))", [group]) for group in groups]


def longest(connection: Connection, number: int) -> int:
    """Bytes of the longest document of a table, or more; the database knows it without reading one."""
    table = f"documents_{number:d}"
    text = f"SELECT stats(data).max_string_length FROM {table} WHERE id = (SELECT min(id) FROM {table})"
    return int((connection.execute(text).fetchone() or (0,))[0] or 0)


def cut(items: Sequence[T], memory: int, length: int) -> Iterator[list[T]]:
    """So many at a time that they can be parsed, each being no longer than `length` bytes."""
    size = max(1, min(memory // 4 // PARSED // max(length, 1), MOST))
    return (list(items[at : at + size]) for at in range(0, len(items), size))
