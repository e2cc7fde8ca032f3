"""Which fields the documents of each collection have, and what they hold: the columns of its SQL.

Documents need no schema, but a table has columns. So the writer notes each new pair of a field and a
kind of value, in the transaction that stores the first such document; all later ones cost a look at a
set. What was noted stays, though the documents go. A null says nothing of a field.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiwe_engine.store.documents import Document
from aiwe_engine.store.kinds import LARGEST, MOST, Columns, Kind, is_name, kind_of

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection
    from aiwe_engine.store.duckdb.sql import Sql

CATALOG = """
CREATE TABLE IF NOT EXISTS fields (
    number INTEGER, name VARCHAR, kinds UTINYINT, PRIMARY KEY (number, name)
);
"""


_JSON = {
    "NULL": Kind.NOTHING,
    "BOOLEAN": Kind.BOOLEAN,
    "BIGINT": Kind.INTEGER,
    "UBIGINT": Kind.INTEGER,
    "DOUBLE": Kind.NUMBER,
    "HUGEINT": Kind.NUMBER,
    "VARCHAR": Kind.STRING,
    "ARRAY": Kind.NESTED,
    "OBJECT": Kind.NESTED,
}
_NONE: Columns = {}  # one and the same, so that a change is seen


class Fields:
    """The fields of all collections, by the numbers of their tables.

    What is read may be ahead of what was committed, never behind: a statement that meets a document
    knows its fields.
    """

    def __init__(self) -> None:
        self._columns: dict[int, Columns] = {}
        self._noted: dict[int, set[tuple[str, type]]] = {}

    def load(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Takes up what was noted, and looks once at tables of which nothing was."""
        self._columns, self._noted = {}, {}
        rows = connection.execute("SELECT number, name, kinds FROM fields ORDER BY rowid")
        for number, name, kinds in rows.fetchall():
            self._columns.setdefault(number, {})[name] = Kind(kinds)
        for number in numbers:
            if number not in self._columns:
                self._scan(connection, number)

    def of(self, number: int | None) -> Columns:
        """The columns of a table."""
        return _NONE if number is None else self._columns.get(number, _NONE)

    def note(self, number: int, documents: Iterable[Document | None]) -> Note | None:
        """What is new in documents that are about to be stored; None where nothing is."""
        noted = self._noted.get(number)
        if noted is None:
            noted = self._noted[number] = set()
        new: dict[tuple[str, type], Kind] = {}
        for document in documents:
            if document is None:
                continue
            for name, value in document.fields.items():
                kind = value.__class__
                if (name, kind) not in noted:
                    new[name, kind] = new.get((name, kind), Kind.NOTHING) | kind_of(value)
                elif kind is int and not -LARGEST <= value <= LARGEST:
                    new[name, float] = Kind.NUMBER
        return self._widen(number, new) if new else None

    def accept(self, note: Note) -> None:
        """Remembers that a note was committed."""
        self._noted.setdefault(note.number, set()).update(note.pairs)

    def forget(self, number: int) -> None:
        """The table is gone."""
        self._columns.pop(number, None)
        self._noted.pop(number, None)

    def _widen(self, number: int, new: dict[tuple[str, type], Kind]) -> Note:
        """Makes the columns wide enough. They are replaced, since readers are looking at them."""
        columns = dict(self._columns.get(number, _NONE))
        changed: Columns = {}
        for (name, _), kind in new.items():
            known = columns.get(name)
            if known is None and (len(columns) >= MOST or not is_name(name)):
                continue
            columns[name] = changed[name] = kind | (known or Kind.NOTHING)
        self._columns[number] = columns
        pairs = {pair for pair in new if pair[0] in columns}
        return Note(number, pairs, changed)

    def _scan(self, connection: Connection, number: int) -> None:
        rows = connection.execute(
            "SELECT name, list(DISTINCT kind) FROM (SELECT name, json_type(data, '/' || "
            "replace(replace(name, '~', '~0'), '/', '~1')) AS kind FROM (SELECT data, "
            f"unnest(json_keys(data)) AS name FROM documents_{number:d})) "
            f"GROUP BY name ORDER BY count(*) DESC, name LIMIT {MOST:d}"
        ).fetchall()
        columns: Columns = {}
        for name, kinds in rows:
            if is_name(name):
                columns[name] = Kind.NOTHING
                for kind in kinds:
                    columns[name] |= _JSON.get(kind, Kind.NESTED)
        self._columns[number] = columns
        note = Note(number, set(), columns)
        if columns:
            connection.execute(*note.statement())


class Note:
    """What is new in a group of documents.

    Attributes:
        number: of their table.
        pairs: fields and the Python types of their values.
        changed: the columns that are new or wider than before.
    """

    __slots__ = ("changed", "number", "pairs")

    def __init__(self, number: int, pairs: set[tuple[str, type]], changed: Columns) -> None:
        self.number, self.pairs, self.changed = number, pairs, changed

    def statement(self) -> Sql:
        """What keeps it."""
        text = (
            "INSERT INTO fields SELECT ?, unnest(?::VARCHAR[]), unnest(?::UTINYINT[]) "
            "ON CONFLICT DO UPDATE SET kinds = excluded.kinds"
        )
        return text, [self.number, list(self.changed), [int(k) for k in self.changed.values()]]
