"""Who may see which documents of a collection that declares `tenant` or `owner`.

A guard stands between a caller and the rows, in every store and under every call: what belongs to
somebody else is not found, not counted, not changed, and cannot be taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.store.definitions import Definition
from aiwe_engine.store.documents import Document
from aiwe_engine.store.filters import AllOf, Condition, Equals
from aiwe_engine.store.rows import Rows
from aiwe_engine.types import Caller

TENANT, OWNER = "tenant", "owner"


@dataclass(frozen=True, slots=True)
class Guard:
    """The fields that a caller's documents have: `{"owner": "u1", "tenant": "acme"}`."""

    collection: str
    fields: dict[str, str]

    def holds(self, text: bytes) -> bool:
        """Whether a document is the caller's."""
        return self._holds(orjson.loads(text))

    def _holds(self, document: dict[str, Any]) -> bool:
        return all(document.get(name) == value for name, value in self.fields.items())

    def confine(self, condition: Condition) -> Condition:
        """The condition, for the caller's documents only."""
        own = tuple(Equals((name,), value) for name, value in self.fields.items())
        return AllOf((*own, condition))

    def stamp(self, doc: dict[str, Any]) -> dict[str, Any]:
        """The document with the fields that say whose it is."""
        return self.fields | doc

    def check(self, document: Document) -> None:
        """Refuses a document that would be somebody else's.

        Raises:
            RequestError: `not_yours`.
        """
        for name, value in self.fields.items():
            if document.fields.get(name) != value:
                raise RequestError(
                    f'A document of "{self.collection}" cannot be given to another {name}',
                    code="not_yours",
                    status=403,
                    hint=f"Leave {name} out: the engine sets it to that of the caller.",
                )


@dataclass(slots=True)
class Guarded:
    """The rows of a collection as one caller sees them."""

    rows: Rows
    guard: Guard

    def get(self, doc_id: str) -> bytes | None:
        """The caller's document."""
        text = self.rows.get(doc_id)
        return text if text is not None and self.guard.holds(text) else None

    def found(self) -> list[str]:
        """What the change's condition found, which was confined already."""
        return [doc_id for doc_id in self.rows.found() if self.get(doc_id) is not None]

    def put(self, document: Document) -> None:
        """Stores a document of the caller's."""
        self.guard.check(document)
        if self.rows.get(document.id) is not None and self.get(document.id) is None:
            raise taken(self.guard.collection, document.id)
        self.rows.put(document)

    def drop(self, doc_id: str) -> None:
        """Deletes a document of the caller's."""
        self.rows.drop(doc_id)


def guard_of(definition: Definition, caller: Caller | None, collection: str) -> Guard | None:
    """What confines a caller in a collection; None: nothing does.

    Raises:
        RequestError: `sign_in_required`, `tenant_required`.
    """
    if caller is None or not (definition.tenant or definition.owner):
        return None
    fields = {}
    if definition.owner:
        if caller.user is None:
            raise RequestError(
                f'The documents of "{collection}" belong to users, and nobody is signed in',
                code="sign_in_required",
                status=401,
                hint="Sign in first; a route that needs a user can say so with Auth.require().",
            )
        fields[OWNER] = caller.user
    if definition.tenant:
        if caller.tenant is None:
            raise RequestError(
                f'The documents of "{collection}" belong to tenants, and the caller has none',
                code="tenant_required",
                status=403,
                hint="Sign in as a user of a tenant.",
            )
        fields[TENANT] = caller.tenant
    return Guard(collection, fields)


def taken(collection: str, doc_id: str) -> RequestError:
    """The error for an id that is another document's."""
    return RequestError(
        f'"{collection}" has a document "{doc_id}" already',
        code="already_exists",
        status=409,
        hint="Choose another id, leave it out to get a new one, or use upsert.",
    )
