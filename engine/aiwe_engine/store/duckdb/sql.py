"""The statements that make, change and read the tables of documents.

Bulk forms throughout: sixty-four rows cost little more than one. Values are parameters and tables
have numbers: nothing that a program writes is ever SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from aiwe_engine.store.documents import Document, instant

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection

Sql: TypeAlias = tuple[str, list[Any]]


def make(number: int, place: tuple[str, str, str]) -> list[Sql]:
    """The statements that make the table of a collection."""
    table = (
        f"CREATE TABLE documents_{number:d} "
        "(id VARCHAR PRIMARY KEY, created TIMESTAMP NOT NULL, data JSON NOT NULL)"
    )
    return [(table, []), ("INSERT INTO collections VALUES (?, ?, ?, ?)", [number, *place])]


def insert(number: int, documents: list[Document]) -> Sql:
    """New documents."""
    text = (
        f"INSERT INTO documents_{number:d} SELECT unnest(?::VARCHAR[]), "
        "make_timestamp(unnest(?::BIGINT[])), unnest(?::VARCHAR[])::JSON"
    )
    return text, _columns(documents)


def change(number: int, documents: list[Document]) -> Sql:
    """New texts for documents that are there."""
    text = (
        f"UPDATE documents_{number:d} AS d SET data = u.data::JSON "
        "FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[]) AS data) AS u "
        "WHERE d.id = u.id"
    )
    ids, _, texts = _columns(documents)
    return text, [ids, texts]


def move(number: int, documents: list[Document]) -> Sql:
    """New texts and times of creation for documents that are there."""
    text = (
        f"UPDATE documents_{number:d} AS d "
        "SET created = make_timestamp(u.created), data = u.data::JSON "
        "FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::BIGINT[]) AS created, "
        "unnest(?::VARCHAR[]) AS data) AS u WHERE d.id = u.id"
    )
    return text, _columns(documents)


def delete(number: int, ids: list[str]) -> Sql:
    """The documents with these ids go."""
    text = f"DELETE FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    return text, [ids]


def overlaid(number: int | None, changed: list[str], documents: list[Document]) -> Sql:
    """A table for `FROM`: what is stored but for the changed documents, and these documents.

    It has no parameters besides its values. Without a number nothing is stored.
    """
    added = (
        "SELECT unnest(?::VARCHAR[]) AS id, make_timestamp(unnest(?::BIGINT[])) AS created, "
        "unnest(?::VARCHAR[])::JSON AS data"
    )
    created = [instant(document.fields["createdAt"]) for document in documents]
    values = [[d.id for d in documents], created, [d.text.decode() for d in documents]]
    if number is None:
        return f"({added})", values
    stored = (
        f"SELECT id, created, data FROM documents_{number:d} "
        "WHERE id NOT IN (SELECT unnest(?::VARCHAR[]))"
    )
    return f"({stored} UNION ALL {added})", [changed, *values]


def _columns(documents: list[Document]) -> list[list[Any]]:
    return [
        [document.id for document in documents],
        [document.created for document in documents],
        [document.text.decode() for document in documents],
    ]


def read(connection: Connection, number: int, ids: list[str]) -> dict[str, bytes]:
    """The documents with these ids; an empty text for one that is not there."""
    text = f"SELECT id, data FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    found = dict.fromkeys(ids, b"")
    for doc_id, data in connection.execute(text, [ids]).fetchall():
        found[doc_id] = data.encode()
    return found
