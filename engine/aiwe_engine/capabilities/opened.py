"""Files that a program reads piece by piece: opened for one invocation, under a number of its own."""

from __future__ import annotations

from collections.abc import Callable

from aiwe_engine.errors import ProgramError
from aiwe_engine.files.reading import FileSource
from aiwe_engine.types import Invocation

_FIRST = 2  # the first number of a body that a program asks for: see `capabilities/body.py`
_OPEN = 100  # files that one invocation may be reading at a time


def begin(invocation: Invocation, opening: Callable[[], FileSource]) -> int:
    """Opens a file for reading; the number under which the program reads it.

    Raises:
        ProgramError: `too_many_open_files`.
    """
    bodies = invocation.bodies
    for over in [n for n, body in bodies.items() if isinstance(body, FileSource) and body.closed]:
        del bodies[over]
    if sum(isinstance(body, FileSource) for body in bodies.values()) >= _OPEN:
        raise ProgramError(
            f"The handler is reading {_OPEN} files already.",
            code="too_many_open_files",
            hint="Read each to its end, or cancel its stream, before you open more.",
        )
    number: int = max([_FIRST, *(number + 1 for number in bodies)])
    bodies[number] = opening()
    return number
