"""Connections to the server: made when they are needed, kept for the next who asks, at most so many.

A server that is away is told at once, by the first call that meets it, and the first call that finds it
back goes on: there is no schedule of attempts. A connection that died while nobody used it is noticed
before it is used again.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncRawCursor
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.types.array import ListBinaryDumper
from psycopg.types.string import StrBinaryDumper, TextLoader

from aiwe_engine.store.postgres.address import Address
from aiwe_engine.store.postgres.failure import closed

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
Cursor: TypeAlias = psycopg.AsyncCursor[tuple[Any, ...]]

# It warns of each pipeline that fails, which is told to whoever waits for it, or met by another attempt.
logging.getLogger("psycopg").setLevel(logging.ERROR)

IDLE = 300.0  # seconds after which a connection that nobody needs is closed
# The same for everybody, whatever is set for the database or the user.
_SESSION = """
SELECT set_config('search_path', 'pg_catalog', false),
       set_config('timezone', 'UTC', false),
       set_config('standard_conforming_strings', 'on', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('default_transaction_read_only', 'off', false),
       set_config('statement_timeout', '0', false),
       set_config('lock_timeout', '30s', false),
       set_config('client_connection_check_interval', '5s', false),
       set_config('jit', 'off', false),
       CASE WHEN current_setting('synchronous_commit') = 'off'
            THEN set_config('synchronous_commit', 'on', false) END
"""


class Connections:
    """The connections of one store, on one event loop.

    Args:
        address: of the server.
        most: how many there may be at a time; who comes later waits.
    """

    def __init__(self, address: Address, most: int) -> None:
        self.address = address
        self._free = asyncio.Semaphore(most)
        self._idle: list[tuple[float, Connection]] = []  # since when; the latest last
        self._used: set[Connection] = set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection outside of any transaction, for the time of the block.

        Raises:
            psycopg.OperationalError: the server is away.
            EngineError: `store_closed`.
        """
        async with self._free:
            connection = await self._take()
            self._used.add(connection)
            try:
                yield connection
            finally:
                self._used.discard(connection)
                await self._give_back(connection)

    async def close(self) -> None:
        """Closes all, also those that transactions hold: what they have done is undone."""
        self._closed = True
        for connection in [*self._used, *(connection for _, connection in self._idle)]:
            await connection.close()
        self._idle.clear()

    async def _take(self) -> Connection:
        while self._idle and not self._closed:
            _, connection = self._idle.pop()
            if lives(connection):
                return connection
            await connection.close()
        if self._closed:
            raise closed()
        connection = await psycopg.AsyncConnection.connect(
            autocommit=True, cursor_factory=AsyncRawCursor, **self.address.parameters()
        )
        try:
            # Of ten thousand documents in an array, the text form takes a second to quote.
            connection.adapters.register_dumper(str, StrBinaryDumper)
            connection.adapters.register_dumper(list, ListBinaryDumper)
            for name in ("json", "jsonb"):  # goes on as it is
                connection.adapters.register_loader(name, TextLoader)
            await connection.execute(_SESSION, prepare=False)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _give_back(self, connection: Connection) -> None:
        if connection.info.transaction_status in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }:
            with suppress(psycopg.Error):
                await connection.execute("ROLLBACK")
        now = asyncio.get_running_loop().time()
        if self._closed or connection.info.transaction_status != TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append((now, connection))
        while self._idle and self._idle[0][0] < now - IDLE:
            await self._idle.pop(0)[1].close()


def lives(connection: Connection) -> bool:
    """Whether the server has not ended a connection since it was last used; asks nobody."""
    if connection.closed:
        return False
    watch = select.poll()
    watch.register(connection.pgconn.socket, select.POLLIN)
    try:
        while watch.poll(0):  # a notice, or the end
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK


@asynccontextmanager
async def streamed(
    cursor: Cursor, text: str, values: list[Any], portion: int
) -> AsyncIterator[AsyncIterator[tuple[Any, ...]]]:
    """The rows that a statement finds, as they come; what is not taken any more is broken off."""
    rows = cursor.stream(text.encode(), values, size=portion)
    try:
        yield rows
    finally:
        if isinstance(rows, AsyncGenerator):
            await rows.aclose()
