"""The statements that make, change and read the tables of documents.

Bulk forms throughout: sixty-four rows cost little more than one. Values are parameters and tables
have numbers: nothing that a program writes is ever SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from aiwe_engine.store.documents import Document, instant

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.columns import Column
    from aiwe_engine.store.duckdb.database import Connection

Sql: TypeAlias = tuple[str, list[Any]]


def make(number: int, place: tuple[str, str, str]) -> list[Sql]:
    """The statements that make the table of a collection."""
    table = (
        f"CREATE TABLE documents_{number:d} "
        "(id VARCHAR PRIMARY KEY, created TIMESTAMP NOT NULL, data JSON NOT NULL)"
    )
    return [(table, []), ("INSERT INTO collections VALUES (?, ?, ?, ?)", [number, *place])]


def insert(number: int, documents: list[Document], columns: Sequence[Column] = ()) -> Sql:
    """New documents."""
    given = (
        "SELECT unnest(?::VARCHAR[]) AS id, make_timestamp(unnest(?::BIGINT[])) AS created, "
        "unnest(?::VARCHAR[])::JSON AS data"
    )
    given, values = _with_columns(given, documents, columns)
    text = f"INSERT INTO documents_{number:d} BY NAME {given}"
    return text, [*_columns(documents), *values]


def change(number: int, documents: list[Document], columns: Sequence[Column] = ()) -> Sql:
    """New texts for documents that are there."""
    given = "SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[])::JSON AS data"
    given, values = _with_columns(given, documents, columns)
    ids, _, texts = _columns(documents)
    return _update(number, ["data"], given, columns), [ids, texts, *values]


def move(number: int, documents: list[Document], columns: Sequence[Column] = ()) -> Sql:
    """New texts and times of creation for documents that are there."""
    given = (
        "SELECT unnest(?::VARCHAR[]) AS id, make_timestamp(unnest(?::BIGINT[])) AS created, "
        "unnest(?::VARCHAR[])::JSON AS data"
    )
    given, values = _with_columns(given, documents, columns)
    text = _update(number, ["created", "data"], given, columns)
    return text, [*_columns(documents), *values]


def _update(number: int, names: list[str], given: str, columns: Sequence[Column]) -> str:
    sets = [f"{name} = u.{name}" for name in (*names, *(column.column for column in columns))]
    return (
        f"UPDATE documents_{number:d} AS d SET {', '.join(sets)} "
        f"FROM ({given}) AS u WHERE d.id = u.id"
    )


def _with_columns(
    given: str, documents: list[Document], columns: Sequence[Column]
) -> tuple[str, list[Any]]:
    """What is given, with the values of columns; and the parameters of these."""
    typed = [column for column in columns if column.kind != "JSON"]
    made = [column for column in columns if column.kind == "JSON"]
    given += "".join(f", unnest(?::{column.type}[]) AS {column.column}" for column in typed)
    if made:
        sources = ", ".join(f"{column.source} AS {column.column}" for column in made)
        given = f"SELECT *, {sources} FROM ({given})"
    return given, [[column.value(document.fields) for document in documents] for column in typed]


def delete(number: int, ids: list[str]) -> Sql:
    """The documents with these ids go."""
    text = f"DELETE FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[]))"
    return text, [ids]


def empty(number: int) -> Sql:
    """All documents go."""
    return f"DELETE FROM documents_{number:d}", []


def size(connection: Connection, number: int) -> int:
    """Bytes of all documents."""
    found = connection.execute(f"SELECT sum(strlen(data)) FROM documents_{number:d}").fetchone()
    return int((found or (0,))[0] or 0)


def overlaid(
    number: int | None, changed: list[str], documents: list[Document], home: str = ""
) -> Sql:
    """A table for `FROM`: what is stored but for the changed documents, and these documents.

    It has no parameters besides its values. Without a number nothing is stored. `home` is what the
    whole names of tables begin with.
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
        f"SELECT id, created, data FROM {home}documents_{number:d} "
        "WHERE id NOT IN (SELECT unnest(?::VARCHAR[]))"
    )
    return f"({stored} UNION ALL {added})", [changed, *values]


def among(number: int, ids: list[str]) -> Sql:
    """A table for `FROM`: the stored documents with these ids."""
    return f"(SELECT * FROM documents_{number:d} WHERE id IN (SELECT unnest(?::VARCHAR[])))", [ids]


def make_keys(number: int) -> list[Sql]:
    """The statements that make the table of a collection's unique keys.

    It is a table by itself, as DuckDB alters no table that has an index besides its primary key.
    """
    return [
        (f"CREATE TABLE keys_{number:d} (key VARCHAR, id VARCHAR)", []),
        (f"CREATE INDEX keys_{number:d}_key ON keys_{number:d} (key)", []),
    ]


def drop_keys(number: int) -> Sql:
    """The unique keys go."""
    return f"DROP TABLE IF EXISTS keys_{number:d}", []


def empty_keys(number: int) -> Sql:
    """Nobody has a key any more."""
    return f"DELETE FROM keys_{number:d}", []


def take_keys(number: int, keys: list[tuple[str, str]]) -> Sql:
    """Keys with the ids of the documents that have them now."""
    text = f"INSERT INTO keys_{number:d} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])"
    return text, [[key for key, _ in keys], [doc_id for _, doc_id in keys]]


def free_keys(number: int, keys: list[str]) -> Sql:
    """Nobody has these keys any more."""
    return f"DELETE FROM keys_{number:d} WHERE key IN (SELECT unnest(?::VARCHAR[]))", [keys]


def find_keys(connection: Connection, number: int, keys: list[str]) -> dict[str, str]:
    """The ids of the documents that have these keys."""
    text = f"SELECT key, id FROM keys_{number:d} WHERE key IN (SELECT unnest(?::VARCHAR[]))"
    return dict(connection.execute(text, [keys]).fetchall())


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
