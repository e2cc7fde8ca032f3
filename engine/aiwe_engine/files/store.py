"""The files that programs keep: saved uploads, each with what is known of it.

    DATA/files/incoming/…           uploads whose request is being answered
    DATA/files/kept/APP@ENV/ID/     `content` and `about.json`, one folder a file

A file is kept by renaming its folder, after all in it is on the disk: it is there whole or not at
all, whenever the machine stops. Files do not change. Each app and environment sees its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.files.incoming import (
    CONTENT,
    Incoming,
    Upload,
    make_folder,
    unwritable,
    upload_gone,
)
from aiwe_engine.files.reading import FileSource, file_not_found
from aiwe_engine.protocols import Room, Scope
from aiwe_engine.settings import most_files
from aiwe_engine.types import Json

_ABOUT = "about.json"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A kept file. `path` has its bytes."""

    id: str
    filename: str
    content_type: str
    size: int
    sha256: str  # in hex
    created: float  # seconds since the epoch
    path: Path

    def open(self) -> FileSource:
        """Its bytes from the beginning.

        Raises:
            RequestError: `file_not_found`, it was deleted meanwhile.
        """
        try:
            return FileSource(self.path.open("rb"), 0, self.size)
        except FileNotFoundError:
            raise file_not_found() from None

    def to_json(self) -> dict[str, Json]:
        """The `StoredFile` of aiwe.d.ts."""
        return {
            "id": self.id,
            "filename": self.filename,
            "contentType": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
        }


class FileStore:
    """Keeps files below one folder.

    Args:
        folder: made, for its owner only, when the first upload comes. No other process uses it.
        room: where what is kept must fit in.
    """

    def __init__(self, folder: Path, room: Room | None = None) -> None:
        self._room = room
        self._incoming = folder / "incoming"
        self._kept = folder / "kept"
        self._used: dict[Scope, int] = {}
        self._count: dict[Scope, int] = {}

    def clean(self) -> None:
        """Deletes the uploads that an engine left behind which was stopped hard."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def receive(self) -> Incoming:
        """A place for the uploads of one request. Close it when the request ends."""
        return Incoming(self._incoming)

    async def save(self, scope: Scope, upload: Upload, limit: int) -> StoredFile:
        """Keeps an upload: its bytes move, and it goes on being readable. Acknowledged is durable.

        Args:
            scope: whose file it becomes.
            upload: saved again, it gives another file of the same content.
            limit: bytes that this scope may keep.

        Raises:
            EngineError: `storage_full` (507), over the limit, too many files for it, or no room on
                the disk.
            RequestError: `upload_gone`, its request has ended.
        """
        if self._room is not None:
            self._room.admit()
            self._room.took(upload.size)
        if await self.usage(scope) + upload.size > limit:
            raise _full(limit)
        if self._count[scope] >= most_files(limit):
            raise _too_many(most_files(limit))
        self._add(scope, upload.size, 1)
        try:
            return await asyncio.to_thread(self._keep, scope, upload)
        except AiweError:
            self._add(scope, -upload.size, -1)
            raise

    def find(self, scope: Scope, file_id: object) -> StoredFile | None:
        """The file with this id; None where this scope has none, whoever else may."""
        if not isinstance(file_id, str) or not _ID.fullmatch(file_id):
            return None
        folder = self._folder(scope) / file_id
        try:
            about = orjson.loads((folder / _ABOUT).read_bytes())
        except FileNotFoundError:
            return None
        return StoredFile(**about, path=folder / CONTENT)

    async def delete(self, scope: Scope, file_id: object) -> bool:
        """Deletes a file; answers that are under way still send it. False: there was none."""
        stored = self.find(scope, file_id)
        if stored is None:
            return False
        await self.usage(scope)
        if not await asyncio.to_thread(self._discard, stored):
            return False
        self._add(scope, -stored.size, -1)
        return True

    async def clear(self, env: str, app: str | None = None) -> int:
        """Deletes the files of an environment, or of one app there; returns how many there were."""
        homes = await asyncio.to_thread(self._homes, env)
        count = 0
        for home in homes:
            if app is None or home == self._folder(Scope(app, env)):
                count += await asyncio.to_thread(self._discard_all, home)
        for scope in [one for one in self._used if one.env == env and app in {None, one.app}]:
            del self._used[scope], self._count[scope]
        return count

    async def usage(self, scope: Scope) -> int:
        """Bytes that this scope keeps."""
        if scope not in self._used:
            total, count = await asyncio.to_thread(_total, self._folder(scope))
            if scope not in self._used:  # nobody was faster
                self._used[scope], self._count[scope] = total, count
        return self._used[scope]

    def _add(self, scope: Scope, size: int, count: int) -> None:
        if scope in self._used:  # else it was cleared meanwhile, and is counted anew
            self._used[scope] += size
            self._count[scope] += count

    def _folder(self, scope: Scope) -> Path:
        # The sign between them keeps "." and ".." from being names of folders.
        return self._kept / f"{quote(scope.app, safe='')}@{scope.env}"

    def _keep(self, scope: Scope, upload: Upload) -> StoredFile:
        home = self._folder(scope)
        file_id = secrets.token_hex(16)
        target = home / file_id
        about: dict[str, Any] = {
            "id": file_id,
            "filename": upload.filename,
            "content_type": upload.content_type,
            "size": upload.size,
            "sha256": upload.sha256,
            "created": time.time(),
        }
        try:
            self._open_home(home)
            draft = upload.folder.with_name(f"{upload.folder.name}-{file_id}")
            draft.mkdir(mode=0o700)
            _link(upload.folder / CONTENT, draft / CONTENT)
            (draft / _ABOUT).write_bytes(orjson.dumps(about))
            for path in (draft / CONTENT, draft / _ABOUT, draft):
                _sync(path)
            draft.rename(target)
            _sync(home)
        except FileNotFoundError:
            raise upload_gone() from None
        except OSError as error:
            raise unwritable(error) from None
        return StoredFile(**about, path=target / CONTENT)

    def _open_home(self, home: Path) -> None:
        """Makes the folder of a scope; that it is there is on the disk afterwards."""
        if not home.is_dir():
            make_folder(home)
            for folder in (self._kept, self._kept.parent, self._kept.parent.parent):
                _sync(folder)

    def _homes(self, env: str) -> list[Path]:
        return sorted(self._kept.glob(f"*@{env}"))

    def _discard_all(self, home: Path) -> int:
        """Moves a scope's folder out of sight, at once and for good, and deletes it then."""
        grave = self._incoming / f"all-{secrets.token_hex(8)}"
        make_folder(self._incoming)
        home.rename(grave)
        _sync(self._kept)
        count = sum(1 for _ in grave.iterdir())
        shutil.rmtree(grave, ignore_errors=True)
        return count

    def _discard(self, stored: StoredFile) -> bool:
        """Moves a file out of sight, at once and for good, and deletes it then."""
        folder = stored.path.parent
        grave = self._incoming / f"{stored.id}-{secrets.token_hex(4)}"
        make_folder(self._incoming)
        try:
            folder.rename(grave)
        except FileNotFoundError:
            return False
        _sync(folder.parent)
        shutil.rmtree(grave, ignore_errors=True)
        return True


def _link(content: Path, target: Path) -> None:
    """The same bytes under another name; the upload stays where it is."""
    try:
        os.link(content, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(content, target)


def _sync(path: Path) -> None:
    """Waits until a file, or the list of a folder's names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _total(folder: Path) -> tuple[int, int]:
    """Bytes and number of the files in a folder."""
    size = count = 0
    with contextlib.suppress(FileNotFoundError):
        for one in folder.iterdir():
            size += (one / CONTENT).stat().st_size
            count += 1
    return size, count


def _too_many(most: int) -> EngineError:
    return EngineError(
        f"This app keeps {most} files, and may keep no more.",
        code="storage_full",
        status=507,
        hint="Delete files that are not needed, or raise files.limit: it allows a file for each 4 KB, "
        "and 1,000 in any case.",
        details={"limit": most},
    )


def _full(limit: int) -> EngineError:
    return EngineError(
        f"The files of this app would be more than {limit} bytes.",
        code="storage_full",
        status=507,
        hint="Delete files that are not needed, or raise files.limit.",
        details={"limit": limit},
    )
