"""One table of what was measured, what is aimed at, and on which machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import nodes

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Row:
    """One line. `met` is None where nothing is aimed at."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "yes", False: "**no**"}[self.met]
        return f"| {self.what} | {self.value} | {self.target} | {verdict} |"


def at_least(what: str, value: float, target: float, unit: str) -> Row:
    """A number that ought to be large."""
    return Row(what, f"{value:,.1f} {unit}", f"≥ {target:g} {unit}", value >= target)


def at_most(what: str, value: float, target: float, unit: str) -> Row:
    """A number that ought to be small."""
    return Row(what, f"{value:,.1f} {unit}", f"≤ {target:g} {unit}", value <= target)


def machine() -> list[str]:
    """What the numbers depend on."""
    packages = ("aiwe", "mini-racer", "duckdb", "uvicorn", "uvloop", "httptools")
    return [
        f"- {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in packages),
        f"- node {' and '.join(nodes())}, for Express",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write(sections: dict[str, list[Row]]) -> None:
    """Writes RESULTS.md."""
    lines = [
        "# What was measured",
        "",
        "Written by `make bench`; do not edit. Take ratios, not times: all of it ran on one machine,",
        "with the load on the same cores.",
        "",
        *machine(),
    ]
    for title, rows in sections.items():
        lines += ["", f"## {title}", "", "| | measured | target | met |", "|---|---|---|---|"]
        lines += [str(row) for row in rows]
    RESULTS.write_text("\n".join(lines) + "\n")
