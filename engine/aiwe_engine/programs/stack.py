"""Stacks and excerpts in the author's terms.

V8 names pieces by their `sourceURL` and counts in compiled text; here its frames get the author's lines
and columns, and frames of the engine's own text are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from aiwe_engine.programs.source_map import locate
from aiwe_engine.types import Compiled

FRAME = re.compile(
    r"^\s*at (?:async )?(?:(?P<function>.*?) \()?(?P<piece>[^()]+?):(?P<line>\d+):(?P<column>\d+)\)?$"
)
OURS = "__aiwe_"
AROUND = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One call in an error's stack. Lines and columns count from 1."""

    function: str
    piece: str
    line: int
    column: int

    def __str__(self) -> str:
        place = f"{self.piece}:{self.line}:{self.column}"
        return f"    at {self.function} ({place})" if self.function else f"    at {place}"


def frames(stack: str, pieces: Mapping[str, Compiled]) -> list[Frame]:
    """The frames of a V8 stack that lie in the program, innermost first."""
    found = []
    for text in stack.splitlines():
        match = FRAME.match(text)
        piece = pieces.get(unquote(match["piece"])) if match else None
        if match is None or piece is None:
            continue
        place = locate(piece, int(match["line"]), int(match["column"]))
        function = (match["function"] or "").removeprefix("new ").split(" [as ")[0]
        if place is None or OURS in function:
            continue
        function = "" if function in {"<anonymous>", "Object.<anonymous>"} else function
        found.append(Frame(function, piece.name, *place))
    return found


def author_stack(stack: str, pieces: Mapping[str, Compiled]) -> str:
    """The stack as text: V8's first lines (name and message), then the program's frames."""
    lines = stack.splitlines()
    first = next((i for i, text in enumerate(lines) if FRAME.match(text)), len(lines))
    return "\n".join([*lines[:first], *(str(frame) for frame in frames(stack, pieces))])


def excerpt(source: str, line: int, column: int) -> str:
    """The lines around a place with a caret below it, ready to print."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not 1 <= line <= len(lines):
        return ""
    first, last = max(1, line - AROUND), min(len(lines), line + AROUND)
    width = len(str(last))
    shown = []
    for number in range(first, last + 1):
        mark = ">" if number == line else " "
        shown.append(f"{mark} {number:>{width}} | {lines[number - 1]}".rstrip())
        if number == line:
            before = lines[number - 1][: column - 1]
            blank = "".join("\t" if character == "\t" else " " for character in before)
            shown.append(f"  {' ' * width} | {blank}^")
    return "\n".join(shown)
