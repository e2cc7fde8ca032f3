"""The form of a backup: a zip archive of NDJSON and files, and a manifest that names every member.

    documents/APP/ENV/COLLECTION.ndjson      `~APP` holds the sessions of an app's visitors, `~~vault` secrets, sealed
    files/APP@ENV/ID/…                       what programs kept of uploads
    assets/APP/ENV/…                         assets that were written or uploaded
    manifest.json                            last: format, version, time, counts, and the size and SHA-256 of the rest

Nothing in it is of one database or machine. `Archive` reads one that may come from anywhere: it believes
nothing before it was checked, and a member's name becomes a path only where it has one of these forms.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Held
from aiwe_engine.settings import GB, KB, MB

FORMAT = 1
MANIFEST = "manifest.json"
_MOST_MANIFEST = 256 * MB
_PIECE = 256 * KB
_BOMB = 500  # times its size in the archive: JSON does not shrink so much
_SMALL = GB  # below which nobody cares

_APP, _ENV, _NAME = r"[a-z0-9][a-z0-9-]{0,62}", r"dev|staging|production", r"[A-Za-z0-9_-]{1,64}"
_DOCUMENTS = re.compile(rf"documents/(~{{0,2}}{_APP})/({_ENV})/({_NAME})\.ndjson")
_FILES = re.compile(
    rf"files/{_APP}@(?:{_ENV})/[0-9a-f]{{32}}/(?:content|about\.json)"
    rf"|assets/{_APP}/(?:{_ENV})/(?:names/[0-9a-f]{{64}}\.json|contents/[0-9a-f]{{64}})"
)


def member_of(app: str, env: str, name: str) -> str:
    """The member that holds a collection."""
    return f"documents/{app}/{env}/{name}.ndjson"


def is_file(name: str) -> bool:
    """Whether a member is a kept file, an asset, or what is known of one."""
    return _FILES.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the manifest says.

    Attributes:
        created: when it was made, as ISO 8601.
        version: of aiwe that made it.
        collections: with the number of their documents.
        migrations: what `define` has recorded.
        members: size and SHA-256 by name.
    """

    created: str
    version: str
    collections: tuple[Held, ...]
    migrations: list[dict[str, Any]]
    members: dict[str, tuple[int, str]]


class Archive:
    """A backup to be read. Everything blocks.

    Args:
        path: the file.

    Raises:
        RequestError: `unreadable_file`, `not_a_backup`, `backup_newer`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        #: Told how many bytes of members were read so far.
        self.on_read: Callable[[int], None] = lambda _: None
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise RequestError(
                f"{path} cannot be read: {error.strerror}.",
                code="unreadable_file",
                hint="Name a file that `aiwe backup` has made.",
            ) from None
        except zipfile.BadZipFile:
            raise self._damaged("it is no whole zip archive") from None
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def size(self) -> int:
        """Bytes of all members, unpacked."""
        return sum(size for size, _ in self.manifest.members.values())

    def files(self) -> list[str]:
        """The members that become files."""
        return [name for name in self.manifest.members if is_file(name)]

    def check(self, folder: Path) -> None:
        """Compares everything with the manifest, and its size with the room on the disk of a folder.

        Raises:
            RequestError: `not_a_backup`, for what is damaged, missing, too much, or blown up.
            EngineError: `storage_full`.
        """
        infos = {info.filename: info for info in self._zip.infolist()}
        if len(infos) != len(self._zip.infolist()):
            raise self._damaged("a member is there twice")
        members = self.manifest.members
        for name in infos.keys() ^ {*members, MANIFEST}:
            raise self._damaged(
                f"{name[:200]!r} is not in both its manifest and its list of members"
            )
        for name, (size, _) in members.items():
            if infos[name].file_size != size:
                raise self._damaged(f"{name} has not the size that its manifest says")
        if self.size > _SMALL and self.size > self._path.stat().st_size * _BOMB:
            raise self._damaged(f"{self._path.stat().st_size:,} bytes would become {self.size:,}")
        free = shutil.disk_usage(folder).free
        if self.size > free:
            raise RequestError(
                f"The backup needs {self.size:,} bytes; the disk of {folder} has {free:,}.",
                code="storage_full",
                status=507,
                hint="Free space there, or name another folder with --data.",
            )
        for name in members:
            for _ in self.pieces(name):
                pass

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member.

        Raises:
            RequestError: `not_a_backup`, they are not those that the manifest speaks of.
        """
        size, sha256 = self.manifest.members[name]
        digest, read = hashlib.sha256(), 0
        try:
            with self._zip.open(name) as member:
                while piece := member.read(_PIECE):
                    read += len(piece)
                    if read > size:
                        break
                    digest.update(piece)
                    self._read += len(piece)
                    self.on_read(self._read)
                    yield piece
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"{name} cannot be unpacked ({error})") from None
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise self._damaged(f"{name} cannot be unpacked ({error})") from None
            raise
        if (read, digest.hexdigest()) != (size, sha256):
            raise self._damaged(f"{name} is not what its manifest says: its checksum differs")

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member, without their ends."""
        rest = b""
        for piece in self.pieces(name):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
        if rest:
            yield rest

    def _read_manifest(self) -> Manifest:
        try:
            info = self._zip.getinfo(MANIFEST)
            if info.file_size > _MOST_MANIFEST:
                raise self._damaged("its manifest is too large")
            told = orjson.loads(self._zip.read(info))
            if isinstance(told["format"], int) and told["format"] > FORMAT:
                raise RequestError(
                    f"{self._path} was made by aiwe {told.get('aiwe')}, in format {told['format']}; "
                    f"this aiwe reads formats up to {FORMAT}.",
                    code="backup_newer",
                    hint="Restore it with the version that made it, or a newer one.",
                )
            manifest = Manifest(
                created=str(told["created"]),
                version=str(told["aiwe"]),
                collections=tuple(Held(**one) for one in told["collections"]),
                migrations=[dict(one) for one in told["migrations"]],
                members={
                    str(name): (int(one["size"]), str(one["sha256"]))
                    for name, one in told["members"].items()
                },
            )
        except KeyError as error:
            raise self._damaged(f"{error} is missing in it") from None
        except (ValueError, TypeError, AttributeError, zipfile.BadZipFile, OSError) as error:
            raise self._damaged(f"its manifest cannot be read ({error})") from None
        self._check_names(manifest)
        return manifest

    def _check_names(self, manifest: Manifest) -> None:
        """Every member has a form that is known, and every collection a member."""
        documents = {member_of(one.app, one.env, one.name) for one in manifest.collections}
        for name in manifest.members:
            if _DOCUMENTS.fullmatch(name) is None and not is_file(name):
                raise self._damaged(f"{name[:200]!r} is no name of a member")
        found = {name for name in manifest.members if name.startswith("documents/")}
        for name in documents ^ found:
            raise self._damaged(f"{name[:200]!r} is no collection's, or is missing")

    def _damaged(self, what: str) -> RequestError:
        return RequestError(
            f"{self._path} is no whole backup: {what}. Nothing was changed.",
            code="not_a_backup",
            hint="Take another one, as `aiwe backup` has made it.",
        )
