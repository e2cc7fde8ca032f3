"""Writes the generated pages: `python docs/generate.py`. A test compares them with what it says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from aiwe_engine.settings import KB, MB, Settings

HERE = Path(__file__).parent

HEAD = """\
# Settings

Generated from `aiwe_engine/settings.py` by `make docs`; a test compares them. Sizes are bytes, times are seconds.
`aiwe serve --cpu-limit 2` sets one on the command line; in Jupyter it is `c.Aiwe.cpu_limit = 2` in `jupyter_server_config.py`.

| setting | default | meaning |
|---|---|---|
"""


def settings() -> str:
    """The page of settings."""
    rows = (
        f"| `{field.name}` | {_plain(field.default)} | {field.metadata['help']} |\n"
        for field in fields(Settings)
    )
    return HEAD + "".join(rows)


def _plain(value: object) -> str:
    if value == ():
        return "none"
    if isinstance(value, int) and value >= KB and value % KB == 0:
        return f"{value // MB} MB" if value % MB == 0 else f"{value // KB} KB"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


PAGES = {"settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
