"""The folder in which an engine keeps its state, and the claim of one engine to it.

A lock keeps a second engine out; it goes with the process, however that ends. Who takes it first ends what
a restored backup has begun (`swap`). `engine.json` says
where the engine that holds the folder is reached, to whoever may read the folder: its owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any, Self

from aiwe_engine import swap
from aiwe_engine.errors import EngineError

_LOCK = "engine.lock"
_INFO = "engine.json"


class DataFolder:
    """One data folder. Lock it, write `engine.json`, release it; or use it as a context manager.

    Args:
        path: the folder; made, for its owner only, where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def lock(self) -> None:
        """Claims the folder.

        Raises:
            EngineError: `data_in_use` with the process that holds it, or `data_unusable`.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not truncated: what stands in it is the process that may hold it.
            opened = os.fdopen(os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except OSError as error:
            raise EngineError(
                f"{self.path} cannot hold the engine's data: {error.strerror}.",
                code="data_unusable",
                hint="Give --data a folder that you may write to.",
            ) from None
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = opened.read().strip()
            opened.close()
            raise EngineError(
                f"{self.path} is in use by the engine of process {holder or 'unknown'}.",
                code="data_in_use",
                hint="Use that engine, end it, or give this one a folder of its own with --data.",
                details={"pid": int(holder) if holder.isdigit() else None, "data": str(self.path)},
            ) from None
        opened.seek(0)
        opened.truncate()
        opened.write(str(os.getpid()))
        opened.flush()
        self._lock = opened
        swap.settle(self.path)

    def write_engine_json(
        self, *, management_url: str, apps_url: str, token: str, root: Path, **more: Any
    ) -> Path:
        """Says where this engine is reached: whole or not at all, readable by its owner only."""
        info = {
            "pid": os.getpid(),
            "management_url": management_url,
            "apps_url": apps_url,
            "token": token,
            "root": str(root),
            **more,
        }
        path = self.path / _INFO
        draft = self.path / f"{_INFO}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(info, file)
        draft.replace(path)
        return path

    def release(self) -> None:
        """Takes `engine.json` away and gives the folder free."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            (self.path / _INFO).unlink()
        self._lock.close()
        self._lock = None


def read_engine_json(folder: Path) -> dict[str, Any] | None:
    """What the engine that holds a folder says of itself; None where it says nothing yet."""
    try:
        info = json.loads((folder / _INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) else None
