"""Fields of documents as SQL: what is taken out of `doc`, and by what it is found in an index.

Names stand in the text as quoted literals: an index is found by the text of its expression.
"""

from __future__ import annotations

import re
import struct

from aiwe_engine.store.filters import Path
from aiwe_engine.store.postgres.characters import text_for

KINDS = ("n", "o"), ("s", "t")  # between these are the ranks of numbers, and of strings
LONGEST = 60  # characters of a text that an index tells apart
_INDEX = re.compile(r"0|[1-9][0-9]*")
_SIGN, _ALL = 1 << 63, (1 << 64) - 1

#: Texts that sort as the values do: numbers, then strings, then the rest; none for null. An index on it
#: says where to look; what is there is then compared itself, so a long text may be cut off.
RANK = f"""
CREATE OR REPLACE FUNCTION aiwe.rank(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    bits bit(64);
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'number' THEN
        bits := ('x' || encode(float8send(value::float8 + 0.0), 'hex'))::bit(64);
        bits := CASE WHEN value::float8 < 0 THEN ~bits ELSE bits # (1::bit(64) << 63) END;
        RETURN 'n' || lpad(to_hex(bits::bigint), 16, '0');
    WHEN 'string' THEN
        RETURN 's' || left(value #>> '{{}}', {LONGEST});
    WHEN 'null' THEN
        RETURN NULL;
    ELSE
        RETURN 't' || left(value #>> '{{}}', {LONGEST});
    END CASE;
END $$;
"""


def literal(text: str) -> str:
    """A text as a quoted literal."""
    return "'" + text.replace("'", "''") + "'"


def field(path: Path) -> str:
    """A field as `jsonb`; NULL where there is none."""
    return _walk(path, "->", "#>")


def plain(path: Path) -> str:
    """A field as text, a string without its quotes; NULL where it is null or there is none."""
    return f'({_walk(path, "->>", "#>>")} COLLATE "C")'


def number(path: Path) -> str:
    """A field where it is a number, else NULL."""
    taken = field(path)
    return f"(CASE WHEN jsonb_typeof({taken}) = 'number' THEN {taken}::float8 END)"


def rank(path: Path) -> str:
    """What an index on a field holds."""
    return f'aiwe.rank({field(path)}) COLLATE "C"'


def rank_of(value: float | str) -> str:
    """The same of a value that is looked for."""
    if isinstance(value, str):
        return "s" + text_for(value)[:LONGEST]
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
    return f"n{bits ^ (_ALL if bits & _SIGN else _SIGN):016x}"


def _walk(path: Path, by_name: str, by_index: str) -> str:
    """The way to a field: whole numbers are indexes of arrays too, other names never are."""
    text = "doc"
    for position, step in enumerate(path):
        last = position == len(path) - 1
        if _INDEX.fullmatch(step):
            text += f" {by_index if last else '#>'} '{{{step}}}'"
        else:
            text += f" {by_name if last else '->'} {literal(text_for(step))}"
    return f"({text})"
