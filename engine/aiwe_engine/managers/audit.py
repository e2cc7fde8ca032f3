"""What was done through the management API: a line of JSON for each call that changes something.

Lines are appended to `management.jsonl` in the data folder and never changed. A file that has become too
large becomes `management.old.jsonl`, and what that held is gone. Bodies are no part of it: programs, data and
secrets stand in them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE, OLD = "management.jsonl", "management.old.jsonl"
_LONGEST = 200  # characters of a text that a caller chose
_LOG = logging.getLogger("aiwe.managers")


@dataclass(frozen=True, slots=True)
class Deed:
    """One call.

    Attributes:
        who: the name of a person, a token or a kernel.
        token: the id of the token that it came with.
        call: method and pattern, as docs/management.md has them.
        path: what was asked for.
        app: the app that it was about, where it says so.
        outcome: "done", or the code of the error.
    """

    who: str
    roles: list[str]
    token: str | None
    permission: str
    call: str
    path: str
    app: str | None
    outcome: str
    request: str


class Audit:
    """The audit of one data folder.

    Args:
        folder: the data folder.
        limit: how many bytes a file may have; asked each time.
    """

    def __init__(self, folder: Path, limit: Callable[[], int]) -> None:
        self._file, self._old = folder / FILE, folder / OLD
        self._limit = limit

    def note(self, deed: Deed) -> None:
        """Appends a line. Where that fails, the engine's own log says so and the call goes on."""
        cut = {name: _cut(value) for name, value in asdict(deed).items()}
        line = json.dumps({"time": round(time.time(), 3), **cut}) + "\n"
        try:
            self._append(line.encode())
        except OSError:
            _LOG.exception("the audit of the management API could not be written: %s", line)

    def _append(self, line: bytes) -> None:
        number = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(number).st_size + len(line) > self._limit() and os.fstat(number).st_size:
                os.close(number)
                self._file.replace(self._old)
                number = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(number, line)
        finally:
            os.close(number)

    def read(self, limit: int) -> list[dict[str, Any]]:
        """The latest lines, oldest first."""
        lines: list[bytes] = []
        for file in (self._old, self._file):
            with contextlib.suppress(FileNotFoundError):
                lines += file.read_bytes().splitlines()
        entries = []
        for line in lines[-limit:] if limit else []:
            with contextlib.suppress(ValueError):  # of a process that was killed while it wrote
                entries.append(json.loads(line))
        return entries


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
