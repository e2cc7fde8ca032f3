"""SQLite as a careful Python program uses it: WAL, every commit synced, a row per transaction.

In this process, without HTTP, and on one connection: it has one writer, and more threads are slower.
"""

from __future__ import annotations

import random
import sqlite3
import time
import uuid
from pathlib import Path

from benchmarks.data import orders
from benchmarks.data.contestant import Totals, rounded


class SQLite:
    """Documents as JSON text beside their id."""

    name = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "sqlite.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._make("notes")

    def load(self, table: str, batches: list[list[orders.Order]]) -> None:
        """A transaction for each batch."""
        self._make(table)
        for batch in batches:
            with self._connection:
                self._connection.execute("BEGIN")
                self._connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", batch)

    def creates(self, seconds: float) -> float:
        """One after the other."""
        began = time.perf_counter()
        done = 0
        while time.perf_counter() < began + seconds:
            row = (str(uuid.uuid4()), orders.NEW)
            self._connection.execute("INSERT INTO notes VALUES (?, ?)", row)
            done += 1
        return done / (time.perf_counter() - began)

    def reads(self, table: str, count: int, seconds: float) -> float:
        """One after the other."""
        chance = random.Random(count)
        began = time.perf_counter()
        done = 0
        while time.perf_counter() < began + seconds:
            row = (orders.order_id(chance.randrange(count)),)
            self._connection.execute(f"SELECT data FROM {table} WHERE id = ?", row).fetchone()
            done += 1
        return done / (time.perf_counter() - began)

    def page(self, table: str, page: orders.Page) -> list[str]:
        """By `json_extract`."""
        found = self._connection.execute(
            f"SELECT id, data FROM {table} WHERE json_extract(data, '$.status') = ? "
            "AND json_extract(data, '$.amount') >= ? AND json_extract(data, '$.amount') < ? "
            f"ORDER BY json_extract(data, '$.amount') DESC, id LIMIT {orders.LIMIT}",
            (page.status, page.least, page.below),
        )
        return [row[0] for row in found]

    def totals(self, table: str) -> Totals:
        """By `json_extract`."""
        found = self._connection.execute(
            "SELECT json_extract(data, '$.status'), avg(json_extract(data, '$.amount')), count(*) "
            f"FROM {table} GROUP BY 1"
        )
        return rounded(found.fetchall())

    def close(self) -> None:
        """Lets the file go."""
        self._connection.close()

    def _make(self, table: str) -> None:
        self._connection.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY, data TEXT NOT NULL)")
