"""Columns of their own for declared fields, beside the documents that hold them.

A field that a schema gives one scalar type has a column of that type, a field of an index without
one a column of JSON text. A document that is written brings its values along, what is stored gives
them by SQL when a column is made; both are here, side by side, and the document stays what counts.
A column is exact where it says as much as the documents do: every value is of its type, or null or
missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from aiwe_engine.store.declared import Kind
from aiwe_engine.store.filters import Path, path_of

_SOURCES = {
    "VARCHAR": "CASE json_type(data, {0}) WHEN 'VARCHAR' THEN json_extract_string(data, {0}) END",
    "DOUBLE": "CASE WHEN json_type(data, {0}) IN ('BIGINT', 'UBIGINT', 'DOUBLE') "
    "THEN try_cast(json_extract_string(data, {0}) AS DOUBLE) END",
    "BIGINT": "CASE json_type(data, {0}) "
    "WHEN 'BIGINT' THEN try_cast(json_extract_string(data, {0}) AS BIGINT) "
    "WHEN 'UBIGINT' THEN try_cast(json_extract_string(data, {0}) AS BIGINT) "
    "WHEN 'DOUBLE' THEN CASE WHEN json_extract_string(data, {0})::DOUBLE "
    "= trunc(json_extract_string(data, {0})::DOUBLE) "
    "THEN try_cast(json_extract_string(data, {0})::DOUBLE AS BIGINT) END END",
    "BOOLEAN": "CASE json_type(data, {0}) WHEN 'BOOLEAN' "
    "THEN json_extract_string(data, {0}) = 'true' END",
    "JSON": "json_extract(data, {0})::VARCHAR",
}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None  # what is not finite is null in the document
    return float(value)


def _integer(value: Any) -> int | None:
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**63) <= value < 2**63 else None


_VALUES: dict[str, Callable[[Any], str | float | bool | None]] = {
    "VARCHAR": lambda value: value if isinstance(value, str) else None,
    "DOUBLE": _number,
    "BIGINT": _integer,
    "BOOLEAN": lambda value: value if isinstance(value, bool) else None,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of documents.

    Attributes:
        field: the name of the field, dotted where it stands inside another.
        kind: its type; JSON: the field's JSON text, as VARCHAR.
        column: its name.
        exact: nothing that the documents say of the field is lost in it, but whether a null is
            written or the field is missing. Always so of JSON, where that is not lost either.
    """

    field: str
    kind: Kind
    column: str
    exact: bool = True

    @property
    def path(self) -> Path:
        """The steps that lead to the field."""
        return path_of(self.field)

    @property
    def type(self) -> str:
        """What DuckDB calls its type."""
        return "VARCHAR" if self.kind == "JSON" else self.kind

    @property
    def source(self) -> str:
        """The SQL that takes its value out of `data`."""
        return _SOURCES[self.kind].format(pointer(self.path))

    def value(self, fields: dict[str, Any]) -> str | float | bool | None:
        """The same of a document that is about to be written. Not for JSON, which is made by SQL."""
        return _VALUES[self.kind](fields.get(self.field))

    @property
    def lost(self) -> str:
        """The SQL that says whether a document has a value that is not in the column."""
        kind = f"json_type(data, {pointer(self.path)})"
        return f"({self.column} IS NULL AND coalesce({kind}, 'NULL') <> 'NULL')"


def pointer(path: Path) -> str:
    """The place of a field as a quoted JSON pointer."""
    steps = (step.replace("~", "~0").replace("/", "~1").replace("'", "''") for step in path)
    return "'/" + "/".join(steps) + "'"
