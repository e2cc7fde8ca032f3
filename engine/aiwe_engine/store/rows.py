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

Place: TypeAlias = tuple[str, str, str]  # app, environment, collection


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
    """

    place: Place
    number: int | None
    definition: Definition = PLAIN
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, Document | None] = field(default_factory=dict)
    aside: dict[str, Document | None] = field(default_factory=dict)

    def get(self, doc_id: str) -> bytes | None:
        """The text of a document as it is at this point."""
        for changes in (self.aside, self.after):
            if doc_id in changes:
                document = changes[doc_id]
                return document.text if document is not None else None
        return self.before.get(doc_id) or None

    def found(self) -> list[str]:
        """The ids of the documents that were read, for a change that is applied alone."""
        return [doc_id for doc_id, text in self.before.items() if text]

    def put(self, document: Document) -> None:
        """Sets a document aside."""
        self.aside[document.id] = document

    def drop(self, doc_id: str) -> None:
        """Sets the end of a document aside."""
        self.aside[doc_id] = None

    def settle(self, *, done: bool) -> None:
        """Keeps what the change did, or forgets it."""
        if done:
            self.after.update(self.aside)
        self.aside.clear()
