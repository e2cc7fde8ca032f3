"""Files that are whole or not there: written under another name, brought to the disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import IO, Self

from aiwe_engine.errors import EngineError
from aiwe_engine.files.incoming import unwritable
from aiwe_engine.swap import sync


class Draft:
    """A file in the making, in a `with` block; `keep` gives it its name, leaving without it discards it.

    Args:
        path: what it will be called; one that is there is replaced.
        mode: of the file.

    Raises:
        EngineError: `storage_full`, `storage_failed`.
    """

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self.path, self._mode = path, mode
        self.draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._file = os.fdopen(os.open(self.draft, flags, self._mode), "wb")
        except OSError as error:
            raise unwritable_file(self.path, error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self.draft.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Adds to it."""
        assert self._file is not None
        try:
            self._file.write(piece)
        except OSError as error:
            raise unwritable_file(self.path, error) from None

    def flush(self) -> None:
        """Lets others read what was written so far."""
        assert self._file is not None
        try:
            self._file.flush()
        except OSError as error:
            raise unwritable_file(self.path, error) from None

    def keep(self) -> None:
        """Gives the file its name, when all of it is on the disk."""
        assert self._file is not None
        self.flush()
        try:
            os.fsync(self._file.fileno())
            self.draft.replace(self.path)
            sync(self.path.parent)
        except OSError as error:
            raise unwritable_file(self.path, error) from None


def unwritable_file(path: Path | str, error: OSError) -> EngineError:
    """What is said of an output that the disk, or whoever takes it, refuses."""
    told = unwritable(error)
    return EngineError(
        f"{path} cannot be written: {error.strerror}.",
        code=told.code,
        status=told.status,
        hint="Free space on its disk, or name another file with -o."
        if told.code == "storage_full"
        else "Name a file with -o in a folder that is there and may be written to.",
    )
