"""What a SELECT found, as a notebook shows it: a table, and a DataFrame for who asks for one."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from aiwe_kernel.client import EngineClient
from aiwe_kernel.deployment import MUTED
from aiwe_kernel.errors import CellError, cell_error

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 100  # rows
LONGEST = 200  # characters of a value that is shown
_NUMBERS = {"BIGINT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT"}
_NUMBERS |= {"UBIGINT", "UHUGEINT", "UINTEGER", "USMALLINT", "UTINYINT"}
_EMPTY = "No rows."


class Table:
    """The rows of a result.

    Attributes:
        columns: names.
        types: the database's, one a column.
        rows: JSON values.
    """

    def __init__(self, columns: list[str], types: list[str], rows: list[list[Any]]) -> None:
        self.columns, self.types, self.rows = columns, types, rows

    def frame(self) -> pd.DataFrame:
        """A pandas DataFrame: whole numbers as Int64, times as datetimes in UTC, null as NA."""
        from aiwe_kernel.data.frame import frame  # pandas takes half a second

        return frame(self.columns, self.types, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude  # IPython filters by itself
        return {"text/plain": repr(self), "text/html": self._html()}

    def __repr__(self) -> str:
        rows = [self.columns, *([_text(value) for value in row] for row in self._shown)]
        rows = [[cell[:LONGEST].replace("\n", "⏎") for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        ways = [str.rjust if number else str.ljust for number in self._numbers]
        lines = [
            "  ".join(way(cell, width) for way, cell, width in zip(ways, row, widths, strict=True))
            for row in rows
        ]
        return "\n".join([*(line.rstrip() for line in lines), *self._note])

    @property
    def _shown(self) -> list[list[Any]]:
        return self.rows[:SHOWN]

    @property
    def _numbers(self) -> list[bool]:
        """Which columns are numbers."""
        return [kind.partition("(")[0] in _NUMBERS and kind[-1] != "]" for kind in self.types]

    @property
    def _note(self) -> list[str]:
        if not self.rows:
            return [_EMPTY]
        more = len(self.rows) > SHOWN
        return [f"showing {SHOWN:,} of {len(self.rows):,} rows"] if more else []

    def _html(self) -> str:
        ways = ["right" if number else "left" for number in self._numbers]
        head = "".join(
            f'<th style="text-align:{way}" title="{escape(kind)}">{escape(name)}</th>'
            for name, kind, way in zip(self.columns, self.types, ways, strict=True)
        )
        body = "".join("<tr>" + "".join(map(_cell, row, ways)) + "</tr>" for row in self._shown)
        note = "".join(f'<div style="{MUTED}">{line}</div>' for line in self._note)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


async def ask_sql(client: EngineClient, app: str, text: str) -> Table:
    """What a SELECT finds.

    Raises:
        CellError: with an excerpt of the text where the place is known.
    """
    try:
        found = await client.sql(app, [text], [])
    except CellError as error:
        raise cell_error({**error.error, **_place(error.error, text)}) from None
    return Table(found["columns"], found["types"], found["rows"])


def check_name(name: str) -> None:
    """Refuses what Python cannot call a DataFrame.

    Raises:
        CellError: `usage`.
    """
    if name and (not name.isidentifier() or keyword.iskeyword(name)):
        raise cell_error(
            {
                "name": "UsageError",
                "code": "usage",
                "message": f"{name[:80]} is not a name in Python",
                "hint": "Write %%sql NAME, and the statement on the lines below.",
            }
        )


def _place(error: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Where it went wrong, with the line and a caret below it."""
    details = error.get("details")
    if not isinstance(details, dict) or not isinstance(details.get("line"), int):
        return {}
    number, column = details["line"], details["column"]
    lines = text.split("\n")
    if not 0 < number <= len(lines):
        return {}
    mark = f"{number} | "
    excerpt = f"{mark}{lines[number - 1]}\n{' ' * (len(mark) + column - 1)}^"
    return {"excerpt": excerpt}


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: Any, way: str) -> str:
    style = f"text-align:{way}"
    if value is None:
        return f'<td style="{style};{MUTED}"><i>null</i></td>'
    text = _text(value)
    more = "…" if len(text) > LONGEST else ""
    return f'<td style="{style}">{escape(text[:LONGEST])}{more}</td>'
