"""A backup, written while its engine runs: all that the engine could not make again, in one archive.

The documents of all collections are those of one instant; writers go on, and wait for nothing. Kept files
and written assets are those that are there right after it. Secrets are among the
documents, sealed; the key of the vault, what tells where the engine is reached, locks and caches are no part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson

from aiwe_engine import __version__
from aiwe_engine.files.incoming import make_folder, unwritable
from aiwe_engine.protocols import Store
from aiwe_engine.settings import MB
from aiwe_engine.store.documents import timestamp
from aiwe_engine.transfer.archive import FORMAT, MANIFEST, is_file, member_of

T = TypeVar("T")
_PIECE = MB
_LEVEL = 3  # of compression: the disk is faster than more of it


async def backup(store: Store, data: Path) -> AsyncGenerator[bytes]:
    """The archive, piece by piece; the first one is empty.

    Args:
        store: the documents.
        data: the folder with `files` and `assets`.

    Raises:
        EngineError: the store or the disk failed.
    """
    writing = _Writing()
    async with store.snapshot() as snapshot:
        with _held(data) as held:
            files = await asyncio.to_thread(lambda: list(_files(held)))
            yield b""
            for one in snapshot.collections:
                writing.begin(member_of(one.app, one.env, one.name))
                async for portion in snapshot.read(one):
                    await asyncio.to_thread(writing.add, b"\n".join([*portion, b""]))
                    yield writing.taken()
                writing.end()
            for name, path in files:
                writing.begin(name, packed=False)
                with path.open("rb") as content:
                    while piece := await asyncio.to_thread(content.read, _PIECE):
                        await asyncio.to_thread(writing.add, piece)
                        yield writing.taken()
                writing.end()
            told = {
                "format": FORMAT,
                "aiwe": __version__,
                "created": timestamp(),
                "documents": sum(one.documents for one in snapshot.collections),
                "files": sum(1 for name, _ in files if name.startswith("files/")) // 2,
                "assets": sum(1 for name, _ in files if "/names/" in name),
                "collections": [_told(one) for one in snapshot.collections],
                "migrations": list(snapshot.migrations),
                "members": writing.members,
            }
            yield writing.finish(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def _told(held: Any) -> dict[str, Any]:
    names = ("app", "env", "name", "documents", "definition")
    return {name: getattr(held, name) for name in names}


class _Writing:
    """A zip archive in the making, which is taken away as it comes."""

    def __init__(self) -> None:
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w")  # type: ignore[call-overload]
        self._name = ""
        self._member: Any = None
        self._digest = hashlib.sha256()
        self._size = 0
        self.members: dict[str, dict[str, Any]] = {}

    def begin(self, name: str, *, packed: bool = True) -> None:
        """Begins a member."""
        self._name, self._size, self._digest = name, 0, hashlib.sha256()
        self._member = self._zip.open(_info(name, packed=packed), "w", force_zip64=True)

    def add(self, piece: bytes) -> None:
        """Adds to the member. Blocks."""
        self._digest.update(piece)
        self._size += len(piece)
        self._member.write(piece)

    def end(self) -> None:
        """Ends the member."""
        self._member.close()
        self.members[self._name] = {"size": self._size, "sha256": self._digest.hexdigest()}

    def taken(self) -> bytes:
        """What was made since it was last taken."""
        return self._pipe.take()

    def finish(self, manifest: bytes) -> bytes:
        """The rest of the archive."""
        self._zip.writestr(_info(MANIFEST, packed=True), manifest)
        self._zip.close()
        return self._pipe.take()


class _Pipe:
    """What a zip archive is written to that nobody can go back in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _info(name: str, *, packed: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, time.gmtime()[:6])
    info.external_attr = 0o600 << 16
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info._compresslevel = _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001  public from Python 3.13 on
    return info


@contextlib.contextmanager
def _held(data: Path) -> Iterator[Path]:
    """Links to all files and assets as they are now: they stay readable when they are deleted."""
    # What lies there is deleted with the next start, where a crash comes between.
    folder = data / "files" / "incoming" / f"backup-{secrets.token_hex(8)}"
    try:
        make_folder(folder)
        _link_all(data / "files" / "kept", folder / "files")
        for _ in range(2):  # a content comes before the name that speaks of it, and goes after it
            _link_all(data / "assets", folder / "assets")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise unwritable(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link_all(source: Path, target: Path) -> None:
    """Links the files of a folder that are not linked yet; what goes meanwhile is left out."""
    for place, _, names in os.walk(source):
        home = target / Path(place).relative_to(source)
        home.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (home / name).exists():
                with contextlib.suppress(FileNotFoundError):
                    _link(Path(place, name), home / name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _files(held: Path) -> Iterator[tuple[str, Path]]:
    """Members and their files; only what is whole, and names whose content is there."""
    for place, _, names in sorted(os.walk(held)):
        for name in sorted(names):
            path = Path(place, name)
            member = path.relative_to(held).as_posix()
            if is_file(member) and _is_whole(path):
                yield member, path


def _is_whole(path: Path) -> bool:
    if path.name in {"content", "about.json"}:
        other = "content" if path.name == "about.json" else "about.json"
        return path.with_name(other).exists()
    if path.parent.name == "names":
        try:
            sha256 = orjson.loads(path.read_bytes())["sha256"]
        except (ValueError, KeyError, TypeError):
            return False
        return (path.parent.parent / "contents" / str(sha256)).exists()
    return True
