"""What a program sends as a statement: the other end of `js/sql.ts`, which marks its values.

The worker is not trusted: what has another form than that file gives is refused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiwe_engine.errors import RequestError

DEEPEST = 8  # of lists within lists
_LONGEST_INTEGER = 40  # digits


def statement(texts: Any, values: Any) -> tuple[list[str], list[Any]]:
    """The pieces of a text and the values between them, as `Documents.sql` takes them.

    Raises:
        RequestError: `invalid_argument`.
    """
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _refused()
    if not isinstance(values, list) or len(texts) != len(values) + 1:
        raise _refused()
    return texts, [_value(value, DEEPEST) for value in values]


def _value(marked: Any, deepest: int) -> Any:
    """A value: a Date is an instant, a BigInt an integer."""
    if not isinstance(marked, dict | list):
        return marked
    if not isinstance(marked, dict) or len(marked) != 1 or deepest == 0:
        raise _refused()
    ((kind, value),) = marked.items()
    try:
        if kind == "json":
            return value
        if kind == "list":
            return [_value(item, deepest - 1) for item in value]
        if kind == "int" and len(value) <= _LONGEST_INTEGER:
            return int(value)
        if kind == "date":
            return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _refused() from None
    raise _refused()


def _refused() -> RequestError:
    return RequestError(
        "DataRepository.sql takes the pieces of a text and the values between them",
        code="invalid_argument",
        hint="Write DataRepository.sql`SELECT * FROM tasks WHERE status = ${status}`.",
    )
