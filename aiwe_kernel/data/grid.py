"""Documents and tables as the grid shows them: columns, and short texts for cells.

Every value becomes text here and not in the browser, where integers above 2**53 would change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_COLUMNS = 60
_LONGEST = 160  # characters of a cell
_LAST = ("version", "createdAt", "updatedAt")  # the engine's

Document = Mapping[str, Any]
Cell = dict[str, Any]


def columns_of(documents: Iterable[Document]) -> list[str]:
    """Names of the fields, id first, the engine's other fields last."""
    names = dict.fromkeys(name for document in documents for name in document)
    own = [name for name in names if name not in ("id", *_LAST)]
    last = [name for name in _LAST if name in names]
    return ["id", *own[: MOST_COLUMNS - len(last) - 1], *last]


def rows_of(documents: Iterable[Document], columns: Sequence[str]) -> list[list[Cell]]:
    """A cell for each column of each document."""
    missing = {"text": "", "kind": "missing"}
    return [
        [cell(document[name]) if name in document else missing for name in columns]
        for document in documents
    ]


def cell(value: Any) -> Cell:
    """A value as one short line: `text`, its `kind`, and `more` where it is not all there."""
    text = value if isinstance(value, str) else _compact(value)
    line = text[:_LONGEST].replace("\n", "⏎").replace("\r", "").replace("\t", " ")
    shown: Cell = {"text": line, "kind": _kind(value)}
    if len(text) > _LONGEST:
        shown["more"] = True
    return shown


def pretty(document: Any) -> str:
    """A value as JSON over several lines."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def rules_of(definition: Mapping[str, Any] | None) -> dict[str, str]:
    """What is declared of a collection: `short`, in a line, and `text`, all of it; nothing: empty."""
    if not definition:
        return {}
    fields = (definition.get("schema") or {}).get("properties") or {}
    parts = [f"{len(fields)} field{'s' if len(fields) > 1 else ''}"] if fields else []
    if definition.get("schema") and not fields:
        parts.append("a schema")
    parts += [f"unique {' + '.join(key)}" for key in definition.get("unique") or ()]
    parts += [f"index {' + '.join(key)}" for key in definition.get("index") or ()]
    parts += [f"each {name} apart" for name in ("tenant", "owner") if definition.get(name)]
    declared = {name: value for name, value in definition.items() if value}
    return {"short": ", ".join(parts), "text": pretty(declared)}


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], widest: int = 28) -> str:
    """Columns of text, for where nothing else is shown."""
    lines = [list(columns), *([one["text"] for one in row] for row in rows)]
    short = [
        [text if len(text) <= widest else text[: widest - 1] + "…" for text in line]
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in short)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "json"
