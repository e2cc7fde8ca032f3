"""Unique keys, while a group of changes is applied: who has which key at this point.

A change is judged by what it leaves behind, so that it may swap two documents' values. What is
stored is asked of the database only for keys that somebody is about to take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import orjson

from aiwe_engine.store.definitions import Definition, duplicate
from aiwe_engine.store.documents import Document

Find: TypeAlias = Callable[[list[str]], dict[str, str]]


class UniqueKeys:
    """The unique keys of one collection. A key is a text that begins with the number of its rule.

    Args:
        collection: its name.
        definition: what is declared of it.
        find: finds the ids of the stored documents that have these keys.
    """

    def __init__(self, collection: str, definition: Definition, find: Find) -> None:
        self._collection = collection
        self._definition = definition
        self._find = find
        self._stored: dict[str, str | None] = {}  # by key: who had it before the group
        self._taken: dict[str, str] = {}  # by key: who has it by the changes so far
        self._keys: dict[str, list[str]] = {}  # by id, of what the changes so far leave behind
        self._aside: dict[str, list[str]] = {}  # by id, of what the present change does
        self._had: dict[str, list[str]] = {}  # by id, before the group

    def expect(self, documents: Iterable[dict[str, Any]]) -> None:
        """Looks up in one go what these documents will need."""
        self._look_up(key for fields in documents for key in self._keys_of(fields))

    def check(self, aside: Mapping[str, Document | None], before: Mapping[str, bytes]) -> None:
        """Refuses what a change does when one of its keys is another document's.

        Args:
            aside: what it leaves behind, by id.
            before: the stored documents, by id; an empty text where there was none.

        Raises:
            RequestError: `already_exists`.
        """
        for doc_id in aside:
            self._remember(doc_id, before)
        self._aside = {
            doc_id: self._keys_of(document.fields) if document is not None else []
            for doc_id, document in aside.items()
        }
        self._look_up(key for keys in self._aside.values() for key in keys)
        holders: dict[str, str] = {}
        for doc_id, keys in self._aside.items():
            for key in keys:
                if holders.setdefault(key, doc_id) != doc_id or self._is_held(key):
                    number = int(key.partition(":")[0])
                    raise duplicate(self._collection, self._definition.unique[number])

    def settle(self, *, done: bool) -> None:
        """Counts the change that was checked, or forgets it."""
        if done:
            for doc_id in self._aside:
                for key in self._keys.pop(doc_id, ()):
                    self._taken.pop(key, None)
            for doc_id, keys in self._aside.items():
                self._keys[doc_id] = keys
                self._taken.update(dict.fromkeys(keys, doc_id))
        self._aside = {}

    def moves(self) -> tuple[list[str], list[tuple[str, str]]]:
        """The keys that their documents have no more, and the new ones with their documents' ids."""
        freed: list[str] = []
        new: list[tuple[str, str]] = []
        for doc_id, keys in self._keys.items():
            had = self._had[doc_id]
            freed += [key for key in had if key not in keys]
            new += [(key, doc_id) for key in keys if key not in had]
        return freed, new

    def _remember(self, doc_id: str, before: Mapping[str, bytes]) -> None:
        """Learns the keys that a stored document has: nobody else has them."""
        if doc_id not in self._had:
            text = before.get(doc_id)
            self._had[doc_id] = keys = self._keys_of(orjson.loads(text)) if text else []
            self._stored.update(dict.fromkeys(keys, doc_id))

    def _is_held(self, key: str) -> bool:
        """Whether a document has it that the present change leaves alone."""
        holder = self._taken.get(key)
        if holder is None:
            holder = self._stored.get(key)
            if holder is None or holder in self._keys:  # changed since: it has it no more
                return False
        return holder not in self._aside

    def _keys_of(self, fields: dict[str, Any]) -> list[str]:
        return stored_keys(self._definition, fields)

    def _look_up(self, keys: Iterable[str]) -> None:
        unknown = [key for key in dict.fromkeys(keys) if key not in self._stored]
        if unknown:
            found = self._find(unknown)
            self._stored.update((key, found.get(key)) for key in unknown)


def stored_keys(definition: Definition, fields: dict[str, Any]) -> list[str]:
    """The keys of a document, each with the number of its rule: `0:["ann@example.com"]`."""
    keys = definition.keys(fields)
    return [f"{number}:{key}" for number, key in enumerate(keys) if key is not None]
