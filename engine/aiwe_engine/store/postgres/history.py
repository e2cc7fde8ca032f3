"""The record of migrations: read for a backup, written when one is restored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import orjson

from aiwe_engine.store.documents import instant, timestamp
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.types import Json

_NAMES = ("app", "env", "collection", "version")
_READ = """
SELECT app, env, collection, version, (extract(epoch FROM time) * 1000000)::bigint, changes::text
FROM aiwe.migrations ORDER BY time
"""
_WRITE = """
INSERT INTO aiwe.migrations (app, env, collection, version, time, changes)
VALUES ($1, $2, $3, $4, 'epoch'::timestamptz + $5::bigint * interval '1 microsecond', $6::jsonb)
"""


async def read_migrations(connection: Connection) -> AsyncIterator[dict[str, Json]]:
    """All of it, the oldest first."""
    for *names, time, changes in await (await connection.execute(_READ)).fetchall():
        yield {
            **dict(zip(_NAMES, names, strict=True)),
            "time": timestamp(time * 1000),
            "changes": orjson.loads(changes),
        }


async def write_migrations(connection: Connection, migrations: Iterable[dict[str, Json]]) -> None:
    """Puts another record in the place of the one there is, durably."""
    async with connection.transaction():
        await connection.execute("DELETE FROM aiwe.migrations")
        for one in migrations:
            changes = orjson.dumps(one["changes"]).decode()
            values = [*(one[name] for name in _NAMES), instant(one["time"]), changes]
            await connection.execute(_WRITE, values)
