"""References that come in from outside: made harmless, however they are written.

Nobody outside can know a reference; if somebody came to know one, sending it back must not make it a
reference again. What comes in is looked at as a program may read it: escapes of URLs, JSON and HTML are
undone, letters may be large, and base64 and hex are seen through. What was compressed or encoded twice is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from aiwe_engine.types import ByteSource
from aiwe_engine.vault import encodings
from aiwe_engine.vault.references import LENGTH, MARK

_MARK = MARK.encode()
_HARMLESS: Final = b"[redacted]"
_HEX = _MARK.hex().encode()
_CORES = [core for core, _ in encodings.EXACT_NEEDLES]
_CODE = rb"(?:%(?:25)*|\\+u00|\\+x|&#x)"  # before the hex digits of a letter
_UNIT = rb"(?:[a-z0-9]|" + _CODE + rb"[0-9a-f]{2};?|&#[0-9]{2,3};)"


def _letter(letter: str) -> bytes:
    code = ord(letter)
    return rb"(?:%c|%b%02x;?|&#%d;)" % (code, _CODE, code, code)


_LETTERS = [_letter(letter) for letter in MARK]
_PLAIN = re.compile(rb"%b[a-z0-9]{%d}" % (_MARK, LENGTH), re.IGNORECASE)
_ESCAPED = re.compile(b"".join(_LETTERS) + _UNIT + b"{%d}" % LENGTH, re.IGNORECASE)
_SHOWN = re.compile(_MARK + _UNIT + b"{%d}" % LENGTH)
_CLOSE_LOOK = 1 << 16  # bytes that are looked through letter by letter
_IN_HEX = re.compile(rb"%b[0-9a-f]*" % _HEX, re.IGNORECASE)
_IN_BASE64 = re.compile(rb"(?:%b)[A-Za-z0-9+/_=-]*" % b"|".join(_CORES))
_SIGNS = (b"%", b"\\", b"&#")
_WAYS = ("%%%02x", "\\u%04x", "\\x%02x", "&#x%02x;", "&#%d;")
_LETTER = [((way % ord(one)).encode(), one.encode()) for one in sorted(set(MARK)) for way in _WAYS]
_AGAIN = ((b"%25", b"%"), (b"\\\\", b"\\"), (b"%25", b"%"), (b"\\\\", b"\\"))
# What may be the beginning of an escaped reference, or of an escape, at the end of a piece.
_BEGUN = re.compile(
    b"(?:%b)\\Z"
    % b"|".join(
        [
            b"".join(_LETTERS) + _UNIT + b"{0,%d}" % (LENGTH - 1),
            *(b"".join(_LETTERS[:count]) for count in range(len(MARK) - 1, 0, -1)),
        ]
    ),
    re.IGNORECASE,
)
_UNFINISHED = re.compile(
    rb"(?:%(?:25)*2?[0-9a-f]?|\\+(?:u0{0,2}[0-9a-f]?|x[0-9a-f]?)?|&(?:#x?[0-9a-f]*)?)\Z",
    re.IGNORECASE,
)
_WINDOW = 8 * (len(MARK) + LENGTH)  # bytes that an escaped reference may have


def defused(data: bytes) -> bytes:
    """Bytes in which nothing is a reference, nor would be one if it were decoded; the same where nothing is."""
    lower = data.lower()
    if _MARK in lower:
        data = _PLAIN.sub(_HARMLESS, data)
    if _HEX in lower:
        data = _IN_HEX.sub(_HARMLESS, data)
    if any(core in data for core in _CORES):
        data = _IN_BASE64.sub(_HARMLESS, data)
    if any(sign in data for sign in _SIGNS) and _SHOWN.search(_decoded(data.lower())):
        # Whoever sends that means harm: so much of it is not worth the time of others.
        data = _ESCAPED.sub(_HARMLESS, data) if len(data) <= _CLOSE_LOOK else _HARMLESS
    return data


def defused_text(text: str) -> str:
    """As `defused`, of a text."""
    data = text.encode("utf-8", "surrogatepass")
    clean = defused(data)
    return text if clean == data else clean.decode("utf-8", "surrogatepass")


def defused_json(value: Any, text: Callable[[str], str] = defused_text) -> Any:
    """A value of JSON of which every text is harmless, its keys too."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list | tuple):
        return [defused_json(item, text) for item in value]
    if isinstance(value, dict):
        return {defused_json(key, text): defused_json(item, text) for key, item in value.items()}
    return value


class Defused:
    """A stream in which nothing is a reference, whatever its pieces are cut like. A `ByteSource`.

    What may be the beginning of one is held back until the next piece shows what it is.

    Args:
        source: what is read.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source, self._held, self._over = source, b"", False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: as the source.
        """
        while not self._over:
            piece = await self._source.read()
            self._over = not piece
            data = defused(self._held + piece)
            cut = len(data) if self._over else min(encodings.begun(data), _begun(data))
            self._held = data[cut:]
            if cut:
                return data[:cut]
        return b""

    async def close(self) -> None:
        """Says that nobody wants the rest."""
        await self._source.close()


def _begun(data: bytes) -> int:
    """From where on, at the end of the data, an escaped reference may have begun."""
    start = max(0, len(data) - _WINDOW)
    rest = data[start:]
    unfinished = _UNFINISHED.search(rest)
    end = unfinished.start() if unfinished else len(rest)
    found = _BEGUN.search(rest[:end])
    return start + (found.start() if found else end)


def _decoded(data: bytes) -> bytes:
    """Text in small letters in which the letters of the mark are as they are: by means that cost little."""
    for written, letter in (*_AGAIN, *_LETTER):
        data = data.replace(written, letter)
    return data
