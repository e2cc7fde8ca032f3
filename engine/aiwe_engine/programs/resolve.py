"""Import specifiers: from `./lib` in one piece of a program to the name of another.

Names are paths below the program's folder, with forward slashes. Only relative specifiers mean
something: there are no packages here, and nothing outside of the folder is read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path

from aiwe_engine.errors import ProgramError

SUFFIXES = (".ts", ".tsx", ".js", ".jsx", ".mjs")
COMPILED_FROM = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".ts",)}


class OutsideFolder(Exception):
    """The specifier leads out of the program's folder."""


def resolve(specifier: str, importer: str, exists: Callable[[str], bool]) -> str | None:
    """The name of the piece that `specifier` means in the piece `importer`, or None.

    Raises:
        OutsideFolder: it leads out of the program's folder.
    """
    if not specifier.startswith(("./", "../")) and specifier not in (".", ".."):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), specifier))
    if path == ".." or path.startswith("../"):
        raise OutsideFolder(specifier)
    return next((name for name in candidates(path) if exists(name)), None)


def candidates(path: str) -> Iterator[str]:
    """The names that `path` may stand for, likeliest first."""
    stem, suffix = posixpath.splitext(path)
    if suffix in SUFFIXES:
        yield path
    for other in COMPILED_FROM.get(suffix, ()):
        yield stem + other
    for other in SUFFIXES:
        yield path + other
    for other in SUFFIXES:
        yield posixpath.join(path, f"index{other}")


class Folder:
    """The files that a program may import: those below one folder, wherever its links lead."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def exists(self, name: str) -> bool:
        """Whether there is such a file.

        Raises:
            OutsideFolder: a symbolic link leads out of the folder.
        """
        path = self.root / name
        if not path.is_file():
            return False
        if not path.resolve().is_relative_to(self.root):
            raise OutsideFolder(name)
        return True

    def read(self, name: str) -> str:
        """The text of a file that exists.

        Raises:
            ProgramError: `unreadable`.
        """
        return read_text(self.root / name)


def read_text(path: Path) -> str:
    """The text of a script.

    Raises:
        ProgramError: `unreadable`.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProgramError(
            f"{path} cannot be read: {error}", code="unreadable", hint="Save it as UTF-8 text."
        ) from None
