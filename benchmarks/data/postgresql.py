"""PostgreSQL through psycopg: every commit synced, a row per transaction, 64 connections.

Without HTTP, over a Unix socket. A thread for each connection: that was faster than asyncio.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.data import orders
from benchmarks.data.contestant import CONNECTIONS, Totals, rounded


class PostgreSQL:
    """Documents as `jsonb` beside their id."""

    def __init__(self, url: str) -> None:
        self._all = [psycopg.connect(url, autocommit=True) for _ in range(CONNECTIONS)]
        self._one = self._all[0]
        self.name = f"PostgreSQL {self._one.info.server_version // 10_000}"
        self._make("notes")

    def load(self, table: str, batches: list[list[orders.Order]]) -> None:
        """By COPY, a transaction for each batch."""
        self._make(table)
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        for batch in batches:
            with self._one.cursor().copy(statement) as copy:
                for row in batch:
                    copy.write_row(row)
        self._one.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))

    def creates(self, seconds: float) -> float:
        """On all connections at once."""

        def create(connection: psycopg.Connection[Any], _: random.Random) -> None:
            row = (str(uuid.uuid4()), orders.NEW)
            connection.execute("INSERT INTO notes VALUES (%s, %s)", row)

        return self._rate(create, seconds)

    def reads(self, table: str, count: int, seconds: float) -> float:
        """On all connections at once."""
        text = "SELECT data::text FROM {} WHERE id = %s"
        statement = sql.SQL(text).format(sql.Identifier(table))

        def read(connection: psycopg.Connection[Any], chance: random.Random) -> None:
            row = (orders.order_id(chance.randrange(count)),)
            connection.execute(statement, row).fetchone()

        return self._rate(read, seconds)

    def page(self, table: str, page: orders.Page) -> list[str]:
        """By `->>`."""
        text = (
            "SELECT id, data::text FROM {} WHERE data ->> 'status' = %s "
            "AND (data ->> 'amount')::float >= %s AND (data ->> 'amount')::float < %s "
            "ORDER BY (data ->> 'amount')::float DESC, id LIMIT {}"
        )
        statement = sql.SQL(text).format(sql.Identifier(table), orders.LIMIT)
        found = self._one.execute(statement, (page.status, page.least, page.below))
        return [row[0] for row in found]

    def totals(self, table: str) -> Totals:
        """By `->>`."""
        text = (
            "SELECT data ->> 'status', avg((data ->> 'amount')::float), count(*) FROM {} GROUP BY 1"
        )
        found = self._one.execute(sql.SQL(text).format(sql.Identifier(table)))
        return rounded(found.fetchall())

    def close(self) -> None:
        """Ends the connections."""
        for connection in self._all:
            connection.close()

    def _make(self, table: str) -> None:
        text = "CREATE TABLE {} (id text PRIMARY KEY, data jsonb NOT NULL)"
        self._one.execute(sql.SQL(text).format(sql.Identifier(table)))

    def _rate(
        self, do: Callable[[psycopg.Connection[Any], random.Random], None], seconds: float
    ) -> float:
        done = [0] * CONNECTIONS
        began = time.perf_counter()

        def work(number: int) -> None:
            chance = random.Random(number)
            while time.perf_counter() < began + seconds:
                do(self._all[number], chance)
                done[number] += 1

        threads = [threading.Thread(target=work, args=(n,)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done) / (time.perf_counter() - began)
