"""What a SELECT has found, kept while a person pages through it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one statement.

    Attributes:
        text: the statement.
        columns: their names.
        rows: values of JSON, one a column.
    """

    text: str
    columns: list[str]
    rows: list[Row]

    def sorted(self, by: tuple[str, int] | None) -> list[Row]:
        """The rows by the values of a column, upwards or downwards, null last; None: as they came."""
        if by is None or by[0] not in self.columns:
            return self.rows
        column = self.columns.index(by[0])
        there = [row for row in self.rows if row[column] is not None]
        there.sort(key=lambda row: _rank(row[column]), reverse=by[1] < 0)
        return there + [row for row in self.rows if row[column] is None]


def _rank(value: Any) -> tuple[int, Any]:
    """Values of one kind beside each other: numbers, then texts, then all else."""
    match value:
        case int() | float():
            return 0, value
        case str():
            return 1, value
        case _:
            return 2, json.dumps(value)
