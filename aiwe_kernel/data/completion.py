"""Completion in %%sql cells: collections, the columns of those that the text names, and SQL's words."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiwe_kernel.client import EngineClient
from aiwe_kernel.errors import CellError

_WORD = re.compile(r"[\w$]*\Z")
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_KEYWORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "OUTER",
    "CROSS",
    "ON",
    "USING",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "UNION",
    "ALL",
    "WITH",
    "RECURSIVE",
    "OVER",
    "PARTITION",
    "ASC",
    "DESC",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "coalesce",
    "round",
    "lower",
    "upper",
    "date_trunc",
    "try_cast",
    "now",
]
_MOST = 8  # collections whose columns are looked up


async def complete_sql(client: EngineClient, app: str, code: str, position: int) -> dict[str, Any]:
    """A `complete_reply` for a place in a %%sql cell."""
    match = _WORD.search(code[:position])
    begun = match[0] if match else ""
    try:
        names = [str(one["name"]) for one in await client.collections(app)]
        named = [name for name in names if re.search(rf"\b{re.escape(name)}\b", code)][:_MOST]
        columns = await asyncio.gather(*(_columns(client, app, name) for name in named))
    except CellError:
        names, columns = [], []
    words = [*(word for found in columns for word in found), *names]
    known = dict.fromkeys([*map(_written, words), *_KEYWORDS])
    matches = [word for word in known if word.lstrip('"').lower().startswith(begun.lower())]
    return {
        "status": "ok",
        "matches": matches if begun or not code[:position].strip() else [*map(_written, words)],
        "cursor_start": position - len(begun),
        "cursor_end": position,
        "metadata": {},
    }


async def _columns(client: EngineClient, app: str, collection: str) -> list[str]:
    text = f'SELECT * FROM "{collection}" LIMIT 0'  # noqa: S608 - its name has no quotes
    found = await client.sql(app, [text], [])
    return list(found["columns"])


def _written(name: str) -> str:
    """A name as it is written in SQL."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'
