"""`files`: what a request brought with it, and what a program keeps of that.

An upload is named by its place in its request, and only that request's program finds it. A kept
file is named by its id, and only its app and environment find it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiwe_engine.capabilities.opened import begin
from aiwe_engine.errors import ProgramError
from aiwe_engine.files.incoming import Upload, Uploads, upload_gone
from aiwe_engine.files.reading import file_not_found
from aiwe_engine.files.store import FileStore
from aiwe_engine.protocols import Method, Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation, Json

_READ, _WRITE = Method(), Method(write=True, outside=True)


class Files:
    """The host half of `UploadedFile` and `Files`; `js/files.ts` is the other.

    Args:
        store: where kept files are.
        settings: those of an app, for `files_limit`.
    """

    name = "files"
    methods: Mapping[str, Method] = {
        "open": _READ,
        "save": _WRITE,
        "get": _READ,
        "read": _READ,
        "delete": _WRITE,
    }

    def __init__(self, store: FileStore, settings: Callable[[str], Settings]) -> None:
        self._store = store
        self._settings = settings
        self._do: dict[str, Callable[[Invocation, Any], Awaitable[Json]]] = {
            "open": self._open,
            "save": self._save,
            "get": self._get,
            "read": self._read,
            "delete": self._delete,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Json:
        """Runs one method, with an upload's place or a file's id."""
        return await self._do[method](invocation, args[0] if args else None)

    async def _open(self, invocation: Invocation, place: Any) -> Json:
        """The number of a body that gives the bytes of an upload."""
        return begin(invocation, _upload(invocation, place).open)

    async def _save(self, invocation: Invocation, place: Any) -> Json:
        settings = self._settings(invocation.app)
        upload = _upload(invocation, place)
        stored = await self._store.save(_scope(invocation), upload, settings.files_limit)
        return stored.to_json()

    async def _get(self, invocation: Invocation, file_id: Any) -> Json:
        stored = self._store.find(_scope(invocation), _checked(file_id))
        return stored.to_json() if stored is not None else None

    async def _read(self, invocation: Invocation, file_id: Any) -> Json:
        """The number of a body that gives the bytes of a kept file."""
        stored = self._store.find(_scope(invocation), _checked(file_id))
        if stored is None:
            raise file_not_found()
        return begin(invocation, stored.open)

    async def _delete(self, invocation: Invocation, file_id: Any) -> Json:
        return await self._store.delete(_scope(invocation), _checked(file_id))


def _scope(invocation: Invocation) -> Scope:
    return Scope(invocation.app, invocation.env)


def _upload(invocation: Invocation, place: Any) -> Upload:
    uploads: Uploads | None = invocation.uploads
    if uploads is None or type(place) is not int or not 0 <= place < len(uploads.items):
        raise upload_gone()
    return uploads.items[place]


def _checked(file_id: Any) -> str:
    if isinstance(file_id, str):
        return file_id
    raise ProgramError(
        "The id of a file is a string.",
        code="invalid_argument",
        status=400,
        hint="Pass the id of what save() returned.",
    )
