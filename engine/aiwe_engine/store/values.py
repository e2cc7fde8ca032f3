"""What a database answers to an author's statement, as JSON has it.

Values keep what JSON can say: what it cannot (NaN, the infinities) is null, times are ISO 8601 in UTC
as documents have them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import orjson

_LARGEST_INTEGER = (1 << 64) - 1


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


def number_of(value: float) -> float | None:
    """A number; null for what JSON has no number for."""
    return value if isfinite(value) else None


def json_of(value: str) -> Any:
    """A JSON text goes on as it is, if it is one: the database's type does not promise it."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return orjson.Fragment(value)


def datetime_of(value: datetime | str) -> str:
    """An instant as documents have it."""
    if isinstance(value, str):  # a year that Python has not
        return value
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    fraction = "milliseconds" if value.microsecond % 1000 == 0 else "microseconds"
    return value.isoformat(timespec=fraction) + "Z"


def integer_of(value: int) -> int | float:
    """A whole number, exact up to 64 bits."""
    return value if -(1 << 63) <= value <= _LARGEST_INTEGER else float(value)


def decimal_of(value: Decimal) -> int | float:
    """A number of any precision, as JavaScript reads it."""
    return (
        int(value) if value == value.to_integral_value() and abs(value) < 1 << 53 else float(value)
    )


def value_of(value: Any) -> Any:
    """A value of any type, also of those within lists, structs and maps."""
    for kind, write in _BY_CLASS:
        if isinstance(value, kind):
            return write(value)
    return value if isinstance(value, bool | str | None) else str(value)


def _list(value: Any) -> list[Any]:
    return [value_of(item) for item in value]


def _object(value: dict[Any, Any]) -> dict[str, Any]:
    return {_key(name): value_of(item) for name, item in value.items()}


def _key(name: Any) -> str:
    """A key of a map, which may be of any type."""
    return name if isinstance(name, str) else orjson.dumps(value_of(name)).decode().strip('"')


_BY_CLASS: list[tuple[type | tuple[type, ...], Callable[[Any], Any]]] = [
    (bool, bool),
    (int, integer_of),
    (float, number_of),
    (Decimal, decimal_of),
    (datetime, datetime_of),
    ((date, time), lambda value: value.isoformat()),
    (dict, _object),
    ((list, tuple), _list),
    (bytes, lambda value: b64encode(value).decode()),
    ((timedelta, UUID), str),
]
