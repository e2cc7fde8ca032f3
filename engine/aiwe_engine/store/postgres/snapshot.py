"""A snapshot: one transaction that only reads, on a connection of its own; writers go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import orjson

from aiwe_engine.protocols import Held
from aiwe_engine.settings import MB
from aiwe_engine.store.postgres.connections import Connection, Connections
from aiwe_engine.store.postgres.failure import told
from aiwe_engine.store.postgres.history import read_migrations
from aiwe_engine.types import Json

PORTION = 1_000  # documents fetched at a time,
PORTION_BYTES = 8 * MB  # or fewer, were all as large as the largest
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_COLLECTIONS = (
    "SELECT app, env, name, number, definition FROM aiwe.collections ORDER BY app, env, name"
)


class PostgresSnapshot:
    """A `protocols.Snapshot`, from `async with` on."""

    def __init__(self, connections: Connections, ready: Callable[[], Awaitable[None]]) -> None:
        self._connections, self._ready = connections, ready
        self._held = AsyncExitStack()
        self._connection: Connection | None = None  # another one would see another instant
        self._numbers: dict[Held, int] = {}
        self.migrations: tuple[dict[str, Json], ...] = ()

    async def __aenter__(self) -> Self:
        await self._ready()
        async with AsyncExitStack() as held:
            try:
                self._connection = await held.enter_async_context(self._connections.one())
            except Exception as error:
                raise told(error, self._connections.address) from error
            await self._ask(_BEGIN)
            for app, env, name, number, text in await self._ask(_COLLECTIONS):
                ((count,),) = await self._ask(f"SELECT count(*) FROM aiwe.documents_{number:d}")
                declared = None if text is None else orjson.loads(text)
                self._numbers[Held(app, env, name, count, declared)] = number
            self.migrations = tuple([one async for one in read_migrations(self._connection)])
            self._held = held.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._held.aclose()

    @property
    def collections(self) -> tuple[Held, ...]:
        """By app, environment and name."""
        return tuple(self._numbers)

    async def read(self, held: Held, *, in_order: bool = False) -> AsyncIterator[list[bytes]]:
        """The documents of a collection in portions."""
        order = "ORDER BY created, id" if in_order else ""
        table = f"aiwe.documents_{self._numbers[held]:d}"
        ((longest,),) = await self._ask(f"SELECT max(octet_length(data)) FROM {table}")
        size = min(PORTION, max(1, PORTION_BYTES // (longest or 1)))
        await self._ask(f"DECLARE portions NO SCROLL CURSOR FOR SELECT data FROM {table} {order}")
        try:
            while rows := await self._ask(f"FETCH {size:d} FROM portions"):
                yield [data.encode() for (data,) in rows]
        finally:
            await self._ask("CLOSE portions")

    async def _ask(self, text: str) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        try:
            found = await self._connection.execute(text.encode())
            return await found.fetchall() if found.description else []
        except Exception as error:
            raise told(error, self._connections.address) from error
