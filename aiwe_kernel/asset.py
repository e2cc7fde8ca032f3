"""The table of `%assets`: what stands below /assets/ of an app, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from aiwe_kernel.deployment import MUTED, anchor, size_text

_EMPTY = (
    "There are no assets. A cell that begins with %%asset css/site.css is one; so is a file in the folder"
    " assets beside the notebook, and what is uploaded in the side panel."
)


def assets_data(assets: Iterable[Mapping[str, Any]], counts: Mapping[str, int]) -> dict[str, Any]:
    """The mime bundle of a table of assets.

    Args:
        assets: as the engine lists them.
        counts: execution count by cell id, for the cells that this kernel ran.
    """
    rows = [(asset, _about(asset, counts)) for asset in assets]
    if not rows:
        return {"text/plain": _EMPTY}
    widths = [max(len(about[column]) for _, about in rows) for column in range(4)]
    text = ["  ".join([*map(str.ljust, about, widths), str(asset["url"])]) for asset, about in rows]
    return {"text/plain": "\n".join(text), "text/html": f"<table>{_rows(rows)}</table>"}


def _rows(rows: Iterable[tuple[Mapping[str, Any], tuple[str, str, str, str]]]) -> str:
    markup = []
    for asset, (path, kind, size, place) in rows:
        cells = (
            anchor(str(asset["url"]), path),
            escape(kind),
            escape(size),
            f'<span style="{MUTED}">{escape(place)}</span>',
        )
        markup += ["<tr>", *(f'<td style="text-align:left">{cell}</td>' for cell in cells), "</tr>"]
    return "".join(markup)


def _about(asset: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[str, str, str, str]:
    place = {"written": "uploaded or written", "folder": "folder assets"}
    cell = str(asset.get("cell"))
    here = f"In [{counts[cell]}]" if cell in counts else f"cell {cell}"
    return (
        str(asset["path"]),
        str(asset["content_type"]).partition(";")[0],
        size_text(asset["size"]),
        place.get(str(asset["origin"]), here),
    )
