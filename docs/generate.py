"""Writes the generated pages: `python docs/generate.py`. A test compares them with what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aiwe_engine.configuration.values import written
from aiwe_engine.permissions import MEANINGS, PERMISSIONS, ROLES
from aiwe_engine.settings import ROWS, SECTIONS, Row

HERE = Path(__file__).parent
SHORT = HERE.parent / "tests" / "engine" / "platform" / "wpt" / "short.toml"

HEAD = """\
# Settings

Generated from `aiwe_engine/settings.py` by `python docs/generate.py`; a test compares them. Where they are written, and which of several
places wins, is in [configuration](configuration.md). Sizes are bytes, or text with a unit (`"10MB"`); times are seconds, or text with a unit (`"500ms"`).

- *key*: in `aiwe.toml`, below the section's name.
- *variable*: in the environment; a list is JSON.
- *option*: of `aiwe serve`; in Jupyter `--cpu-limit 2` is `c.Aiwe.cpu_limit = 2` in `jupyter_server_config.py`.
- *app*: an app may have its own, below `[apps.NAME.SECTION]`.
- *restart*: a change takes effect at the next start; every other one when the configuration is read again.
"""
TABLE = """
## {section}: {meaning}

| key | default | meaning | variable | option | app | restart |
|---|---|---|---|---|---|---|
"""


def settings() -> str:
    """The page of settings: a table for each section."""
    return HEAD + "".join(_section(name, meaning) for name, meaning in SECTIONS.items())


def _section(name: str, meaning: str) -> str:
    rows = (_line(row) for row in ROWS.values() if row.section == name)
    return TABLE.format(section=name, meaning=meaning) + "".join(rows)


def _line(row: Row) -> str:
    cells = (
        f"`{row.key}`",
        f"`{written(row, row.default)}`",
        row.help,
        f"`{row.variable}`",
        f"`{row.option}`",
        "yes" if row.app else "",
        "yes" if row.restart else "",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


PLATFORM = """\
# The web platform, measured

Generated from `tests/engine/platform/wpt/short.toml` by `make docs`. A program's globals are held against
[web-platform-tests](https://web-platform-tests.org): each script of an area runs in an isolate and in node {node}, and of the
subtests that node passes the isolate must pass the share that stands under "at least". The test of an area fails for a subtest that falls short
without a reason below, and for a reason whose subtest passes. Counted with {suite}; run it with
`AIWE_WPT=$(.ci/web-platform-tests) make test ARGS=tests/engine/platform`.

Not measured, because there is no such thing in an isolate: object URLs (FileAPI/url), FileReader, user timing and performance timelines,
messages between pages (webmessaging), WebAssembly over the network. Requests over the network have tests of their own.

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


ROLES_HEAD = """\
# Roles

Generated from `aiwe_engine/permissions.py` by `python docs/generate.py`; a test compares them.

Whoever manages an engine (in JupyterLab, with a kernel, on the command line, as an assistant with a token) has a role of the engine, and each call
of the [management API](management.md) needs one permission. Roles are a table and no ladder: what one has says nothing of another.
They have nothing to do with the roles of an app's own users.

A call without its permission is 403 `not_permitted`, before anything of its body is read; the error names the permission and the roles that have it.

A token with a role is made by `aiwe tokens create --role tester --app shop --expires 30d` ([the command line](cli.md)), for one app or for all; in Jupyter
`c.Aiwe.roles` gives people theirs.

"""


def roles() -> str:
    """The page of roles: what each is for, and which permissions it has."""
    page = ROLES_HEAD
    page += "".join(f"- **{role}** {MEANINGS[role]}.\n" for role in ROLES)
    page += f"\n| permission | meaning | {' | '.join(ROLES)} |\n|---|---|{':-:|' * len(ROLES)}\n"
    for name, meaning in PERMISSIONS.items():
        has = " | ".join("yes" if name in allowed else "" for allowed in ROLES.values())
        page += f"| `{name}` | {meaning} | {has} |\n"
    return page


PAGES = {"roles.md": roles, "settings.md": settings, "web-platform.md": platform}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
