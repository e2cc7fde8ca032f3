"""Which parts of the platform an isolate needs for a program, by the globals that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson

from aiwe_engine import bundles

EVERYTHING = "*"
SESSION = ".session"


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(bundles.read("parts.json"))
    return table


def needed(names: Iterable[str]) -> list[str]:
    """The parts behind these free names and what those parts need, dependencies first."""
    table = _table()
    names = set(names)
    if EVERYTHING in names:
        wanted = set(table["globals"].values())
    else:
        wanted = {part for name, part in table["globals"].items() if name in names}
    found: list[str] = []

    def add(part: str) -> None:
        if part not in found:
            for other in table["needs"].get(part, ()):
                add(other)
            found.append(part)

    for part in sorted(wanted):
        add(part)
    return found


def names_session(names: Iterable[str]) -> bool:
    """Whether a program with these names may ask for `req.session`."""
    return SESSION in names or EVERYTHING in names


@cache
def members(name: str) -> frozenset[str]:
    """What a global of the contract has: `members("app")` holds get, post and so on."""
    contract = bundles.read("aiwe.d.ts")
    kind = re.search(rf"^declare (?:const|var) {re.escape(name)}: (\w+)", contract, re.MULTILINE)
    if kind is None:
        return frozenset()
    body = re.search(rf"^interface {kind[1]}\b[^{{]*{{(.*?)^}}", contract, re.MULTILINE | re.DOTALL)
    return frozenset(
        re.findall(r"^  (?:readonly )?(\w+)[(<?:]", body[1] if body else "", re.MULTILINE)
    )


@cache
def platform_names() -> frozenset[str]:
    """Every global that a program may use: the parts', and those that stand in every isolate."""
    contract = re.findall(
        r"^declare (?:const|function|class|var) ([\w$]+)", bundles.read("aiwe.d.ts"), re.MULTILINE
    )
    return frozenset(contract) | {name for name in _table()["globals"] if name.isidentifier()}
