"""Uploads while their request is answered: files in a folder of its own that goes with the request.

Nothing here is kept: what a program saves is moved out (`store.py`), the rest is deleted when the
request ends, or at the next start where a crash came between.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.files.reading import FileSource

CONTENT = "content"  # the name of the file in an upload's folder


@dataclass(slots=True)
class Upload:
    """One file of a form. Its bytes lie in a folder that holds nothing else."""

    field: str
    filename: str
    content_type: str
    size: int
    sha256: str  # in hex
    folder: Path

    def open(self) -> FileSource:
        """Its bytes from the beginning.

        Raises:
            RequestError: `upload_gone`, its request has ended.
        """
        try:
            return FileSource((self.folder / CONTENT).open("rb"), 0, self.size)
        except FileNotFoundError:
            raise upload_gone() from None


class Incoming:
    """The uploads of one request. May be used from any thread, and closed while it is in use.

    Args:
        root: the folder for all requests, which exists. A folder for this one is made on first use.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / secrets.token_hex(8)
        self._lock = threading.RLock()
        self._writers: list[Writer] = []
        self._closed = False

    @property
    def used(self) -> bool:
        """Whether any file came."""
        return bool(self._writers)

    def begin(self) -> Writer:
        """A new file to write to.

        Raises:
            RequestError: `upload_gone`, the request has ended.
            EngineError: `storage_full`.
        """
        with self._lock:
            if self._closed:
                raise upload_gone()
            folder = self._folder / str(len(self._writers))
            try:
                make_folder(folder)
                writer = Writer(folder, (folder / CONTENT).open("xb"))
            except OSError as error:
                raise unwritable(error) from None
            self._writers.append(writer)
            return writer

    def close(self) -> None:
        """Deletes what was not moved out."""
        with self._lock:
            self._closed = True
            for writer in self._writers:
                writer.close()
            if self._writers:
                shutil.rmtree(self._folder, ignore_errors=True)


class Uploads:
    """The files of one request, while it is answered.

    Args:
        items: in their order in the form.
        incoming: where they lie.
    """

    def __init__(self, items: list[Upload], incoming: Incoming) -> None:
        self.items = items
        self._incoming = incoming

    async def close(self) -> None:
        """Deletes the uploads; what was kept of them stays."""
        if self._incoming.used:
            await asyncio.to_thread(self._incoming.close)


class Writer:
    """One upload that is coming in; its hash is made on the way."""

    def __init__(self, folder: Path, file: IO[bytes]) -> None:
        self.folder = folder
        self.size = 0
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: memoryview | bytes) -> None:
        """Adds a piece.

        Raises:
            EngineError: `storage_full`.
            RequestError: `upload_gone`, the request has ended.
        """
        try:
            self._file.write(data)
        except ValueError:  # closed
            raise upload_gone() from None
        except OSError as error:
            raise unwritable(error) from None
        self._hash.update(data)
        self.size += len(data)

    def finish(self, field: str, filename: str, content_type: str) -> Upload:
        """The upload, whole.

        Raises:
            EngineError: `storage_full`.
        """
        try:
            self._file.close()
        except OSError as error:
            raise unwritable(error) from None
        digest = self._hash.hexdigest()
        return Upload(field, filename, content_type, self.size, digest, self.folder)

    def close(self) -> None:
        """Ends the writing; what a full disk did not take does not matter any more."""
        try:
            self._file.close()
        except OSError:
            self._file.close()


def make_folder(folder: Path) -> None:
    """Makes a folder, and those it lies in, for their owner only."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def unwritable(error: OSError) -> AiweError:
    """What is said where a file cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EngineError(
            "The disk is full: the file cannot be kept.",
            code="storage_full",
            status=507,
            hint="Free space on the disk that holds the data folder.",
        )
    return EngineError(
        f"A file cannot be written: {error.strerror}.",
        code="storage_failed",
        status=500,
        hint="See that the data folder exists and may be written to.",
    )


def upload_gone() -> RequestError:
    """What is said of an upload whose request has ended."""
    return RequestError(
        "The upload is gone: its request has ended.",
        code="upload_gone",
        status=410,
        hint="Read it, or keep it with save(), before the handler answers.",
    )
