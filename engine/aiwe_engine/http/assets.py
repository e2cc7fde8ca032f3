"""Requests below /assets/: the files of an app's pages, answered without its program.

A name with the hash of the content in it may be kept by browsers for good; any other is asked for
again (in dev each time, else after a while), which costs a 304. The hash of a content that is no more
gets what is there now, to be asked for again: a page of the version before still works.

What a client can unpack is sent compressed: from a copy beside the file, if it is not older, or from
one that is kept in memory. A part of a file is always a part of its plain bytes.
"""

from __future__ import annotations

import functools
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from aiwe_engine import checks
from aiwe_engine.assets.found import Found
from aiwe_engine.assets.library import Library
from aiwe_engine.assets.path import PREFIX, checked, problem, without_hash
from aiwe_engine.errors import RequestError
from aiwe_engine.http.compression import compressible, negotiate
from aiwe_engine.http.disposition import content_disposition
from aiwe_engine.http.finish import as_mapping
from aiwe_engine.http.kept import Wanted
from aiwe_engine.http.packed import Packed
from aiwe_engine.http.sending import File, file_answer
from aiwe_engine.routing.pattern import BAD_ESCAPE
from aiwe_engine.routing.table import WrongMethod
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

ALLOW = "GET, HEAD, OPTIONS"
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TRIES = 3  # how often a file is looked for that is replaced while it is read


class Asset(NamedTuple):
    """What was found for a request: the asset, and how long it may be kept."""

    found: Found
    control: str
    copies: dict[str, Found]


class AssetPages:
    """Answers for the assets of all apps of an engine.

    Args:
        library: where they are.
        settings: the engine's.
        env: in dev browsers are told to ask each time.
    """

    def __init__(self, library: Library, settings: Settings, *, env: str) -> None:
        self._library = library
        self._packed = Packed(settings.assets_cache)
        self._dev = env == "dev"

    async def answer(
        self, app: str, version: str, request: Request, settings: Settings
    ) -> Response:
        """The answer to a request whose path begins with /assets.

        Args:
            app: the app that is asked.
            version: its live version.
            request: the request.
            settings: the app's.

        Raises:
            WrongMethod: it is neither GET nor HEAD.
            RequestError: `asset_not_found` (404), `bad_path`, or as `file_answer`.
        """
        if request.method not in {"GET", "HEAD"}:
            raise WrongMethod(request.method, request.path, ALLOW)
        path = asset_path(request.path)
        for left in reversed(range(_TRIES)):
            asset = await self._find(app, version, path, settings)
            try:
                return await self._sent(request, asset, settings)
            except RequestError as error:
                if error.code not in {"file_not_found", "asset_changed"} or not left:
                    raise
        raise not_found(path)

    async def sent(self, app: str, version: str, request: Request, wanted: Wanted) -> Response:
        """The answer of a program that sends an asset: `Response.file("report.pdf")`.

        Args:
            app: the app that answers.
            version: its version.
            request: its conditional headers and its range count.
            wanted: which, and how: the program's headers come before those that are made here.

        Raises:
            RequestError: `asset_not_found`, `invalid_asset_path`, and as `file_answer`.
        """
        path = checked(wanted.asset)
        found = await self._library.find(app, version, path)
        if found is None:
            raise not_found(path)
        pairs = list(wanted.headers)
        names = {name for name, _ in pairs}
        if wanted.download and "content-disposition" not in names:
            name = wanted.download if isinstance(wanted.download, str) else path.rpartition("/")[2]
            pairs.append(("content-disposition", content_disposition(name, attachment=True)))
        if "cache-control" not in names:
            pairs.append(("cache-control", _ASK_AGAIN))
        return file_answer(request, _file(found), status=wanted.status, headers=pairs)

    async def _find(self, app: str, version: str, path: str, settings: Settings) -> Asset:
        found, copies = await self._library.find_packed(app, version, path)
        if found is not None:
            age = 0 if self._dev else int(settings.assets_max_age)
            return Asset(found, f"public, max-age={age}" if age else _ASK_AGAIN, copies)
        plain = without_hash(path)
        if plain is not None:
            found, copies = await self._library.find_packed(app, version, plain[0])
        if found is None or plain is None:
            raise not_found(path)
        current = found.sha256.startswith(plain[1])
        return Asset(found, _FOR_GOOD if current else _ASK_AGAIN, copies)

    async def _sent(self, request: Request, asset: Asset, settings: Settings) -> Response:
        found = asset.found
        headers = [("cache-control", asset.control)]
        packs = self._packs(found, settings)
        if asset.copies or packs:
            headers.append(("vary", "accept-encoding"))
        asked = as_mapping(request.headers)
        accepted = asked.get("accept-encoding", "") if "range" not in asked else ""
        beside = negotiate(accepted, tuple(one for one in checks.CODINGS if one in asset.copies))[0]
        coding = beside or (packs and negotiate(accepted, settings.compression)[0])
        if not coding:
            return file_answer(request, _file(found), headers=headers)
        copy = _file(asset.copies[beside]) if beside else await self._copy(found, coding)
        headers += [
            ("content-type", found.content_type),
            ("content-encoding", coding),
            ("etag", f'"{found.sha256[:32]}-{coding}"'),
        ]
        return file_answer(request, copy, headers=headers)

    def _packs(self, found: Found, settings: Settings) -> bool:
        """Whether it is worth to be compressed."""
        worth = found.size >= settings.compress_min and self._packed.fits(found.size)
        return worth and bool(settings.compression) and compressible(found.content_type)

    async def _copy(self, found: Found, coding: str) -> File:
        copy = self._packed.find(found.sha256, coding)
        if copy is None:
            read = functools.partial(self._library.content, found)
            copy = await self._packed.make(found.sha256, coding, read)
        return File(copy, len(copy), found.content_type, found.sha256, found.modified)


def _file(found: Found) -> File:
    return File(found.content, found.size, found.content_type, found.sha256, found.modified)


def asset_path(raw: str) -> str:
    """The path of the asset that a request's raw path means. Each part is decoded once.

    Raises:
        RequestError: `bad_path` (400), a bad escape or bytes that are not UTF-8; `asset_not_found`
            (404), no asset can have this path.
    """
    text = raw.removeprefix(PREFIX) if raw.startswith(PREFIX) else ""
    if BAD_ESCAPE.search(text):
        raise _bad(raw, "has a % that is not followed by two hex digits")
    try:
        parts = [unquote_to_bytes(part).decode() for part in text.split("/")]
    except UnicodeDecodeError:
        raise _bad(raw, "does not decode to UTF-8") from None
    path = "/".join(parts)
    if any("/" in part for part in parts) or problem(path):
        raise not_found(path)
    return path


def _bad(raw: str, what: str) -> RequestError:
    return RequestError(f'"{raw[:200]}" {what}.', code="bad_path", hint="Encode it as UTF-8, once.")


def not_found(path: str) -> RequestError:
    """What is said where there is no such asset, or can be none."""
    return RequestError(
        f"There is no asset {path[:200]!r}.",
        code="asset_not_found",
        status=404,
        hint="Assets are %%asset cells, files in the folder assets beside the notebook, and what was "
        "written with Assets.write or uploaded.",
    )
