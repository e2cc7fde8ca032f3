"""Source maps: from V8's positions in compiled text to the author's.

Mappings are those of the source map format, version 3: per line of the output, segments of four
numbers in base-64 VLQ, each relative to the one before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from aiwe_engine.types import Compiled

DIGITS = {
    character: value
    for value, character in enumerate(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
}

Segment = tuple[int, int, int]  # column of the output; line and column of the source; all from 0


def numbers(text: str) -> Iterator[int]:
    """The numbers of one segment."""
    value = shift = 0
    for character in text:
        digit = DIGITS[character]
        value |= (digit & 31) << shift
        if digit & 32:
            shift += 5
            continue
        yield -(value >> 1) if value & 1 else value >> 1
        value = shift = 0


@lru_cache(maxsize=64)
def decode(mappings: str) -> tuple[tuple[Segment, ...], ...]:
    """Segments by line of the output. A segment without a source has line -1."""
    lines = []
    source_line = source_column = 0
    for text in mappings.split(";"):
        column, segments = 0, []
        for field in text.split(",") if text else ():
            parts = list(numbers(field))
            column += parts[0]
            if len(parts) < 4:
                segments.append((column, -1, 0))
                continue
            source_line += parts[2]
            source_column += parts[3]
            segments.append((column, source_line, source_column))
        lines.append(tuple(segments))
    return tuple(lines)


def locate(piece: Compiled, line: int, column: int) -> tuple[int, int] | None:
    """The author's line and column for V8's, all from 1; None for text that is the engine's own.

    V8 points into a word where the map knows its beginning, and to text that the compiler put in
    where the map knows what follows on the line.
    """
    lines = decode(piece.mappings)
    if not 1 <= line <= len(lines) or not lines[line - 1]:
        return None
    segments = lines[line - 1]
    at = bisect_right(segments, (column - 1, 1 << 60, 0)) - 1
    start, source_line, source_column = segments[max(at, 0)]
    if source_line < 0:
        return None
    inside = 0 if at < 0 else column - 1 - start
    width = segments[at + 1][2] - source_column if 0 <= at < len(segments) - 1 else inside
    same_line = 0 <= at < len(segments) - 1 and segments[at + 1][1] == source_line
    if same_line and 0 < width <= inside:
        inside = 0
    return source_line + 1, source_column + inside + 1
