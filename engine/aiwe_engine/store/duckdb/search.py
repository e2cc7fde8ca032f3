"""A question to a table of large documents, answered portion by portion.

Each portion gives what of it counts: a number, or the ids of what may be found and what they are sorted
by. The texts of those that are chosen in the end are fetched after that. All of it belongs into one
transaction, or it would be the answer of several instants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aiwe_engine.store.duckdb import question, sql
from aiwe_engine.store.duckdb.columns import Column
from aiwe_engine.store.duckdb.portions import cut, longest
from aiwe_engine.store.duckdb.question import Rows
from aiwe_engine.store.filters import Condition
from aiwe_engine.store.repository import Overlay
from aiwe_engine.store.selection import Selection

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection
    from aiwe_engine.store.duckdb.sql import Sql

Found = tuple[Any, ...]  # an id, and the terms it is sorted by
_SLACK = 1_000  # places more than are wanted, before they are sorted and cut


class Search:
    """One condition on one table, with what a transaction has laid over it.

    Args:
        connection: in a transaction, or the only one that writes.
        number: of the table; None: nothing is stored.
        columns: its columns.
        overlay: what lies over it.
        memory: bytes that the database may use.
        check: called before each statement; raises when the answer is not wanted any more.
    """

    def __init__(
        self,
        connection: Connection,
        number: int | None,
        columns: Sequence[Column],
        overlay: Overlay | None,
        memory: int,
        check: Callable[[], None],
    ) -> None:
        self._connection, self._number = connection, number
        self._columns = columns if overlay is None else ()  # what is laid over has none
        self._overlay, self._memory, self._check = overlay, memory, check
        self._longest = 0 if number is None else longest(connection, number)

    def count(self, condition: Condition) -> int:
        """How many documents meet the condition."""
        whole = not question.parses(self._rows(), condition)
        return sum(
            int(self._ask(question.count(rows, condition))[0][0]) for rows in self._portions(whole)
        )

    def texts(self, condition: Condition, selection: Selection) -> Iterator[bytes]:
        """The texts of the chosen documents in their order."""
        laid = {one.id: one.text for one in self._overlay.documents} if self._overlay else {}
        for ids in cut(self._places(condition, selection), self._memory, self._longest):
            below = [doc_id for doc_id in ids if doc_id not in laid]
            self._check()
            stored: dict[str, bytes] = {}
            if below and self._number is not None:
                stored = sql.read(self._connection, self._number, below)
            for doc_id in ids:
                yield laid[doc_id] if doc_id in laid else stored[doc_id]

    def matching(self, condition: Condition) -> dict[str, bytes]:
        """The texts of the documents that meet the condition, by id."""
        found: dict[str, bytes] = {}
        for rows in self._portions(whole=False):
            for doc_id, text in self._ask(question.matching(rows, condition)):
                found[doc_id] = text.encode()
        return found

    def _places(self, condition: Condition, selection: Selection) -> list[str]:
        """The ids of the chosen documents in their order."""
        most = None if selection.limit is None else selection.offset + selection.limit
        ways = question.directions(self._rows(), selection)
        found: list[Found] = []
        whole = not question.parses(self._rows(), condition, selection)
        for rows in self._portions(whole):
            found += self._ask(question.places(rows, condition, selection, most))
            if most is not None and len(found) > most + _SLACK:
                found = _sorted(found, ways)[:most]
        return [doc_id for doc_id, *_ in _sorted(found, ways)[selection.offset : most]]

    def _rows(self) -> Rows:
        """What has the columns of every portion."""
        return Rows(f"documents_{self._number}", [], self._columns)

    def _portions(self, whole: bool) -> Iterator[Rows]:
        """All rows; those that are stored all at once where nobody looks into documents."""
        changed = self._overlay.changed if self._overlay else []
        if self._number is not None and whole:
            text, values = f"documents_{self._number:d}", list[Any]()
            if changed:
                text, values = sql.overlaid(self._number, changed, [])
            yield Rows(text, values, self._columns)
        elif self._number is not None:
            ids = self._ask((f"SELECT id FROM documents_{self._number:d}", []))
            gone = set(changed)
            left = [doc_id for (doc_id,) in ids if doc_id not in gone]
            for part in cut(left, self._memory, self._longest):
                yield Rows(*sql.among(self._number, part), self._columns)
        laid = self._overlay.documents if self._overlay else []
        for documents in cut(laid, self._memory, max((len(one.text) for one in laid), default=0)):
            yield Rows(*sql.overlaid(None, [], documents))

    def _ask(self, statement: Sql) -> list[Found]:
        self._check()
        return self._connection.execute(*statement).fetchall()


def _sorted(found: list[Found], ways: list[bool]) -> list[Found]:
    """As the database would sort them: by code points, which is the order of UTF-8, and NULL after all."""
    for place, descending in reversed([*enumerate(ways, start=1)]):
        found.sort(key=lambda one: (one[place] is None, one[place]), reverse=descending)
    return found
