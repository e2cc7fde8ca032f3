"""Takes the values of secrets, and references to them, out of what leaves.

All heads of all forms are searched at once (Aho-Corasick); only where one stands is it looked whether
the rest follows. What was found is replaced by a word of fixed length, which tells nothing of the value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation

from aiwe_engine.vault.form import Form
from aiwe_engine.vault.forms import forms
from aiwe_engine.vault.references import LENGTH, MARK, PATTERN_BYTES

REDACTED: Final = "[redacted]"
_REDACTED = REDACTED.encode()
_MARK = MARK.encode()
_WHOLE = len(MARK) + LENGTH
_ERRORS = "surrogatepass"  # half a pair of UTF-16, which JavaScript lets stand in a string


class Redactor:
    """Hides the given values, in every form of `forms`, and every reference. Never changes.

    Args:
        values: of secrets; an empty one is ignored.
        forms_of: knows the forms of a value.
    """

    __slots__ = ("_bare", "_bytes", "_forms", "_heads", "_longest", "_search", "_starts")

    def __init__(
        self, values: Iterable[bytes], forms_of: Callable[[bytes], Iterable[Form]] = forms
    ) -> None:
        of_head: dict[bytes, dict[Form, None]] = {}
        for value in dict.fromkeys(values):
            if not value.strip():
                continue
            for form in forms_of(value):
                for head in form.heads:
                    of_head.setdefault(head, {})[form] = None
        self._heads = sorted(of_head)
        self._forms = [tuple(of_head[head]) for head in self._heads]
        self._longest = max((len(head) for head in self._heads), default=0)
        self._starts = {head[:3] for head in self._heads}
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
        return self.search(data, final=True)[0]

    def search(self, data: bytes, *, final: bool) -> tuple[list[tuple[int, int]], int]:
        """As `found`, and from where on it cannot be told before more is known."""
        spans: list[tuple[int, int]] = []
        open_at = len(data)
        if self._search is not None:
            hits = self._search.find_matches_as_indexes(data, overlapping=True)
            if hits:
                open_at = self._follow(data, hits, spans, final=final)
        if _MARK in data:
            spans += (match.span() for match in PATTERN_BYTES.finditer(data))
        return (_merged(spans) if spans else spans), open_at

    def _follow(
        self,
        data: bytes,
        hits: list[tuple[int, int, int]],
        spans: list[tuple[int, int]],
        *,
        final: bool,
    ) -> int:
        """Adds to `spans` what begins with a head; from where on something may only have begun."""
        open_at = len(data)
        for head, start, _ in hits:
            for form in self._forms[head]:
                end = form.end(data, start, final=final)
                if end is None:
                    continue
                if end == -1:
                    open_at = min(open_at, start)
                else:
                    spans.append((start, end))
        return open_at

    def begun(self, data: bytes) -> int:
        """Where, at the end of the data, the beginning of a head or of a reference may stand."""
        size = len(data)
        for start in range(max(0, size - self._longest + 1), size):
            rest = data[start:]
            if len(rest) >= 3 and rest[:3] not in self._starts:
                continue
            at = bisect_left(self._heads, rest)
            if at < len(self._heads) and self._heads[at].startswith(rest):
                size = start
                break
        return min(size, _reference_begun(data))


#: Knows no value, only references.
BARE = Redactor(())


class Redacting:
    """Redacts a stream. Holds back only what may be the beginning of something that must not leave."""

    __slots__ = ("_held", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._held = redactor, b""

    def feed(self, data: bytes) -> bytes:
        """What may leave, now that this piece is there as well."""
        if not data:
            return b""
        data = self._held + data if self._held else data
        spans, open_at = self._redactor.search(data, final=False)
        open_at = min(open_at, self._redactor.begun(data))
        for start, end in spans:
            if end > open_at > start:
                open_at = start
        self._held = data[open_at:]
        spans = [span for span in spans if span[1] <= open_at]
        return _without(data[:open_at], spans) if spans or open_at < len(data) else data

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
