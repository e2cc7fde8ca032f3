"""Names of documents and collections: which are allowed, and how new ids are made.

A made id is a UUID of version 7: it sorts by the time of its making, within one millisecond too,
and carries 62 random bits, so that nobody guesses the id of a neighbour.
"""

from __future__ import annotations

import os
import re
import time
from struct import unpack
from typing import Any

from aiwe_engine.errors import RequestError

_COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
LONGEST_ID = 200
_FETCHED = 256  # random numbers


class Ids:
    """Makes ids that sort in the order of their making."""

    def __init__(self) -> None:
        self._last = 0
        self._chance: list[int] = []

    def new(self) -> str:
        """A fresh id, later than every one before it."""
        # 48 bits of milliseconds and 12 of their fractions count as one clock that never repeats.
        tick = max((time.time_ns() << 12) // 1_000_000, self._last + 1)
        self._last = tick
        low = self._random() >> 2
        text = f"{(tick >> 12) << 16 | 0x7000 | tick & 0xFFF:016x}{1 << 63 | low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _random(self) -> int:
        """64 bits. Fetched for many ids at once: the call lets go of the interpreter's lock."""
        if not self._chance:
            self._chance = [*unpack(f"{_FETCHED}Q", os.urandom(8 * _FETCHED))]
        return self._chance.pop()


def check_collection(name: Any) -> str:
    """The name itself.

    Raises:
        RequestError: `invalid_collection`.
    """
    if isinstance(name, str) and _COLLECTION.fullmatch(name):
        return name
    raise RequestError(
        f"{_shown(name)} is not a collection name",
        code="invalid_collection",
        hint='Use 1 to 64 letters, digits, "_" or "-", as in "order_items".',
    )


def is_id(value: str) -> bool:
    """Whether a document can have this id."""
    return 0 < len(value) <= LONGEST_ID and not _CONTROL.search(value)


def check_id(value: Any) -> str:
    """The id itself.

    Raises:
        RequestError: `invalid_id`.
    """
    if isinstance(value, str) and is_id(value):
        return value
    hint = f"An id is a string of 1 to {LONGEST_ID} characters without control characters."
    if value is None:
        hint = "The id is null or undefined: check the variable that should hold it."
    elif isinstance(value, int | float) and not isinstance(value, bool):
        hint = f'Ids are strings: write "{value}" or String(id).'
    raise RequestError(f"{_shown(value)} is not a document id", code="invalid_id", hint=hint)


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value if value is not None else "null")
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 80 else text[:77] + "…" + text[-1]
