"""Failures as notebooks know them: Python exceptions that carry a JavaScript name.

An engine answers with `{code, name, message, hint, frames, excerpt}`. Jupyter's clients (nbclient,
nbval, a person) look for the name and the message, so each name becomes an exception class of
that name, and the traceback shows the author's own lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

_RED, _CYAN, _DIM, _END = "\x1b[31;1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"
_FRAMES = 20


class CellError(Exception):
    """What an engine says went wrong; instances belong to a subclass named as in JavaScript.

    Attributes:
        error: the engine's account of it, see `docs/management.md`.
        counts: execution count by cell id, to say `In [3]` beside a frame.
    """

    def __init__(self, error: Mapping[str, Any], counts: Mapping[str, int] | None = None) -> None:
        self.error = error
        self.counts = dict(counts or {})
        super().__init__(str(error.get("message") or "no message"))

    @property
    def code(self) -> str:
        """The stable code of the error shape."""
        return str(self.error.get("code") or "error")

    def _render_traceback_(self) -> list[str]:
        lines = [f"{_RED}{type(self).__name__}: {self}{_END}"]
        lines += [f"{_DIM}    at {frame}{_END}" for frame in self._frames()]
        if excerpt := str(self.error.get("excerpt") or "").rstrip():
            lines += ["", excerpt]
        if hint := self.error.get("hint"):
            lines += ["", f"{_CYAN}Hint: {hint}{_END}"]
        return lines

    def _frames(self) -> list[str]:
        if frames := self.error.get("frames"):
            shown = [self._frame(frame) for frame in frames[:_FRAMES]]
            more = len(frames) - len(shown)
            return [*shown, f"… {more} more"] if more > 0 else shown
        if stack := str(self.error.get("stack") or ""):
            lines = [line.strip() for line in stack.splitlines() if re.search(r":\d+", line)]
            return [line.removeprefix("at ") for line in lines[:_FRAMES]]
        where = self.error.get("where") or {}
        return [self._frame(where)] if where.get("line") else []

    def _frame(self, frame: Mapping[str, Any]) -> str:
        name = frame.get("file") or f"cell-{frame.get('cell')}.js"
        if cell := frame.get("cell"):
            name = f"cell-{cell}.js"
        place = ":".join(str(x) for x in (name, frame.get("line"), frame.get("column")) if x)
        count = self.counts.get(str(frame.get("cell")))
        note = f"  In [{count}]" if count else ""
        function = frame.get("function")
        return (f"{function} ({place})" if function else place) + note


@cache
def _class(name: str) -> type[CellError]:
    return type(name, (CellError,), {"__module__": __name__})


def cell_error(error: Mapping[str, Any], counts: Mapping[str, int] | None = None) -> CellError:
    """An exception for an engine's error, of a class named as the error is in JavaScript."""
    name = re.sub(r"[^\w$.]", "", str(error.get("name") or "")) or "Error"
    return _class(name)(error, counts)


def interrupted() -> CellError:
    """A cell that was ended by the interrupt, where the engine did not say so itself."""
    return cell_error(
        {"name": "KeyboardInterrupt", "code": "interrupted", "message": "The cell was interrupted."}
    )


def unreachable(url: str, how: str, cause: object) -> CellError:
    """No engine answers where one should be."""
    return cell_error(
        {
            "name": "EngineUnreachable",
            "code": "engine_unreachable",
            "message": f"No engine answers at {url} ({how}): {cause or 'the connection was closed'}",
            "hint": "Start it again (JupyterLab, or `aiwe serve` with AIWE_URL) and run the cell"
            " once more; a kernel that is restarted looks for its engine anew.",
        }
    )
