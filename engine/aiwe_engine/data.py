"""The data of apps as whoever manages them sees it: every document, whoever owns it.

For a widget, a person or a script on the management face. A program has `DataRepository`, which
this never goes around: it asks the same store, as the app itself.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Documents, Scope, Store, Table
from aiwe_engine.store.filters import nearest
from aiwe_engine.store.selection import split
from aiwe_engine.types import Json


class ManagedData:
    """The data of the apps of one environment.

    Args:
        store: where it is.
        env: the environment.
    """

    def __init__(self, store: Store, env: str) -> None:
        self._store = store
        self._env = env

    async def collections(self, app: str, *, latest: bool) -> list[dict[str, Json]]:
        """The collections of an app: name, how many documents, what is declared.

        Args:
            app: its name.
            latest: say also when one was last written, which reads all documents.
        """
        documents = self._of(app)
        names = await documents.collections()
        return list(await asyncio.gather(*(_about(documents, name, latest) for name in names)))

    async def page(
        self, app: str, collection: str, where: Json, options: dict[str, Json]
    ) -> dict[str, Json]:
        """Some documents that a filter finds, how many it finds in all, where the next page begins, and when.

        Raises:
            RequestError: `no_such_collection`, or what a query raises.
        """
        documents = await self._holding(app, collection)
        began = time.time()
        inner: Any
        inner, options = split(where, options)
        found, total = await asyncio.gather(
            documents.query(collection, inner, options), documents.count(collection, inner)
        )
        texts: Any = [orjson.Fragment(text) for text in found]
        return {"documents": texts, "total": total, "cursor": found.cursor, "at": began}

    async def document(self, app: str, collection: str, doc_id: str) -> bytes:
        """One document, as JSON text.

        Raises:
            RequestError: `no_such_collection`, `not_found`.
        """
        documents = await self._holding(app, collection)
        text = await documents.get(collection, doc_id)
        if text is None:
            raise RequestError(
                f'There is no document "{doc_id}" in {collection}.',
                code="not_found",
                status=404,
                hint="It may have been deleted meanwhile.",
            )
        return text

    async def sql(self, app: str, texts: list[str], values: list[Any]) -> Table:
        """What a SELECT over the app's collections finds.

        Args:
            app: its name.
            texts: the pieces of the statement, one more than values.
            values: what stands between them.

        Raises:
            RequestError: what `Documents.sql` raises.
        """
        return await self._of(app).sql(texts, values)

    def _of(self, app: str) -> Documents:
        return self._store.within(Scope(app, self._env))

    async def _holding(self, app: str, collection: str) -> Documents:
        """The documents of an app that has this collection."""
        documents = self._of(app)
        names = await documents.collections()
        if collection not in names:
            hint = nearest(collection, names) if names else "It has no data at all yet."
            raise RequestError(
                f'"{app}" has no collection "{collection}".',
                code="no_such_collection",
                status=404,
                hint=hint,
            )
        return documents


async def _about(documents: Documents, name: str, latest: bool) -> dict[str, Json]:
    told: dict[str, Json] = {
        "name": name,
        "documents": await documents.count(name, {}),
        "definition": await documents.definition(name),
    }
    if latest:
        told["latest"] = await _latest(documents, name)
    return told


async def _latest(documents: Documents, name: str) -> str | None:
    newest = {"sort": "-updatedAt", "limit": 1, "fields": ["updatedAt"]}
    try:
        found = await documents.query(name, {}, newest)
    except RequestError as error:
        if error.code != "query_too_slow":
            raise
        return None
    return str(orjson.loads(found[0])["updatedAt"]) if found else None
