"""The rows that changes meet: as they were, and as the changes so far leave them.

A change that cannot be done leaves nothing behind: what it puts and drops is set aside until it has
succeeded. Every document that is put is checked against its collection's definition, whoever wrote
it and by whatever call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from aiwe_engine.store.definitions import PLAIN, Definition
from aiwe_engine.store.documents import Document
from aiwe_engine.store.unique import UniqueKeys

Place: TypeAlias = tuple[str, str, str]  # app, environment, collection
CATALOG = ""  # in the place of a collection: the list of them, which changes with every new one


class Rows(Protocol):
    """The documents of one collection as a change sees them."""

    def get(self, doc_id: str) -> bytes | None:
        """The text of a document as the changes before this one left it."""
        ...

    def found(self) -> list[str]:
        """The ids that a change's `where` has found."""
        ...

    def put(self, document: Document) -> None:
        """Stores a document when the changes are committed.

        Raises:
            AiweError: it is not what the collection's definition asks for.
        """
        ...

    def drop(self, doc_id: str) -> None:
        """Deletes a document when the changes are committed."""
        ...


@dataclass(slots=True)
class TableRows:
    """The rows of one collection while a group of changes is applied.

    An empty text stands for no document.

    Attributes:
        place: whose they are.
        number: of its table; None where it has none yet.
        definition: what is declared of it.
        before: what was read, by id.
        after: what the changes so far leave behind; None: deleted.
        aside: what the change that is being applied does.
        picked: the ids that the condition of a change has found.
        changes: how often the collection was changed before these rows were read.
        unique: its unique keys, where it has some.
    """

    place: Place
    number: int | None
    definition: Definition = PLAIN
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, Document | None] = field(default_factory=dict)
    aside: dict[str, Document | None] = field(default_factory=dict)
    picked: list[str] = field(default_factory=list)
    changes: int = 0
    unique: UniqueKeys | None = None

    def get(self, doc_id: str) -> bytes | None:
        """The text of a document as it is at this point."""
        for changes in (self.aside, self.after):
            if doc_id in changes:
                document = changes[doc_id]
                return document.text if document is not None else None
        return self.before.get(doc_id) or None

    def found(self) -> list[str]:
        """The ids that the condition of the change has found."""
        return self.picked

    def put(self, document: Document) -> None:
        """Sets a document aside."""
        self.definition.check(document.fields)
        if document.created is None:  # as it was, which may be as it was put a moment ago
            earlier = self.aside.get(document.id) or self.after.get(document.id)
            document.created = earlier.created if earlier is not None else None
        self.aside[document.id] = document

    def drop(self, doc_id: str) -> None:
        """Sets the end of a document aside."""
        self.aside[doc_id] = None

    def unchanged_since(self, changes: int) -> bool:
        """Whether nobody has changed the collection since its counter stood there."""
        return not self.after and self.changes == changes

    def check(self) -> None:
        """Refuses what the change has done, all in all, where it breaks a unique key.

        Raises:
            RequestError: `already_exists`.
        """
        if self.unique is not None:
            self.unique.check(self.aside, self.before)

    def growth(self) -> int:
        """Bytes by which the change that is being applied makes the documents more."""
        growth = 0
        for doc_id, document in self.aside.items():
            if doc_id in self.after:
                earlier = self.after[doc_id]
                growth -= len(earlier.text) if earlier is not None else 0
            else:
                growth -= len(self.before.get(doc_id, b""))
            growth += len(document.text) if document is not None else 0
        return growth

    def settle(self, *, done: bool) -> None:
        """Keeps what the change did, or forgets it."""
        if self.unique is not None:
            self.unique.settle(done=done)
        if done:
            self.after.update(self.aside)
        self.aside.clear()
