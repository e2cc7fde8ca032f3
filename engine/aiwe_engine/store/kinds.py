"""What the fields of documents hold, and what columns SQL has for them.

Documents need no schema, but a table has columns: a field that holds one kind of value has a column of
that type, any other one of JSON. The words for types are the same on every store.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Any, TypeAlias

MOST = (
    1_000  # of one collection: where keys are data, the rest is reached through the whole document
)
LONGEST = 200  # characters of a name
LARGEST = (1 << 63) - 1  # an integer beyond it is a number like any other


class Kind(IntFlag):
    """What a field holds in some document."""

    NOTHING = 0
    BOOLEAN = 1
    INTEGER = 2
    NUMBER = 4
    STRING = 8
    NESTED = 16


_KINDS: dict[type, Kind] = {
    type(None): Kind.NOTHING,
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    str: Kind.STRING,
    list: Kind.NESTED,
    dict: Kind.NESTED,
}
Columns: TypeAlias = dict[str, Kind]  # by the name of a field, in the order in which they came


def kind_of(value: Any) -> Kind:
    """What a JSON value is."""
    if value.__class__ is int and not -LARGEST <= value <= LARGEST:
        return Kind.NUMBER
    return _KINDS.get(value.__class__, Kind.NESTED)


def is_name(name: str) -> bool:
    """Whether a column can be called so."""
    return 0 < len(name) <= LONGEST and "\0" not in name


def type_of(kind: Kind) -> str:
    """The type of the column for a field that holds values of these kinds."""
    if kind in (Kind.NUMBER, Kind.INTEGER | Kind.NUMBER):
        return "DOUBLE"
    names = {Kind.INTEGER: "BIGINT", Kind.BOOLEAN: "BOOLEAN", Kind.STRING: "VARCHAR"}
    return names.get(kind, "JSON")


def free_name(name: str, taken: set[str]) -> str:
    """A column's name, with a number where only its case tells it from one that is taken."""
    free, count = name, 0
    while free.lower() in taken:
        count += 1
        free = f"{name}_{count}"
    taken.add(free.lower())
    return free
