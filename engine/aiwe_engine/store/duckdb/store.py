"""`DuckDBStore`: the documents of all apps of one engine, in one file.

It puts the parts together. What a caller writes is checked and given its place in the writer's
queue before the first suspension; what a caller reads comes from the cache without leaving the
event loop, else from the readers. The file is opened on a thread of the store by its first call,
or by `warm`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterable
from pathlib import Path
from threading import Thread
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import (
    Documents,
    Held,
    Loaded,
    Room,
    Scope,
    Table,
    Taken,
    Transaction,
)
from aiwe_engine.settings import Settings
from aiwe_engine.store.cache import DocumentCache
from aiwe_engine.store.changes import Change, Result
from aiwe_engine.store.definitions import Definition
from aiwe_engine.store.duckdb.compaction import Compaction
from aiwe_engine.store.duckdb.database import Database, closed
from aiwe_engine.store.duckdb.history import History
from aiwe_engine.store.duckdb.migration import Migration
from aiwe_engine.store.duckdb.portions import Sizes
from aiwe_engine.store.duckdb.reader import Reader
from aiwe_engine.store.duckdb.selects import Selects
from aiwe_engine.store.duckdb.snapshot import DuckDBSnapshot
from aiwe_engine.store.duckdb.writer import Writer
from aiwe_engine.store.floor import Floors
from aiwe_engine.store.ids import Ids, check_collection
from aiwe_engine.store.loading import Clearing, Loading
from aiwe_engine.store.optimistic import Budget, Commit, OptimisticTransaction
from aiwe_engine.store.quota import Quota
from aiwe_engine.store.repository import Answer, Overlays, Question, Repository
from aiwe_engine.types import Json


class DuckDBStore:
    """A `protocols.Store` on one DuckDB file. Used from one event loop.

    Args:
        path: the file; it and its folder are made when they are not there.
        settings: the limits of documents and results, and what the database may use.
        room: where what is stored must fit in.
    """

    def __init__(self, path: Path, settings: Settings, room: Room | None = None) -> None:
        self._limit = settings.document_limit
        self._most_collections = settings.data_collections
        self._database = Database(path, settings)
        self._cache = DocumentCache(settings.document_cache)
        sizes = Sizes(self._database)
        #: What each app keeps, and how much it may.
        self.quota = Quota()
        self._writer = Writer(self._database, self._cache, sizes, room, self.quota)
        self._floors = Floors(self._writer.settle)
        self._reader = Reader(self._database, self._cache, sizes, settings)
        self._selects = Selects(self._database, settings)
        self.budget = Budget(settings.transaction_memory)
        self.ids = Ids()
        self._opening: asyncio.Future[None] | None = None
        self._warming: Thread | None = None
        self._closed = False

    def configure(self, settings: Settings) -> None:
        """Other limits of documents, results and queries, from the next call on."""
        self._limit = settings.document_limit
        self._most_collections = settings.data_collections
        self.budget.limit = settings.transaction_memory
        self._reader.configure(settings)
        self._selects.configure(settings)

    def spare(self) -> int:
        """Bytes of the file that hold nothing any more; asks for more to be freed. Blocks."""
        return self._database.spare() if self._database.is_open else 0

    async def compact(self) -> bool:
        """Frees what large documents that are gone have left in the file. False: nothing to free."""
        if self._closed or not self._writer.deleted:
            return False
        self._writer.deleted = False
        rebuilt = await self._writer.migrate(Compaction())
        self._writer.deleted = self._writer.deleted or bool(rebuilt)  # it is looked at once more
        return bool(rebuilt)

    def warm(self) -> None:
        """Imports the database and opens the file in the background, for a quick first call."""
        if self._warming is None:
            self._warming = Thread(target=self._open, name="aiwe-store-warm", daemon=True)
            self._warming.start()

    def within(self, scope: Scope) -> Documents:
        """The data of one scope, and no other."""
        return Repository(self, scope)

    async def begin(self, scope: Scope, losses: int = 0) -> Transaction:
        """A transaction on the data of one scope. One that has lost makes the others wait."""
        self._check_open()
        floor = self._floors.take(scope) if losses else None
        if floor is not None:
            try:  # what is on its way comes first
                await self._writer.submit(Commit(scope, {}, {}))
            except BaseException:
                floor.leave()
                raise
        return OptimisticTransaction(self, scope, self.write if floor is None else floor.end)

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        return self._limit

    @property
    def is_open(self) -> bool:
        """Whether definitions are known."""
        return self._database.is_known or self._closed

    async def open(self) -> None:
        """Opens the file, on another thread. Whoever waits goes on in order."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._database.open))
        await asyncio.shield(self._opening)

    def definition(self, scope: Scope, collection: str) -> Definition:
        """What is declared of a collection."""
        return self._database.definition((scope.app, scope.env, collection))

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        if self._database.table(scope, collection) is not None:
            return True
        return len(self._database.collections(scope)) < self._most_collections

    async def read(self, scope: Scope, collection: str, doc_id: str) -> bytes | None:
        """A document by its id, from memory if it is there."""
        self._check_open()
        number = self._database.table(scope, collection)
        if number is not None:
            text = self._cache.get((number, doc_id))
            if text is not None:
                return text or None
        elif self._database.is_open:
            return None
        return await self._reader.get(scope, collection, doc_id)

    def ask(self, question: Question) -> Awaitable[Any]:
        """The texts that a query finds, or a number."""
        self._check_open()
        return self._reader.ask(question)

    async def sql(self, scope: Scope, texts: list[str], values: list[Any]) -> Table:
        """What a SELECT finds in the collections of a scope."""
        return (await self.select(scope, texts, values, {})).table

    async def select(
        self, scope: Scope, texts: list[str], values: list[Any], overlays: Overlays
    ) -> Answer:
        """The same with what a transaction has written, and what it looked at."""
        self._check_open()
        return await self._selects.ask(scope, texts, values, overlays)

    def write(self, change: Change[Result]) -> Awaitable[Result]:
        """Gives a change its place in the writer's queue."""
        self._check_open()
        floor = self._floors.of(change.scope)
        return self._writer.submit(change) if floor is None else floor.wait(change)

    def changes(self, scope: Scope, collection: str) -> int:
        """How often a collection was changed so far."""
        return self._database.changes((scope.app, scope.env, collection))

    async def define(
        self, scope: Scope, collection: str, definition: Json, version: str
    ) -> list[str]:
        """Declares a collection; returns the changes in words."""
        check_collection(collection)
        self._check_open()
        if not self.is_open:  # nobody overtakes those who wait for it
            await self.open()
        return await self._writer.migrate(Migration(scope, collection, definition, version))

    def snapshot(self) -> DuckDBSnapshot:
        """What is stored now, of every app and environment."""
        self._check_open()
        return DuckDBSnapshot(self._database)

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
        return await self._writer.run(series)

    async def fill(
        self,
        collections: Iterable[tuple[Held, Iterable[list[tuple[str, bytes]]]]],
        migrations: Iterable[dict[str, Json]],
    ) -> None:
        """Takes what a snapshot has read. What is declared comes last: it holds for later writes."""
        await self._ready()
        for held, portions in collections:
            scope = Scope(held.app, held.env)
            for portion in itertools.chain([[]], portions):
                await self._writer.run(Loading(scope, held.name, [portion], "fail", self._limit))
            if held.definition is not None:
                await self.define(scope, held.name, held.definition, "")
        await self._writer.migrate(History(migrations))

    async def clear(self, scope: Scope) -> dict[str, int]:
        """Deletes every document of a scope."""
        await self._ready()
        names = self._database.collections(scope)
        return await self._writer.run(Clearing(scope, names))

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections that were ever written to."""
        await self._ready()
        return self._database.collections(scope)

    async def close(self) -> None:
        """Commits what is waiting and closes the file."""
        if not self._closed:
            self._closed = True
            self._floors.close()
            await asyncio.to_thread(self._finish)

    async def _ready(self) -> None:
        self._check_open()
        if not self._database.is_open:
            await self.open()

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    def _open(self) -> None:
        try:
            self._database.open()
        except AiweError:
            return  # the first call says it to somebody

    def _finish(self) -> None:
        if self._warming is not None:
            self._warming.join()
        self._writer.finish()
        self._database.interrupt()
        self._reader.finish()
        self._selects.finish()
        self._database.close()
