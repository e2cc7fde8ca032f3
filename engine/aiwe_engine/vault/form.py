"""A pattern: parts that stand one after the other, each of which may be written in several ways.

What it stands for begins with one of its heads, which is what is searched for; then it is looked whether
the rest follows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

#: One part of a pattern: one text where there is only one way to write it.
Part: TypeAlias = "bytes | tuple[bytes, ...]"

#: How lines of base64 are broken, as they are or inside JSON, a URL or HTML.
BREAKS: Final = (
    *(b"\n", b"\r\n", b"\\n", b"\\r\\n", b"\\\\n", b"\\\\r\\\\n"),
    *(b"%0A", b"%0D%0A", b"\r\n ", b"\n ", b"&#10;"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """One pattern.

    Attributes:
        parts: what stands one after the other.
        heads: texts, with one of which everything begins that the pattern stands for.
        broken: lines may end between any two characters.
    """

    parts: tuple[Part, ...]
    heads: tuple[bytes, ...]
    broken: bool = False

    @property
    def longest(self) -> int:
        """How many bytes of a text it may take up at most."""
        ways = ((part,) if isinstance(part, bytes) else part for part in self.parts)
        size = sum(max(map(len, options)) for options in ways)
        return size * 2 if self.broken else size

    def end(self, data: bytes, start: int) -> int | None:
        """Where the form ends that begins at `start`, the longest that fits; None: there is none.

        Args:
            data: where it stands.
            start: where it begins.
        """
        places = {start}
        for part in self.parts:
            following: set[int] = set()
            for place in places:
                for way in (part,) if isinstance(part, bytes) else part:
                    if data.startswith(way, place):
                        following.add(place + len(way))
                    elif self.broken and (end := _across(data, place, way)) is not None:
                        following.add(end)
            if not following:
                return None
            places = following
        return max(places)


def _across(data: bytes, place: int, text: bytes) -> int | None:
    """Where a text ends in which lines may be broken; None: it is not there."""
    size = len(data)
    for index in range(len(text)):
        if place >= size:
            return None
        if data[place] != text[index]:
            for line in BREAKS:
                after = place + len(line)
                if data.startswith(line, place) and after < size and data[after] == text[index]:
                    place = after
                    break
            else:
                return None
        place += 1
    return place


def joined(ways: Iterable[Part]) -> Iterator[Part]:
    """Parts that can be written in one way only are one part."""
    run = b""
    for way in ways:
        if isinstance(way, bytes):
            run += way
            continue
        if run:
            yield run
            run = b""
        yield way
    if run:
        yield run


def product(ways: Iterable[Part]) -> Iterator[bytes]:
    """Every text that the parts can be."""
    options = ((way,) if isinstance(way, bytes) else way for way in ways)
    return (b"".join(choice) for choice in itertools.product(*options))
