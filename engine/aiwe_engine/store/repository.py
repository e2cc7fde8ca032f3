"""`Repository`: the data calls of one scope, on whatever database.

It checks what a caller passes, turns calls into changes and questions, which name no database, and
puts the guard of a collection on each. A `Backend` does them: a database, or a transaction on one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, TypeVar

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Page, Scope, Table
from aiwe_engine.store import cursor, filters, selection
from aiwe_engine.store.changes import (
    Change,
    Create,
    Delete,
    DeleteMany,
    Modify,
    Replace,
    Update,
    Upsert,
)
from aiwe_engine.store.definitions import PLAIN, Definition
from aiwe_engine.store.documents import (
    Document,
    check_document,
    check_same_id,
    compose,
    select,
    timestamp,
)
from aiwe_engine.store.filters import Condition
from aiwe_engine.store.guard import Guard, guard_of
from aiwe_engine.store.ids import Ids, check_collection, check_id, is_id
from aiwe_engine.store.modify import parse as parse_change
from aiwe_engine.store.selection import Selection
from aiwe_engine.types import Json

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What a transaction has written to a collection so far, for its own questions.

    Attributes:
        changed: ids whose stored documents do not count.
        documents: what counts besides the other stored documents.
    """

    changed: list[str]
    documents: list[Document]


Overlays: TypeAlias = Mapping[str, Overlay]  # by collection


@dataclass(frozen=True, slots=True)
class Answer:
    """What a SELECT found, and the collections that it looked at."""

    table: Table
    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Question:
    """A query or a count. Equal questions have equal answers at any one time.

    They are equal where their texts are: to Python `True` and `1` are, to a filter they are not.
    """

    scope: Scope
    collection: str
    text: bytes
    condition: Condition = field(compare=False)
    selection: Selection | None = field(default=None, compare=False)  # None: how many
    overlay: Overlay | None = None  # equal to itself only
    guard: Guard | None = field(default=None, compare=False)  # which is in the condition already


class Backend(Protocol):
    """What a database does for repositories.

    `write` takes a change's place in the order of writes before its first suspension.
    """

    ids: Ids

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether definitions are known, so that calls need not wait for `open`."""
        ...

    async def open(self) -> None:
        """Makes definitions known; whoever waits for it goes on in the order in which they came.

        Raises:
            EngineError: the database cannot be reached.
        """
        ...

    def definition(self, scope: Scope, collection: str) -> Definition:
        """What is declared of a collection."""
        ...

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        ...

    def read(self, scope: Scope, collection: str, doc_id: str) -> Awaitable[bytes | None]:
        """A document by its id."""
        ...

    def ask(self, question: Question) -> Awaitable[Any]:
        """The texts that a query finds, or a number."""
        ...

    def sql(self, scope: Scope, texts: list[str], values: list[Any]) -> Awaitable[Table]:
        """What a SELECT finds: the pieces of its text, and the values between them.

        The guards of the collections that it names are on it.
        """
        ...

    def write(self, change: Change[Result]) -> Awaitable[Result]:
        """Does a change, durably."""
        ...

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections that were ever written to or declared."""
        ...


class Repository:
    """The data of one scope.

    Args:
        backend: where it is.
        scope: whose it is.
    """

    __slots__ = ("_backend", "_scope")

    def __init__(self, backend: Backend, scope: Scope) -> None:
        self._backend, self._scope = backend, scope

    async def create(self, collection: str, docs: list[dict[str, Any]]) -> list[bytes]:
        """New documents, all or none."""
        guard = await self._enter(collection)
        backend = self._backend
        self._check_place(collection)
        now = timestamp()
        documents, given = [], []
        for doc in docs:
            check_document(doc)
            doc_id = doc.get("id")
            if doc_id is None:
                doc_id = backend.ids.new()
            else:
                given.append(check_id(doc_id))
            own = doc if guard is None else guard.stamp(doc)
            documents.append(compose(own, doc_id, now, backend.document_limit))
        return await backend.write(Create(self._scope, collection, documents, given, guard=guard))

    async def get(self, collection: str, doc_id: str) -> bytes | None:
        """A document, None where there is none."""
        guard = await self._enter(collection)
        text = await self._backend.read(self._scope, collection, check_id(doc_id))
        if guard is not None and text is not None and not guard.holds(text):
            return None
        return text

    async def query(self, collection: str, where: dict[str, Any], options: dict[str, Any]) -> Page:
        """The documents that a filter finds. Options may stand inside the filter."""
        guard = await self._enter(collection)
        inner, given = selection.split(where, options)
        condition, chosen = filters.parse(inner), selection.select(given)
        if chosen.cursor is not None:
            chosen = replace(chosen, after=await self._place(collection, guard, chosen))
        if guard is not None:
            condition = guard.confine(condition)
        text = orjson.dumps([inner, given, chosen.after])
        # One more than is wanted tells whether another page follows.
        asked = chosen if not chosen.limit else replace(chosen, limit=chosen.limit + 1)
        found: list[bytes] = await self._backend.ask(
            Question(self._scope, collection, text, condition, asked, guard=guard)
        )
        return _page(found, chosen)

    async def _place(
        self, collection: str, guard: Guard | None, chosen: Selection
    ) -> tuple[Json, ...]:
        """Where a query's cursor says that its page begins."""
        assert chosen.cursor is not None
        place = cursor.read(chosen.cursor, chosen)
        if not isinstance(place, str):
            return place
        text = await self._backend.read(self._scope, collection, place) if is_id(place) else None
        if text is None or (guard is not None and not guard.holds(text)):
            raise cursor.gone(place)
        return cursor.position(chosen.order, orjson.loads(text))

    async def count(self, collection: str, where: dict[str, Any]) -> int:
        """How many documents a filter finds."""
        guard = await self._enter(collection)
        condition = filters.parse(where)
        if guard is not None:
            condition = guard.confine(condition)
        text = orjson.dumps(where)
        question = Question(self._scope, collection, text, condition, guard=guard)
        number: int = await self._backend.ask(question)
        return number

    async def update(
        self, collection: str, doc_id: str, patch: dict[str, Any], if_version: int | None
    ) -> bytes:
        """Lays fields over a document that is there."""
        guard = await self._enter(collection)
        check_same_id(check_document(patch), check_id(doc_id))
        limit = self._backend.document_limit
        change = Update(
            self._scope, collection, doc_id, patch, if_version, timestamp(), limit, guard=guard
        )
        return await self._backend.write(change)

    async def replace(
        self, collection: str, doc_id: str, doc: dict[str, Any], if_version: int | None
    ) -> bytes:
        """Puts a document in the place of one that is there."""
        guard = await self._enter(collection)
        check_same_id(check_document(doc), check_id(doc_id))
        limit = self._backend.document_limit
        own = doc if guard is None else guard.stamp(doc)
        change = Replace(
            self._scope, collection, doc_id, own, if_version, timestamp(), limit, guard=guard
        )
        return await self._backend.write(change)

    async def upsert(self, collection: str, doc: dict[str, Any]) -> bytes:
        """Stores a document under its id, whether or not one is there."""
        guard = await self._enter(collection)
        self._check_place(collection)
        doc_id = check_id(check_document(doc).get("id"))
        limit = self._backend.document_limit
        own = doc if guard is None else guard.stamp(doc)
        change = Upsert(self._scope, collection, doc_id, own, timestamp(), limit, guard=guard)
        return await self._backend.write(change)

    async def modify(self, collection: str, doc_id: str, change: dict[str, Any]) -> bytes:
        """Does operators on the fields of a document that is there."""
        guard = await self._enter(collection)
        check_id(doc_id)
        steps = parse_change(change)
        limit = self._backend.document_limit
        return await self._backend.write(
            Modify(self._scope, collection, doc_id, steps, timestamp(), limit, guard=guard)
        )

    async def delete(self, collection: str, doc_id: str) -> bool:
        """Deletes a document; False where there was none."""
        guard = await self._enter(collection)
        return await self._backend.write(
            Delete(self._scope, collection, check_id(doc_id), guard=guard)
        )

    async def delete_many(self, collection: str, where: dict[str, Any]) -> int:
        """Deletes the documents that a filter finds; returns how many."""
        guard = await self._enter(collection)
        condition = filters.parse(where)
        if guard is not None:
            condition = guard.confine(condition)
        return await self._backend.write(
            DeleteMany(self._scope, collection, condition, guard=guard)
        )

    async def collections(self) -> list[str]:
        """The names of the collections that were ever written to."""
        return await self._backend.collections(self._scope)

    async def definition(self, collection: str) -> dict[str, Json] | None:
        """What is declared of a collection."""
        await self._enter(collection)
        definition = self._backend.definition(self._scope, collection)
        return None if definition == PLAIN else definition.to_json()

    async def sql(self, texts: list[str], values: list[Any]) -> Table:
        """What a SELECT finds."""
        if not self._backend.is_open:
            await self._backend.open()
        return await self._backend.sql(self._scope, texts, values)

    async def _enter(self, collection: str) -> Guard | None:
        """Checks the name; what confines the caller there."""
        check_collection(collection)
        backend = self._backend
        if not backend.is_open:
            await backend.open()
        definition = backend.definition(self._scope, collection)
        return guard_of(definition, self._scope.caller, collection)

    def _check_place(self, collection: str) -> None:
        if not self._backend.may_make(self._scope, collection):
            raise RequestError(
                f'"{collection}" would be one collection more than an app may have',
                code="too_many_collections",
                status=507,
                hint="Names of collections are words of the program: put what differs from request to "
                "request into a field of the documents. Or raise the setting data.collections.",
            )


def _page(found: list[bytes], chosen: Selection) -> Page:
    """What was found, with the cursor of the page after it."""
    page = Page(found[: chosen.limit] if chosen.limit else found)
    if len(found) > len(page):
        page.cursor = cursor.token(chosen, orjson.loads(page[-1]))
    if chosen.fields is not None:
        page[:] = [select(text, chosen.fields) for text in page]
    return page
