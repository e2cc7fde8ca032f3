"""`aiwe backup` of a running engine or a stopped one, and `aiwe restore` into a stopped one."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import aclosing
from pathlib import Path

from aiwe_engine.cli.place import place
from aiwe_engine.cli.progress import Progress, counted
from aiwe_engine.cli.sealed import backed_up, restored
from aiwe_engine.cli.sinks import put_out
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.state import DataFolder
from aiwe_engine.transfer.archive import Archive
from aiwe_engine.transfer.files import Draft
from aiwe_engine.transfer.restore import documents, restore

_OUTPUT = "-"


def back_up(data: Path, configuration: Configuration, target: str | None) -> int:
    """Writes one archive; a file is there whole or not at all, for its owner only."""
    asyncio.run(_back_up(data, configuration, target))
    return 0


async def _back_up(data: Path, configuration: Configuration, target: str | None) -> None:
    async with place(data, configuration) as where:
        pieces = where.transfers.backup()
        async with aclosing(pieces):
            await anext(pieces)  # there is something to write
            with Progress() as progress:
                if target == _OUTPUT:
                    async for piece in pieces:
                        await asyncio.to_thread(put_out, piece)
                    return
                with Draft(_named(data, target), 0o600) as draft:
                    size = 0
                    async for piece in pieces:
                        await asyncio.to_thread(draft.write, piece)
                        size += len(piece)
                        progress.show(f"{size >> 20:,} MB")
                    draft.flush()
                    with Archive(draft.draft) as archive:  # to its end, with all that it names
                        told, note = _told(archive), backed_up(archive, data)
                    draft.keep()
            print(f"{told} → {draft.path}", file=sys.stderr)
            _note(note)


def put_back(data: Path, configuration: Configuration, file: Path, *, force: bool) -> int:
    """Makes a backup the contents of a data folder."""
    with Archive(file) as archive, _Stopped(data), Progress() as progress:
        archive.on_read = progress.share(archive.size * 2, "restoring", "moving it in")

        async def fill(new: Path, archive: Archive) -> None:
            from aiwe_engine.store.opening import open_store

            store = open_store(configuration.settings, new)
            try:
                async with store.snapshot() as snapshot:
                    if snapshot.collections:  # of a database elsewhere: the folder is new
                        raise _database_in_use()
                await store.fill(documents(archive), archive.manifest.migrations)
            finally:
                await store.close()

        asyncio.run(restore(archive, data, fill, force=force))
        told, note = _told(archive), restored(archive, data)
    print(f"{told} of {archive.manifest.created} → {data}", file=sys.stderr)
    _note(note)
    return 0


def _note(text: str | None) -> None:
    if text is not None:
        print(f"note: {text}", file=sys.stderr)


def _database_in_use() -> RequestError:
    return RequestError(
        "The database of data.url holds collections already. Nothing was changed.",
        code="data_exists",
        status=409,
        hint="Name an empty database in data.url: what is in another one is not replaced, by --force "
        "either.",
    )


class _Stopped(DataFolder):
    """The folder of an engine that does not run."""

    def lock(self) -> None:
        """Claims it.

        Raises:
            EngineError: `data_in_use`, `data_unusable`.
        """
        try:
            super().lock()
        except EngineError as error:
            if error.code == "data_in_use":
                error.hint = "End that engine first: a backup is restored into a stopped one."
            raise


def _named(data: Path, target: str | None) -> Path:
    name = f"aiwe-{data.resolve().parent.name}-{time.strftime('%Y%m%d-%H%M%S')}.zip"
    path = Path(target or name)
    return path / name if path.is_dir() else path


def _told(archive: Archive) -> str:
    manifest = archive.manifest
    files = sum(1 for name in manifest.members if name.endswith("/content") or "/names/" in name)
    of = f"{counted(sum(one.documents for one in manifest.collections))} of {len(manifest.collections)} "
    of += "collection" if len(manifest.collections) == 1 else "collections"
    return f"{of} and {files:,} {'file' if files == 1 else 'files'}"
