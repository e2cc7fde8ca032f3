"""Takes the values of secrets, and references to them, out of what leaves.

All heads of all forms are searched at once (Aho-Corasick); only where one stands is it looked whether
the rest follows. What was found is replaced by a word of fixed length, which tells nothing of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation

from aiwe_engine.vault.boundary import boundary, lines_needed
from aiwe_engine.vault.form import Form
from aiwe_engine.vault.forms import forms
from aiwe_engine.vault.references import LENGTH, MARK, PATTERN_BYTES

REDACTED: Final = "[redacted]"
_REDACTED = REDACTED.encode()
_MARK = MARK.encode()
_WHOLE = len(MARK) + LENGTH
_WINDOW = 4096  # bytes, at least, that are held back of a stream without any boundary
_ERRORS = "surrogatepass"  # half a pair of UTF-16, which JavaScript lets stand in a string


class Redactor:
    """Hides the given values, in every form of `forms`, and every reference. Never changes.

    Args:
        values: of secrets; an empty one is ignored.
        forms_of: knows the forms of a value.
    """

    __slots__ = ("_forms", "_heads", "_lines", "_search", "_window")

    def __init__(
        self, values: Iterable[bytes], forms_of: Callable[[bytes], Iterable[Form]] = forms
    ) -> None:
        of_head: dict[bytes, dict[Form, None]] = {}
        longest = self._lines = 0
        for value in dict.fromkeys(values):
            if not value.strip():
                continue
            self._lines = max(self._lines, lines_needed(value))
            for form in forms_of(value):
                longest = max(longest, form.longest)
                for head in form.heads:
                    of_head.setdefault(head, {})[form] = None
        self._heads = sorted(of_head)
        self._forms = [tuple(of_head[head]) for head in self._heads]
        self._window = max(_WINDOW, 1 << longest.bit_length())  # roughly, so that it tells little
        self._search = (
            BytesAhoCorasick(self._heads, implementation=Implementation.ContiguousNFA)
            if self._heads
            else None
        )

    def text(self, text: str) -> str:
        """A text without what it must not hold; the same object where there was nothing."""
        data = text.encode("utf-8", _ERRORS)
        clean = self.data(data)
        return text if clean is data else clean.decode("utf-8", _ERRORS)

    def data(self, data: bytes) -> bytes:
        """Bytes without what they must not hold; the same object where there was nothing."""
        found = self.found(data)
        return _without(data, found) if found else data

    def json(self, value: Any) -> Any:
        """A value of JSON without what it must not hold, in its keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self.json(item)
                for key, item in value.items()
            }
        if isinstance(value, bytes):
            return self.data(value)
        return value

    def stream(self) -> Redacting:
        """What redacts a stream of bytes, piece by piece."""
        return Redacting(self)

    def found(self, data: bytes) -> list[tuple[int, int]]:
        """Where there is what must not be there: beginnings and ends, in order, apart from each other."""
        spans: list[tuple[int, int]] = []
        if self._search is not None:
            for head, start, _ in self._search.find_matches_as_indexes(data, overlapping=True):
                ends = (form.end(data, start) for form in self._forms[head])
                spans += ((start, end) for end in ends if end is not None)
        if _MARK in data:
            spans += (match.span() for match in PATTERN_BYTES.finditer(data))
        return _merged(spans) if spans else spans

    def cut(self, data: bytes) -> int:
        """Up to where a stream may go on that came this far; nothing in it says what the values are.

        Args:
            data: what has not left yet.
        """
        if not self._heads:
            return _reference_begun(data)
        found = boundary(data, lines=self._lines, window=2 * self._window)
        if not found and len(data) > 2 * self._window:
            found = len(data) - self._window
        return found


#: Knows no value, only references.
BARE = Redactor(())


class Redacting:
    """Redacts a stream. What it holds back is told by the shape of the data alone: see `boundary`."""

    __slots__ = ("_held", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._held = redactor, b""

    def feed(self, data: bytes) -> bytes:
        """What may leave, now that this piece is there as well."""
        data = self._held + data if self._held else data
        cut = self._redactor.cut(data)
        if not cut:
            self._held = data
            return b""
        spans = self._redactor.found(data)
        for start, end in spans:
            if start < cut < end:
                cut = start
        self._held = data[cut:]
        return _without(data[:cut], [span for span in spans if span[1] <= cut])

    def end(self) -> bytes:
        """What is left, now that nothing more comes."""
        held, self._held = self._held, b""
        return self._redactor.data(held) if held else b""


def _reference_begun(data: bytes) -> int:
    size = len(data)
    at = data.rfind(_MARK, max(0, size - _WHOLE + 1))
    if at >= 0 and (size == at + len(_MARK) or data[at + len(_MARK) :].isalnum()):
        return at
    for length in range(min(len(_MARK) - 1, size), 0, -1):
        if data.endswith(_MARK[:length]):
            return size - length
    return size


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans.sort()
    merged = [spans[0]]
    for start, end in spans[1:]:
        if start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += (data[at:start], _REDACTED)
        at = end
    pieces.append(data[at:])
    return b"".join(pieces)
