"""Where a stream that is redacted may be cut: behind white space that stands inside of no form of a value.

What is held back of a stream must not depend on what the values are. If it did, somebody who writes into a
stream and sees how much of it comes out could try a value letter by letter: what goes on like it would be
held, what does not would come. So it is the shape of the data alone that decides, and of the values no more
than what white space they have, and how long the longest is, roughly.
"""

from __future__ import annotations

import re

_SPACES = re.compile(rb"[ \t\r\n\v\f]+")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_LINE = 60  # characters of base64 before a line may end inside of it
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/=_-]{%d}" % _LINE)
_EMPTY = 2  # ends of lines without anything between them, which no list and no base64 has


def lines_needed(value: bytes) -> int:
    """How many ends of lines a boundary must have, for the value not to have it inside: 0, a space will do."""
    runs = _SPACES.findall(value.strip())
    return max(map(_lines, runs)) + 1 if runs else 0


def boundary(data: bytes, *, lines: int, window: int) -> int:
    """The last place at which the data may be cut; 0: there is none.

    Args:
        data: from a place on that was one itself.
        lines: see `lines_needed`.
        window: so many bytes at the end are looked at.
    """
    first = max(0, len(data) - window)
    for run in reversed([*_SPACES.finditer(data, first)]):
        start, end = run.span()
        if start == first > 0:  # it may begin earlier
            break
        there = _lines(run[0])
        if there >= lines and (there >= _EMPTY or start == 0 or _ends(data, start, there)):
            return end
    return 0


def _lines(run: bytes) -> int:
    return max(run.count(b"\n"), run.count(b"\r"))


def _ends(data: bytes, start: int, lines: int) -> bool:
    """Whether no list of numbers and no base64 goes on behind white space."""
    before = data[start - 1]
    if before == ord(","):
        return False
    if lines:
        return not _BASE64_LINE.match(data, max(0, start - _LINE), start)
    return before not in _HEX
