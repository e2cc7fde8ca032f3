"""Assets that were written at run time, by programs and people: kept until they are deleted.

    names/HASH.json     one asset: its path, content type, size, and the SHA-256 of its content
    contents/SHA256     a content, shared by the assets that have it

A path never becomes a file's name, so no path can lead anywhere. A content is on disk before the
name that speaks of it, and each comes in whole, by a rename: a crash leaves the asset as it was, or
as it became. What is acknowledged is durable.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson

from aiwe_engine.assets.found import Found
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.settings import most_files

_LOG = logging.getLogger(__name__)
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Entry:
    """One asset, as its file in `names` says."""

    path: str
    content_type: str
    size: int
    sha256: str
    modified: float


class Part:
    """A content on its way to the disk. `add` pieces, then `Shelf.put` it; or `discard` it."""

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0
        self.path = path
        self._file: IO[bytes] = path.open("xb")

    def add(self, piece: bytes) -> None:
        """Takes the next piece.

        Raises:
            RequestError: `asset_too_large`.
            OSError: the disk is full or broken.
        """
        self.size += len(piece)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> str:
        """Brings it to the disk; its SHA-256 in hex."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Forgets it."""
        with contextlib.suppress(OSError):
            self._file.close()
            self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def discarding(part: Part) -> Iterator[None]:
    """Forgets a part that did not become an asset, and tells what the disk said.

    Raises:
        EngineError: `storage_full`, `storage_failed`.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(error) from None
    finally:
        part.discard()


class Shelf:
    """The written assets of one app in one environment.

    Everything blocks, and what changes the shelf must come from one thread at a time. `find` and
    `list` may be called from another one meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names, self._contents = folder / "names", folder / "contents"
        self._entries: dict[str, Entry] = {}
        self._users: Counter[str] = Counter()
        self._size = 0  # bytes of all entries
        if self._names.is_dir():
            self._read()

    def _read(self) -> None:
        """What is there; what a crash left behind goes."""
        for file in self._names.iterdir():
            if file.suffix == _PART:
                file.unlink()
                continue
            try:
                entry = Entry(**orjson.loads(file.read_bytes()))
            except (ValueError, TypeError):  # no crash does this; the rest is still good
                _LOG.warning("%s is damaged; the asset that it names is missing", file)
                continue
            self._entries[entry.path] = entry
            self._users[entry.sha256] += 1
            self._size += entry.size
        for file in self._contents.iterdir():
            if file.name not in self._users:
                file.unlink()

    def find(self, path: str) -> Found | None:
        """The asset of a path."""
        entry = self._entries.get(path)
        return self._found(entry) if entry is not None else None

    def list(self) -> list[Found]:
        """All of them."""
        return [self._found(entry) for entry in list(self._entries.values())]

    def _found(self, entry: Entry) -> Found:
        content = self._contents / entry.sha256
        kind, size = entry.content_type, entry.size
        return Found(entry.path, "written", kind, content, size, entry.sha256, entry.modified)

    def part(self, limit: int) -> Part:
        """The beginning of a new content of at most so many bytes.

        Raises:
            EngineError: `storage_full`, `storage_failed`.
        """
        try:
            if not self._names.is_dir():
                self._contents.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._names.mkdir(mode=0o700, exist_ok=True)  # uploads may begin together
                for above in (self._folder, *list(self._folder.parents)[:3]):
                    _sync(above)
            return Part(self._contents / f"{uuid4().hex}{_PART}", limit)
        except OSError as error:
            raise unwritable(error) from None

    def put(self, path: str, part: Part, content_type: str, total: int) -> Found:
        """Makes a content that has arrived the asset of a path.

        Args:
            path: where it will be found.
            part: the content.
            content_type: what it is.
            total: bytes that the whole shelf may hold.

        Raises:
            EngineError: `storage_full`, `storage_failed`.
        """
        before = self._entries.get(path)
        size = self._size - (before.size if before else 0) + part.size
        with discarding(part):
            if size > total:
                raise full(total)
            if before is None and len(self._entries) >= most_files(total):
                raise too_many(most_files(total))
            sha256 = part.finish()
            content = self._contents / sha256
            if sha256 not in self._users:
                part.path.replace(content)
                _sync(self._contents)
            entry = Entry(path, content_type, part.size, sha256, round(time.time(), 3))
            self._name(entry)
        self._entries[path] = entry
        self._size = size
        self._users[sha256] += 1
        if before is not None:
            self._release(before.sha256)
        return self._found(entry)

    def delete(self, path: str) -> bool:
        """Takes an asset away. False: there was none.

        Raises:
            EngineError: `storage_full`, `storage_failed`.
        """
        entry = self._entries.get(path)
        if entry is None:
            return False
        try:
            self._file_of(path).unlink(missing_ok=True)
            _sync(self._names)
        except OSError as error:
            raise unwritable(error) from None
        del self._entries[path]
        self._size -= entry.size
        self._release(entry.sha256)
        return True

    def _name(self, entry: Entry) -> None:
        file = self._file_of(entry.path)
        draft = file.with_suffix(_PART)
        with draft.open("wb") as out:
            out.write(orjson.dumps(asdict(entry)))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
        _sync(self._names)

    def _file_of(self, path: str) -> Path:
        return self._names / f"{hashlib.sha256(path.encode()).hexdigest()}.json"

    def _release(self, sha256: str) -> None:
        """One user less; a content that nobody uses goes. Who reads it just now reads on."""
        self._users[sha256] -= 1
        if not self._users[sha256]:
            del self._users[sha256]
            with contextlib.suppress(OSError):  # the next start takes it away
                (self._contents / sha256).unlink()


def _sync(folder: Path) -> None:
    """Makes what was renamed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def too_large(limit: int) -> RequestError:
    """The refusal of an asset of more than `limit` bytes."""
    return RequestError(
        f"An asset has at most {limit} bytes here.",
        code="asset_too_large",
        status=413,
        hint="Make it smaller, or raise assets.limit; a file in the folder assets has no limit.",
    )


def full(limit: int) -> EngineError:
    """The refusal of an asset for which there is no room left."""
    return EngineError(
        f"The written assets of this app would be more than {limit} bytes together.",
        code="storage_full",
        status=507,
        hint="Delete some, or raise assets.total.",
    )


def too_many(most: int) -> EngineError:
    """The refusal of one more asset."""
    return EngineError(
        f"This app has {most} written assets, and may have no more.",
        code="storage_full",
        status=507,
        hint="Delete some, or raise assets.total: it allows an asset for each 4 KB, and 1,000 in any "
        "case.",
    )


def unwritable(error: OSError) -> EngineError:
    """What is said when the disk refuses."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EngineError(
            "The disk is full: the asset cannot be kept.",
            code="storage_full",
            status=507,
            hint="Free space on the disk that holds the data folder.",
        )
    return EngineError(
        f"The asset cannot be kept: {error.strerror}.",
        code="storage_failed",
        status=500,
        hint="See that the data folder exists and may be written to.",
    )
