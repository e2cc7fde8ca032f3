"""`Range`: which bytes of a whole a client wants (RFC 9110, section 14)."""

from __future__ import annotations

import re

from aiwe_engine.errors import RequestError

# As many as a viewer asks for; more, or the same bytes twice, is how one tires out a server.
MOST_RANGES = 16

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_LONGEST_NUMBER = 18  # digits; a position beyond them is beyond every file


def wanted_ranges(header: str, size: int) -> list[tuple[int, int]] | None:
    """The ranges of a `Range` header as (start, length), in the order asked for.

    Args:
        header: its value.
        size: of the whole.

    Returns:
        None where the whole is to be sent: the header is malformed, of another unit, or asks for
        more ranges or more bytes than make sense.

    Raises:
        RequestError: `range_not_satisfiable` (416), nothing of what is asked for exists.
    """
    unit, _, specs = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    found = []
    asked = 0
    for spec in specs.split(","):
        if not spec.strip(" \t"):
            continue
        match = _SPEC.fullmatch(spec.strip(" \t"))
        if match is None or spec.strip(" \t") == "-":
            return None
        first, last = (_number(text) for text in match.groups())
        if first is not None and last is not None and last < first:
            return None
        asked += 1
        if asked > MOST_RANGES:
            return None
        one = _within(first, last, size)
        if one is not None:
            found.append(one)
    if not asked or sum(length for _, length in found) > size:
        return None
    if not found:
        raise _unsatisfiable(size)
    return found if size else None


def _within(first: int | None, last: int | None, size: int) -> tuple[int, int] | None:
    """The part of a range that exists. Without `first` it is the last so many bytes."""
    if first is None:
        length = min(last or 0, size)
        return (size - length, length) if last else None
    if first >= size:
        return None
    end = size if last is None else min(last + 1, size)
    return first, end - first


def _number(text: str) -> int | None:
    if not text:
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _LONGEST_NUMBER else 10**_LONGEST_NUMBER


def _unsatisfiable(size: int) -> RequestError:
    return RequestError(
        f"The range lies outside of the {size} bytes that there are.",
        code="range_not_satisfiable",
        status=416,
        hint=f"Ask for bytes below {size}, or send no Range.",
        details={"size": size},
        headers=[("content-range", f"bytes */{size}")],
    )
