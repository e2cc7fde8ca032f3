"""Many documents in one transaction, a portion at a time: what `load` and `clear` are to a store.

Portions come once, so the transaction must not fail for what others do: they cannot write to its
collections meanwhile, in whatever process.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.store.loading import Empty, Portion, Series
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.postgres.gate import alone
from aiwe_engine.store.postgres.transaction import Native
from aiwe_engine.store.rows import Place


@dataclass(slots=True)
class Bulk:
    """A series of changes to some collections of a scope."""

    scope: Scope
    collections: list[str]
    series: Series[Any]

    @property
    def places(self) -> list[Place]:
        """The collections, of all that the database holds."""
        return [(self.scope.app, self.scope.env, name) for name in self.collections]

    async def run(self, connection: Connection, native: Native) -> Any:
        """Does it, durably.

        Raises:
            AiweError: a document was refused; nothing has happened.
        """
        tables = [table for place in self.places if (table := await native.known(place))]
        for text in alone(tables):
            await connection.execute(text.encode())
        changes = self.series.changes()
        while (change := await asyncio.to_thread(next, changes, None)) is not None:
            if isinstance(change, Empty):
                change.deleted = await native.empty(change)
            else:
                await _write(native, change)
        await native.commit()
        return self.series.result()


async def _write(native: Native, portion: Portion) -> None:
    try:
        await native.write(portion)
    except AiweError as error:
        if native.failure is not None:
            raise
        for part in portion.parts():
            await _write(native, part)
        raise portion.placed(error) from error
