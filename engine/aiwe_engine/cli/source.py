"""The file that documents are imported from: whatever its format, a source of NDJSON."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aiwe_engine.errors import RequestError
from aiwe_engine.settings import KB
from aiwe_engine.transfer.parquet import read_parquet

PARQUET = "parquet"
_PIECE = 256 * KB


class FileLines:
    """A `ByteSource` of a file that is open.

    Attributes:
        name: what the file is called.
        size: bytes in it; None where nobody knows.
        on_read: told how many bytes were read so far.
    """

    def __init__(self, name: str, file: IO[bytes], size: int | None) -> None:
        self.name, self.size = name, size
        self.on_read: Callable[[int], None] = lambda _: None
        self._file, self._read = file, 0

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            RequestError: `unreadable_file`.
        """
        try:
            piece = await asyncio.to_thread(self._file.read, _PIECE)
        except OSError as error:
            raise _unreadable(self.name, error) from None
        self._read += len(piece)
        self.on_read(self._read)
        return piece

    async def close(self) -> None:
        """Whoever opened the file closes it."""


class ParquetLines(FileLines):
    """The rows of a Parquet file."""

    def __init__(self, name: str, path: Path, file: IO[bytes]) -> None:
        super().__init__(name, file, None)
        self._rows = read_parquet(path)

    async def read(self) -> bytes:
        """The next rows; empty at the end.

        Raises:
            RequestError: `parquet_failed`.
        """
        lines = await asyncio.to_thread(next, self._rows, b"")
        self._read += len(lines)
        self.on_read(self._read)
        return lines


@contextmanager
def opened(file: str, kind: str) -> Iterator[FileLines]:
    """A file, or standard input for -.

    Raises:
        RequestError: `unreadable_file`.
    """
    if file == "-":
        with tempfile.NamedTemporaryFile() as kept:
            # First to its end: whoever writes it may hold the folder that it goes into.
            shutil.copyfileobj(sys.stdin.buffer, kept, _PIECE)
            size = kept.tell()
            kept.seek(0)  # which flushes it, too
            if kind == PARQUET:
                yield ParquetLines("standard input", Path(kept.name), kept)
            else:
                yield FileLines("standard input", kept, size)
        return
    path = Path(file)
    try:
        content = path.open("rb")
    except OSError as error:
        raise _unreadable(file, error) from None
    with content:
        if kind == PARQUET:
            yield ParquetLines(file, path, content)
        else:
            yield FileLines(file, content, path.stat().st_size)


def _unreadable(name: str, error: OSError) -> RequestError:
    return RequestError(
        f"{name} cannot be read: {error.strerror}.",
        code="unreadable_file",
        hint="Name a file that is there and may be read, or - for standard input.",
    )
