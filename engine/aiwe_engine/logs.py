"""The log of an engine: the latest lines in memory, and whoever follows them.

No app pushes the lines of another out: where there is no room, a line goes of the app that holds
most. And none floods it: what an app writes in a minute beyond its volume is dropped and counted.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation, LogLine

Level = Literal["debug", "info", "warn", "error"]
_LEVELS = ("debug", "info", "warn", "error")
_MINUTE = 60.0
_LATER = 0.05  # seconds by which a timer may come too early
_LINE = 100  # bytes that a line counts besides its text


@dataclass(slots=True)
class _Share:
    """What one app has in the log.

    Attributes:
        lines: those that are kept, with their numbers.
        size: bytes of their texts.
        began: when its minute began.
        written: bytes that it wrote in it.
        dropped: lines in it that were over.
    """

    lines: deque[tuple[int, LogLine]] = field(default_factory=deque)
    size: int = 0
    began: float = -_MINUTE
    written: int = 0
    dropped: int = 0


class Log:
    """Lines, each with a sequence number that only grows.

    Args:
        settings: how many lines are kept, and how much text.
        settings_of: those of one app: how much it may write.
        clock: seconds, for the minutes.
    """

    def __init__(
        self,
        settings: Settings,
        settings_of: Callable[[str], Settings] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._settings_of = settings_of or (lambda _app: self._settings)
        self._shares: dict[str, _Share] = {}
        self._count = self._size = 0
        self._last = 0
        #: Takes out of a text of an app and its environment what must not be told.
        self.hide: Callable[[str, str, str], str] = lambda _app, _env, text: text
        self.followers: list[Callable[[int, LogLine], None]] = []

    def configure(self, settings: Settings) -> None:
        """Keeps as much as they say from now on; the latest of the lines there are stay."""
        self._settings = settings
        self._make_room()

    def write(self, line: LogLine) -> None:
        """Keeps a line and tells the followers, unless its app has written too much."""
        share = self._shares.get(line.app)
        if share is None:
            share = self._shares[line.app] = _Share()
        if line.app and not self._admit(share, line):
            return
        self._keep(share, line)

    def _admit(self, share: _Share, line: LogLine) -> bool:
        """Counts a line; False: it is one too many."""
        if self._clock() - share.began >= _MINUTE:
            self._tell_dropped(line.app, line.env)
            share.began, share.written = self._clock(), 0
        share.written += len(line.text) + _LINE
        settings = self._settings_of(line.app)
        if share.written <= settings.log_rate:
            return True
        share.dropped += 1
        if share.dropped == 1:  # told at the end of the minute, also where no more is written
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # then with the next line
                return False
            left = share.began + _MINUTE - self._clock()
            loop.call_later(left + _LATER, self._tell_dropped, line.app, line.env)
        return False

    def _tell_dropped(self, app: str, env: str) -> None:
        share = self._shares[app]
        if share.dropped and self._clock() - share.began >= _MINUTE:
            dropped, share.dropped = share.dropped, 0
            settings = self._settings_of(app)
            text = (
                f"{dropped:,} log lines were dropped: the app wrote more than the {settings.log_rate:,} bytes "
                "that it may in a minute. Write less, or raise the setting log.rate."
            )
            self._keep(share, LogLine(time.time(), app, env, "", "warn", text))

    def _keep(self, share: _Share, line: LogLine) -> None:
        line.text = self.hide(line.app, line.env, line.text)
        self._last += 1
        share.lines.append((self._last, line))
        share.size += len(line.text)
        self._size += len(line.text)
        self._count += 1
        self._make_room()
        for follower in self.followers:
            follower(self._last, line)

    def _make_room(self) -> None:
        """Lets lines go, the oldest one of who has most."""
        most_lines, most_text = self._settings.log_lines, self._settings.log_memory
        while self._count > most_lines:
            self._let_go(max(self._shares.values(), key=lambda share: len(share.lines)))
        while self._size > most_text:
            self._let_go(max(self._shares.values(), key=lambda share: share.size))

    def _let_go(self, share: _Share) -> None:
        _, line = share.lines.popleft()
        share.size -= len(line.text)
        self._size -= len(line.text)
        self._count -= 1

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
        if app is None:
            shares = list(self._shares.values())
        else:
            shares = [self._shares[app]] if app in self._shares else []
        found = heapq.merge(*(share.lines for share in shares), key=lambda one: one[0])
        return [one for one in found if one[0] > after][-limit:]
