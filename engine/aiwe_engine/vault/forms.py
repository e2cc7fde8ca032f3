"""The forms in which a value may come back: what a server, a library or a program makes of it.

A form is a pattern: parts that stand one after the other, each of which may be written in several
ways. Escapes of URLs, JSON and HTML concern single characters, so one pattern of alternatives covers
all of them, in any mixture and on top of each other; base64, hex and lists of numbers have patterns of
their own. Each pattern begins with one of its heads, which is what is searched for.

What is not here: parts of a value, a value that was encrypted, hashed, compressed or turned round.
"""

from __future__ import annotations

import functools
import html.entities
import itertools
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Final, TypeAlias
from urllib.parse import quote, quote_plus

import orjson

#: One part of a pattern: one text where there is only one way to write it.
Part: TypeAlias = "bytes | tuple[bytes, ...]"

#: Never changed by an encoding that changes only what it must.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_HEADS = 128  # more heads than these are not put together, but found by encoding
_HEAD = 16  # characters of a head, at most
_SHORT = 4  # the same where each of them says much already
_LINE = 16  # a line of a value that has several is hidden by itself if it is as long as this
_HALF = 12  # the same for a password inside a URL

#: How lines of base64 are broken, as they are or inside JSON, a URL or HTML.
BREAKS: Final = (b"\n", b"\r\n", b"\\n", b"\\r\\n", b"%0A", b"%0D%0A", b"\r\n ", b"\n ", b"&#10;")
_NEWLINE = ("\n", "\r\n", " ", "")  # what becomes of the end of a line
_PASSWORD = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#\s:@]*:([^/?#\s]+)@")


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

    def end(self, data: bytes, start: int, *, final: bool) -> int | None:
        """Where the form ends that begins at `start`; the longest that fits.

        Args:
            data: where it stands.
            start: where it begins.
            final: nothing comes after the data.

        Returns:
            None: there is none; -1: the data end before it can be told.
        """
        places = {start}
        size = len(data)
        cut = False
        for part in self.parts:
            following: set[int] = set()
            for place in places:
                for way in (part,) if isinstance(part, bytes) else part:
                    if data.startswith(way, place):
                        following.add(place + len(way))
                    elif place + len(way) > size and way.startswith(data[place:]):
                        cut = True
                    elif self.broken:
                        end = _across(data, place, way)
                        if end == -1:
                            cut = True
                        elif end is not None:
                            following.add(end)
            if not following:
                return -1 if cut else None
            places = following
        return -1 if cut and not final else max(places)


def _across(data: bytes, place: int, text: bytes) -> int | None:
    """Where a text ends in which lines may be broken; as `Form.end` answers."""
    size = len(data)
    for index in range(len(text)):
        if place >= size:
            return -1
        if data[place] != text[index]:
            for line in BREAKS:
                after = place + len(line)
                if data.startswith(line, place):
                    if after >= size:
                        return -1
                    if data[after] == text[index]:
                        place = after
                        break
                elif after > size and line.startswith(data[place:]):
                    return -1
            else:
                return None
        place += 1
    return place


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
        yield from _whole(text)
    for written in dict.fromkeys([value, *_written(text)]):
        for core in _alignments(written):
            yield _base64(core)
    for core in _alignments(value):
        for twice in _alignments(core):
            yield _base64(twice)
    yield _row([f"{byte:02x}" for byte in value], ("", " ", ":", "-", "\\x", "%"))
    yield _row([str(byte) for byte in value], (",", ", ", " ", ",\n", ",\n  ", ",\n    "))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _ways(character: str) -> Part:
    """Every way to write one character inside a text whose letters stay as they are."""
    raw = character.encode()
    if len(raw) == 1 and raw[0] in _PLAIN:
        return raw
    once = {character, *_json(character), *_url(character), *_html(character)}
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
    yield _minimal(written)
    yield _minimal(_minimal(written))
    yield quote(written, safe="")
    yield quote(written, safe="").lower()
    yield html.escape(written)
    yield written.replace("&", "\\u0026")


def _minimal(text: str) -> str:
    return orjson.dumps(text)[1:-1].decode()


def _json(character: str) -> Iterator[str]:
    yield _minimal(character)
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


def _ways_of_byte(byte: int) -> Part:
    if byte in _PLAIN:
        return bytes([byte])
    return (bytes([byte]), b"%%%02X" % byte, b"%%%02x" % byte, b"\\x%02x" % byte)


def _whole(text: str) -> Iterator[Form]:
    """Texts of which every character is escaped, needed or not."""
    for writers in _WHOLE:
        ways = [tuple(dict.fromkeys(write(c).encode() for write in writers)) for c in text]
        heads = {"".join(map(write, text[:_SHORT])).encode() for write in writers}
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
    ),
    (lambda c: f"&#{ord(c)};", lambda c: f"&#{ord(c):03};", lambda c: f"&#{ord(c):04};"),
    (
        lambda c: f"&#x{ord(c):x};",
        lambda c: f"&#x{ord(c):X};",
        lambda c: f"&#x{ord(c):04x};",
        lambda c: f"&#x{ord(c):04X};",
    ),
)


def _written(text: str) -> Iterator[bytes]:
    """Texts with the value in it that a server may put into base64 as a whole: the claims of a token, say."""
    if not text:
        return
    yield _minimal(text).encode()
    yield _minimal(text).replace("/", "\\/").encode()
    yield "".join(c if c.isascii() else _minimal_ascii(c) for c in _minimal(text)).encode()
    yield quote(text, safe="").encode()
    yield quote(text).encode()
    yield quote_plus(text).encode()
    yield html.escape(text).encode()


def _minimal_ascii(character: str) -> str:
    return next(way for way in _json(character) if way.startswith("\\u"))


def _alignments(value: bytes) -> Iterator[bytes]:
    """The characters of base64 that stand for a value and nothing else, for each place it may begin at."""
    for offset, dropped in enumerate((0, 2, 3)):
        encoded = b64encode(bytes(offset) + value)
        yield encoded[dropped : (offset + len(value)) * 8 // 6]


def _base64(core: bytes) -> Form:
    parts: list[Part] = [
        _SPECIAL.get(match[0], match[0]) for match in re.finditer(rb"[A-Za-z0-9]{1,16}|[+/]", core)
    ]
    head = [_SPECIAL.get(core[at : at + 1], core[at : at + 1]) for at in range(_SHORT)]
    heads = set(_product(head))
    for at in range(1, _SHORT):
        heads.update(_product([*head[:at], BREAKS, *head[at:]]))
    return Form(tuple(parts), tuple(sorted(heads)), broken=True)


def _special(standing: str, safe: str, *more: str) -> tuple[bytes, ...]:
    code = ord(standing)
    ways = {standing, safe, f"%{code:02X}", f"%{code:02x}", f"%25{code:02X}", f"%25{code:02x}"}
    ways |= {
        f"\\u{code:04x}",
        f"\\u{code:04X}",
        f"&#{code};",
        f"&#x{code:X};",
        f"&#x{code:x};",
        *more,
    }
    return tuple(sorted(way.encode() for way in ways))


_SPECIAL: dict[bytes, Part] = {
    b"+": _special("+", "-", "&plus;", " "),
    b"/": _special("/", "_", "&sol;", "\\/", "\\\\/"),
}


def _row(written: list[str], separators: tuple[str, ...]) -> Form:
    """Bytes as numbers, one after the other."""
    cases = (str.lower, str.upper)
    parts: list[Part] = [tuple({case(written[0]).encode() for case in cases})]
    for number in written[1:]:
        ways = {(mark + case(number)).encode() for mark in separators for case in cases}
        parts.append(tuple(sorted(ways)))
    first = written[:_SHORT]
    heads = {case(number_row).encode() for number_row in _rows(first, separators) for case in cases}
    # What separates is escaped in lower case only, whatever the digits are.
    heads |= {head.replace(b"\\X", b"\\x") for head in heads}
    return Form(tuple(parts), tuple(sorted(heads)))


def _rows(written: list[str], separators: tuple[str, ...]) -> Iterator[str]:
    return (mark.join(written) for mark in separators)


def _mixed(value: bytes) -> Form:
    text = _text(value)
    ways = [_ways(character) for character in text] or [_ways_of_byte(byte) for byte in value]
    size = plain = 0
    while size < min(len(ways), _HEAD) and plain < _HEAD // 2:
        plain += isinstance(ways[size], bytes)
        size += 1
    count = prod(1 if isinstance(way, bytes) else len(way) for way in ways[:size])
    if count <= _HEADS or not text:
        heads = set(_product(ways[:size])) if text else {value[:size], *_raw(value[:size])}
    else:
        heads = {way.encode() for way in _chains(text[:size])}
    return Form(tuple(_joined(ways)), tuple(sorted(heads)))


def _raw(value: bytes) -> Iterator[bytes]:
    yield quote(value, safe="").encode()
    yield re.sub(rb"%..", lambda match: match[0].lower(), quote(value, safe="").encode())
    yield b"".join(bytes([b]) if 32 <= b < 127 else b"\\x%02x" % b for b in value)


def _joined(ways: Iterable[Part]) -> Iterator[Part]:
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


def _product(ways: Iterable[Part]) -> Iterator[bytes]:
    options = ((way,) if isinstance(way, bytes) else way for way in ways)
    return (b"".join(choice) for choice in itertools.product(*options))


def _chains(text: str) -> set[str]:
    """A text as encoders write it: each of them alone, and one upon another."""
    once = {write(text) for write in _ENCODERS}
    return once | {write(first) for first in once for write in _ENCODERS}


def _lower(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def _ascii(text: str, *, upper: bool = False) -> str:
    escaped = json.dumps(text)[1:-1]
    if upper:
        escaped = re.sub(r"u[0-9a-f]{4}", lambda match: "u" + match[0][1:].upper(), escaped)
    return escaped


def _json_of(text: str, *, escaped: str, upper: bool = False) -> str:
    """JSON for inside HTML: what HTML would take for its own is escaped as well."""
    form = "\\u{:04X}" if upper else "\\u{:04x}"
    return _minimal(text).translate({ord(c): form.format(ord(c)) for c in escaped})


_SAFE = ("", "/", "!'()*", "*", ";/?:@&=+$,#!'()*", "/:", "!$&'()*+,;=:@/?")
_ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    _minimal,
    _ascii,
    lambda text: _ascii(text, upper=True),
    lambda text: _minimal(text).replace("/", "\\/"),
    lambda text: _ascii(text).replace("/", "\\/"),
    *(functools.partial(_json_of, escaped=escaped) for escaped in ("<>&", "<>&'", "<>", "<>/")),
    *(
        functools.partial(_json_of, escaped=escaped, upper=True)
        for escaped in ("<>&", "<>&'", "<>", "<>/")
    ),
    lambda text: _minimal(text).replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace("`", "\\`"),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    lambda text: html.escape(text).replace("&#x27;", "&#039;"),
    lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    lambda text: (
        html.escape(text).replace("/", "&#x2F;").replace("`", "&#x60;").replace("=", "&#x3D;")
    ),
    lambda text: (
        html.escape(text).replace("/", "&#47;").replace("`", "&#96;").replace("=", "&#61;")
    ),
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    *(functools.partial(quote, safe=safe) for safe in _SAFE),
    *(lambda text, safe=safe: _lower(quote(text, safe=safe)) for safe in _SAFE),
    *(functools.partial(quote_plus, safe=safe) for safe in ("", "*", "!'()*")),
    *(lambda text, safe=safe: _lower(quote_plus(text, safe=safe)) for safe in ("", "*")),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", ""),
    lambda text: text.replace("\n", " "),
    lambda text: text.encode().decode("latin-1"),
)
