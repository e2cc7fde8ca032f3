"""A transaction on a store that has none of its own: it takes notes and is checked at the end.

What it writes stays here. What it reads is remembered: the texts of documents, and for questions
how often the collection had been changed. Its commit is one change among the others of the store:
the writer looks whether all that was read still holds, then puts what was written. So the whole
transaction happens at that point, or not at all, and nobody waits for anybody meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, TypeVar

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope, Table
from aiwe_engine.settings import MB
from aiwe_engine.store.changes import Change, RowsOf
from aiwe_engine.store.definitions import Definition
from aiwe_engine.store.filters import Condition
from aiwe_engine.store.ids import Ids
from aiwe_engine.store.repository import (
    Answer,
    Backend,
    Overlay,
    Overlays,
    Question,
    Repository,
)
from aiwe_engine.store.rows import CATALOG, TableRows
from aiwe_engine.store.selection import Selection

LARGEST = 64 * MB  # of documents that one transaction holds; the one that goes beyond is refused

Result = TypeVar("Result")
Submit: TypeAlias = Callable[[Change[None]], Awaitable[None]]


class Budget:
    """The memory that the open transactions of a store may hold together.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Takes so many bytes.

        Raises:
            RequestError: `transactions_full` (503).
        """
        if self.used + size > self.limit:
            raise RequestError(
                f"The transactions under way hold the {self.limit:,} bytes that they may",
                code="transactions_full",
                status=503,
                hint="Try again when some have ended; let each read and write fewer documents, or "
                "raise the setting data.transaction_memory.",
            )
        self.used += size

    def give(self, size: int) -> None:
        """Gives them back."""
        self.used -= size


class Ground(Backend, Protocol):
    """The store below a transaction."""

    budget: Budget

    def changes(self, scope: Scope, collection: str) -> int:
        """How often a collection was changed so far."""
        ...

    async def select(
        self, scope: Scope, texts: list[str], values: list[Any], overlays: Overlays
    ) -> Answer:
        """What a SELECT finds with what was written here."""
        ...


@dataclass(slots=True)
class Commit(Change[None]):
    """The end of a transaction: all that it wrote, if all that it read still holds.

    Attributes:
        rows: what was read and written by document, by collection.
        asked: how often the collections had been changed before questions were put to them.
        writes: False: it is only looked whether what was read holds.
    """

    rows: Mapping[str, TableRows]
    asked: Mapping[str, int]
    writes: bool = True

    def reach(self) -> Mapping[str, Collection[str]]:
        """All that was read."""
        documents: dict[str, Collection[str]] = dict.fromkeys(self.asked, ())
        return documents | {name: rows.before.keys() for name, rows in self.rows.items()}

    @property
    def grows(self) -> bool:
        """Whether it stores documents."""
        return self.writes and any(any(rows.after.values()) for rows in self.rows.values())

    @property
    def alone(self) -> bool:
        """The list of collections is compared with what is stored."""
        return CATALOG in self.asked

    def run(self, rows_of: RowsOf) -> None:
        """Compares, then puts everything.

        Raises:
            RequestError: `transaction_conflict`, or that of a document which breaks the rules of its collection.
        """
        for name, changes in self.asked.items():
            if not rows_of(name).unchanged_since(changes):
                raise conflict(name)
        for name, known in self.rows.items():
            present = rows_of(name)
            if present.definition != known.definition:
                raise conflict(name)
            for doc_id, text in known.before.items():
                if (present.get(doc_id) or b"") != text:
                    raise conflict(name)
        if self.writes:
            for name, known in self.rows.items():
                _put(known, rows_of(name))


def _overlay(rows: TableRows) -> Overlay:
    return Overlay(list(rows.after), [document for document in rows.after.values() if document])


def _put(written: TableRows, rows: TableRows) -> None:
    for doc_id, document in written.after.items():
        if document is not None:
            rows.put(document)
        else:
            rows.drop(doc_id)


def conflict(collection: str) -> RequestError:
    """The error where what a transaction has read is not so any more."""
    what = f'"{collection}"' if collection else "the list of collections"
    return RequestError(
        f"Somebody changed {what} while a transaction was at work with it",
        code="transaction_conflict",
        status=409,
        hint="Nothing of it was written: run it again. DataRepository.transaction does so by itself; if "
        "it keeps losing, let it read fewer documents and fewer whole collections.",
    )


class Notes:
    """The backend of one transaction.

    Its calls must follow one another. They are not durable before the commit.

    Args:
        ground: the store below.
        scope: whose transaction it is.
        submit: gives the commit its place among the changes of the store.
    """

    def __init__(self, ground: Ground, scope: Scope, submit: Submit) -> None:
        self._ground, self._scope, self._submit = ground, scope, submit
        self._rows: dict[str, TableRows] = {}
        self._asked: dict[str, int] = {}
        self._names: list[str] | None = None
        self._held = 0  # bytes of documents
        self.ids: Ids = ground.ids

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        return self._ground.document_limit

    @property
    def is_open(self) -> bool:
        """Whether definitions are known."""
        return self._ground.is_open

    async def open(self) -> None:
        """Makes definitions known."""
        await self._ground.open()

    def definition(self, scope: Scope, collection: str) -> Definition:
        """What is declared of a collection."""
        return self._ground.definition(scope, collection)

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        return self._ground.may_make(scope, collection)

    async def read(self, scope: Scope, collection: str, doc_id: str) -> bytes | None:
        """A document as this transaction left it, else as it first saw it, else as it is."""
        rows = self._rows_of(scope, collection)
        if doc_id not in rows.after and doc_id not in rows.before:
            text = await self._ground.read(scope, collection, doc_id)
            self._hold(len(text or b""))
            rows.before[doc_id] = text or b""
        return rows.get(doc_id)

    async def ask(self, question: Question) -> Any:
        """The answer with what this transaction has written."""
        self._note_changes(question.collection)
        rows = self._rows_of(question.scope, question.collection)
        if rows.after:
            question = replace(question, overlay=_overlay(rows))
        return await self._ground.ask(question)

    async def sql(self, scope: Scope, texts: list[str], values: list[Any]) -> Table:
        """What a SELECT finds with what this transaction has written."""
        names = await self.collections(scope)
        before = {name: self._ground.changes(scope, name) for name in names}
        overlays = {name: _overlay(rows) for name, rows in self._rows.items() if rows.after}
        answer = await self._ground.select(scope, texts, values, overlays)
        for name in answer.collections:
            self._asked.setdefault(name, before[name])
        return answer.table

    async def write(self, change: Change[Result]) -> Result:
        """Does a change to the documents that it must see, here."""
        scope, reached = change.scope, change.reach()
        for name, ids in reached.items():
            for doc_id in ids:
                await self.read(scope, name, doc_id)
        tables = {name: self._rows_of(scope, name) for name in reached}
        condition = change.where()
        if condition is not None:
            (name,) = reached
            await self._pick(scope, name, condition)
        done = False
        try:
            result = change.run(tables.__getitem__)
            put = [one for table in tables.values() for one in table.aside.values()]
            self._hold(sum(len(document.text) for document in put if document is not None))
            done = True
        finally:
            for table in tables.values():
                table.settle(done=done)
        return result

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections, with those that this transaction will make."""
        if self._names is None:
            self._note_changes(CATALOG)
            self._names = await self._ground.collections(scope)
        own = {name for name, rows in self._rows.items() if any(rows.after.values())}
        return sorted(own.union(self._names))

    async def commit(self) -> None:
        """Writes everything, if what was read holds.

        Raises:
            RequestError: `transaction_conflict`.
        """
        await self._submit(Commit(self._scope, self._rows, self._asked))

    async def holds(self) -> bool:
        """Whether what was read still holds."""
        try:
            await self._submit(Commit(self._scope, self._rows, self._asked, writes=False))
        except RequestError:
            return False
        return True

    async def _pick(self, scope: Scope, collection: str, condition: Condition) -> None:
        """Finds what a condition picks, as if it had been asked for by id."""
        self._note_changes(collection)
        rows = self._rows_of(scope, collection)
        rows.picked = []
        question = Question(scope, collection, b"", condition, Selection(), _overlay(rows))
        for found in await self._ground.ask(question):
            doc_id = orjson.loads(found)["id"]
            rows.picked.append(doc_id)
            if doc_id not in rows.after and doc_id not in rows.before:
                self._hold(len(found))
                rows.before[doc_id] = found

    def _hold(self, size: int) -> None:
        """Counts what is to be kept until the end: memory of the host's, whoever's program it is."""
        if self._held + size > LARGEST:
            raise RequestError(
                f"One transaction holds at most {LARGEST:,} bytes of documents",
                code="transaction_too_large",
                status=413,
                hint="Do the work in several transactions, or read and write fewer documents in it.",
            )
        self._ground.budget.take(size)
        self._held += size

    def forget(self) -> None:
        """Lets go of what was kept; nothing may be asked any more."""
        self._ground.budget.give(self._held)
        self._held = 0
        self._rows, self._asked = {}, {}

    def _rows_of(self, scope: Scope, collection: str) -> TableRows:
        rows = self._rows.get(collection)
        if rows is None:
            place = (scope.app, scope.env, collection)
            definition = self._ground.definition(scope, collection)
            rows = self._rows[collection] = TableRows(place, None, definition)
        return rows

    def _note_changes(self, collection: str) -> None:
        """To be called before a question is put: what changes from now on is a conflict."""
        self._asked.setdefault(collection, self._ground.changes(self._scope, collection))


class OptimisticTransaction(Repository):
    """A `protocols.Transaction`: the data calls of one scope, on notes of its own."""

    __slots__ = ("_notes",)

    def __init__(self, ground: Ground, scope: Scope, submit: Submit) -> None:
        self._notes = Notes(ground, scope, submit)
        super().__init__(self._notes, scope)

    async def commit(self) -> None:
        """All of it happens now.

        Raises:
            RequestError: `transaction_conflict`, and nothing has happened.
        """
        try:
            await self._notes.commit()
        finally:
            self._notes.forget()

    async def rollback(self) -> bool:
        """Nothing of it happens; False where an error may come of reading what did not hold."""
        try:
            return await self._notes.holds()
        finally:
            self._notes.forget()
