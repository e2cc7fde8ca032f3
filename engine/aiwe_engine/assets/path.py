"""What an asset may be called, for everybody who names one: programs, people and requests.

The same rule holds for reading and writing, so that nothing can be written that is never served. It
leaves out what some file system, browser or proxy reads in a way of its own: a name is then the same
thing in a folder, in a URL and in an archive. Nothing here touches a disk.
"""

from __future__ import annotations

import re

from aiwe_engine.errors import RequestError

PREFIX = "/assets/"
HASH_LENGTH = 8

_MOST_BYTES, _PART_BYTES = 1024, 255
_NOWHERE = re.compile(r'[\\:*?"<>|]')  # a separator, a drive or a pattern on some system
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_NOTEBOOK = ".ipynb"
_KEPT_BACK = "notebooks are not served"
_EXPORT = "Export it as HTML or PDF, and take that."
_FORM = (
    "Write it as in logo.svg or css/site.css: parts with single slashes between them, none of which"
    ' begins or ends with a dot or a space; without \\ : * ? " < > | and escapes.'
)
_HASHED = re.compile(rf"(?P<stem>.*[^/])\.(?P<hash>[0-9a-f]{{{HASH_LENGTH}}})(?P<end>\.[^./]+)?")


def checked(path: object) -> str:
    """The path, when an asset may have it: "logo.svg", "css/site.css".

    Raises:
        RequestError: `invalid_asset_path`.
    """
    found = problem(path) if isinstance(path, str) else "it is not a string"
    if found is None:
        return str(path)
    shown = repr(path if len(str(path)) <= _PART_BYTES else str(path)[:_PART_BYTES] + "…")
    raise RequestError(
        f"{shown} cannot be the path of an asset: {found}.",
        code="invalid_asset_path",
        hint=_EXPORT if found == _KEPT_BACK else _FORM,
    )


def problem(path: str) -> str | None:
    """What is wrong with a path, as the end of a sentence; None where it is right."""
    if not path:
        return "it is empty"
    if not path.isprintable():
        return "it holds a character that cannot be shown"
    if len(path.encode()) > _MOST_BYTES:
        return f"it is longer than {_MOST_BYTES} bytes"
    odd = _NOWHERE.search(path) or _ESCAPE.search(path)
    if odd:
        return f"{odd[0]} cannot stand in it"
    if path.casefold().endswith(_NOTEBOOK):
        return _KEPT_BACK
    return next((found for part in path.split("/") if (found := _part_problem(part))), None)


def _part_problem(part: str) -> str | None:
    if not part:
        return "it has a slash too many"
    if part[0] == "." or part[-1] == ".":
        return "a part of it begins or ends with a dot"
    if part != part.strip():
        return "a part of it begins or ends with a space"
    if len(part.encode()) > _PART_BYTES:
        return f"a part of it is longer than {_PART_BYTES} bytes"
    return None


def with_hash(path: str, sha256: str) -> str:
    """The path with the hash of the content in its name: "css/site.3f2a1b9c.css"."""
    folder, slash, name = path.rpartition("/")
    stem, dot, end = name.rpartition(".")
    digest = sha256[:HASH_LENGTH]
    named = f"{stem}.{digest}.{end}" if dot else f"{name}.{digest}"
    return f"{folder}{slash}{named}"


def without_hash(path: str) -> tuple[str, str] | None:
    """The plain path and the hash, of a path that `with_hash` may have made."""
    found = _HASHED.fullmatch(path)
    return (found["stem"] + (found["end"] or ""), found["hash"]) if found else None
