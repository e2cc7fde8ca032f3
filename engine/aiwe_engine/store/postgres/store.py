"""`PostgresStore`: the documents of all apps of many engines, in one PostgreSQL database.

It puts the parts together. Several engines may share a database; what one has been told was stored, every
other finds. Nothing is kept in memory that another could change but the catalog, and that is checked with
every statement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import AsyncExitStack
from typing import Any

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.protocols import Documents, Held, Loaded, Scope, Table, Taken, Transaction
from aiwe_engine.settings import Settings
from aiwe_engine.store.changes import Change, Result
from aiwe_engine.store.definitions import Definition
from aiwe_engine.store.ids import Ids, check_collection
from aiwe_engine.store.loading import Clearing, Loading
from aiwe_engine.store.postgres.address import Address
from aiwe_engine.store.postgres.bulk import Bulk
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.connections import Connection, Connections
from aiwe_engine.store.postgres.counting import Counting
from aiwe_engine.store.postgres.failure import closed, told
from aiwe_engine.store.postgres.history import write_migrations
from aiwe_engine.store.postgres.migration import Migration
from aiwe_engine.store.postgres.reader import Reader
from aiwe_engine.store.postgres.repository import PostgresRepository
from aiwe_engine.store.postgres.selects import Selects
from aiwe_engine.store.postgres.shapes import Shapes
from aiwe_engine.store.postgres.snapshot import PostgresSnapshot
from aiwe_engine.store.postgres.transaction import Native, PostgresTransaction, beginning
from aiwe_engine.store.postgres.writer import Writer
from aiwe_engine.store.quota import Quota
from aiwe_engine.store.repository import Question
from aiwe_engine.types import Json

_LOG = logging.getLogger(__name__)


class PostgresStore:
    """A `protocols.Store` on a PostgreSQL database. Used from one event loop.

    Args:
        url: of the database: `postgresql://user:password@host/database`.
        settings: the limits of documents and results, and how many connections there may be.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._limit = settings.document_limit
        self._most_collections = settings.data_collections
        self._connections = Connections(Address(url), settings.data_connections)
        self._transactions = asyncio.Semaphore(settings.data_connections // 2)
        self._catalog = Catalog()
        self._reader = Reader(self._connections, self._catalog, settings)
        self._selects = Selects(self._connections, self._catalog, settings)
        self._shapes = Shapes()
        #: What each app keeps, and how much it may.
        self.quota = Quota()
        self._counting = Counting(self._connections, self.quota)
        self._writer = Writer(
            self._connections, self._catalog, self._shapes, self._native, self._counting
        )
        self.ids = Ids()
        self._opening: asyncio.Task[None] | None = None
        self._closed = False

    def configure(self, settings: Settings) -> None:
        """Other limits of documents, results and queries, from the next call on."""
        self._limit = settings.document_limit
        self._most_collections = settings.data_collections
        self._reader.configure(settings)
        self._selects.configure(settings)

    def warm(self) -> None:
        """Reads the catalog in the background, for a quick first call; says where that fails."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(_say)

    def within(self, scope: Scope) -> Documents:
        """The data of one scope, and no other."""
        return PostgresRepository(self, scope)

    async def begin(self, scope: Scope, losses: int = 0) -> Transaction:
        """A transaction on the data of one scope, which holds a connection.

        Raises:
            EngineError: `too_many_transactions`: none of those that are open ended in time.
        """
        await self._ready()
        time_limit = self._reader.time_limit
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(time_limit):
                    await held.enter_async_context(self._transactions)
                connection = await held.enter_async_context(self._connections.one())
                await connection.execute(beginning(time_limit, losses).encode(), prepare=False)
            except TimeoutError as error:
                raise EngineError(
                    "There are as many transactions open as there may be",
                    code="too_many_transactions",
                    hint="Try again; or raise data.connections, half of which they may hold.",
                ) from error
            except Exception as error:
                raise told(error, self._connections.address) from error
            return PostgresTransaction(self._native(connection), scope, held.pop_all())

    @property
    def result_limit(self) -> int:
        """Bytes of documents that one query may find."""
        return self._reader.result_limit

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        return self._limit

    @property
    def is_open(self) -> bool:
        """Whether definitions are known."""
        return self._catalog.is_known or self._closed

    async def open(self) -> None:
        """Reads the catalog, and makes it where there is none. Whoever waits goes on in order.

        Raises:
            EngineError: `store_unavailable`.
        """
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
        await asyncio.shield(self._opening)

    def definition(self, scope: Scope, collection: str) -> Definition:
        """What is declared of a collection, as far as this process knows."""
        return self._catalog.definition((scope.app, scope.env, collection))

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        return self._catalog.may_make(scope, collection, self._most_collections)

    def read(self, scope: Scope, collection: str, doc_id: str) -> Awaitable[bytes | None]:
        """A document by its id."""
        self._check_open()
        return self._reader.get(scope, collection, doc_id)

    def ask(self, question: Question) -> Awaitable[Any]:
        """The texts that a query finds, or a number."""
        self._check_open()
        return self._reader.ask(question)

    def sql(self, scope: Scope, texts: list[str], values: list[Any]) -> Awaitable[Table]:
        """What a SELECT finds."""
        self._check_open()
        return self._selects.ask(scope, texts, values)

    def write(self, change: Change[Result]) -> Awaitable[Result]:
        """Gives a change its place in the line of its app."""
        self._check_open()
        return self._writer.submit(change)

    async def define(
        self, scope: Scope, collection: str, definition: Json, version: str
    ) -> list[str]:
        """Declares a collection; returns the changes in words."""
        check_collection(collection)
        await self._ready()
        return await self._writer.migrate(Migration(scope, collection, definition, version))

    def snapshot(self) -> PostgresSnapshot:
        """What is stored now, of every app and environment."""
        self._check_open()
        return PostgresSnapshot(self._connections, self._ready)

    async def load(
        self,
        scope: Scope,
        collection: str,
        portions: Iterable[list[tuple[str, bytes]]],
        taken: Taken = "fail",
    ) -> Loaded:
        """Stores documents as they are, all or none; what is written meanwhile waits."""
        check_collection(collection)
        await self._ready()
        series = Loading(scope, collection, portions, taken, self._limit)
        loaded: Loaded = await self._writer.run(Bulk(scope, [collection], series))
        return loaded

    async def fill(
        self,
        collections: Iterable[tuple[Held, Iterable[list[tuple[str, bytes]]]]],
        migrations: Iterable[dict[str, Json]],
    ) -> None:
        """Takes what a snapshot has read. What is declared comes last: it holds for later writes."""
        await self._ready()
        for held, portions in collections:
            scope = Scope(held.app, held.env)
            series = Loading(scope, held.name, portions, "fail", self._limit)
            await self._writer.run(Bulk(scope, [held.name], series))
            if held.definition is not None:
                await self.define(scope, held.name, held.definition, "")
        try:
            async with self._connections.one() as connection:
                await write_migrations(connection, migrations)
        except Exception as error:
            raise told(error, self._connections.address) from error

    async def clear(self, scope: Scope) -> dict[str, int]:
        """Deletes every document of a scope."""
        await self._ready()
        names = await self.collections(scope)
        gone: dict[str, int] = await self._writer.run(Bulk(scope, names, Clearing(scope, names)))
        return gone

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections that were ever written to or declared."""
        self._check_open()
        try:
            async with self._connections.one() as connection:
                if not self._catalog.is_known:
                    await self._catalog.open(connection)
                return await self._catalog.names(connection, scope)
        except Exception as error:
            raise told(error, self._connections.address) from error

    async def close(self) -> None:
        """Stores what is waiting and lets the server go."""
        if not self._closed:
            self._closed = True
            await self._writer.finish()
            await self._reader.finish()
            await self._counting.finish()
            await self._connections.close()

    def _native(self, connection: Connection) -> Native:
        return Native(
            connection,
            self._catalog,
            self._shapes.note(),
            self._selects,
            self.ids,
            self,
            self._connections.address,
            self._counting,
        )

    async def _ready(self) -> None:
        self._check_open()
        if not self.is_open:  # nobody overtakes those who wait for it
            await self.open()

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    async def _open(self) -> None:
        try:
            async with self._connections.one() as connection:
                await self._catalog.open(connection)
        except AiweError:
            raise
        except Exception as error:
            raise told(error, self._connections.address) from error


def _say(opening: asyncio.Task[None]) -> None:
    """Tells whoever runs the engine that it has no database yet."""
    error = None if opening.cancelled() else opening.exception()
    if isinstance(error, AiweError):
        _LOG.warning("%s. %s", error.message, error.hint)
