"""The forms in which a value may come back: what a server, a library or a program makes of it.

A form is a pattern: parts that stand one after the other, each of which may be written in several
ways. Escapes of URLs, JSON and HTML concern single characters, so one pattern of alternatives covers
all of them, in any mixture and on top of each other; base64, hex and lists of numbers have patterns of
their own. Each pattern begins with one of its heads, which is what is searched for.

What is not here: parts of a value, a value that was encrypted, hashed, compressed or turned round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from urllib.parse import quote

from aiwe_engine.vault.alignments import alignments, base64_form
from aiwe_engine.vault.encoders import chains, written
from aiwe_engine.vault.form import Form, joined, product
from aiwe_engine.vault.letters import ways_of, ways_of_byte, whole
from aiwe_engine.vault.rows import row

_HEADS = 128  # more heads than these are not put together, but found by encoding
_HEAD = 16  # characters of a head, at most
_LINE = 16  # a line of a value that has several is hidden by itself if it is as long as this
_HALF = 12  # the same for a password inside a URL
#: Between numbers of a list, as it is or inside a string of JSON.
_BETWEEN = (",", ", ", " ", *(f",{end}{' ' * n}" for end in ("\n", "\\n") for n in (0, 2, 4)))
_PASSWORD = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#\s:@]*:([^/?#\s]+)@")


def forms(value: bytes) -> list[Form]:
    """Every pattern of a value, and of what is as secret as the whole of it."""
    value = value.strip()
    found = list(_of(value))
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:  # each may come alone, in a log or as an event
        long = (line for line in lines if len(line) >= _LINE)
        found += (_mixed(line) for line in long if not line.startswith(b"-----"))
    inside = _PASSWORD.match(value)
    if inside and len(inside[1]) >= _HALF:
        found += _of(inside[1])
    return found


def _of(value: bytes) -> Iterator[Form]:
    text = _text(value)
    yield _mixed(value)
    if text:
        yield from whole(text)
    for inner in dict.fromkeys([value, *written(text)]):
        for core in alignments(inner):
            yield base64_form(core)
            for twice in alignments(core):
                yield base64_form(twice)
    yield row([f"{byte:02x}" for byte in value], ("", " ", ":", "-", "\\x", "%"))
    yield row([str(byte) for byte in value], _BETWEEN)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _mixed(value: bytes) -> Form:
    text = _text(value)
    ways = [ways_of(character) for character in text] or [ways_of_byte(byte) for byte in value]
    size = plain = 0
    while size < min(len(ways), _HEAD) and plain < _HEAD // 2:
        plain += isinstance(ways[size], bytes)
        size += 1
    count = prod(1 if isinstance(way, bytes) else len(way) for way in ways[:size])
    if count <= _HEADS or not text:
        heads = set(product(ways[:size])) if text else {value[:size], *_raw(value[:size])}
    else:
        heads = {way.encode() for way in chains(text[:size])}
    return Form(tuple(joined(ways)), tuple(sorted(heads)))


def _raw(value: bytes) -> Iterator[bytes]:
    yield quote(value, safe="").encode()
    yield re.sub(rb"%..", lambda match: match[0].lower(), quote(value, safe="").encode())
    yield b"".join(bytes([b]) if 32 <= b < 127 else b"\\x%02x" % b for b in value)
