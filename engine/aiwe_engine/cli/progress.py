"""How far a long command is: one line on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self

_OFTEN = 0.1  # seconds between two changes of the line
_CLEAR = "\r\x1b[K"


class Progress:
    """One line that changes, from `with` to its end."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._on and self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def show(self, text: str) -> None:
        """Says how far it is, if it was not said just now."""
        if self._on and time.monotonic() - self._shown >= _OFTEN:
            self._shown = time.monotonic()
            sys.stderr.write(f"{_CLEAR}{text}")
            sys.stderr.flush()

    def share(self, size: int | None, during: str, after: str) -> Callable[[int], None]:
        """What is called with the number of bytes that were read, of `size`."""

        def read(count: int) -> None:
            if size and count >= size:
                self._shown = 0.0
                self.show(after)
            elif size:
                self.show(f"{during}, {count * 100 // size} %")
            else:
                self.show(f"{during}, {count >> 20:,} MB")

        return read


def counted(number: int) -> str:
    """So many documents, in words."""
    return f"{number:,} document" if number == 1 else f"{number:,} documents"
