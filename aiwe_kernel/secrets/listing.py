"""The secrets of an app as text, and how one is set in a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from aiwe_kernel.discover import Engine

NOWHERE = "none: sent nowhere"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_HEADS = ("secret", "for", "hosts", "in", "last used", "kept in")
_EMPTY = "There are no secrets that {app} could use."
_END = "The value is asked for there. It does not belong into a cell: the notebook and its history keep what cells say."


def terminal(app: str, engine: Engine | None, status: Mapping[str, Any]) -> dict[str, str]:
    """Where a person sets a secret without the page, and the command.

    Args:
        app: who is to have it.
        engine: how it was found.
        status: what it says of itself.
    """
    root, data = str(status.get("root") or ""), str(status.get("data") or "")
    command = ["aiwe", "secrets", "set", "NAME", "--hosts", "api.example.com", "--app", app]
    if data and PurePath(data) != PurePath(root) / ".aiwe":
        command += ["--data", data]
        root = ""
    host = urlsplit(engine.url).hostname if engine else None
    where = "In a terminal" if host is None or host in _LOOPBACK else f"In a terminal of {host}"
    return {"where": f"{where}, in {root}" if root else where, "command": shlex.join(command)}


def secrets_text(app: str, secrets: Iterable[Mapping[str, Any]], how: Mapping[str, str]) -> str:
    """A table, and what to do where no page can be shown."""
    rows = [_row(one) for one in secrets]
    table = _table([_HEADS, *rows]) if rows else _EMPTY.format(app=app)
    return f"{table}\n\n{how['where']}:\n    {how['command']}\n{_END}"


def _row(secret: Mapping[str, Any]) -> tuple[str, ...]:
    hosts = "cannot be opened" if "problem" in secret else ", ".join(secret["hosts"]) or NOWHERE
    return (
        str(secret["id"]),
        f"{secret['app'] or 'every app'}, {secret['env'] or 'everywhere'}",
        hosts,
        ", ".join(["header", *secret["in"]]),
        str(secret.get("lastUsed") or "never")[:19].replace("T", " "),
        str(secret.get("configured") or secret["source"]),
    )


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
