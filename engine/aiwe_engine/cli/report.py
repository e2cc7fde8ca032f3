"""How the command line tells of an error: as text for a person, or in the one shape."""

from __future__ import annotations

import json as json_module
import sys

from aiwe_engine.errors import AiweError


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
    if where is not None:
        place = [part for part in (where.file, where.cell and f"cell {where.cell}") if part]
        for name, number in (("line", where.line), ("column", where.column)):
            if number is not None:
                place.append(f"{name} {number}")
        if place:
            lines.append(f"  at {', '.join(place)}")
    if error.excerpt:
        lines += ["", *(f"  {line}" for line in error.excerpt.splitlines()), ""]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines) + "\n"
