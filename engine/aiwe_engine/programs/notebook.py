"""Notebooks, read as JSON: which of their cells are JavaScript or assets, and with which text.

nbformat is not needed for this and costs a quarter of a second to import.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from aiwe_engine.programs.asset_cell import is_asset

SKIP_TAG = "aiwe-skip"


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """One cell. The `text` of JavaScript has the author's line numbers; magic lines are comments."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Notebook:
    """What an app needs of a notebook. `metadata` is what stands below `aiwe`."""

    cells: tuple[NotebookCell, ...]  # JavaScript
    assets: tuple[NotebookCell, ...] = ()  # `%%asset` cells, whole
    metadata: dict[str, Any] = field(default_factory=dict)


def read_notebook(data: bytes) -> Notebook:
    """The notebook in the bytes of an `.ipynb` file.

    Raises:
        ValueError: it is not a notebook of version 4.
    """
    content = orjson.loads(data or b"null")
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        reason = "it holds no list of cells, as notebooks of version 4 do"
        raise ValueError(reason)  # noqa: TRY004  (the file is wrong, not the caller)
    metadata = content.get("metadata")
    ours = metadata.get("aiwe") if isinstance(metadata, dict) else None
    cells, assets = [], []
    for index, cell in enumerate(content["cells"]):
        text = code(cell)
        if text is None:
            continue
        name = str(cell.get("id") or index + 1)
        if is_asset(text):
            assets.append(NotebookCell(name, text))
        elif not text.lstrip().startswith("%%"):
            cells.append(NotebookCell(name, without_magics(text)))
    return Notebook(tuple(cells), tuple(assets), ours if isinstance(ours, dict) else {})


def code(cell: Any) -> str | None:
    """The text of a code cell; None for other cells, and for those that are left out."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return None
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    ours = metadata.get("aiwe")
    if SKIP_TAG in (metadata.get("tags") or ()) or (isinstance(ours, dict) and ours.get("skip")):
        return None
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def without_magics(text: str) -> str:
    """The text with its leading line magics as comments, so that line numbers stay."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.lstrip().startswith("%"):
            lines[index] = f"//{line}"
        elif line.strip():
            break
    return "\n".join(lines)
