"""The statements that make, read and change the tables of documents.

Bulk forms throughout: sixty-four rows cost little more than one. Values are parameters and tables
have numbers: nothing that a program writes is ever SQL, but for field names, as quoted literals.

A document is kept twice: its text as it was written, which is what is answered, and the same as
`jsonb`, which is what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

from aiwe_engine.store.definitions import Definition, Key
from aiwe_engine.store.documents import Document
from aiwe_engine.store.postgres.characters import json_for
from aiwe_engine.store.postgres.fields import rank

Sql: TypeAlias = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The table of one collection, as a process knows it at one time.

    Attributes:
        number: of the collection.
        version: of its definition.
        definition: what is declared of it.
        folding: the collation by which `$ilike` folds case, quoted.
        held: nobody can declare something else: a transaction sees to it.
    """

    number: int
    version: int
    definition: Definition
    folding: str
    held: bool = False

    @property
    def name(self) -> str:
        """Its name in SQL."""
        return f"aiwe.documents_{self.number:d}"

    @property
    def keys(self) -> str:
        """The name of the table of its unique keys."""
        return f"aiwe.keys_{self.number:d}"

    @property
    def holds(self) -> str:
        """True where the definition is still the one that this process knows; else it raises."""
        if self.held:
            return "TRUE"
        return f"(SELECT aiwe.holds({self.number:d}, {self.version:d}))"


def make(number: int) -> list[str]:
    """The statements that make the table of a collection."""
    name = f"documents_{number:d}"
    columns = (
        'id text COLLATE "C" PRIMARY KEY, created bigint NOT NULL, '
        "data text NOT NULL, doc jsonb NOT NULL"
    )
    return [
        f"CREATE TABLE aiwe.{name} ({columns})",
        f"CREATE INDEX {name}_created ON aiwe.{name} (created, id)",
    ]


def read(table: Table, ids: list[str]) -> Sql:
    """Ids and texts of the documents with these ids."""
    text = f"SELECT id, data FROM {table.name} WHERE {table.holds} AND id = ANY($1::text[])"
    return text, [ids]


def lock(table: Table, ids: list[str]) -> Sql:
    """The same, locked in the order of their ids, so that two who want the same wait for each other in turn."""
    text, values = read(table, ids)
    return f"{text} ORDER BY id FOR UPDATE", values


def insert(table: Table, documents: list[Document]) -> Sql:
    """New documents."""
    text = (
        f"INSERT INTO {table.name} (id, created, data, doc) "
        "SELECT id, created, data, coalesce(doc, data)::jsonb "
        "FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) "
        f"AS given (id, created, data, doc) WHERE {table.holds}"
    )
    return text, _columns(documents)


def change(table: Table, documents: list[Document]) -> Sql:
    """Other texts, and times of creation where they are given, for documents that are there."""
    text = (
        f"UPDATE {table.name} AS old SET created = coalesce(given.created, old.created), "
        "data = given.data, doc = coalesce(given.doc, given.data)::jsonb "
        "FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) "
        "AS given (id, created, data, doc) WHERE old.id = given.id"
    )
    return text, _columns(documents)


def delete(table: Table, ids: list[str]) -> Sql:
    """The documents with these ids go."""
    return f"DELETE FROM {table.name} WHERE id = ANY($1::text[])", [ids]


def make_index(table: Table, key: Key) -> str:
    """The statement that makes an index."""
    ranks = ", ".join(f"({rank(path)})" for path in key)
    return f"CREATE INDEX {_index_name(table, key)} ON {table.name} ({ranks})"


def drop_index(table: Table, key: Key) -> str:
    """The statement that drops an index."""
    return f"DROP INDEX IF EXISTS aiwe.{_index_name(table, key)}"


def _index_name(table: Table, key: Key) -> str:
    digest = blake2b(repr(key).encode(), digest_size=6).hexdigest()
    return f"documents_{table.number:d}_{digest}"


def make_keys(table: Table) -> list[str]:
    """The statements that make the table of unique keys. It is unique when it is filled."""
    return [
        f"DROP TABLE IF EXISTS {table.keys}",
        f'CREATE TABLE {table.keys} (key text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL)',
    ]


def find_keys(table: Table, keys: list[str]) -> Sql:
    """Keys with the ids of the documents that have them."""
    return f"SELECT key, id FROM {table.keys} WHERE key = ANY($1::text[])", [keys]


def free_keys(table: Table, keys: list[str]) -> Sql:
    """Nobody has these keys any more."""
    return f"DELETE FROM {table.keys} WHERE key = ANY($1::text[])", [keys]


def take_keys(table: Table, keys: list[tuple[str, str]]) -> Sql:
    """Keys with the ids of the documents that have them now."""
    text = f"INSERT INTO {table.keys} SELECT * FROM unnest($1::text[], $2::text[])"
    keys.sort()
    return text, [[key for key, _ in keys], [doc_id for _, doc_id in keys]]


def _columns(documents: list[Document]) -> list[list[Any]]:
    documents.sort(key=lambda document: document.id)
    texts = [document.text.decode() for document in documents]
    return [
        [document.id for document in documents],
        [document.created for document in documents],
        texts,
        [json_for(text) for text in texts],
    ]
