"""Which fields the documents of each collection have, and what they hold: the columns of its SQL.

Whoever stores a document of a new shape says so in the same transaction. A process remembers what it has
said itself, so that all later documents cost a look at a set; what counts is in the database.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiwe_engine.store.documents import Document
from aiwe_engine.store.kinds import LARGEST, MOST, Columns, Kind, is_name, kind_of
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.postgres.statements import Sql, Table

LONGEST = 63  # bytes of a column's name

CATALOG = """
CREATE TABLE IF NOT EXISTS aiwe.fields (
    number integer, name text COLLATE "C", kinds integer NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (number, name)
);
"""
_NOTE = """
INSERT INTO aiwe.fields (number, name, kinds)
SELECT $1, name, kinds FROM unnest($2::text[], $3::integer[]) AS given (name, kinds)
ON CONFLICT (number, name) DO UPDATE SET kinds = fields.kinds | excluded.kinds
"""
_READ = (
    "SELECT number, name, kinds FROM aiwe.fields WHERE number = ANY($1::integer[]) ORDER BY place"
)

_Pair = tuple[int, str, type]


class Shapes:
    """What one process has said."""

    def __init__(self) -> None:
        self._said: set[_Pair] = set()
        self._names: dict[int, set[str]] = {}

    def note(self) -> Noting:
        """What a transaction will say."""
        return Noting(self._said, self._names)


class Noting:
    """What one transaction says, which is not remembered before it was committed."""

    def __init__(self, said: set[_Pair], names: dict[int, set[str]]) -> None:
        self._said, self._names = said, names
        self._new: set[_Pair] = set()

    def statement(self, table: Table, documents: Iterable[Document]) -> Sql | None:
        """What says what is new in documents; None where nothing is."""
        number, said = table.number, self._said
        names = self._names.get(number, ())
        changed: dict[str, Kind] = {}
        for document in documents:
            for name, value in document.fields.items():
                kind = value.__class__
                if kind is int and not -LARGEST <= value <= LARGEST:
                    kind = float
                pair = (number, name, kind)
                if pair in said or pair in self._new or not _fits(name):
                    continue
                if name not in names and len(names) + len(changed) >= MOST:
                    continue
                self._new.add(pair)
                changed[name] = changed.get(name, Kind.NOTHING) | kind_of(value)
        if not changed:
            return None
        names_in_order = list(changed)
        return _NOTE, [number, names_in_order, [int(changed[name]) for name in names_in_order]]

    def done(self) -> None:
        """It was committed."""
        self._said |= self._new
        for number, name, _ in self._new:
            self._names.setdefault(number, set()).add(name)


async def read_fields(connection: Connection, numbers: list[int]) -> dict[int, Columns]:
    """The fields of some collections, by the numbers of their tables, in the order in which they came."""
    found: dict[int, Columns] = {number: {} for number in numbers}
    for number, name, kinds in await (await connection.execute(_READ, [numbers])).fetchall():
        found[number][name] = Kind(kinds)
    return found


def _fits(name: str) -> bool:
    return is_name(name) and len(name.encode()) <= LONGEST
