"""`DuckDBStore`: the documents of all apps of one engine, in one file.

It puts the parts together. What a caller writes is checked and given its place in the writer's
queue before the first suspension; what a caller reads comes from the cache without leaving the
event loop, else from the readers. The file is opened on a thread of the store by its first call,
or by `warm`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Thread
from typing import Any

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store import filters, selection
from aiwe_engine.store.cache import DocumentCache
from aiwe_engine.store.changes import (
    Change,
    Create,
    Delete,
    DeleteMany,
    Modify,
    Replace,
    Result,
    Update,
    Upsert,
)
from aiwe_engine.store.documents import check_document, check_same_id, compose, timestamp
from aiwe_engine.store.duckdb.database import Database, closed
from aiwe_engine.store.duckdb.reader import Question, Reader
from aiwe_engine.store.duckdb.writer import Writer
from aiwe_engine.store.ids import Ids, check_collection, check_id
from aiwe_engine.store.modify import parse as parse_change


class DuckDBStore:
    """A `protocols.Store` on one DuckDB file. Used from one event loop.

    Args:
        path: the file; it and its folder are made when they are not there.
        settings: the limits of documents and results, and what the database may use.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self._limit = settings.document_limit
        self._database = Database(path, settings)
        self._cache = DocumentCache(settings.document_cache)
        self._writer = Writer(self._database, self._cache)
        self._reader = Reader(self._database, self._cache, settings)
        self._ids = Ids()
        self._warming: Thread | None = None
        self._closed = False

    def configure(self, settings: Settings) -> None:
        """Other limits of documents, results and queries, from the next call on."""
        self._limit = settings.document_limit
        self._reader.configure(settings)

    def warm(self) -> None:
        """Imports the database and opens the file in the background, for a quick first call."""
        if self._warming is None:
            self._warming = Thread(target=self._open, name="aiwe-store-warm", daemon=True)
            self._warming.start()

    async def create(
        self, scope: Scope, collection: str, docs: list[dict[str, Any]]
    ) -> list[bytes]:
        """New documents, all or none."""
        check_collection(collection)
        now = timestamp()
        documents, given = [], []
        for doc in docs:
            check_document(doc)
            doc_id = self._ids.new()
            if doc.get("id") is not None:
                doc_id = check_id(doc["id"])
                given.append(doc_id)
            documents.append(compose(doc, doc_id, now, self._limit))
        return await self._write(Create(scope, collection, documents, given))

    async def get(self, scope: Scope, collection: str, doc_id: str) -> bytes | None:
        """A document, None where there is none."""
        check_collection(collection)
        check_id(doc_id)
        self._check_open()
        number = self._database.table(scope, collection)
        if number is not None:
            text = self._cache.get((number, doc_id))
            if text is not None:
                return text or None
        elif self._database.is_open:
            return None
        return await self._reader.get(scope, collection, doc_id)

    async def query(
        self, scope: Scope, collection: str, where: dict[str, Any], options: dict[str, Any]
    ) -> list[bytes]:
        """The documents that a filter finds. Options may stand inside the filter."""
        check_collection(collection)
        inner, given = selection.split(where, options)
        condition, chosen = filters.parse(inner), selection.select(given)
        text = orjson.dumps([inner, given])
        question = Question(scope, collection, text, condition, chosen)
        self._check_open()
        found: list[bytes] = await self._reader.ask(question)
        return found

    async def count(self, scope: Scope, collection: str, where: dict[str, Any]) -> int:
        """How many documents a filter finds."""
        check_collection(collection)
        question = Question(scope, collection, orjson.dumps(where), filters.parse(where))
        self._check_open()
        number: int = await self._reader.ask(question)
        return number

    async def update(
        self,
        scope: Scope,
        collection: str,
        doc_id: str,
        patch: dict[str, Any],
        if_version: int | None,
    ) -> bytes:
        """Lays fields over a document that is there."""
        check_collection(collection)
        check_same_id(check_document(patch), check_id(doc_id))
        return await self._write(
            Update(scope, collection, doc_id, patch, if_version, timestamp(), self._limit)
        )

    async def replace(
        self,
        scope: Scope,
        collection: str,
        doc_id: str,
        doc: dict[str, Any],
        if_version: int | None,
    ) -> bytes:
        """Puts a document in the place of one that is there."""
        check_collection(collection)
        check_same_id(check_document(doc), check_id(doc_id))
        return await self._write(
            Replace(scope, collection, doc_id, doc, if_version, timestamp(), self._limit)
        )

    async def upsert(self, scope: Scope, collection: str, doc: dict[str, Any]) -> bytes:
        """Stores a document under its id, whether or not one is there."""
        check_collection(collection)
        doc_id = check_id(check_document(doc).get("id"))
        return await self._write(Upsert(scope, collection, doc_id, doc, timestamp(), self._limit))

    async def modify(
        self, scope: Scope, collection: str, doc_id: str, change: dict[str, Any]
    ) -> bytes:
        """Does operators on the fields of a document that is there."""
        check_collection(collection)
        check_id(doc_id)
        steps = parse_change(change)
        return await self._write(Modify(scope, collection, doc_id, steps, timestamp(), self._limit))

    async def delete(self, scope: Scope, collection: str, doc_id: str) -> bool:
        """Deletes a document; False where there was none."""
        check_collection(collection)
        return await self._write(Delete(scope, collection, check_id(doc_id)))

    async def delete_many(self, scope: Scope, collection: str, where: dict[str, Any]) -> int:
        """Deletes the documents that a filter finds; returns how many."""
        check_collection(collection)
        return await self._write(DeleteMany(scope, collection, filters.parse(where)))

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections that were ever written to."""
        self._check_open()
        if not self._database.is_open:
            await asyncio.to_thread(self._database.open)
        return self._database.collections(scope)

    async def close(self) -> None:
        """Commits what is waiting and closes the file."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._finish)

    async def _write(self, change: Change[Result]) -> Result:
        self._check_open()
        return await self._writer.submit(change)

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
        self._database.close()
