"""How much there is in a JSON text, told without making anything of it.

A body of 10 MB may hold millions of values: reading it costs seconds and hundreds of megabytes, here
and in the isolate. Counting its brackets and commas costs milliseconds. Whether the text is JSON at
all is not looked at here.
"""

from __future__ import annotations

import re

from aiwe_engine.errors import RequestError

LEVELS = 200  # lists and objects within each other

# An open string ends with the text: no piece of it is looked at twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LISTS = bytes.maketrans(b"{}", b"[]")
_REST = bytes(set(range(256)) - set(b"[]{}"))


def check_structure(text: bytes, values: int) -> None:
    """Refuses a JSON text with more values or more levels than a body may have.

    Args:
        text: JSON, as far as is known.
        values: the most it may have; each comma and each opening bracket stands for one.

    Raises:
        RequestError: `too_many_values` (413), `invalid_json`.
    """
    opened = text.count(b"[") + text.count(b"{")
    much = opened + text.count(b",") > values
    if not much and opened <= LEVELS:
        return
    if text.count(b'"') - text.count(b'\\"') > 4 * values:  # each value may have a name
        raise _too_many(values)
    bare = _STRING.sub(b"", text)
    if much and bare.count(b"[") + bare.count(b"{") + bare.count(b",") > values:
        raise _too_many(values)
    if _is_deep(bare.translate(_LISTS, _REST)):
        raise RequestError(
            f"The body is JSON of more than {LEVELS} levels within each other.",
            code="invalid_json",
            hint="Send lists of parts that name each other by ids.",
        )


def _is_deep(brackets: bytes) -> bool:
    """Whether something is left when the innermost lists are taken away `LEVELS` times."""
    for _ in range(LEVELS):
        if not brackets:
            break
        inner, brackets = len(brackets), brackets.replace(b"[]", b"")
        if inner == len(
            brackets
        ):  # what is left are halves: no JSON, which is told better elsewhere
            return brackets.count(b"[") > LEVELS
    return bool(brackets)


def _too_many(values: int) -> RequestError:
    return RequestError(
        f"The body has more than {values} values.",
        code="too_many_values",
        status=413,
        hint="Send less at a time, or raise http.json_values.",
        details={"limit": values},
    )
