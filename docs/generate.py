"""Writes the generated pages: `python docs/generate.py`. A test compares them with what it says."""

from __future__ import annotations

from pathlib import Path

from aiwe_engine.settings import KB, MB, ROWS, SECTIONS, Row

HERE = Path(__file__).parent

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


PAGES = {"settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
