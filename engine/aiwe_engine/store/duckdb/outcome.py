"""What DuckDB answers to an author's statement, as JSON values and as sentences.

Errors speak of the author's text and of nothing below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.store.duckdb.database import too_large
from aiwe_engine.store.statement import Statement, invalid_sql, nearest
from aiwe_engine.store.values import datetime_of, integer_of, json_of, number_of, value_of

Row = tuple[Any, ...]

_PLAIN = {"BOOLEAN", "VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT"}
_PLAIN |= {"UINTEGER", "UBIGINT", '"NULL"'}
_PLACE = re.compile(r"\n\n?LINE (\d+): (.*)\n( *)\^")
_UNKNOWN_COLUMN = re.compile(r'(?:Referenced column|column named) "([^"]*)"')
_KIND = re.compile(r"\A(?:[A-Z][A-Za-z]* )+Error: ")
_CANDIDATES = re.compile(r"\n\s*(?:Candidate|Did you mean|Possible solutions).*", re.DOTALL)


def values(types: list[str], rows: list[Row]) -> list[Row]:
    """The rows with JSON values in the place of the database's."""
    writers = [None if kind in _PLAIN else _WRITERS.get(kind, value_of) for kind in types]
    if not any(writers):
        return rows
    columns = [
        column if write is None else [None if value is None else write(value) for value in column]
        for write, column in zip(writers, zip(*rows, strict=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "DOUBLE": number_of,
    "FLOAT": number_of,
    "JSON": json_of,
    "JSON[]": lambda value: [None if item is None else json_of(item) for item in value],
    "HUGEINT": integer_of,
    "TIMESTAMP": datetime_of,
}


_PARAMETER_IN_ORDER = "Parameter not supported in ORDER BY"


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
        return too_large(
            "If documents are large, declare the fields that the statement names, with define and a "
            "schema: then it parses none. "
        )
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        return None
    faults = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)
    refusals = (duckdb.PermissionException, duckdb.TransactionException)
    text = str(error)
    if _PARAMETER_IN_ORDER in text:  # an error of no class of its own
        return invalid_sql(
            "A value cannot say what to order by: every row has the same",
            "Write the column in the text; to choose one: ORDER BY CASE ${sort} WHEN 'price' THEN price END.",
        )
    if not isinstance(error, (*faults, *refusals)):
        return None
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
