"""All assets of all apps of an engine, whatever they come from: the first source that has one wins.

1. what was written at run time, by `Assets.write` or an upload;
2. the `%%asset` cells of the version that asks;
3. the folder `assets` beside it.

Files are touched in threads only. What changes the shelves passes one thread of its own, in the order
in which it was asked for.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from aiwe_engine.assets.digest import Digests
from aiwe_engine.assets.folder import NEIGHBOURS, AssetFolder, is_neighbour
from aiwe_engine.assets.found import Found
from aiwe_engine.assets.media import content_type
from aiwe_engine.assets.path import checked
from aiwe_engine.assets.shelf import Shelf, discarding, too_large
from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Room
from aiwe_engine.settings import Settings
from aiwe_engine.types import ByteSource

T = TypeVar("T")
Find = Callable[[str], Found | None]
_APP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Brought:
    """The assets that come with one version. Whoever keeps the version keeps this."""

    __slots__ = ("__weakref__", "cells", "folder")

    def __init__(self, cells: Mapping[str, Found], folder: AssetFolder) -> None:
        self.cells, self.folder = cells, folder


class Library:
    """The assets of one engine.

    Args:
        settings_of: tells the settings of an app.
        env: the environment that is served.
        root: the project's folder.
        data: the engine's data folder.
        room: where what is written must fit in.
    """

    def __init__(
        self,
        settings_of: Callable[[str], Settings],
        *,
        env: str,
        root: Path,
        data: Path,
        room: Room | None = None,
    ) -> None:
        self._settings_of, self._room = settings_of, room
        #: Told the app whose assets were written or deleted.
        self.on_change: Callable[[str], None] = lambda _: None
        self._env, self._root, self._data = env, root, data / "assets"
        self._digests = Digests()
        self._shelves: dict[str, Shelf] = {}
        self._brought: WeakValueDictionary[tuple[str, str], Brought] = WeakValueDictionary()
        self._writer = ThreadPoolExecutor(1, "aiwe-assets")

    def close(self) -> None:
        """Waits for what is being written."""
        self._writer.shutdown()

    def bring(
        self, app: str, version: str, cells: Mapping[str, Found], path: str | None
    ) -> Brought:
        """Says what comes with a version now, for as long as somebody keeps the answer.

        Args:
            app: the app.
            version: its version.
            cells: its cells' assets, by path.
            path: the notebook, file or folder that it came from, relative to the root; the root
                itself where it is not known.
        """
        folder = self._folder(path or ".")
        brought = self._brought.get((app, version))
        if brought is None:
            brought = self._brought[app, version] = Brought(cells, folder)
        brought.cells, brought.folder = cells, folder
        return brought

    def _folder(self, path: str) -> AssetFolder:
        own = (self._root / path).absolute()
        own = own if own.is_dir() else own.parent
        # Links may lead elsewhere in the project, where the app is part of it.
        within = self._root if own.is_relative_to(self._root.absolute()) else own
        return AssetFolder(own, within, self._digests)

    async def find(self, app: str, version: str, path: str) -> Found | None:
        """The asset that a version of an app sees at a path (one that `problem` let pass)."""
        for source in await self._sources(app, version):
            if isinstance(source, AssetFolder):
                found = await asyncio.to_thread(source.find, path)
            else:
                found = source(path)
            if found is not None:
                return found
        return None

    async def find_packed(
        self, app: str, version: str, path: str
    ) -> tuple[Found | None, dict[str, Found]]:
        """As `find`, with the copies that lie compressed beside it, by coding."""
        for source in await self._sources(app, version):
            if isinstance(source, AssetFolder):
                found, copies = await asyncio.to_thread(source.find_packed, path)
            else:
                found, copies = _packed(source, path)
            if found is not None:
                return found, copies
        return None, {}

    async def _sources(self, app: str, version: str) -> list[Find | AssetFolder]:
        """What to ask, the first that knows an asset wins. A folder is asked in a thread."""
        shelf = self._shelves.get(app)
        if shelf is None:
            shelf = await self._in_order(lambda: self._shelf(app))
        brought = self._brought.get((app, version))
        if brought is None:
            return [shelf.find]
        return [shelf.find, brought.cells.get, brought.folder]

    async def content(self, found: Found) -> bytes:
        """All bytes of an asset that was found.

        Raises:
            RequestError: `asset_changed`, it was replaced since.
        """
        if isinstance(found.content, bytes):
            return found.content
        try:
            return await asyncio.to_thread(found.read)
        except OSError:
            raise changed(found) from None

    async def list(self, app: str, version: str, prefix: str = "") -> list[Found]:
        """What a version of an app sees, by path; without compressed copies of others."""
        shelf = await self._in_order(lambda: self._shelf(app))
        layers = [shelf.list()]
        brought = self._brought.get((app, version))
        if brought is not None:
            layers.append([*brought.cells.values()])
            layers.append(await asyncio.to_thread(lambda: [*brought.folder.list()]))
        found: dict[str, Found] = {}
        for one in (one for layer in reversed(layers) for one in layer):
            hidden = found.get(one.path)
            hides = (hidden.origin, *hidden.hides) if hidden else ()
            found[one.path] = replace(one, hides=hides)
        paths = set(found)
        return [
            found[path]
            for path in sorted(paths)
            if path.startswith(prefix) and not is_neighbour(path, paths)
        ]

    async def write(self, app: str, path: str, content: bytes, kind: str | None = None) -> Found:
        """Keeps an asset; durable when this returns.

        Args:
            app: the app it belongs to.
            path: where it will be found.
            content: all of it.
            kind: its content type; by the path's ending where it is None.

        Raises:
            RequestError: `invalid_asset_path`, `asset_too_large`.
            EngineError: `storage_full`, `storage_failed`.
        """
        kind = kind or content_type(checked(path))
        settings = self._settings_of(app)

        self._admit(len(content))

        def work() -> Found:
            shelf = self._shelf(app)
            part = shelf.part(settings.assets_limit)
            with discarding(part):
                part.add(content)
                return shelf.put(path, part, kind, settings.assets_total)

        found = await self._in_order(work)
        self.on_change(app)
        return found

    async def receive(
        self, app: str, path: str, source: ByteSource, size: int | None = None
    ) -> Found:
        """Keeps an asset that comes piece by piece, as `write` does; never held in memory whole.

        Args:
            app: the app it belongs to.
            path: where it will be found, and what it is.
            source: gives its bytes.
            size: how many there will be, where that is known.

        Raises:
            AiweError: as `write`, and the source's own.
        """
        kind = content_type(checked(path))
        settings = self._settings_of(app)
        if size is not None and size > settings.assets_limit:
            raise too_large(settings.assets_limit)
        self._admit(size or 0)
        shelf = await self._in_order(lambda: self._shelf(app))
        part = await asyncio.to_thread(shelf.part, settings.assets_limit)
        with discarding(part):
            while piece := await source.read():
                await asyncio.to_thread(part.add, piece)
            put = functools.partial(shelf.put, path, part, kind, settings.assets_total)
            found = await self._in_order(put)
        self.on_change(app)
        return found

    def _admit(self, size: int) -> None:
        if self._room is not None:
            self._room.admit()
            self._room.took(size)

    async def delete(self, app: str, version: str, path: str) -> bool:
        """Takes away what was written. False: there is no such asset.

        Raises:
            RequestError: `invalid_asset_path`; `asset_read_only` where it was not written.
            EngineError: `storage_failed`.
        """
        checked(path)
        if await self._in_order(lambda: self._shelf(app).delete(path)):
            self.on_change(app)
            return True
        found = await self.find(app, version, path)
        if found is None:
            return False
        raise read_only(found)

    def _shelf(self, app: str) -> Shelf:
        """The app's shelf. In the writing thread only."""
        shelf = self._shelves.get(app)
        if shelf is None:
            if not _APP.fullmatch(app):
                raise RequestError(f"{app[:80]!r} is no app.", code="no_such_app", status=404)
            shelf = self._shelves[app] = Shelf(self._data / app / self._env)
        return shelf

    async def _in_order(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)


def _packed(find: Find, path: str) -> tuple[Found | None, dict[str, Found]]:
    """As `AssetFolder.find_packed`, of another source."""
    found = find(path)
    if found is None:
        return None, {}
    copies = ((coding, find(path + end)) for end, coding in NEIGHBOURS.items())
    return found, {coding: copy for coding, copy in copies if copy and not copy.older(found)}


def changed(found: Found) -> RequestError:
    """What is said when an asset was replaced between finding and reading it."""
    return RequestError(
        f"{found.path} was changed just now.",
        code="asset_changed",
        status=409,
        hint="Read it again.",
    )


def read_only(found: Found) -> RequestError:
    """The refusal to delete what a notebook or a folder holds."""
    if found.origin == "cell":
        place, how = f"cell {found.cell} of the notebook", "Delete that cell."
    else:
        place, how = "the folder assets", "Delete the file there."
    return RequestError(
        f"{found.path} is in {place}.", code="asset_read_only", status=409, hint=how
    )
