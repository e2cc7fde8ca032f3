"""A new definition of a collection, carried out: `define`.

All in one transaction: the collection's table where there was none, indexes, unique keys filled from what
is stored, the definition itself, and a row of `migrations` that says which version of the app changed what.
Nobody writes to the collection meanwhile, in whatever process. Documents that do not fit a new schema stay,
and are counted; what breaks a new unique key is an error, and nothing changes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from aiwe_engine.protocols import Scope
from aiwe_engine.store.definitions import PLAIN, Definition, not_unique, parse, unfit
from aiwe_engine.store.postgres import statements
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.postgres.statements import Table
from aiwe_engine.store.quota import Account
from aiwe_engine.store.rows import Place
from aiwe_engine.store.unique import stored_keys
from aiwe_engine.types import Json

PORTION = 1_000  # documents looked at in one go
SHOWN = 5  # offending documents that are named


@dataclass(slots=True)
class Migration:
    """One call of `define`.

    Attributes:
        scope: whose data.
        collection: its name.
        value: the definition, as the program gave it.
        version: of the app.
    """

    scope: Scope
    collection: str
    value: Json
    version: str
    _said: list[str] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """The collection, of all that the database holds."""
        return self.scope.app, self.scope.env, self.collection

    async def run(self, connection: Connection, catalog: Catalog, account: Account) -> list[str]:
        """Does it, durably; returns the changes in words, none where nothing changes.

        Raises:
            RequestError: `invalid_definition`, `not_unique`.
            EngineError: `storage_full`.
        """
        self._said = []
        await connection.execute("BEGIN")
        table = await catalog.see(connection, self.place, "UPDATE")
        before = PLAIN if table is None else table.definition
        definition = parse(self.collection, self.value, before)
        if table is not None and definition.text == before.text:
            await connection.execute("ROLLBACK")
            return []
        account.take(self.scope, definition.weight - before.weight)
        is_new = table is None
        if table is None:
            table = await catalog.make(connection, self.place)
            self._said.append("collection made")
        self._said += definition.differences(before)
        table = replace(table, version=table.version + 1, definition=definition)
        await connection.execute(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE".encode())
        await _index(connection, table, before)
        await self._look_through(connection, table, before, is_new=is_new)
        await self._record(connection, table)
        await connection.execute("COMMIT")
        catalog.keep(self.place, table)
        return self._said

    async def _look_through(
        self, connection: Connection, table: Table, before: Definition, *, is_new: bool
    ) -> None:
        """Looks at every stored document where it must be: for new keys, for a new schema."""
        definition = table.definition
        rekeys = (definition.unique, definition.tenant) != (before.unique, before.tenant)
        checks = definition.checks and definition.schema_text != before.schema_text
        if rekeys:
            for text in statements.make_keys(table):
                await connection.execute(text.encode())
        misfits = 0
        if (checks or rekeys) and not is_new:
            async for documents in _portions(connection, table):
                if checks:
                    misfits += sum(not definition.accepts(fields) for fields in documents)
                if rekeys:
                    await _take(connection, table, documents)
        if rekeys:
            await self._make_unique(connection, table)
        if misfits:
            self._said.append(unfit(misfits))

    async def _make_unique(self, connection: Connection, table: Table) -> None:
        text = (
            f"SELECT key, (array_agg(id ORDER BY id))[:{SHOWN}] FROM {table.keys} GROUP BY key "
            "HAVING count(*) > 1 ORDER BY key LIMIT 1"
        )
        found = await (await connection.execute(text.encode())).fetchone()
        if found is not None:
            key, ids = found
            number = int(key.partition(":")[0])
            raise not_unique(self.collection, table.definition.unique[number], ids)
        await connection.execute(f"ALTER TABLE {table.keys} ADD PRIMARY KEY (key)".encode())

    async def _record(self, connection: Connection, table: Table) -> None:
        """Keeps the definition, and what this migration did."""
        await connection.execute(
            "UPDATE aiwe.collections SET version = $2, definition = $3 WHERE number = $1",
            [table.number, table.version, table.definition.text],
        )
        await connection.execute(
            "INSERT INTO aiwe.migrations (app, env, collection, version, changes) "
            "VALUES ($1, $2, $3, $4, $5::jsonb)",
            [*self.place, self.version, orjson.dumps(self._said).decode()],
        )


async def _index(connection: Connection, table: Table, before: Definition) -> None:
    """Makes and drops indexes, as far as they are others than before."""
    for key in before.index:
        if key not in table.definition.index:
            await connection.execute(statements.drop_index(table, key).encode())
    for key in table.definition.index:
        if key not in before.index:
            await connection.execute(statements.make_index(table, key).encode())


async def _take(connection: Connection, table: Table, documents: list[dict[str, Any]]) -> None:
    keys = [
        (key, fields["id"]) for fields in documents for key in stored_keys(table.definition, fields)
    ]
    if keys:
        text, values = statements.take_keys(table, keys)
        await connection.execute(text.encode(), values)


async def _portions(connection: Connection, table: Table) -> AsyncIterator[list[dict[str, Any]]]:
    """All stored documents, in the order of their ids."""
    last = ""
    text = f"SELECT data FROM {table.name} WHERE id > $1::text ORDER BY id LIMIT {PORTION:d}"
    while True:
        rows = await (await connection.execute(text.encode(), [last])).fetchall()
        if not rows:
            return
        documents = [orjson.loads(data) for (data,) in rows]
        yield documents
        last = documents[-1]["id"]
