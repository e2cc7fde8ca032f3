"""Answering with a file that a program kept: what a stranger uploaded is shown to others with care.

A browser shows pictures, sound, film, PDF and plain text; it keeps everything else as a download,
because a page or an SVG that a stranger sent would run in the app's own origin. A program may insist
on showing one: it is then shown in a sandbox. The type is never guessed from the content (nosniff).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiwe_engine.errors import EngineError
from aiwe_engine.files.parameters import names_several
from aiwe_engine.files.reading import file_not_found
from aiwe_engine.files.store import StoredFile
from aiwe_engine.http.body import media_of
from aiwe_engine.http.disposition import content_disposition
from aiwe_engine.http.payload import answer
from aiwe_engine.http.sending import File, file_answer
from aiwe_engine.types import Request, Response

#: Shown as what it is, and unable to be anything: no scripts, no forms, an origin of its own.
SANDBOX = ("content-security-policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
_PRIVATE = (
    "cache-control",
    "private, no-cache",
)  # may be kept by its reader, is asked for each time
_SHOWN = frozenset(
    {
        "application/ogg",
        "application/pdf",
        "image/apng",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/vnd.microsoft.icon",
        "image/webp",
        "image/x-icon",
        "text/plain",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The file that a program answers with, as it asked for it."""

    status: int
    headers: list[tuple[str, str]]
    file: str | None  # the id of a kept file
    asset: str | None  # or the path of an asset
    download: bool | str | None

    @classmethod
    def of(cls, raw: Any) -> Wanted:
        """What a worker's `[status, headers, {file or asset, download}, "file"]` stands for.

        Raises:
            EngineError: `invalid_answer`, the worker did not keep to that form.
            ProgramError: as `answer`, of status and headers.
        """
        head = answer([raw[0], raw[1], "", "text"])
        ref = raw[2] if isinstance(raw[2], dict) else {}
        file, asset, download = ref.get("file"), ref.get("asset"), ref.get("download")
        wrong = (file is None) == (asset is None) or not isinstance(file or asset, str)
        if wrong or not isinstance(download, bool | str | None):
            raise EngineError(
                "The worker's answer names no file.", code="invalid_answer", status=500
            )
        return cls(head.status, head.headers, file, asset, download)


def names_file(raw: Any) -> bool:
    """Whether a worker's answer is a file that the host has."""
    return type(raw) is list and len(raw) == 4 and raw[3] == "file"


def kept_answer(request: Request, wanted: Wanted, stored: StoredFile | None) -> Response:
    """The answer to a request for a kept file.

    Args:
        request: its conditional headers and its range count.
        wanted: how to send it. The program's headers come before those that are made here;
            `download` tells whether to keep it (under its own name, or this one) or to show it. None:
            as its type is.
        stored: the file; None where there is none that the program may send.

    Raises:
        RequestError: `file_not_found`, and as `file_answer`.
    """
    if stored is None:
        raise file_not_found()
    pairs, download = list(wanted.headers), wanted.download
    names = dict(pairs)
    kind = names.get("content-type", stored.content_type)
    harmless = _is_shown(kind)
    keep = download is True or isinstance(download, str) or (download is None and not harmless)
    name = download if isinstance(download, str) else stored.filename or None
    if "content-disposition" not in names:
        pairs.append(("content-disposition", content_disposition(name, attachment=keep)))
    elif names["content-disposition"].lower().startswith("attachment"):
        keep = True
    if not (keep or harmless):
        pairs.append(SANDBOX)
    if "cache-control" not in names:
        pairs.append(_PRIVATE)
    file = File(
        stored.path, stored.size, stored.content_type, stored.sha256, modified=stored.created
    )
    return file_answer(request, file, status=wanted.status, headers=pairs)


def _is_shown(content_type: str) -> bool:
    if names_several(content_type):  # a browser would take the last of them
        return False
    media = media_of(content_type)
    return media in _SHOWN or media.startswith(("audio/", "video/"))
