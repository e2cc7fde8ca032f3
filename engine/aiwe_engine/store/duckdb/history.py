"""The record of migrations: read for a backup, written when one is restored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import orjson

from aiwe_engine.store.documents import instant, timestamp
from aiwe_engine.types import Json

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection, Database
    from aiwe_engine.store.quota import Account

_NAMES = ("app", "env", "collection", "version")


class History:
    """The record that takes the place of the one there is."""

    def __init__(self, migrations: Iterable[dict[str, Json]]) -> None:
        self._migrations = migrations

    def run(self, connection: Connection, _: Database, __: Account) -> list[str]:
        """Writes it, durably."""
        connection.execute("BEGIN")
        connection.execute("DELETE FROM migrations")
        for one in self._migrations:
            row = [
                *(one[name] for name in _NAMES),
                instant(one["time"]),
                orjson.dumps(one["changes"]).decode(),
            ]
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?, ?, make_timestamp(?::BIGINT), ?)", row
            )
        connection.execute("COMMIT")
        return []


def read_migrations(connection: Connection) -> Iterator[dict[str, Json]]:
    """All of it, the oldest first."""
    text = "SELECT app, env, collection, version, epoch_us(time), changes FROM migrations ORDER BY time"
    for app, env, collection, version, time, changes in connection.execute(text).fetchall():
        yield {
            "app": app,
            "env": env,
            "collection": collection,
            "version": version,
            "time": timestamp(time * 1000),
            "changes": orjson.loads(changes),
        }
