"""Every way to write one character, or one byte: as it is, and as escapes of URLs, JSON and HTML have it."""

from __future__ import annotations

import html
import html.entities
from collections.abc import Callable, Iterator
from urllib.parse import quote

import orjson

from aiwe_engine.vault.form import Form, Part

#: Never changed by an encoding that changes only what it must.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_NEWLINE = ("\n", "\r\n", " ", "")  # what becomes of the end of a line
_HEAD = 4  # characters of a head, where each of them says much


def ways_of(character: str) -> Part:
    """Every way to write one character inside a text whose letters stay as they are."""
    raw = character.encode()
    if len(raw) == 1 and raw[0] in _PLAIN:
        return raw
    once = {character, *json_ways(character), *_url(character), *_html(character)}
    if character == "\n":
        once.update(_NEWLINE)
        once.update(["\\r\\n", "%0D%0A", "%0d%0a", "&#13;&#10;"])
    twice = {way for first in once if first for way in _again(first)}
    ways = {way.encode() for way in once | twice}
    if len(raw) > 1:
        ways.add(raw.decode("latin-1").encode())  # UTF-8 that was taken for latin-1
        try:
            latin = character.encode("latin-1")
        except UnicodeEncodeError:
            pass
        else:
            ways |= {latin, b"%%%02X" % latin[0], b"%%%02x" % latin[0]}
    return tuple(sorted(ways)) if len(ways) > 1 else raw


def _again(written: str) -> Iterator[str]:
    """What becomes of an escape when the text that holds it is escaped in its turn."""
    yield minimal(written)
    yield minimal(minimal(written))
    yield quote(written, safe="")
    yield quote(written, safe="").lower()
    yield html.escape(written)
    yield written.replace("&", "\\u0026")


def minimal(text: str) -> str:
    """A text inside a string of JSON, where only what must be is escaped."""
    return orjson.dumps(text)[1:-1].decode()


def json_ways(character: str) -> Iterator[str]:
    """A character inside a string of JSON or JavaScript."""
    yield minimal(character)
    units = character.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    yield "".join(f"\\u{code:04x}" for code in codes)
    yield "".join(f"\\u{code:04X}" for code in codes)
    if ord(character) > 127:  # UTF-8 that a server took for latin-1
        raw = character.encode()
        yield "".join(f"\\u{byte:04x}" for byte in raw)
        yield "".join(f"\\u{byte:04X}" for byte in raw)
    if character in "/'\"":
        yield "\\" + character
    if ord(character) < 256:
        yield f"\\x{ord(character):02x}"
    if len(codes) > 1:
        yield f"\\u{{{ord(character):x}}}"


def _url(character: str) -> Iterator[str]:
    raw = character.encode()
    upper = [f"%{byte:02X}" for byte in raw]
    yield "".join(upper)
    yield "".join(upper).lower()
    if character == " ":
        yield "+"


def _html(character: str) -> Iterator[str]:
    code = ord(character)
    yield f"&#{code};"
    yield f"&#{code:03};"
    yield from {f"&#x{code:x};", f"&#x{code:X};", f"&#x{code:02x};", f"&#x{code:02X};"}
    yield from (f"&{name}" for name in _NAMES.get(character, ()))


def _names() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, character in html.entities.html5.items():
        if len(character) == 1 and name.endswith(";"):
            names.setdefault(character, []).append(name)
    return names


_NAMES = _names()


def ways_of_byte(byte: int) -> Part:
    """Every way to write one byte of what is no text."""
    if byte in _PLAIN:
        return bytes([byte])
    return (bytes([byte]), b"%%%02X" % byte, b"%%%02x" % byte, b"\\x%02x" % byte)


def whole(text: str) -> Iterator[Form]:
    """Texts of which every character is escaped, needed or not."""
    for writers in _WHOLE:
        ways = [tuple(dict.fromkeys(write(c).encode() for write in writers)) for c in text]
        heads = {"".join(map(write, text[:_HEAD])).encode() for write in writers}
        yield Form(tuple(ways), tuple(sorted(heads)))


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _units(character: str) -> list[int]:
    units = character.encode("utf-16-be")
    return [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]


_WHOLE: tuple[tuple[Callable[[str], str], ...], ...] = (
    (_percent, lambda c: _percent(c).lower()),
    (lambda c: _percent(c).replace("%", "%25"), lambda c: _percent(c).replace("%", "%25").lower()),
    (
        lambda c: "".join(f"\\u{unit:04x}" for unit in _units(c)),
        lambda c: "".join(f"\\u{unit:04X}" for unit in _units(c)),
        lambda c: "".join(f"\\\\u{unit:04x}" for unit in _units(c)),
        lambda c: "".join(f"\\\\u{unit:04X}" for unit in _units(c)),
    ),
    (lambda c: f"&#{ord(c)};", lambda c: f"&#{ord(c):03};", lambda c: f"&#{ord(c):04};"),
    (
        lambda c: f"&#x{ord(c):x};",
        lambda c: f"&#x{ord(c):X};",
        lambda c: f"&#x{ord(c):04x};",
        lambda c: f"&#x{ord(c):04X};",
    ),
)
