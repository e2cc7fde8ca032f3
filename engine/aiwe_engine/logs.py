"""The log of an engine: the latest lines in memory, and whoever follows them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal, cast

from aiwe_engine.types import Invocation, LogLine

Level = Literal["debug", "info", "warn", "error"]
_LEVELS = ("debug", "info", "warn", "error")


class Log:
    """A ring of lines, each with a sequence number that only grows.

    Args:
        size: how many lines are kept.
    """

    def __init__(self, size: int) -> None:
        self._lines: deque[tuple[int, LogLine]] = deque(maxlen=size)
        self._last = 0
        #: Takes out of a text of an app and its environment what must not be told.
        self.hide: Callable[[str, str, str], str] = lambda _app, _env, text: text
        self.followers: list[Callable[[int, LogLine], None]] = []

    def resize(self, size: int) -> None:
        """Keeps this many lines from now on; the latest of those there are stay."""
        if size != self._lines.maxlen:
            self._lines = deque(self._lines, maxlen=size)

    def write(self, line: LogLine) -> None:
        """Keeps a line and tells the followers."""
        line.text = self.hide(line.app, line.env, line.text)
        self._last += 1
        self._lines.append((self._last, line))
        for follower in self.followers:
            follower(self._last, line)

    def program(
        self, invocation: Invocation | None, level: str, text: str, owner: tuple[str, str, str]
    ) -> None:
        """A line that a program wrote; `owner` is its app, environment and version."""
        app, env, version = owner
        known = cast(Level, level if level in _LEVELS else "info")
        request_id = invocation.id or None if invocation is not None else None
        self.write(LogLine(time.time(), app, env, version, known, text, request_id))

    def unconfined(self, env: str, missing: str) -> None:
        """A line of the engine's own: what of the confinement of workers could not be applied."""
        self.tell(
            env, f"Workers are not confined as they could be (runtime.confinement): {missing}."
        )

    def tell(self, env: str, text: str, app: str = "") -> None:
        """A line of the engine's own, about an app or about itself."""
        self.write(LogLine(time.time(), app, env, "", "warn", text))

    def read(
        self, app: str | None, *, after: int = 0, limit: int = 200
    ) -> list[tuple[int, LogLine]]:
        """The latest lines of one app or of all, oldest first, with a number above `after`."""
        found = [(n, line) for n, line in self._lines if n > after and app in (None, line.app)]
        return found[-limit:]
