"""What PostgreSQL answers to an author's statement, as JSON values and as sentences.

Types have the words that they have on every store. Errors speak of the author's text and of nothing
below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.protocols import Table
from aiwe_engine.store import values as json
from aiwe_engine.store.postgres.characters import json_of, text_of
from aiwe_engine.store.postgres.confinement import ONLY_READS
from aiwe_engine.store.postgres.parameters import mark
from aiwe_engine.store.statement import Statement, invalid_sql, nearest, unknown_collection
from aiwe_engine.store.values import names

_TYPES = {
    16: "BOOLEAN",
    20: "BIGINT",
    21: "SMALLINT",
    23: "INTEGER",
    25: "VARCHAR",
    700: "FLOAT",
    701: "DOUBLE",
    705: "VARCHAR",
    1043: "VARCHAR",
    1082: "DATE",
    1083: "TIME",
    1114: "TIMESTAMP",
    1184: "TIMESTAMP WITH TIME ZONE",
    1186: "INTERVAL",
    1700: "DECIMAL",
    114: "JSON",
    3802: "JSON",
}
_MANUAL = "See https://www.postgresql.org/docs/current/queries.html."
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE")
_FAULTS = (
    errors.ProgrammingError,
    errors.DataError,
    errors.NotSupportedError,
    errors.StatementTooComplex,
    errors.IntegrityError,
)


def types(described: Sequence[psycopg.Column]) -> tuple[str, ...]:
    """The types of the columns."""
    return tuple(_TYPES.get(column.type_code, column.type_display.upper()) for column in described)


def table(described: Sequence[psycopg.Column], rows: list[tuple[Any, ...]]) -> Table:
    """The answer as a whole."""
    return Table(names([column.name for column in described]), types(described), rows)


def values(described: Sequence[psycopg.Column], rows: list[tuple[Any, ...]]) -> list[Any]:
    """Rows with JSON values in the place of the database's."""
    writers = [_json if kind == "JSON" else _value for kind in types(described)]
    return [tuple(write(value) for write, value in zip(writers, row, strict=True)) for row in rows]


def _json(text: str | None) -> Any:
    return None if text is None else json.json_of(json_of(text))


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return text_of(value)
    return value if value is None or isinstance(value, bool) else json.value_of(value)


def failure(
    error: psycopg.Error,
    statement: Statement,
    before: int,
    columns: list[str],
    known: list[str],
    time_limit: float,
) -> AiweError | None:
    """What the database says of an author's statement; None where it is not the author's fault.

    Args:
        error: what it said.
        statement: the author's.
        before: characters that came before it.
        columns: of the collections that it names.
        known: the collections that there are.
        time_limit: seconds that it may take.
    """
    if isinstance(error, errors.QueryCanceled):
        return RequestError(
            f"The statement took over {time_limit:g} s",
            code="query_too_slow",
            status=503,
            hint="Ask for less, or declare indexes on the fields that it uses with define.",
        )
    if isinstance(error, errors.InsufficientResources):
        return RequestError(
            "The statement needs more memory than the database has for it",
            code="query_too_large",
            status=503,
            hint="Filter or aggregate more.",
        )
    if not isinstance(error, _FAULTS):
        return None
    message = (error.diag.message_primary or str(error)).strip()
    details = _place(error, statement, before)
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        found = re.search(r'"?([^" ]+)"? does not exist', message)
        return unknown_collection(found[1] if found else "?", known, details)
    message, hint = _said(error, message, statement, columns, details)
    return invalid_sql(message[:1].upper() + message[1:], hint, details)


def _said(
    error: psycopg.Error, message: str, statement: Statement, columns: list[str], details: Any
) -> tuple[str, str]:
    """The message and the hint of a mistake."""
    if isinstance(error, errors.UndefinedColumn):
        quoted = re.search(r'column "?(.+?)"? does not exist', message)
        name = quoted[1].rpartition(".")[2] if quoted else "?"
        meant = next((one for one in columns if one != name and one.lower() == name.lower()), None)
        if meant is not None:
            hint = f'Write "{meant}" in double quotes: other names are read in small letters.'
            return f'There is no column "{name}"', hint
        close = nearest(name, columns)
        hint = "A column is a field that some document has, or one that define declares."
        return f'There is no column "{name}"', f"Did you mean {close}?" if close else hint
    if isinstance(error, errors.UndefinedParameter):
        hint = "Put the value where it belongs: WHERE total > ${least}."
        return "A parameter without a value", hint
    if isinstance(error, errors.SyntaxError):
        return _syntax(message, statement, details)
    if isinstance(error, errors.UndefinedFunction | errors.DatatypeMismatch | errors.DataError):
        hint = "Values of SQL have types: convert with CAST(field AS …); a text is taken out of "
        return message, f"{hint}JSON with field->>'name'."
    return message, _MANUAL


def _syntax(message: str, statement: Statement, details: Any) -> tuple[str, str]:
    if "multiple commands" in message or 'near ";"' in message:
        hint = "Leave out what stands after the semicolon."
        return "One statement is asked at a time", hint
    if details is not None and any(statement.where(place) == details for place in statement.places):
        hint = "A value cannot be the name of a table or a column: write names in the text."
        return message, hint
    if statement.text.split(None, 1)[0].upper() in _WRITES:
        return "Only SELECT statements can be asked", ONLY_READS
    return message, _MANUAL


def _place(error: psycopg.Error, statement: Statement, before: int) -> Any:
    """Where in the author's text the database points to."""
    position = error.diag.statement_position
    if position is None:
        return None
    offset = int(position) - 1 - before
    for number, place in enumerate(statement.places, start=1):
        if place <= offset < place + len(mark(number)):
            offset = place
    return statement.where(offset) if 0 <= offset <= len(statement.text) else None
