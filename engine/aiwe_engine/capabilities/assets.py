"""`Assets`: the files of an app's pages, as the app's own program reads and writes them.

A program sees what its visitors see: what was written, the notebook's `%%asset` cells, and the folder
beside it. What it writes is kept for its app and environment.
"""

from __future__ import annotations

import asyncio
import binascii
import io
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any
from urllib.parse import quote

from aiwe_engine.assets.found import Found
from aiwe_engine.assets.library import Library, changed
from aiwe_engine.assets.path import PREFIX, checked, with_hash
from aiwe_engine.capabilities.opened import begin
from aiwe_engine.errors import AiweError, ProgramError, RequestError
from aiwe_engine.files.parameters import CONTENT_TYPE
from aiwe_engine.files.reading import FileSource
from aiwe_engine.protocols import Method
from aiwe_engine.types import Invocation, Json

_READ, _WRITE = Method(), Method(write=True, outside=True)


class Assets:
    """The host half of `Assets`; `js/assets.ts` is the other.

    Args:
        library: where the assets are.
    """

    name = "assets"
    methods: Mapping[str, Method] = {
        "write": _WRITE,
        "delete": _WRITE,
        "read": _READ,
        "open": _READ,
        "list": _READ,
        "url": _READ,
    }

    def __init__(self, library: Library) -> None:
        self._library = library
        self._do: dict[str, Callable[[Invocation, list[Any]], Awaitable[Json]]] = {
            "write": self._write,
            "delete": self._delete,
            "read": self._read,
            "open": self._open,
            "list": self._list,
            "url": self._url,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Json:
        """Runs one method of `Assets`."""
        return await self._do[method](invocation, [*args, *[None] * 4])

    async def _write(self, invocation: Invocation, args: list[Any]) -> Json:
        path, text, base64, kind = args[:4]
        checked(path)
        if kind is not None and not (isinstance(kind, str) and CONTENT_TYPE.fullmatch(kind)):
            raise ProgramError(
                f"{str(kind)[:80]!r} is no content type.",
                code="invalid_argument",
                status=400,
                hint='Write it as in { contentType: "text/css" }, or leave it out: the ending tells.',
            )
        try:
            content = str.encode(text) if base64 is None else binascii.a2b_base64(base64)
        except (TypeError, ValueError):
            raise ProgramError(
                "Assets.write needs a path and a content.",
                code="invalid_argument",
                status=400,
                hint="The content is a string, a Uint8Array or a Blob.",
            ) from None
        return described(await self._library.write(invocation.app, path, content, kind))

    async def _delete(self, invocation: Invocation, args: list[Any]) -> Json:
        return await self._library.delete(invocation.app, invocation.version, args[0])

    async def _read(self, invocation: Invocation, args: list[Any]) -> Json:
        return described(await self._found(invocation, args[0]))

    async def _open(self, invocation: Invocation, args: list[Any]) -> Json:
        """The number of a body that gives the bytes of an asset."""
        found = await self._found(invocation, args[0])
        content = found.content
        try:
            if isinstance(content, bytes):
                file: IO[bytes] = io.BytesIO(content)
            else:
                file = await asyncio.to_thread(content.open, "rb")
        except OSError:
            raise changed(found) from None
        return begin(invocation, lambda: FileSource(file, 0, found.size))

    async def _list(self, invocation: Invocation, args: list[Any]) -> Json:
        prefix = args[0] if isinstance(args[0], str) else ""
        found = await self._library.list(invocation.app, invocation.version, prefix)
        return [described(one) for one in found]

    async def _url(self, invocation: Invocation, args: list[Any]) -> Json:
        found = await self._found(invocation, args[0], status=500)
        return PREFIX + quote(with_hash(found.path, found.sha256))

    async def _found(self, invocation: Invocation, path: Any, *, status: int = 404) -> Found:
        found = await self._library.find(invocation.app, invocation.version, checked(path))
        if found is None:
            raise no_such_asset(path, status=status)
        return found


def described(found: Found) -> dict[str, Json]:
    """An asset as JavaScript has it: a StoredFile that knows where it stands."""
    return {
        "id": found.path,
        "filename": found.path,
        "contentType": found.content_type,
        "size": found.size,
        "sha256": found.sha256,
        "path": found.path,
        "url": PREFIX + quote(found.path),
        "origin": found.origin,
    }


def no_such_asset(path: str, *, status: int = 404) -> AiweError:
    """What is said of an asset that is not there."""
    return RequestError(
        f'There is no asset "{path}".',
        code="asset_not_found",
        status=status,
        hint="Assets.list() tells what there is: %%asset cells, the folder assets, and what was "
        "written or uploaded.",
    )
