"""Exports, imports and resets: the same for an engine that runs and for a folder that none holds.

It works on a store and on the folders beside it, and knows neither a command line nor HTTP.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from aiwe_engine.errors import RequestError
from aiwe_engine.files.incoming import unwritable
from aiwe_engine.files.store import FileStore
from aiwe_engine.protocols import Held, Loaded, Scope, Store, Taken
from aiwe_engine.settings import Settings
from aiwe_engine.store.ids import check_collection
from aiwe_engine.transfer.backup import backup
from aiwe_engine.transfer.inbox import Inbox
from aiwe_engine.types import ByteSource, Json

_APP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_OWN = "~"  # begins the scopes in which the engine keeps something for an app
_ENGINE = "~~"  # and for itself: its secrets


class StoreTransfers:
    """A `protocols.Transfers`.

    Args:
        store: the documents.
        files: what programs keep of uploads.
        data: the data folder; what comes in is laid aside there.
        settings_of: tells the settings of an app.
    """

    def __init__(
        self,
        store: Store,
        files: FileStore,
        *,
        data: Path,
        settings_of: Callable[[str], Settings],
    ) -> None:
        self._store, self._files, self._data = store, files, data
        self._settings_of = settings_of
        #: Told whose collection was written: app, environment, name.
        self.on_change: Callable[[str, str, str], None] = lambda *_: None

    async def collections(self) -> list[Held]:
        """Those of every app and environment."""
        async with self._store.snapshot() as snapshot:
            return [held for held in snapshot.collections if not held.app.startswith(_OWN)]

    async def export(
        self, app: str, env: str, names: list[str]
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """Documents as lines, in the order of their creation."""
        async with self._store.snapshot() as snapshot:
            there = {held.name: held for held in snapshot.collections if _is_of(held, app, env)}
            for name in names:
                if name not in there:
                    raise no_such_collection(name, app, env, list(there))
            yield "", b""
            for name in names:
                async for portion in snapshot.read(there[name], in_order=True):
                    yield name, b"\n".join([*portion, b""])

    async def load(
        self, scope: Scope, collection: str, source: ByteSource, *, name: str, taken: Taken
    ) -> Loaded:
        """Stores the documents of NDJSON, all or none."""
        check_collection(collection)
        if not _APP.fullmatch(scope.app):
            raise _no_app(scope.app)
        limit = self._settings_of(scope.app).document_limit
        try:
            inbox = await asyncio.to_thread(Inbox, self._data, name, limit)
            try:
                while piece := await source.read():
                    await asyncio.to_thread(inbox.add, piece)
                await asyncio.to_thread(inbox.finish)
                loaded = await self._store.load(scope, collection, inbox.portions(), taken)
            finally:
                inbox.close()
        except OSError as error:
            raise unwritable(error) from error
        self.on_change(scope.app, scope.env, collection)
        return loaded

    def backup(self) -> AsyncGenerator[bytes]:
        """An archive of everything that the engine could not make again."""
        return backup(self._store, self._data)

    async def reset(self, env: str, app: str | None) -> dict[str, Json]:
        """Deletes documents, accounts, visitors' sessions and kept files."""
        async with self._store.snapshot() as snapshot:
            found = {held.app for held in snapshot.collections if held.env == env}
        # Secrets stay: they are of no app, and nobody could set them again from what they have.
        found = {one for one in found if not one.startswith(_ENGINE)}
        wanted = {one for one in found if app is None or one.removeprefix(_OWN) == app}
        deleted: dict[str, Json] = {}
        sessions = accounts = 0
        for one in sorted(wanted):
            counts = await self._store.clear(Scope(one, env))
            if one.startswith(_OWN):
                sessions += counts.get("sessions", 0)
                accounts += counts.get("people", 0)
            else:
                deleted[one] = counts
                for name in counts:
                    self.on_change(one, env, name)
        files = await self._files.clear(env, app)
        return {"documents": deleted, "sessions": sessions, "accounts": accounts, "files": files}


def _is_of(held: Held, app: str, env: str) -> bool:
    return (held.app, held.env) == (app, env)


def no_such_collection(name: str, app: str, env: str, there: list[str]) -> RequestError:
    """The refusal of a name that nothing was ever stored under."""
    hint = f"There are: {', '.join(there)}." if there else "`aiwe data list` shows what there is."
    return RequestError(
        f'{app} has no collection "{name}" in {env}.',
        code="no_such_collection",
        status=404,
        hint=hint,
    )


def _no_app(name: str) -> RequestError:
    return RequestError(
        f"{name[:80]!r} cannot be the name of an app.",
        code="invalid_app",
        hint="Apps are named in lower-case letters, digits and -, as in my-shop.",
    )
