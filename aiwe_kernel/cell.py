"""What a cell's text means: JavaScript, an asset, SQL, Python, or IPython's own, and the magics before it.

Pure functions. Lines that are not part of the program are blanked, never removed, so that a line
and an offset mean the same in the cell, in the engine and in an error message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# Blank lines, `//` comments and line magics that stand before the program.
_HEAD = re.compile(r"\A(?:[ \t]*(?://[^\n]*)?\n|[ \t]*%(?!%)[^\n]*(?:\n|\Z))*")
_CELL_MAGIC = re.compile(r"\A\s*%%(\S*)[ \t]*([^\n]*)")
_QUESTION = re.compile(r"\A\s*([A-Za-z_$][\w$.]*)\s*\?{1,2}\s*\Z")
_JAVASCRIPT = {"js", "javascript", "time", "ts", "typescript"}
_PYTHON = {"py", "python"}
_ASSET, _SQL = "asset", "sql"


@dataclass(frozen=True, slots=True)
class CellText:
    """One cell, read. `source` has the length and the lines of the cell's own text."""

    language: Literal["javascript", "asset", "sql", "python", "ipython"]
    source: str  # an asset's is the whole cell: the engine reads its first line
    magics: tuple[tuple[str, str], ...] = ()  # line magics before the program: name, argument
    timed: bool = False
    question: str | None = None  # `app.get?` asks about app.get
    name: str = ""  # what `%%sql name` calls its result

    @property
    def runs(self) -> bool:
        """Whether something is left for the engine once the magics are gone."""
        return self.language in {"javascript", "asset"} and bool(self.source.strip())


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def read_cell(text: str) -> CellText:
    """Read one cell as its author meant it."""
    if magic := _CELL_MAGIC.match(text):
        return _with_magic(text, magic)
    if question := _QUESTION.match(text):
        return CellText("javascript", "", question=question[1])
    head = _HEAD.match(text)
    end = head.end() if head else 0
    magics: list[tuple[str, str]] = []
    lines: list[str] = []
    for line in text[:end].splitlines(keepends=True):
        if line.lstrip().startswith("%"):
            name, _, argument = line.strip()[1:].partition(" ")
            magics.append((name, argument.strip()))
            line = _blank(line)  # noqa: PLW2901
        lines.append(line)
    return CellText("javascript", "".join(lines) + text[end:], tuple(magics))


def _with_magic(text: str, magic: re.Match[str]) -> CellText:
    name = magic[1].lower()
    rest = _blank(text[: magic.end()]) + text[magic.end() :]
    if name in _PYTHON:  # a comment, since IPython drops blank lines at the top
        return CellText("python", rest.replace(" ", "#", 1))
    if name == _ASSET:
        return CellText("asset", text)
    if name == _SQL:
        return CellText("sql", rest, name=magic[2].strip())
    if name in _JAVASCRIPT:
        return CellText("javascript", rest, timed=name == "time")
    return CellText("ipython", text)


def to_utf16(text: str, position: int) -> int:
    """JavaScript's offset of a place that Jupyter counts in code points."""
    return len(text[:position].encode("utf-16-le", "surrogatepass")) // 2


def from_utf16(text: str, offset: int) -> int:
    """Jupyter's offset (code points) of a place that JavaScript counts in UTF-16 units."""
    units = text.encode("utf-16-le", "surrogatepass")[: offset * 2]
    return len(units.decode("utf-16-le", "replace"))
