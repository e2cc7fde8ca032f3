"""`%%asset PATH` cells: a file of the app's pages, written in the notebook that needs it.

    %%asset css/site.css
    body { margin: 2rem }

What stands below the first line is the file, as it is. With `--base64` it is decoded first, for what
is no text. Whether the path may be one is decided where the asset is used.
"""

from __future__ import annotations

import binascii
import re
import shlex

from aiwe_engine.errors import ProgramError
from aiwe_engine.types import Asset, Where

_FIRST = re.compile(r"\s*%%asset(?:[ \t]+([^\n]*))?(?:\n|\Z)")
_BASE64 = "--base64"
_USAGE = "Write %%asset and the path, as in %%asset css/site.css; --base64 for what is no text."


def is_asset(text: str) -> bool:
    """Whether a cell's text is an `%%asset` cell."""
    return _FIRST.match(text) is not None


def read_asset(text: str, cell: str, file: str | None) -> Asset:
    """The asset that such a cell is.

    Args:
        text: the whole cell.
        cell: its id.
        file: the notebook.

    Raises:
        ProgramError: `invalid_asset_cell`, with the place.
    """
    first = _FIRST.match(text)
    words = _words(first[1] or "") if first else []
    options = [word for word in words if word.startswith("--")]
    paths = [word for word in words if not word.startswith("--")]
    if first is None or len(paths) != 1 or set(options) - {_BASE64}:
        odd = next((option for option in options if option != _BASE64), None)
        problem = f'"{odd}" is no option of %%asset' if odd else "%%asset takes one path"
        raise _invalid(f"{problem}.", _USAGE, cell, file, 1)
    content = text[first.end() :].encode("utf-8", "surrogatepass")
    if options:
        content = _decoded(content, cell, file)
    return Asset(paths[0], content, cell, file)


def _words(line: str) -> list[str]:
    """A line as words; quotes keep a path with spaces together."""
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _decoded(content: bytes, cell: str, file: str | None) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(content.split()), strict_mode=True)
    except binascii.Error as error:
        raise _invalid(
            f"The cell is not base64: {error}.",
            "Paste what `base64 FILE` prints, or upload the file in the side panel instead.",
            cell,
            file,
            2,
        ) from None


def _invalid(message: str, hint: str, cell: str, file: str | None, line: int) -> ProgramError:
    where = Where(file=file, cell=cell, line=line)
    return ProgramError(message, code="invalid_asset_cell", hint=hint, where=where)
