"""How the command line tells of an error: as text for a person, or in the one shape."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path

from aiwe_engine.configuration.mistakes import InvalidConfiguration
from aiwe_engine.errors import AiweError
from aiwe_engine.types import Where


def report(error: AiweError, *, json: bool) -> None:
    """Writes an error: JSON to standard output, text to standard error."""
    if json:
        shape = error.to_json()
        if error.excerpt:
            shape["error"]["excerpt"] = error.excerpt
        print(json_module.dumps(shape, default=str))
    else:
        sys.stderr.write(as_text(error))


def as_text(error: AiweError) -> str:
    """What happened, where, the source around it, and what to do next."""
    lines = [f"error: {error.message} ({error.code})"]
    where = error.where
    if where is not None and place(where):
        lines.append(f"  at {place(where)}")
    if isinstance(error, InvalidConfiguration):
        lines += [f"  {mistake}" for mistake in error.mistakes]
    if error.excerpt:
        lines += ["", *(f"  {line}" for line in error.excerpt.splitlines()), ""]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines) + "\n"


def place(where: Where) -> str:
    """A place in the author's text, in words; a file below this folder by its short name."""
    file = where.file
    if file and Path(file).is_relative_to(Path.cwd()):
        file = str(Path(file).relative_to(Path.cwd()))
    named = (("cell", where.cell), ("line", where.line), ("column", where.column))
    parts = [file, *(f"{name} {value}" for name, value in named if value is not None)]
    return ", ".join(part for part in parts if part)
