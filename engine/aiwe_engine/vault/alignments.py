"""Base64 of a value, wherever in a longer text it may begin."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator

from aiwe_engine.vault.form import BREAKS, Form, Part, product

_HEAD = 4  # characters of a head


def alignments(value: bytes) -> Iterator[bytes]:
    """The characters of base64 that stand for a value and nothing else, for each place it may begin at."""
    for offset, dropped in enumerate((0, 2, 3)):
        encoded = b64encode(bytes(offset) + value)
        yield encoded[dropped : (offset + len(value)) * 8 // 6]


def base64_form(core: bytes) -> Form:
    """The pattern of such characters, in either alphabet and in lines."""
    parts: list[Part] = [
        _SPECIAL.get(match[0], match[0]) for match in re.finditer(rb"[A-Za-z0-9]{1,16}|[+/]", core)
    ]
    head = [_SPECIAL.get(core[at : at + 1], core[at : at + 1]) for at in range(_HEAD)]
    heads = set(product(head))
    for at in range(1, _HEAD):
        heads.update(product([*head[:at], BREAKS, *head[at:]]))
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
