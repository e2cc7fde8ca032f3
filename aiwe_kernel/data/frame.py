"""Results as pandas DataFrames, with the types that the values have in the database.

Imported by a cell that asks for one: pandas costs half a second and 60 MB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_ENGINE_TIMES = ("createdAt", "updatedAt")


def frame(columns: list[str], types: list[str], rows: list[list[Any]]) -> pd.DataFrame:
    """The rows of a result."""
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    made = [_series(kind, list(column)) for kind, column in zip(types, values, strict=True)]
    found = pd.concat(made, axis=1) if made else pd.DataFrame(index=range(len(rows)))
    found.columns = pd.Index(columns)
    return found


def documents_frame(documents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Documents, with a column for each field that some of them has."""
    rows = list(documents)
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["id"]
    kinds = [_kind(name, [row.get(name) for row in rows]) for name in names]
    return frame(names, kinds, [[row.get(name) for name in names] for row in rows])


def _series(kind: str, values: list[Any]) -> pd.Series[Any]:
    if kind in _INTEGERS:
        return pd.Series(values, dtype="Int64")
    if kind in {"DOUBLE", "FLOAT", "HUGEINT", "UBIGINT"} or kind.startswith("DECIMAL"):
        return pd.Series(values, dtype="Float64")
    if kind == "BOOLEAN":
        return pd.Series(values, dtype="boolean")
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return _times(values, utc=kind != "DATE")
    if kind == "VARCHAR":
        return pd.Series(values, dtype="string")
    return pd.Series(values, dtype="object")


def _times(values: list[Any], *, utc: bool) -> pd.Series[Any]:
    try:
        return pd.Series(
            pd.to_datetime(pd.Series(values, dtype="object"), utc=utc, format="ISO8601")
        )
    except (ValueError, OverflowError):  # a time that pandas has not
        return pd.Series(values, dtype="object")


def _kind(name: str, values: list[Any]) -> str:
    """The type of a column, as the database would call it."""
    kinds = {type(value) for value in values if value is not None}
    if name in _ENGINE_TIMES and kinds <= {str}:
        return "TIMESTAMP"
    if kinds and kinds <= {int, float}:
        return "DOUBLE" if float in kinds else "BIGINT"
    return (
        {str: "VARCHAR", bool: "BOOLEAN"}.get(next(iter(kinds), dict), "JSON")
        if len(kinds) == 1
        else "JSON"
    )
