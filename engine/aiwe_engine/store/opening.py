"""Which store an engine has: a database that the settings name, or a file in its data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiwe_engine.protocols import Room
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore

if TYPE_CHECKING:
    from aiwe_engine.store.postgres import PostgresStore


def open_store(
    settings: Settings, data: Path, room: Room | None = None
) -> DuckDBStore | PostgresStore:
    """The store; it reaches for its database with its first call.

    Args:
        settings: say where documents are kept.
        data: the data folder.
        room: where what is stored in it must fit in.
    """
    if settings.data_url:
        from aiwe_engine.store.postgres import PostgresStore  # most engines need no driver

        return PostgresStore(settings.data_url, settings)
    return DuckDBStore(data / "data.duckdb", settings, room)
