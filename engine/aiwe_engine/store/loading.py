"""Many documents in one transaction, a portion at a time: how imports and restored backups come in.

A `Series` is done by the writer like a change, but its parts need not fit into memory together: each
is made when the one before it has been written, and nobody sees any of them before all are there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.protocols import Loaded, Scope, Taken
from aiwe_engine.store.changes import CollectionChange
from aiwe_engine.store.documents import Document, compose, instant, timestamp
from aiwe_engine.store.rows import Rows

Result = TypeVar("Result")
_NAMED = 20  # ids that a refusal names


class Series(ABC, Generic[Result]):
    """Changes that are done one after the other in a transaction of their own."""

    @abstractmethod
    def changes(self) -> Iterator[Portion | Empty]:
        """The next one each time; what it raises ends the series, and nothing of it was done."""

    @abstractmethod
    def result(self) -> Result:
        """What the caller gets when it is durable."""


@dataclass(slots=True)
class Empty(CollectionChange[int]):
    """Every document of a collection goes, unread. In a series only: its writer deletes them.

    Attributes:
        deleted: how many there were.
    """

    deleted: int = 0

    def apply(self, rows: Rows) -> int:  # noqa: ARG002
        """Nothing."""
        return self.deleted


class Clearing(Series[dict[str, int]]):
    """Some collections of a scope lose all their documents."""

    def __init__(self, scope: Scope, collections: list[str]) -> None:
        self._changes = [Empty(scope, name) for name in collections]

    def changes(self) -> Iterator[Empty]:
        """One a collection."""
        yield from self._changes

    def result(self) -> dict[str, int]:
        """How many each had."""
        return {change.collection: change.deleted for change in self._changes}


class Loading(Series[Loaded]):
    """Documents from outside, on their way into one collection: see `Store.load`."""

    def __init__(
        self,
        scope: Scope,
        collection: str,
        portions: Iterable[list[tuple[str, bytes]]],
        taken: Taken,
        limit: int,
    ) -> None:
        self._scope, self._collection, self._portions = scope, collection, portions
        self.taken, self.limit, self.now = taken, limit, timestamp()
        self.loaded = Loaded()
        self.conflicts = 0
        self.named: list[str] = []

    def changes(self) -> Iterator[Portion]:
        """One a portion.

        Raises:
            RequestError: `already_exists`, after the last one, so that it names what it can.
        """
        yield Portion(self._scope, self._collection, [], [], self)  # the collection is made anyway
        for portion in self._portions:
            documents = [_document(text) for _, text in portion]
            places = [place for place, _ in portion]
            yield Portion(self._scope, self._collection, documents, places, self)
        if self.conflicts:
            raise taken_ids(self._collection, self.named, self.conflicts)

    def result(self) -> Loaded:
        """What became of them."""
        return self.loaded

    def collide(self, doc_id: str) -> None:
        """Notes an id that is taken."""
        self.conflicts += 1
        if len(self.named) < _NAMED and doc_id not in self.named:
            self.named.append(doc_id)


@dataclass(slots=True)
class Portion(CollectionChange[None]):
    """Some of the documents of a loading."""

    documents: list[Document]
    places: list[str]
    loading: Loading

    def needs(self) -> Sequence[str]:
        """Any id may be taken."""
        return [document.id for document in self.documents]

    def brings(self) -> list[dict[str, Any]]:
        """What may have unique keys."""
        return [document.fields for document in self.documents]

    def apply(self, rows: Rows) -> None:
        """Puts what may be put."""
        for document in self.documents:
            self._put(rows, document)

    def parts(self) -> Iterator[Portion]:
        """The same, a document at a time: to find the one that was refused."""
        if len(self.documents) > 1:
            for document, place in zip(self.documents, self.places, strict=True):
                yield Portion(self.scope, self.collection, [document], [place], self.loading)

    def placed(self, error: AiweError) -> AiweError:
        """A refusal of its only document, which says which one that is."""
        if not self.places:
            return error
        return RequestError(
            f"{self.places[0]}: {error.message.rstrip('.')}. Nothing was stored.",
            code=error.code,
            status=error.status,
            hint=error.hint,
            details=error.details,
        )

    def _put(self, rows: Rows, document: Document) -> None:
        loading = self.loading
        current = rows.get(document.id)
        if current is None:
            if not loading.conflicts:
                rows.put(document)
                loading.loaded.created += 1
        elif loading.taken == "fail":
            loading.collide(document.id)
        elif loading.taken == "skip":
            loading.loaded.skipped += 1
        else:
            fields = document.fields
            rows.put(compose(fields, document.id, loading.now, loading.limit, current))
            loading.loaded.replaced += 1


def _document(text: bytes) -> Document:
    fields: dict[str, Any] = orjson.loads(text)
    return Document(fields["id"], text, fields, instant(fields["createdAt"]))


def taken_ids(collection: str, ids: list[str], count: int) -> RequestError:
    """The refusal of documents whose ids are taken, by others or by one another."""
    named = ", ".join(f'"{one}"' for one in ids)
    more = f" and {count - len(ids):,} more" if count > len(ids) else ""
    return RequestError(
        f'"{collection}" has these ids already, or they are given twice: {named}{more}. '
        "Nothing was stored.",
        code="already_exists",
        status=409,
        hint="Leave them out, or choose what becomes of them: --on-conflict skip or replace.",
        details={"ids": ids, "count": count},
    )
