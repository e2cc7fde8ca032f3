"""A group of changes that are stored together: what it needs, what each comes to, what it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiwe_engine.errors import AiweError
from aiwe_engine.store.changes import Change
from aiwe_engine.store.documents import Document
from aiwe_engine.store.quota import Account
from aiwe_engine.store.rows import Place, TableRows

Result: TypeAlias = tuple[Any, AiweError | None]


@dataclass(slots=True)
class Effect:
    """What changes leave behind in one collection, as far as it is not as it was.

    Attributes:
        new: documents that were not there.
        changed: documents that were.
        gone: ids of documents that were there and are not any more.
    """

    new: list[Document] = field(default_factory=list)
    changed: list[Document] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def apply(change: Change[Any], tables: Mapping[Place, TableRows], account: Account) -> Result:
    """Does one change on the rows as those before it left them; if it fails, it fails alone."""
    scope = change.scope
    reached = {name: tables[scope.app, scope.env, name] for name in change.reach()}
    done = False
    try:
        result = change.run(reached.__getitem__)
        for table in reached.values():
            table.check()
        account.take(scope, sum(table.growth() for table in reached.values()))
        done = True
    except AiweError as error:
        return None, error
    finally:
        for table in reached.values():
            table.settle(done=done)
    return result, None


def brought(changes: Iterable[Change[Any]]) -> dict[Place, list[dict[str, Any]]]:
    """The documents that changes will store, by collection, as far as they can be told beforehand."""
    found: dict[Place, list[dict[str, Any]]] = {}
    for change in changes:
        documents = change.brings()
        for name in change.reach() if documents else ():
            found.setdefault((change.scope.app, change.scope.env, name), []).extend(documents)
    return found


def effect(table: TableRows) -> Effect:
    """What the changes so far leave behind in a collection."""
    found = Effect()
    for doc_id, document in table.after.items():
        was_there = bool(table.before.get(doc_id))
        if document is not None:
            (found.changed if was_there else found.new).append(document)
        elif was_there:
            found.gone.append(doc_id)
    return found
