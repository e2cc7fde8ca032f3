"""A snapshot: one transaction that only reads, on a connection and a thread of its own.

DuckDB keeps for it what was there when it began; writers go on, and wait for nothing. It reads a table
in vectors of 2,048 rows, which do not fit into its memory where documents are large: then they are read
by their ids, a few at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

import orjson

from aiwe_engine.protocols import Held
from aiwe_engine.store.duckdb import sql
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.history import read_migrations
from aiwe_engine.store.duckdb.portions import VECTOR, cut, longest
from aiwe_engine.types import Json

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection

T = TypeVar("T")
PORTION = 1_000  # documents fetched at a time


class DuckDBSnapshot:
    """A `protocols.Snapshot`, from `async with` on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "aiwe-store-snapshot")
        self._numbers: dict[Held, int] = {}
        self.migrations: tuple[dict[str, Json], ...] = ()
        self._connection: Connection | None = None  # another one would see another instant

    async def __aenter__(self) -> Self:
        try:
            await self._do(self._begin)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._end))
        self._thread.shutdown(wait=False)

    @property
    def collections(self) -> tuple[Held, ...]:
        """By app, environment and name."""
        return tuple(self._numbers)

    async def read(self, held: Held, *, in_order: bool = False) -> AsyncIterator[list[bytes]]:
        """The documents of a collection in portions."""
        number = self._numbers[held]
        begin = partial(self._begin_reading, number, "ORDER BY created, id" if in_order else "")
        following = await self._do(begin)
        while portion := await self._do(following):
            yield portion

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:
            raise self._database.failure(error) from error

    def _begin(self) -> None:
        connection = self._connection = self._database.connection()
        connection.execute("BEGIN TRANSACTION READ ONLY")
        # The first statement is what fixes the instant.
        text = (
            "SELECT app, env, name, number, definition FROM collections "
            "LEFT JOIN definitions USING (number) ORDER BY app, env, name"
        )
        for app, env, name, number, definition in connection.execute(text).fetchall():
            counted = connection.execute(f"SELECT count(*) FROM documents_{number:d}").fetchone()
            declared = None if definition is None else orjson.loads(definition)
            self._numbers[Held(app, env, name, (counted or (0,))[0], declared)] = number
        self.migrations = tuple(read_migrations(connection))

    def _begin_reading(self, number: int, order: str) -> Callable[[], list[bytes]]:
        """What gives the next portion of a table each time; none at its end."""
        assert self._connection is not None
        memory = self._database.memory
        length = longest(self._connection, number)
        if length * VECTOR <= memory // 4:
            self._connection.execute(f"SELECT data FROM documents_{number:d} {order}")
            return self._next
        ids = self._connection.execute(f"SELECT id FROM documents_{number:d} {order}").fetchall()
        groups = cut([doc_id for (doc_id,) in ids], memory, length)
        return partial(self._next_by_id, number, groups)

    def _next(self) -> list[bytes]:
        assert self._connection is not None
        return [data.encode() for (data,) in self._connection.fetchmany(PORTION)]

    def _next_by_id(self, number: int, groups: Iterator[list[str]]) -> list[bytes]:
        assert self._connection is not None
        ids = next(groups, [])
        texts = sql.read(self._connection, number, ids) if ids else {}
        return [texts[doc_id] for doc_id in ids]

    def _end(self) -> None:
        with suppress(Exception):  # the database may have been let go of
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
        with suppress(Exception):
            self._database.release()
