"""Writes the generated pages: `python docs/generate.py`. A test compares them with what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aiwe_engine.settings import KB, MB, ROWS, SECTIONS, Row

HERE = Path(__file__).parent
SHORT = HERE.parent / "tests" / "engine" / "platform" / "wpt" / "short.toml"

HEAD = """\
# Settings

Generated from `aiwe_engine/settings.py` by `make docs`; a test compares them. Sizes are bytes, times are seconds.
`aiwe serve --cpu-limit 2` sets one on the command line; in Jupyter it is `c.Aiwe.cpu_limit = 2` in `jupyter_server_config.py`.
"""
TABLE = """
## {section}: {meaning}

| setting | option | default | meaning |
|---|---|---|---|
"""


def settings() -> str:
    """The page of settings: a table for each section."""
    return HEAD + "".join(_section(name, meaning) for name, meaning in SECTIONS.items())


def _section(name: str, meaning: str) -> str:
    rows = (
        f"| `{row.key}` | `{row.option}` | {_plain(row)} | {row.help} |\n"
        for row in ROWS.values()
        if row.section == name
    )
    return TABLE.format(section=name, meaning=meaning) + "".join(rows)


def _plain(row: Row) -> str:
    value = row.default
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if row.unit == "bytes" and value >= KB and value % KB == 0:
        return f"{value // MB} MB" if value % MB == 0 else f"{value // KB} KB"
    if row.unit == "seconds":
        return f"{value:g} s"
    return str(value)


PLATFORM = """\
# The web platform, measured

Generated from `tests/engine/platform/wpt/short.toml` by `make docs`. A program's globals are held against
[web-platform-tests](https://web-platform-tests.org): each script of an area runs in an isolate and in node {node}, and of the
subtests that node passes the isolate must pass the share that stands under "at least". The test of an area fails for a subtest that falls short
without a reason below, and for a reason whose subtest passes. Counted with {suite}; run it with
`AIWE_WPT=$(.ci/web-platform-tests) make test ARGS=tests/engine/platform`.

| area | passed | of node's | | at least |
|---|--:|--:|--:|--:|
"""
REASON = "\n{reason}\n\n| file | subtest |\n|---|---|\n"


def platform() -> str:
    """The page of web-platform-tests: what passes, and why the rest does not."""
    table = tomllib.loads(SHORT.read_text())
    page = PLATFORM.format(**table["measure"])
    for name, area in table["areas"].items():
        passed, wanted = area["passed"], area["node"]
        share = 100 * passed / wanted
        page += f"| {name} | {passed} | {wanted} | {share:.2f} % | {area['least']} % |\n"
    page += "\n## What falls short, and why\n"
    for entry in table["short"]:
        rows = (f"| {file} | {name} |\n" for file, name in entry["subtests"])
        page += REASON.format(reason=entry["reason"]) + "".join(rows)
    return page


PAGES = {"settings.md": settings, "web-platform.md": platform}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
