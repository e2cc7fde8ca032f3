"""The writes, each as an object that knows what it does to the documents it meets.

A store gathers what is waiting and applies one change after another to one `Rows`, which shows
each change the work of those before it. A change that cannot be done raises, leaves the rows as
they were and fails alone. What all of them leave behind is then written in one transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Generic, TypeVar

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.store.documents import Document, compose, merge
from aiwe_engine.store.filters import Condition
from aiwe_engine.store.guard import Guard, Guarded, guard_of, taken
from aiwe_engine.store.modify import Step, modify
from aiwe_engine.store.rows import Rows, TableRows

Result = TypeVar("Result")
RowsOf = Callable[[str], TableRows]  # by the name of a collection


@dataclass(slots=True)
class Change(ABC, Generic[Result]):
    """One write, to as many collections as it reaches.

    Attributes:
        scope: whose data.
    """

    scope: Scope

    @abstractmethod
    def reach(self) -> Mapping[str, Collection[str]]:
        """The collections it touches, each with the ids whose present documents it must see."""

    def brings(self) -> Sequence[dict[str, Any]]:
        """The documents that it will store, as far as they can be told beforehand."""
        return ()

    def where(self) -> Condition | None:
        """What picks the documents it must see, where ids do not; it then reaches one collection."""
        return None

    @property
    def grows(self) -> bool:
        """Whether it may need more room."""
        return True

    @property
    def alone(self) -> bool:
        """Whether it must meet what is stored, with no other change between."""
        return self.where() is not None

    @abstractmethod
    def run(self, rows_of: RowsOf) -> Result:
        """Does it on the rows of the collections that it reaches and returns what the caller gets.

        Raises:
            AiweError: it cannot be done, and has no effect.
        """


@dataclass(slots=True)
class CollectionChange(Change[Result]):
    """One write to one collection.

    Attributes:
        collection: its name.
        guard: what confines the caller; None: nothing does.
    """

    collection: str
    _: KW_ONLY
    guard: Guard | None = None

    def needs(self) -> Sequence[str]:
        """Ids whose present documents the change must see."""
        return ()

    def reach(self) -> dict[str, Sequence[str]]:
        """Its collection."""
        return {self.collection: self.needs()}

    def run(self, rows_of: RowsOf) -> Result:
        """Does it as far as the guard allows: the one of now, should it have been declared since."""
        rows = rows_of(self.collection)
        guard = guard_of(rows.definition, self.scope.caller, self.collection) or self.guard
        return self.apply(rows if guard is None else Guarded(rows, guard))

    @abstractmethod
    def apply(self, rows: Rows) -> Result:
        """Does it and returns what the caller gets.

        Raises:
            AiweError: it cannot be done; nothing was put or dropped.
        """


@dataclass(slots=True)
class _ById(CollectionChange[Result]):
    """One write to one document."""

    doc_id: str

    def needs(self) -> Sequence[str]:
        return (self.doc_id,)


@dataclass(slots=True)
class Create(CollectionChange[list[bytes]]):
    """New documents, all or none. `given` are the ids that the caller chose."""

    documents: list[Document]
    given: list[str]

    def needs(self) -> Sequence[str]:
        """Made ids are new; only given ones can be taken."""
        return self.given

    def brings(self) -> Sequence[dict[str, Any]]:
        """All of them."""
        return [document.fields for document in self.documents]

    def apply(self, rows: Rows) -> list[bytes]:
        """Stores them unless an id is taken."""
        seen: set[str] = set()
        for doc_id in self.given:
            if doc_id in seen or rows.get(doc_id) is not None:
                raise taken(self.collection, doc_id)
            seen.add(doc_id)
        for document in self.documents:
            rows.put(document)
        return [document.text for document in self.documents]


@dataclass(slots=True)
class Update(_ById[bytes]):
    """Fields laid over a document that is there."""

    patch: dict[str, Any]
    if_version: int | None
    now: str
    limit: int

    def apply(self, rows: Rows) -> bytes:
        """Merges them in."""
        current = _present(rows, self.collection, self.doc_id, self.if_version)
        document = merge(current, self.patch, self.now, self.limit)
        rows.put(document)
        return document.text


@dataclass(slots=True)
class Replace(_ById[bytes]):
    """A document in the place of one that is there."""

    doc: dict[str, Any]
    if_version: int | None
    now: str
    limit: int

    def apply(self, rows: Rows) -> bytes:
        """Puts it there."""
        current = _present(rows, self.collection, self.doc_id, self.if_version)
        document = compose(self.doc, self.doc_id, self.now, self.limit, current)
        rows.put(document)
        return document.text


@dataclass(slots=True)
class Upsert(_ById[bytes]):
    """A document, new or in the place of the one that is there."""

    doc: dict[str, Any]
    now: str
    limit: int

    def brings(self) -> Sequence[dict[str, Any]]:
        """It."""
        return (self.doc,)

    def apply(self, rows: Rows) -> bytes:
        """Puts it there or anew."""
        current = rows.get(self.doc_id)
        document = compose(self.doc, self.doc_id, self.now, self.limit, current)
        rows.put(document)
        return document.text


@dataclass(slots=True)
class Modify(_ById[bytes]):
    """Operators on the fields of a document that is there."""

    steps: list[Step]
    now: str
    limit: int

    def apply(self, rows: Rows) -> bytes:
        """Does the steps in it."""
        current = _present(rows, self.collection, self.doc_id, None)
        fields = orjson.loads(current)
        modify(fields, self.steps)
        document = compose(fields, self.doc_id, self.now, self.limit, current)
        rows.put(document)
        return document.text


@dataclass(slots=True)
class Delete(_ById[bool]):
    """A document goes, if it is there."""

    @property
    def grows(self) -> bool:
        """Never: what is full can be emptied."""
        return False

    def apply(self, rows: Rows) -> bool:
        """Says whether there was one."""
        if rows.get(self.doc_id) is None:
            return False
        rows.drop(self.doc_id)
        return True


@dataclass(slots=True)
class DeleteMany(CollectionChange[int]):
    """All documents that meet a condition go."""

    condition: Condition

    @property
    def grows(self) -> bool:
        """Never, as Delete."""
        return False

    def where(self) -> Condition | None:
        """What finds them."""
        return self.condition

    def apply(self, rows: Rows) -> int:
        """Drops what was found."""
        found = rows.found()
        for doc_id in found:
            rows.drop(doc_id)
        return len(found)


def _present(rows: Rows, collection: str, doc_id: str, if_version: int | None) -> bytes:
    current = rows.get(doc_id)
    if current is None:
        raise RequestError(
            f'"{collection}" has no document "{doc_id}"',
            code="not_found",
            status=404,
            hint="Create it first, or use upsert to do either.",
        )
    if if_version is not None:
        version = orjson.loads(current)["version"]
        if version != if_version:
            raise RequestError(
                f'"{doc_id}" of "{collection}" has version {version}, not {if_version}',
                code="version_conflict",
                status=409,
                hint="Somebody changed it meanwhile: get it again, look, and try once more.",
                details={"version": version},
            )
    return current
