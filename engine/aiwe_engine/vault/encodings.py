"""References that a program has encoded, as `btoa(user + ":" + reference)` would.

A value cannot be put into an encoding that somebody else decodes, and the reference alone would be
nonsense to the other server: so it is looked for, and refused with a hint. What is found here is a
mistake of a program, not an attack: whatever is not found leaves as the random word that it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote_to_bytes

from aiwe_engine.vault.references import LENGTH, MARK, PATTERN_BYTES

_MARK = MARK.encode()
_WHOLE = len(MARK) + LENGTH
_HEX = _MARK.hex().encode()
_QUANTA = -(-(_WHOLE + 2) // 3) * 4  # characters of base64 that hold a reference in any alignment
_ESCAPED = re.compile(rb"\\u00([0-9a-fA-F]{2})")
_CLOSE_LOOK = 1 << 20  # bytes of a body in which single escaped letters are looked for


def _core(before: int) -> tuple[int, bytes]:
    """Of the mark in base64 after so many bytes: characters that stand before it, those that are its own."""
    text = base64.b64encode(bytes(before) + _MARK)
    start = -(-before * 8 // 6)
    return start, text[start : (before + len(_MARK)) * 8 // 6]


#: By how many bytes stand before the mark in a group of three.
_CORES = [_core(before) for before in range(3)]
#: What begins an encoded reference, and how long one may be from there on.
NEEDLES = [(_MARK, _WHOLE), (_HEX, 2 * _WHOLE)]  # in lower case
EXACT_NEEDLES = [(core, _QUANTA) for _, core in _CORES]


_BEFORE = max(start for start, _ in _CORES)  # characters that the group of a core begins before it


def find(data: bytes) -> Iterator[tuple[bytes, str]]:
    """Each reference that stands in the data in another form than its own, and what was done to it."""
    yield from _plain_forms(data)
    if len(data) > _CLOSE_LOOK:
        return
    for mark, decode in ((b"%", unquote_to_bytes), (rb"\u", _unescaped), (b"&#", _of_html)):
        if mark not in data:
            continue
        clear = decode(data)
        if clear != data:
            shown = set(PATTERN_BYTES.findall(data))
            yield from (
                (one, "escaped") for one in PATTERN_BYTES.findall(clear) if one not in shown
            )
            yield from _plain_forms(clear)


def begun(data: bytes) -> int:
    """From where on, at the end of the data, a reference in whatever form may have begun."""
    lower = data.lower()
    forms = [(lower, *needle, 0) for needle in NEEDLES]
    forms += [(data, *needle, _BEFORE) for needle in EXACT_NEEDLES]
    cut = min(_partial(*form) for form in forms)
    while (earlier := min(_whole(*form, cut) for form in forms)) < cut:
        cut = earlier
    return cut


def _partial(data: bytes, needle: bytes, whole: int, before: int) -> int:
    """Where the end of the data may be the beginning of one."""
    size = len(data)
    at = data.find(needle, max(0, size - whole + 1))
    if at >= 0:
        return max(0, at - before)
    for length in range(min(len(needle) - 1, size), 0, -1):
        if data.endswith(needle[:length]):
            return max(0, size - length - before)
    return size


def _whole(data: bytes, needle: bytes, whole: int, before: int, cut: int) -> int:
    """The beginning of one that would be cut in two there; else the cut."""
    at = data.find(needle, max(0, cut - whole + 1), cut + len(needle) - 1)
    return max(0, at - before) if 0 <= at < cut else cut


def _plain_forms(data: bytes) -> Iterator[tuple[bytes, str]]:
    lower = data.lower()
    if lower.count(_MARK) > data.count(_MARK) or _differs(data, lower):
        for found in PATTERN_BYTES.finditer(lower):
            if data[found.start() : found.end()] != found[0]:
                yield found[0], "upper-cased"
    for at in _places(lower, _HEX):
        yield from _token(_unhex(lower[at : at + 2 * _WHOLE]), "encoded in hex")
    for before, (start, core) in enumerate(_CORES):
        for at in _places(data, core):
            group = data[max(0, at - start) : at - start + _QUANTA]
            yield from _token(_decoded(group)[before:], "encoded in base64")


def _differs(data: bytes, lower: bytes) -> bool:
    """Whether letters of what would be a reference are in upper case."""
    at = lower.find(_MARK)
    while at >= 0:
        if data[at : at + _WHOLE] != lower[at : at + _WHOLE]:
            return True
        at = lower.find(_MARK, at + 1)
    return False


def _places(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def _token(data: bytes, how: str) -> Iterator[tuple[bytes, str]]:
    found = PATTERN_BYTES.match(data.lower())
    if found:
        yield found[0], how


def _unhex(text: bytes) -> bytes:
    try:
        return binascii.unhexlify(text)
    except binascii.Error:
        return b""


def _decoded(group: bytes) -> bytes:
    """Base64 as far as it goes, in either alphabet."""
    text = re.match(rb"[A-Za-z0-9+/]*", group.translate(bytes.maketrans(b"-_", b"+/")))[0]  # type: ignore[index]
    text = (
        text[: len(text) // 4 * 4] + (text[len(text) // 4 * 4 :] + b"AAA")[:4]
        if len(text) % 4
        else text
    )
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""


def _unescaped(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def _of_html(data: bytes) -> bytes:
    return unescape(data.decode("latin-1")).encode("latin-1", "replace")
