"""What DuckDB answers to an author's statement, as JSON values and as sentences.

Values keep what JSON can say: what it cannot (NaN, the infinities) is null, times are ISO 8601 in
UTC as documents have them. Errors speak of the author's text and of nothing below it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.store.duckdb.database import too_large
from aiwe_engine.store.statement import Statement, invalid_sql, nearest

Row = tuple[Any, ...]

_PLAIN = {"BOOLEAN", "VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT"}
_PLAIN |= {"UINTEGER", "UBIGINT", '"NULL"'}
_LARGEST_INTEGER = (1 << 64) - 1
_PLACE = re.compile(r"\n\n?LINE (\d+): (.*)\n( *)\^")
_UNKNOWN_COLUMN = re.compile(r'(?:Referenced column|column named) "([^"]*)"')
_KIND = re.compile(r"\A(?:[A-Z][A-Za-z]* )+Error: ")
_CANDIDATES = re.compile(r"\n\s*(?:Candidate|Did you mean|Possible solutions).*", re.DOTALL)


def names(columns: list[str]) -> tuple[str, ...]:
    """Names of their own for columns: a second `id` is `id_1`, as DuckDB has it in a subquery."""
    taken: set[str] = set()
    result = []
    for name in columns:
        free, count = name, 0
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        taken.add(free)
        result.append(free)
    return tuple(result)


def values(types: list[str], rows: list[Row]) -> list[Row]:
    """The rows with JSON values in the place of the database's."""
    writers = [None if kind in _PLAIN else _WRITERS.get(kind, _any) for kind in types]
    if not any(writers):
        return rows
    columns = [
        column if write is None else [None if value is None else write(value) for value in column]
        for write, column in zip(writers, zip(*rows, strict=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


def _number(value: float) -> float | None:
    return value if isfinite(value) else None


def _json(value: str) -> Any:
    """A JSON text goes on as it is, if it is one: the database's type does not promise it."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return orjson.Fragment(value)


def _datetime(value: datetime | str) -> str:
    if isinstance(value, str):  # a year that Python has not
        return value
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    fraction = "milliseconds" if value.microsecond % 1000 == 0 else "microseconds"
    return value.isoformat(timespec=fraction) + "Z"


def _integer(value: int) -> int | float:
    return value if -(1 << 63) <= value <= _LARGEST_INTEGER else float(value)


def _decimal(value: Decimal) -> int | float:
    return (
        int(value) if value == value.to_integral_value() and abs(value) < 1 << 53 else float(value)
    )


def _any(value: Any) -> Any:
    """A value of any type, also of those within lists, structs and maps."""
    for kind, write in _BY_CLASS:
        if isinstance(value, kind):
            return write(value)
    return value if isinstance(value, bool | str | None) else str(value)


def _list(value: Any) -> list[Any]:
    return [_any(item) for item in value]


def _object(value: dict[Any, Any]) -> dict[str, Any]:
    return {_key(name): _any(item) for name, item in value.items()}


def _key(name: Any) -> str:
    """A key of a map, which may be of any type."""
    return name if isinstance(name, str) else orjson.dumps(_any(name)).decode().strip('"')


_BY_CLASS: list[tuple[type | tuple[type, ...], Callable[[Any], Any]]] = [
    (bool, bool),
    (int, _integer),
    (float, _number),
    (Decimal, _decimal),
    (datetime, _datetime),
    ((date, time), lambda value: value.isoformat()),
    (dict, _object),
    ((list, tuple), _list),
    (bytes, lambda value: b64encode(value).decode()),
    ((timedelta, UUID), str),
]
_WRITERS: dict[str, Callable[[Any], Any]] = {
    "DOUBLE": _number,
    "FLOAT": _number,
    "JSON": _json,
    "JSON[]": lambda value: [None if item is None else _json(item) for item in value],
    "HUGEINT": _integer,
    "TIMESTAMP": _datetime,
}


def failure(
    error: Exception, statement: Statement, above: int, columns: list[str]
) -> AiweError | None:
    """What the database says of an author's statement; None where it is not the author's fault.

    Args:
        error: of DuckDB.
        statement: the author's.
        above: lines that ran before it.
        columns: of the collections that it names.
    """
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return too_large()
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        return None
    faults = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)
    refusals = (duckdb.PermissionException, duckdb.TransactionException)
    if not isinstance(error, (*faults, *refusals)):
        return None
    text = str(error)
    details = _place(text, statement, above)
    message = _KIND.sub("", _CANDIDATES.sub("", text.partition("\n\nLINE ")[0])).strip()
    hint = "See https://duckdb.org/docs/sql/introduction."
    unknown = _UNKNOWN_COLUMN.search(message)
    if unknown:
        close = nearest(unknown[1], columns)
        message = f'There is no column "{unknown[1]}"'
        hint = "A column is a field that some document has, or one that define declares."
        hint = f"Did you mean {close}?" if close else hint
    elif "JSON" in message:
        hint = (
            "A field that holds objects, arrays or values of several kinds is JSON: take a text out "
            "of it with field->>'name', make a number of it with try_cast(field AS DOUBLE)."
        )
    elif "argument types" in message or "cast" in message.lower():
        hint = "Values of SQL have types: convert with try_cast(field AS DOUBLE)."
    return invalid_sql(message, hint, details)


def _place(text: str, statement: Statement, above: int) -> dict[str, Any] | None:
    """Where DuckDB points to, which shows a part of a line around the place."""
    match = _PLACE.search(text)
    if match is None or int(match[1]) <= above:
        return None
    lines = statement.text.split("\n")
    number = int(match[1]) - above - 1
    if number >= len(lines):
        return None
    shown, before = match[2], len(match[3]) - len(f"LINE {match[1]}: ")
    cut = shown.startswith("...")
    part = shown.removeprefix("...").removesuffix("...")
    begin = lines[number].find(part)
    if begin < 0 or before < 0:
        return None
    offset = sum(len(line) + 1 for line in lines[:number])
    return statement.where(offset + begin + before - (3 if cut else 0))
