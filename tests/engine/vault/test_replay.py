"""A reference that somebody sends is only text, however it is written and wherever it is cut."""

from __future__ import annotations

import base64

import pytest

from aiwe_engine.vault.references import MARK
from aiwe_engine.vault.replay import Defused, defused, defused_json

TOKEN = f"{MARK}{'a1b2c3d4' * 5}".encode()
WRITTEN = {
    "as it is": TOKEN,
    "capitals": TOKEN.upper(),
    "hex": TOKEN.hex().encode(),
    "hex in capitals": TOKEN.hex().upper().encode(),
    "base64": base64.b64encode(TOKEN),
    "base64, one byte in": base64.b64encode(b"x" + TOKEN),
    "base64, two bytes in": base64.urlsafe_b64encode(b"xy" + TOKEN),
    "percent, every letter": "".join(f"%{byte:02x}" for byte in TOKEN).encode(),
    "percent, in capitals": "".join(f"%{byte:02X}" for byte in TOKEN).encode(),
    "percent, one letter": TOKEN.replace(b"w", b"%77"),
    "percent, twice": TOKEN.replace(b"a", b"%2561"),
    "JSON, every letter": "".join(f"\\u{byte:04x}" for byte in TOKEN).encode(),
    "JSON, one letter": TOKEN.replace(b"e", b"\\u0065"),
    "JSON in JSON": TOKEN.replace(b"1", b"\\\\u0031"),
    "HTML": TOKEN.replace(b"s", b"&#115;").replace(b"a", b"&#x61;"),
}
CLEAN = b'{"a": "100% \\u00fc % sure \\\\ aiwe AIWE YWl3 6169 &amp; &#", "aiwesecret": "&#97"}'


class Pieces:
    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[at : at + size] for at in range(0, len(data), size)]
        self.closed = False

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def close(self) -> None:
        self.closed = True


async def read(data: bytes, size: int) -> bytes:
    source, found = Defused(Pieces(data, size)), b""
    while piece := await source.read():
        found += piece
    return found


@pytest.mark.parametrize("way", WRITTEN)
def test_it_is_found_in_every_writing(way: str) -> None:
    clean = defused(b'{"a": "<' + WRITTEN[way] + b'>"}')
    assert b"[redacted]" in clean
    assert WRITTEN[way][3:] not in clean


@pytest.mark.parametrize("size", [1, 2, 7, 48, 49, 50, 51, 1000])
@pytest.mark.parametrize("way", WRITTEN)
async def test_it_is_found_across_the_borders_of_pieces(way: str, size: int) -> None:
    clean = await read(b'{"a": "<' + WRITTEN[way] + b'>"}', size)
    assert b"[redacted]" in clean
    assert WRITTEN[way][3:-3] not in clean


@pytest.mark.parametrize("size", [1, 2, 7, 48, 1000])
async def test_what_is_none_stays_as_it_is(size: int) -> None:
    assert defused(CLEAN) is CLEAN
    assert await read(CLEAN, size) == CLEAN


async def test_nothing_is_held_back_that_cannot_begin_one() -> None:
    source = Defused(Pieces(b"event: 1\n\nevent: 2\n\n", 10))
    assert await source.read() == b"event: 1\n\n"


def test_so_many_of_them_are_not_looked_at_one_by_one() -> None:
    assert defused(TOKEN.replace(b"w", b"%77") * 5000) == b"[redacted]"


def test_names_are_harmless_too() -> None:
    assert defused_json({TOKEN.decode(): [1, TOKEN.decode(), None]}) == {
        "[redacted]": [1, "[redacted]", None]
    }


async def test_whoever_leaves_is_told_to_the_source() -> None:
    pieces = Pieces(b"x", 1)
    await Defused(pieces).close()
    assert pieces.closed
