"""A backup, put in the place of what a data folder holds, as a whole or not at all.

Everything is checked before anything is changed. What comes in is put together beside what is there;
then `swap` exchanges the two, whenever the process ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from aiwe_engine import swap
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.files.incoming import make_folder, unwritable
from aiwe_engine.protocols import Held
from aiwe_engine.transfer.archive import Archive, member_of
from aiwe_engine.transfer.portions import portions

Fill = Callable[[Path, Archive], Awaitable[None]]
_HOMES = {"files": Path("files", "kept"), "assets": Path("assets")}


async def restore(archive: Archive, data: Path, fill: Fill, *, force: bool) -> None:
    """Makes a backup the contents of a data folder, whose lock the caller holds.

    Args:
        archive: the backup.
        data: the folder.
        fill: stores the documents in a folder of new parts.
        force: replaces data that is there.

    Raises:
        RequestError: `data_exists`, `not_a_backup`, `storage_full`.
        EngineError: the disk failed.
    """
    if not force and has_data(data):
        raise RequestError(
            f"{data} holds data already.",
            code="data_exists",
            status=409,
            hint="Name another folder with --data, or say --force: then what it holds is replaced "
            "(make a backup of it first).",
        )
    archive.check(data)
    try:
        new = swap.stage(data)
        _unpack(archive, new)
        await fill(new, archive)
        if (new / swap.LOG).exists():
            raise EngineError(
                "The new database was not brought to the disk as a whole. Nothing was changed.",
                code="storage_failed",
                hint="See that the disk is sound and has room, and try again.",
            )
        swap.commit(data)
    except OSError as error:
        raise unwritable(error) from error
    finally:
        swap.discard(data)


def has_data(data: Path) -> bool:
    """Whether there is anything that a restored backup would replace."""
    homes = (data / home for home in _HOMES.values())
    return (data / swap.DATABASE).exists() or any(
        home.is_dir() and any(home.iterdir()) for home in homes
    )


def documents(archive: Archive) -> Iterator[tuple[Held, Iterator[list[tuple[str, bytes]]]]]:
    """The collections of a backup with their documents, as `Store.fill` takes them."""
    for held in archive.manifest.collections:
        member = member_of(held.app, held.env, held.name)
        lines = enumerate(archive.lines(member), 1)
        yield held, portions((f"{member}:{number}", line) for number, line in lines)


def _unpack(archive: Archive, new: Path) -> None:
    """Files and assets; folders for both, so that they take the place of the old ones."""
    for name in _HOMES:
        make_folder(new / name)
    for member in archive.files():
        kind, _, rest = member.partition("/")
        path = new / _HOMES[kind] / rest
        make_folder(path.parent)
        with path.open("xb") as file:
            for piece in archive.pieces(member):
                file.write(piece)
