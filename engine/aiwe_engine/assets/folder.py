"""The folder `assets` beside a notebook, or in the folder of an app: read anew each time.

A designer saves a file and reloads the page. What can be reached is a regular file below the folder
and nothing else: a link counts by where it leads, and nothing is opened that is not a file. The
folder itself may be a link within the project, and no further, because programs read assets too and
are not trusted with the rest of the disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Literal

from aiwe_engine.assets.digest import Digests, Identity, identity
from aiwe_engine.assets.found import Found
from aiwe_engine.assets.media import content_type
from aiwe_engine.assets.path import problem
from aiwe_engine.settings import KB

FOLDER = "assets"
MOST_LISTED = 10_000
IN_MEMORY = 64 * KB  # smaller files are read at once: what is hashed is then what is sent
#: Endings of copies that lie beside a file, compressed beforehand; the coding each stands for.
NEIGHBOURS = {".br": "br", ".zst": "zstd", ".gz": "gzip"}

# Not through a link that was put there meanwhile, and never waiting for a pipe's other end.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LiveFile:
    """A file as it was when it was found; it opens only while it is still that one."""

    def __init__(self, path: str, state: Identity) -> None:
        self._path, self._state = path, state

    def open(self, _mode: Literal["rb"] = "rb", /) -> BufferedReader:
        """The file.

        Raises:
            OSError: it is gone or was changed.
        """
        file = os.fdopen(os.open(self._path, _FLAGS), "rb")
        if identity(os.fstat(file.fileno())) != self._state:
            file.close()
            raise FileNotFoundError(self._path)
        return file


class AssetFolder:
    """One such folder, which need not exist. All of this blocks.

    Args:
        own: the folder that it is in.
        within: how far a link may lead from there.
        digests: what is remembered of files.
    """

    def __init__(self, own: Path, within: Path, digests: Digests) -> None:
        self._place = f"{os.path.realpath(own)}/{FOLDER}"
        self._within = os.path.realpath(within)
        self._digests = digests

    def find(self, path: str) -> Found | None:
        """The file of a path that `problem` finds nothing wrong with."""
        root = self._root()
        return self._found(root, path) if root is not None else None

    def find_packed(self, path: str) -> tuple[Found | None, dict[str, Found]]:
        """The same, with the copies that lie compressed beside it and are not older, by coding."""
        root = self._root()
        found = self._found(root, path) if root is not None else None
        if root is None or found is None:
            return None, {}
        copies = ((coding, self._found(root, path + end)) for end, coding in NEIGHBOURS.items())
        return found, {coding: copy for coding, copy in copies if copy and not copy.older(found)}

    def list(self) -> Iterator[Found]:
        """All files, in the order of their paths; of many the first 10,000."""
        root = self._root()
        if root is None:
            return
        for path in _listed(root):
            found = self._found(root, path)
            if found is not None:
                yield found

    def _root(self) -> str | None:
        """Where the folder really is; None where it is missing or lies outside."""
        try:
            if not stat.S_ISLNK(os.lstat(self._place).st_mode):
                return self._place
            root = os.path.realpath(self._place, strict=True)
        except OSError:
            return None
        return root if _is_below(root, self._within) else None

    def _found(self, root: str, path: str) -> Found | None:
        try:
            real, info = _followed(root, path)
            if not stat.S_ISREG(info.st_mode):
                return None
            live = LiveFile(real, identity(info))
            with live.open() as file:
                sha256 = self._digests.of(file, info)
                content = file.read(info.st_size) if info.st_size <= IN_MEMORY else live
        except OSError:  # not there, not ours to read, or replaced this very moment
            return None
        kind = content_type(path)
        return Found(path, "folder", kind, content, info.st_size, sha256, info.st_mtime)


def _followed(root: str, path: str) -> tuple[str, os.stat_result]:
    """Where a path below the folder really is, and what is there.

    Raises:
        OSError: nothing, or nothing that may be reached.
    """
    place = root
    for part in path.split("/"):
        place = f"{place}/{part}"
        info = os.lstat(place)
        if stat.S_ISLNK(info.st_mode):
            break
    else:
        return place, info
    real = os.path.realpath(f"{root}/{path}", strict=True)
    if not _is_below(real, root) or problem(os.path.relpath(real, root)):
        raise FileNotFoundError(path)
    return real, os.lstat(real)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _listed(root: str) -> list[str]:
    """The paths of what may be assets, without the copies beside them."""
    found: set[str] = set()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if problem(name) is None)
        below = "" if folder == root else os.path.relpath(folder, root) + "/"
        found |= {path for name in names if problem(path := below + name) is None}
        if len(found) > MOST_LISTED:
            break
    alone = (path for path in found if not is_neighbour(path, found))
    return sorted(alone)[:MOST_LISTED]


def is_neighbour(path: str, paths: set[str]) -> bool:
    """Whether a path is that of a compressed copy of another one."""
    stem, dot, end = path.rpartition(".")
    return dot + end in NEIGHBOURS and stem in paths
