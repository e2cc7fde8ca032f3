"""What an app holds, counted: before its first write, and now and then for what other engines wrote.

Each engine keeps the number by its own changes. Where several share a database, each learns of what the
others wrote when it counts the next time, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import time

from aiwe_engine.protocols import Scope
from aiwe_engine.store.definitions import PLAIN
from aiwe_engine.store.postgres.connections import Connection, Connections
from aiwe_engine.store.quota import Owner, Quota, owner_of

AGAIN = 600.0  # seconds after which it is counted anew


class Counting:
    """Counts for a quota."""

    def __init__(self, connections: Connections, quota: Quota) -> None:
        self._connections, self.quota = connections, quota
        self._counted: dict[Owner, float] = {}  # when
        self._running: dict[Owner, asyncio.Task[None]] = {}

    async def ready(self, scope: Scope) -> None:
        """Returns when it is known what an app holds, where that matters."""
        owner = owner_of(scope)
        if self.quota.wants_count(scope):
            await asyncio.shield(self._start(owner))
        elif owner in self._counted and time.monotonic() - self._counted[owner] > AGAIN:
            self._start(owner).add_done_callback(_look)

    async def finish(self) -> None:
        """Waits until nothing is counted any more."""
        if self._running:
            await asyncio.wait(self._running.values())

    def _start(self, owner: Owner) -> asyncio.Task[None]:
        task = self._running.get(owner)
        if task is None:
            self._counted[owner] = time.monotonic()
            task = self._running[owner] = asyncio.get_running_loop().create_task(self._count(owner))
            task.add_done_callback(lambda _: self._running.pop(owner))
        return task

    async def _count(self, owner: Owner) -> None:
        self.quota.begin_count(owner)
        async with self._connections.one() as connection:
            size = await _size(connection, owner)
        self.quota.end_count(owner, size)


def _look(task: asyncio.Task[None]) -> None:
    """One that nobody waited for may fail: the next one is made in its time."""
    if not task.cancelled():
        task.exception()


async def _size(connection: Connection, owner: Owner) -> int:
    text = "SELECT number, definition FROM aiwe.collections WHERE app = $1 AND env = $2"
    found = await (await connection.execute(text, list(owner))).fetchall()
    size = sum(
        len((definition or PLAIN.text).encode()) - len(PLAIN.text) for _, definition in found
    )
    for number, _ in found:
        text = f"SELECT coalesce(sum(octet_length(data)), 0)::bigint FROM aiwe.documents_{number:d}"
        row = await (await connection.execute(text.encode())).fetchone()
        size += row[0] if row else 0
    return size
