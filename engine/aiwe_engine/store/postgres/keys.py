"""The unique keys of a group's collections, asked of the database before they are needed.

Changes are done without waiting, so a key that nobody foresaw is not looked up then: the change stops, the
key is looked up, and the change is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiwe_engine.store.changes import Change
from aiwe_engine.store.group import Result, apply, brought, effect
from aiwe_engine.store.postgres import statements
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.postgres.shapes import Noting
from aiwe_engine.store.postgres.statements import Sql, Table
from aiwe_engine.store.quota import Account
from aiwe_engine.store.rows import Place, TableRows
from aiwe_engine.store.unique import UniqueKeys, stored_keys

PORTION = 250  # documents in one statement


class _Unforeseen(Exception):
    """Keys must be looked up first."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__()
        self.keys = keys


class Holders:
    """Who has which unique key of one collection, as far as it was asked."""

    def __init__(self, rows: TableRows, table: Table) -> None:
        self.table = table
        self._holders: dict[str, str | None] = {}
        rows.unique = UniqueKeys(rows.place[2], table.definition, self._find)

    async def look_up(self, connection: Connection, keys: Iterable[str]) -> None:
        """Asks the database."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._holders]
        if wanted:
            text, values = statements.find_keys(self.table, wanted)
            rows = await (await connection.execute(text.encode(), values)).fetchall()
            found: dict[str, str] = dict(rows)
            self._holders.update((key, found.get(key)) for key in wanted)

    def _find(self, keys: list[str]) -> dict[str, str]:
        unforeseen = [key for key in keys if key not in self._holders]
        if unforeseen:
            raise _Unforeseen(unforeseen)
        found = {key: self._holders[key] for key in keys}
        return {key: holder for key, holder in found.items() if holder is not None}


class Keys:
    """The unique keys of all collections of a group."""

    def __init__(self) -> None:
        self._holders: dict[Place, Holders] = {}

    def watch(self, rows: TableRows, table: Table) -> None:
        """Has the changes of a collection checked, where it has unique keys."""
        if table.definition.unique:
            self._holders[rows.place] = Holders(rows, table)

    async def expect(self, connection: Connection, changes: Iterable[Change[Any]]) -> None:
        """Looks up what the changes will need, as far as they can say so."""
        if self._holders:
            for place, documents in brought(changes).items():
                holders = self._holders.get(place)
                if holders is not None:
                    definition = holders.table.definition
                    keys = [key for doc in documents for key in stored_keys(definition, doc)]
                    await holders.look_up(connection, keys)

    async def apply(
        self,
        connection: Connection,
        change: Change[Any],
        tables: Mapping[Place, TableRows],
        account: Account,
    ) -> Result:
        """Does a change on the rows."""
        while True:
            try:
                return apply(change, tables, account)
            except _Unforeseen as unforeseen:
                for name in change.reach():
                    holders = self._holders.get((change.scope.app, change.scope.env, name))
                    if holders is not None:
                        await holders.look_up(connection, unforeseen.keys)


async def left_by(rows: TableRows, table: Table, noting: Noting) -> AsyncIterator[Sql]:
    """The statements that store what the changes of a collection leave behind.

    Between any two of them the loop goes on: what many documents are made of takes its time.
    """
    left = effect(rows)
    said = noting.statement(table, [*left.changed, *left.new])
    if said is not None:
        yield said
    if left.gone:
        yield statements.delete(table, left.gone)
    for make, documents in ((statements.change, left.changed), (statements.insert, left.new)):
        for begin in range(0, len(documents), PORTION):
            yield make(table, documents[begin : begin + PORTION])
            await asyncio.sleep(0)
    if rows.unique is not None:
        freed, taken = rows.unique.moves()
        if freed:
            yield statements.free_keys(table, freed)
        if taken:
            yield statements.take_keys(table, taken)
