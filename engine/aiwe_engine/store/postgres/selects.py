"""Authors' SQL on the collections of one scope: confined, run, within limits of time and size.

Each statement has a transaction: views of the collections are made in it, for this statement and its
caller; the statement is looked at; then it runs under a role that may read the views and nothing else, in
what is from then on a transaction that only reads. At the end all of it is rolled back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import psycopg
from psycopg import errors

from aiwe_engine import protocols
from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.guard import guard_of
from aiwe_engine.store.postgres import confinement, outcome
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.confinement import HEAD, TAIL
from aiwe_engine.store.postgres.connections import Connection, Connections, Cursor, streamed
from aiwe_engine.store.postgres.failure import told
from aiwe_engine.store.postgres.parameters import mark, typed, without_nulls
from aiwe_engine.store.postgres.shapes import read_fields
from aiwe_engine.store.postgres.view import WHOLE, View
from aiwe_engine.store.statement import Statement, compose

ROLE = "aiwe_reader"
NOTHING = "SELECT NULL WHERE FALSE"
PORTION = 1_000  # rows taken at a time
_MAKE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}', 'MEMBER') THEN
        GRANT {ROLE} TO CURRENT_USER;
    END IF;
END $$
"""


class Selects:
    """What runs authors' statements, on whatever connection."""

    def __init__(self, connections: Connections, catalog: Catalog, settings: Settings) -> None:
        self._connections, self._catalog = connections, catalog
        self._has_role = False
        # Long statements of one app leave connections to everybody's reads and writes.
        self._free = asyncio.Semaphore(max(1, settings.data_connections // 4))
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """The limits of results and of time, from the next statement on."""
        self._result_limit = settings.result_limit
        self._time_limit = settings.query_limit

    async def ask(self, scope: Scope, texts: list[str], values: list[Any]) -> protocols.Table:
        """What a statement finds.

        Raises:
            RequestError: `invalid_sql`, `unknown_collection`, `query_too_slow`, `result_too_large`.
            EngineError: `store_unavailable`: the role cannot be made, or the server is away.
        """
        compose(texts, values, mark, NOTHING)  # what is plainly wrong needs no connection
        await self._make_role()
        try:
            async with self._free, self._connections.one() as connection:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                return await self.run(connection, scope, texts, values)
        except Exception as error:
            raise told(error, self._connections.address) from error

    async def within(
        self, connection: Connection, scope: Scope, texts: list[str], values: list[Any]
    ) -> protocols.Table:
        """The same in a transaction that is open, which goes on after it."""
        await self._make_role()
        await connection.execute("SAVEPOINT asked")
        try:
            return await self.run(connection, scope, texts, values)
        finally:
            await connection.execute("ROLLBACK TO asked")

    async def run(
        self, connection: Connection, scope: Scope, texts: list[str], values: list[Any]
    ) -> protocols.Table:
        """Does it, in a transaction that is then to be rolled back."""
        statement = compose(texts, values, mark, NOTHING)
        text = without_nulls(statement)
        types, parameters = _typed(statement)
        known = await self._catalog.names(connection, scope)
        views, refused = await self._views(connection, scope, text, known)
        numbers = await self._make(connection, views, whole=WHOLE in text)
        columns = [name for view in views for name in view.columns()]
        before = len(confinement.before(types)) + len(HEAD)
        try:
            names = await confinement.check(connection, statement, text, types, numbers, known)
            for name in sorted(names & refused.keys()):
                raise refused[name]
            before = len(HEAD)
            await connection.execute(f"SET LOCAL ROLE {ROLE}")
            await connection.execute("SET TRANSACTION READ ONLY")
            await connection.execute(
                f"SET LOCAL statement_timeout = {self._time_limit * 1000:.0f}".encode()
            )
            return await self._fetch(connection, f"{HEAD}{text}{TAIL}", parameters)
        except psycopg.Error as error:
            limit = self._time_limit
            found = outcome.failure(error, statement, before, columns, known, limit)
            if found is None:
                raise
            raise found from error

    async def _make_role(self) -> None:
        """Makes the role, once; what comes of it is not undone."""
        if self._has_role:
            return
        try:
            async with self._connections.one() as connection:
                user = connection.info.user
                await connection.execute(_MAKE_ROLE, prepare=False)
        except errors.InsufficientPrivilege as error:
            raise EngineError(
                f"SQL runs under the role {ROLE}, which cannot be made: {str(error).splitlines()[0]}",
                code="store_unavailable",
                hint=f"Let somebody who may do so say once: CREATE ROLE {ROLE} NOLOGIN; "
                f"GRANT {ROLE} TO {user};",
            ) from error
        except Exception as error:
            raise told(error, self._connections.address) from error
        self._has_role = True

    async def _views(
        self, connection: Connection, scope: Scope, text: str, known: list[str]
    ) -> tuple[list[View], dict[str, AiweError]]:
        """The collections that a statement may mean, as its caller sees them; which he may not."""
        lower = text.lower()
        named = [name for name in known if name.lower() in lower]
        refused: dict[str, AiweError] = {}
        views: list[View] = []
        tables = []
        for name in named:
            table = await self._catalog.see(connection, (scope.app, scope.env, name), "")
            if table is not None:
                tables.append((name, table))
        fields = await read_fields(connection, [table.number for _, table in tables])
        for name, table in tables:
            guard = None
            try:
                guard = guard_of(table.definition, scope.caller, name)
            except AiweError as error:  # it counts where the statement means it
                refused[name] = error
            views.append(View(name, table, fields[table.number], guard))
        return views, refused

    async def _make(
        self, connection: Connection, views: list[View], *, whole: bool
    ) -> dict[int, str]:
        """Makes the views; their names by their numbers."""
        await connection.execute("SET LOCAL search_path = pg_temp, pg_catalog")
        taken = {view.collection for view in views}
        for view in views:
            lower = view.collection.lower()
            folded = [lower] if lower not in taken else []
            taken.add(lower)
            for name in (view.collection, *folded):
                await connection.execute(view.make(name, whole=whole).encode(), prepare=False)
                await connection.execute(view.grant(name, ROLE).encode(), prepare=False)
        found = await connection.execute(
            "SELECT oid, relname FROM pg_catalog.pg_class WHERE relnamespace = pg_my_temp_schema() "
            "AND relkind = 'v'"
        )
        by_name = {view.collection[:63]: view.collection for view in views}
        by_name |= {view.collection.lower()[:63]: view.collection for view in views} | by_name
        return {number: by_name[name] for number, name in await found.fetchall()}

    async def _fetch(
        self, connection: Connection, text: str, parameters: list[Any]
    ) -> protocols.Table:
        cursor = connection.cursor()
        found: list[Any] = []
        portion: list[tuple[Any, ...]] = []
        size = 0
        async with streamed(cursor, text, parameters, PORTION) as rows:
            async for row in rows:
                portion.append(row)
                if len(portion) == PORTION:
                    size += self._take(cursor, portion, found, size)
        self._take(cursor, portion, found, size)
        if not found:  # then psycopg does not say what the columns would have been
            await cursor.execute(f"{text} LIMIT 0".encode(), parameters)
        return outcome.table(cursor.description or [], found)

    def _take(
        self, cursor: Cursor, portion: list[tuple[Any, ...]], found: list[Any], size: int
    ) -> int:
        rows = outcome.values(cursor.description or [], portion)
        portion.clear()
        grown = len(orjson.dumps(rows))
        if size + grown > self._result_limit:
            raise RequestError(
                f"The statement finds over {self._result_limit:,} bytes",
                code="result_too_large",
                hint="Aggregate, name the columns that are needed, or page with LIMIT.",
            )
        found += rows
        return grown


def _typed(statement: Statement) -> tuple[list[str], list[Any]]:
    pairs = [typed(value) for value in statement.parameters]
    return [kind for kind, _ in pairs], [value for _, value in pairs]
