"""An area of the suite, in an isolate beside node; and what was counted and explained before (`short.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.engine.platform.wpt import isolate, node
from tests.engine.platform.wpt.suite import cases

TABLE = Path(__file__).with_name("short.toml")
Subtest = tuple[str, str]
"""A file and a name in it."""


@dataclass
class Area:
    """Of the subtests that node passes: those that pass in an isolate, and what the others say."""

    passed: set[Subtest] = field(default_factory=set)
    short: dict[Subtest, str] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        return len(self.passed) + len(self.short)


async def measured(root: Path, area: str) -> Area:
    """Runs an area in both; nothing of it where the folder holds no such area."""
    found = Area()
    scripts = cases(root, area)
    measure = node.outcomes(scripts)
    for case in scripts:
        here = await isolate.outcome(case)
        for name, message in measure.get(case.name, {}).items():
            if message is not None:
                continue
            why = here.get(name, here.get("", "there is no such subtest"))
            if why is None:
                found.passed.add((case.name, name))
            else:
                found.short[case.name, name] = why
    return found


@cache
def table() -> dict[str, Any]:
    """`short.toml`."""
    return tomllib.loads(TABLE.read_text())


def explained() -> dict[Subtest, str]:
    """The reason of each subtest that is known to fall short."""
    return {
        (file, name): entry["reason"]
        for entry in table()["short"]
        for file, name in entry["subtests"]
    }
