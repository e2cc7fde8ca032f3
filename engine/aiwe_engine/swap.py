"""A data folder's contents exchanged for others, as a whole or not at all, whenever the process ends.

    DATA/restoring/new/…    what is being put together; forgotten by whoever takes the folder next
    DATA/restored/new/…     it is complete: from here on it counts, and is moved in part by part
    DATA/restored/old/…     what it replaces, until all is in its place

The rename from `restoring` to `restored` decides. Who takes the folder after a crash goes on from there:
each step can be done again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

DATABASE = "data.duckdb"
#: What is exchanged; all else in the folder (locks, caches) stays.
PARTS = (DATABASE, "files", "assets")
_STAGE, _READY = "restoring", "restored"
LOG = f"{DATABASE}.wal"  # belongs to its database, and to no other


def stage(folder: Path) -> Path:
    """An empty folder for new parts. Whoever calls holds the lock of the data folder."""
    discard(folder)
    new = folder / _STAGE / "new"
    new.mkdir(mode=0o700, parents=True)
    return new


def discard(folder: Path) -> None:
    """Forgets what was being put together."""
    shutil.rmtree(folder / _STAGE, ignore_errors=True)


def commit(folder: Path) -> None:
    """Makes what was put together the data: the parts there are take the place of those of their names.

    Raises:
        OSError: the disk failed; before the decision nothing has changed.
    """
    _sync_all(folder / _STAGE)
    (folder / _STAGE).rename(folder / _READY)
    sync(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """Ends what a crash has interrupted: a decided exchange is carried out, an undecided one forgotten."""
    ready = folder / _READY
    if ready.is_dir():
        new, old = ready / "new", ready / "old"
        old.mkdir(exist_ok=True)
        if (new / DATABASE).exists():
            _move(folder / LOG, old / LOG)
        for name in PARTS:
            if (new / name).exists():
                _move(folder / name, old / name)
                _move(new / name, folder / name)
        sync(folder)
        shutil.rmtree(ready, ignore_errors=True)
    if (folder / _STAGE).is_dir():
        discard(folder)


def sync(path: Path) -> None:
    """Waits until a file, or the list of a folder's names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move(source: Path, target: Path) -> None:
    if source.exists():
        source.rename(target)
        sync(source.parent)
        sync(target.parent)


def _sync_all(folder: Path) -> None:
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(place, name))
        sync(Path(place))
