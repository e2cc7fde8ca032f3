"""Looks for values in what has left an engine, however it is written: undoes encodings, knows none by heart.

It shares no code with the engine's redactor, and none with `tests/engine/vault/encodings.py`, whose forms
are what `test_canary.py` tries it on.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote_to_bytes

import ahocorasick_rs

_ESCAPE = re.compile(rb"((?:\\u[0-9a-fA-F]{4})+)|\\([\"\\/'bfnrt])")
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_SPACE = re.compile(rb"\s|\\+[nr]")
_DEPTH = 2  # encodings within encodings


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[2]:
        return _LETTERS.get(match[2], match[2])
    units = bytes.fromhex(match[1].replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "replace").encode()


def _json(data: bytes) -> bytes:
    return _ESCAPE.sub(_unescaped, data) if b"\\" in data else data


def _html(data: bytes) -> bytes:
    if b"&" not in data:
        return data
    text = data.decode("utf-8", "surrogateescape")
    return html.unescape(text).encode("utf-8", "surrogatepass")


def _url(data: bytes) -> bytes:
    return unquote_to_bytes(data) if b"%" in data else data


def _form(data: bytes) -> bytes:
    return _url(data.replace(b"+", b" "))


_UNDO: tuple[Callable[[bytes], bytes], ...] = (_json, _html, _url, _form)


def views(data: bytes) -> set[bytes]:
    """What was found, and what it is when it is decoded, once or more."""
    seen = layer = {data}
    for _ in range(_DEPTH):
        layer = {undo(each) for each in layer for undo in _UNDO} - seen
        seen = seen | layer
    return seen


def _squeezed(data: bytes) -> bytes:
    """Without lines and spaces, and base64 in one alphabet."""
    return _SPACE.sub(b"", data).replace(b"-", b"+").replace(b"_", b"/")


def _cores(value: bytes) -> Iterator[bytes]:
    """What of a value's base64 does not depend on its neighbours, for each alignment."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + value)
        end = (before + len(value)) * 8 // 6
        yield text[-(-before * 8 // 6) : end]


def _needles(value: bytes) -> Iterator[bytes]:
    """In the data as it is."""
    yield value
    yield value.decode("latin-1").encode()


def _packed_needles(value: bytes) -> Iterator[bytes]:
    """In the data without its spaces."""
    text = value.decode()
    yield _squeezed(value)
    yield ",".join(map(str, value)).encode()
    yield value.hex().encode()
    written = {value, quote(text, safe="").encode(), quote_plus(text).encode()}
    written |= {json.dumps(text, ensure_ascii=flag)[1:-1].encode() for flag in (True, False)}
    for one in written:
        for core in _cores(one):
            yield _squeezed(core)
            yield from map(_squeezed, _cores(core))


class Search:
    """Finds each of these values, by its name.

    Args:
        values: name → value, in UTF-8.
    """

    def __init__(self, values: Mapping[str, bytes]) -> None:
        self._plain = _Needles({n: {*_needles(value)} for n, value in values.items()})
        self._packed = _Needles({n: {*_packed_needles(value)} for n, value in values.items()})
        self._hex = _Needles({n: {value.hex().encode()} for n, value in values.items()})

    def found(self, data: bytes) -> set[str]:
        """The names of the values that are in the data."""
        found: set[str] = set()
        for one in views(data):
            packed = _squeezed(one)
            found |= self._plain.found(one) | self._packed.found(packed)
            found |= self._hex.found(packed.replace(b":", b"").lower())
        return found


class _Needles:
    def __init__(self, needles: Mapping[str, set[bytes]]) -> None:
        pairs = [(name, needle) for name, some in needles.items() for needle in some]
        self._names = [name for name, _ in pairs]
        self._automaton = ahocorasick_rs.BytesAhoCorasick([needle for _, needle in pairs])

    def found(self, data: bytes) -> set[str]:
        matches = self._automaton.find_matches_as_indexes(data, overlapping=True)
        return {self._names[index] for index, _, _ in matches}
