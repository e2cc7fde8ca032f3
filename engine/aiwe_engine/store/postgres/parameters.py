"""The values of an author's statement as parameters of PostgreSQL: each has a type beforehand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from aiwe_engine.store.postgres.characters import text_for
from aiwe_engine.store.statement import Statement

_LARGEST = 1 << 63
NULL = "(NULL)"


def mark(number: int) -> str:
    """The place of a parameter, with room for what stands there instead where it is null."""
    return f"(${number:d})".ljust(len(NULL))


def without_nulls(statement: Statement) -> str:
    """The text with NULL itself where a value is null, since a parameter must be of some type.

    All that it holds stays at its place.
    """
    text = statement.text
    for number, place in enumerate(statement.places, start=1):
        if statement.parameters[number - 1] is None:
            end = place + len(mark(number))
            text = text[:place] + NULL.ljust(end - place) + text[end:]
    return text


def typed(value: Any) -> tuple[str, Any]:
    """The type of a parameter, and its value as it is passed."""
    if value is None:
        return "text", ""  # nothing means it
    if isinstance(value, bool | int | float):
        return _number(value), value
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo is not None else value
        return "timestamp", moment.replace(tzinfo=None)
    if isinstance(value, list):
        return _array(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "text", text_for(text)


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "float8"
    return "bigint" if -_LARGEST <= value < _LARGEST else "numeric"


def _array(values: list[Any]) -> tuple[str, Any]:
    kinds = {typed(item)[0] for item in values if item is not None} or {"text"}
    if kinds == {"bigint", "float8"}:
        return "float8[]", [None if item is None else float(item) for item in values]
    if len(kinds) == 1 and "[]" not in next(iter(kinds)):
        (kind,) = kinds
        return f"{kind}[]", [None if item is None else typed(item)[1] for item in values]
    return "text", orjson.dumps(values, default=str).decode()
