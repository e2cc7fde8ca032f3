"""A new definition of a collection, carried out: `define`, on the writer's thread.

All in one transaction: the collection's table where there was none, columns and unique keys filled
from what is stored, the definition itself, and a row of `migrations` that says which version of the
app changed what. Documents that do not fit a new schema stay, and are counted; what breaks a new
unique key is an error, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from time import time_ns
from typing import TYPE_CHECKING, Any

import orjson

from aiwe_engine.protocols import Scope
from aiwe_engine.store.declared import wanted
from aiwe_engine.store.definitions import Definition, not_unique, parse, unfit
from aiwe_engine.store.duckdb import sql
from aiwe_engine.store.duckdb.columns import Column
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.portions import parts
from aiwe_engine.store.quota import Account
from aiwe_engine.store.rows import Place
from aiwe_engine.store.unique import stored_keys
from aiwe_engine.types import Json

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection
    from aiwe_engine.store.duckdb.sql import Sql

FETCHED = 200  # documents at a time: they may be large
PORTION = 5_000  # keys at a time
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
    _is_new: bool = False  # nothing is stored yet

    @property
    def place(self) -> Place:
        """The collection, of all that the database holds."""
        return self.scope.app, self.scope.env, self.collection

    def run(self, connection: Connection, database: Database, account: Account) -> list[str]:
        """Does it, durably; returns the changes in words, none where nothing changes.

        Raises:
            RequestError: `invalid_definition`, `not_unique`.
            EngineError: `storage_full`.
        """
        before = database.definition(self.place)
        number = database.table(self.scope, self.collection)
        definition = parse(self.collection, self.value, before)
        if number is not None and definition.text == before.text:
            return []
        account.take(self.scope, definition.weight - before.weight)
        connection.execute("BEGIN")
        if number is None:
            self._is_new = True
            number = database.next_number()
            self._said.append("collection made")
            for statement in sql.make(number, self.place):
                connection.execute(*statement)
        self._said += definition.differences(before)
        cuts = parts(connection, number, database.memory)
        columns = self._columns(connection, number, database.columns(self.place), definition, cuts)
        self._make_keys(connection, number, before, definition, cuts)
        self._count_misfits(connection, number, before, definition, cuts)
        self._record(connection, number, definition, columns)
        connection.execute("COMMIT")
        database.declare(self.place, number, definition, columns)
        return self._said

    def _columns(
        self,
        connection: Connection,
        number: int,
        present: tuple[Column, ...],
        definition: Definition,
        cuts: list[Sql],
    ) -> tuple[Column, ...]:
        """Columns for what is declared, new ones filled. What is not declared any more is dropped.

        That happens one migration later: a query that is about to begin may still name it.
        """
        table = f"documents_{number:d}"
        dead = "DELETE FROM columns WHERE number = ? AND NOT live RETURNING name"
        for (name,) in connection.execute(dead, [number]).fetchall():
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
        shall = wanted(definition)
        kept = {
            column.field: column for column in present if shall.get(column.field) == column.kind
        }
        last = max((int(column.column[1:]) for column in present), default=0)
        new = [
            Column(name, kind, f"c{last + count}")
            for count, (name, kind) in enumerate(
                ((name, kind) for name, kind in shall.items() if name not in kept), start=1
            )
        ]
        for column in new:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column.column} {column.type}")
        if new:
            sets = ", ".join(f"{column.column} = {column.source}" for column in new)
            for where, values in cuts:
                connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", values)
        columns = (*kept.values(), *new)
        for column in kept.values():
            drop = "DELETE FROM columns WHERE number = ? AND name = ?"
            connection.execute(drop, [number, column.column])
        connection.execute("UPDATE columns SET live = FALSE WHERE number = ?", [number])
        return _examined(connection, table, columns, cuts)

    def _count_misfits(
        self,
        connection: Connection,
        number: int,
        before: Definition,
        definition: Definition,
        cuts: list[Sql],
    ) -> None:
        """Says how many stored documents do not fit a new schema."""
        if self._is_new or not definition.checks or definition.schema_text == before.schema_text:
            return
        documents = _documents(connection, number, cuts)
        misfits = sum(not definition.accepts(fields) for fields in documents)
        if misfits:
            self._said.append(unfit(misfits))

    def _make_keys(
        self,
        connection: Connection,
        number: int,
        before: Definition,
        definition: Definition,
        cuts: list[Sql],
    ) -> None:
        """Fills the table of unique keys anew, where they are others than before."""
        if (definition.unique, definition.tenant) == (before.unique, before.tenant):
            return
        connection.execute(*sql.drop_keys(number))
        if not definition.unique:
            return
        for statement in sql.make_keys(number):
            connection.execute(*statement)
        keys: list[tuple[str, str]] = []
        for fields in () if self._is_new else _documents(connection, number, cuts):
            keys += [(key, fields["id"]) for key in stored_keys(definition, fields)]
            if len(keys) >= PORTION:
                connection.execute(*sql.take_keys(number, keys))
                keys.clear()
        if keys:
            connection.execute(*sql.take_keys(number, keys))
        self._refuse_duplicates(connection, number, definition)

    def _refuse_duplicates(
        self, connection: Connection, number: int, definition: Definition
    ) -> None:
        text = (
            f"SELECT key, list(id ORDER BY id)[:{SHOWN}] FROM keys_{number:d} GROUP BY key "
            "HAVING count(*) > 1 ORDER BY key LIMIT 1"
        )
        found = connection.execute(text).fetchone()
        if found is not None:
            key, ids = found
            raise not_unique(self.collection, definition.unique[int(key.partition(":")[0])], ids)

    def _record(
        self,
        connection: Connection,
        number: int,
        definition: Definition,
        columns: tuple[Column, ...],
    ) -> None:
        """Keeps the definition, its columns, and what this migration did."""
        connection.execute("DELETE FROM definitions WHERE number = ?", [number])
        connection.execute("INSERT INTO definitions VALUES (?, ?)", [number, definition.text])
        for column in columns:
            row = [number, column.field, column.kind, column.column, column.exact]
            connection.execute("INSERT INTO columns VALUES (?, ?, ?, ?, ?, TRUE)", row)
        connection.execute(
            "INSERT INTO migrations VALUES (?, ?, ?, ?, make_timestamp(?::BIGINT), ?)",
            [*self.place, self.version, time_ns() // 1000, orjson.dumps(self._said).decode()],
        )


def _examined(
    connection: Connection, table: str, columns: tuple[Column, ...], cuts: list[Sql]
) -> tuple[Column, ...]:
    """The columns, with what is known of the documents that are there."""

    def is_exact(column: Column) -> bool:
        return all(
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE {where} AND {column.lost}", values
            ).fetchone()
            == (0,)
            for where, values in cuts
        )

    return tuple(
        column if column.kind == "JSON" else replace(column, exact=is_exact(column))
        for column in columns
    )


def _documents(connection: Connection, number: int, cuts: list[Sql]) -> Iterator[dict[str, Any]]:
    """All stored documents, on a connection of their own: this one is about to write."""
    with closing(connection.cursor()) as reader:
        for where, values in cuts:
            reader.execute(f"SELECT data FROM documents_{number:d} WHERE {where}", values)
            while rows := reader.fetchmany(FETCHED):
                for (data,) in rows:
                    yield orjson.loads(data)
