"""Writes the generated pages: `python docs/generate.py`. A test compares them with what it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from aiwe_engine.configuration.values import written
from aiwe_engine.permissions import MEANINGS, PERMISSIONS, ROLES
from aiwe_engine.settings import ROWS, SECTIONS, Row

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
SHORT = HERE.parent / "tests" / "engine" / "platform" / "wpt" / "short.toml"

LIMITS = HERE / "limits.toml"
BINDS = re.compile(r"^@pytest\.mark\.binds\(([^)]*)\)$", re.MULTILINE)
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)

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


LIMITS_HEAD = """\
# Limits

Generated from `aiwe_engine/settings.py`, `docs/limits.toml` and the tests by `python docs/generate.py`; a test compares them. How often a *caller* may ask is in
[rate limits](rate-limits.md); where settings are written, in [configuration](configuration.md).

No program takes the engine down, or what other apps need. What goes wrong most is bounded so:

| a program | meets |
|---|---|
| loops for ever | `limits.cpu_limit`: 500 `cpu_limit` |
| waits for ever | `limits.deadline`: 504 `deadline`; a stream `limits.stream_timeout` |
| leaks memory | `limits.heap_limit`: 500 `memory_limit`; `limits.buffer_limit` and `limits.worker_memory` outside of V8's heap |
| calls itself without end | `limits.stack_size`: a RangeError |
| opens stream after stream | `limits.streams`: 503 `too_many_streams` |
| fetches all there is | `fetch.concurrency`, `fetch.app_concurrency`: `fetch_busy` |
| writes without end | `data.app_limit`, `files.limit`, `assets.total`: 507 `storage_full` |
| logs without end | `log.limit`, `log.rate`: lines are dropped, and counted |

An error has the status and the code that stand here, says what was over, and its hint what to do, or which setting to raise. "app" after a default: an app may have
its own. The last column names a test that shows the limit bind.
"""
LIMITS_TABLE = """
## {section}: {meaning}

| limit | default | bounds | what happens over it | it goes on | test |
|---|---|---|---|---|---|
"""
LIMITS_FIXED = """
## No setting

A request has so many calls of the host under way at a time, and in all: `too_many_calls`. Values that pass between a program and its host are nested 200 levels deep at
most: `nested_too_deeply`. A request's first line and headers have a size (414 `target_too_long`, 431 `header_too_large`, 431 `too_many_headers`). A program loads within
half a minute: `load_deadline`.
"""


def limits() -> str:
    """The page of limits: what happens at each, and the test that shows it."""
    told, bound = tomllib.loads(LIMITS.read_text())["limits"], binding()
    page = LIMITS_HEAD
    for section, meaning in SECTIONS.items():
        rows = [row for row in ROWS.values() if row.section == section and row.name in told]
        if rows:
            page += LIMITS_TABLE.format(section=section, meaning=meaning)
            page += "".join(_limit(row, told[row.name], bound) for row in rows)
    return page + LIMITS_FIXED


def binding() -> dict[str, tuple[str, str]]:
    """For each setting a test that is marked to show it bind: its file and its name."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        for mark in BINDS.finditer(text):
            test = TEST.search(text, mark.end())
            for name in mark[1].split('"')[1::2] if test else ():
                found.setdefault(name, (path.relative_to(TESTS).as_posix(), test[1]))
    return found


def _limit(row: Row, told: dict[str, str], bound: dict[str, tuple[str, str]]) -> str:
    file, test = bound[row.name]
    cells = (
        f"`{row.full}`",
        f"`{written(row, row.default)}`{', app' if row.app else ''}",
        row.help,
        told["answer"],
        told["again"],
        f"[{test}](../tests/{file})",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


PAGES = {
    "limits.md": limits,
    "roles.md": roles,
    "settings.md": settings,
    "web-platform.md": platform,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page())
