"""The catalog of collections: which table holds whose, and what is declared of it.

It lies in the schema `aiwe`, which is made when it is not there. A process keeps what it has read of it
and says with every statement which version it went by (`aiwe.holds`): where another process has
declared something else meanwhile, the statement fails, and is done again by what holds now.

`aiwe.gate` and `aiwe.turn` are never read or written, only locked: see `gate.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import orjson
from psycopg import errors

from aiwe_engine.errors import EngineError
from aiwe_engine.protocols import Scope
from aiwe_engine.store.definitions import PLAIN, Definition, parse
from aiwe_engine.store.postgres import statements
from aiwe_engine.store.postgres.connections import Connection
from aiwe_engine.store.postgres.failure import STALE
from aiwe_engine.store.postgres.fields import RANK
from aiwe_engine.store.postgres.shapes import CATALOG as FIELDS
from aiwe_engine.store.postgres.statements import Table
from aiwe_engine.store.rows import Place

LAYOUT = 1
OLDEST = 140_000  # of the server
_MAKING = 0x61697765  # the advisory lock of whoever makes the schema
_SCHEMA = f"""
CREATE SCHEMA IF NOT EXISTS aiwe;
CREATE TABLE IF NOT EXISTS aiwe.layout (number integer NOT NULL);
INSERT INTO aiwe.layout SELECT {LAYOUT} WHERE NOT EXISTS (SELECT FROM aiwe.layout);
CREATE TABLE IF NOT EXISTS aiwe.collections (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app text COLLATE "C" NOT NULL, env text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
    version integer NOT NULL DEFAULT 1, definition text,
    UNIQUE (app, env, name)
);
CREATE TABLE IF NOT EXISTS aiwe.migrations (
    app text NOT NULL, env text NOT NULL, collection text NOT NULL,
    version text NOT NULL, time timestamptz NOT NULL DEFAULT now(), changes jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS aiwe.gate ();
CREATE TABLE IF NOT EXISTS aiwe.turn ();
CREATE OR REPLACE FUNCTION aiwe.holds(known_number integer, known_version integer) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM aiwe.collections WHERE number = known_number AND version = known_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'collection % has another definition', known_number USING ERRCODE = '{STALE}';
    END IF;
    RETURN true;
END $$;
{RANK}{FIELDS}"""
# Which folds the case of one character at a time, as DuckDB does; the first that there is.
_FOLDINGS = ("pg_c_utf8", "C.utf8", "und-x-icu", "default")
_COLUMNS = "app, env, name, number, version, definition"
_SEE = f"SELECT {_COLUMNS} FROM aiwe.collections WHERE app = $1 AND env = $2 AND name = $3"

_Row: TypeAlias = tuple[str, str, str, int, int, str | None]


class Catalog:
    """What one process knows of the catalog."""

    def __init__(self) -> None:
        self._tables: dict[Place, Table] = {}
        self._folding = ""
        self.is_known = False

    async def open(self, connection: Connection) -> None:
        """Makes the schema if need be, and reads all of it.

        Raises:
            EngineError: `store_unavailable`: the server or the schema is not one to work with.
        """
        await self._check(connection)
        try:
            number = await _value(connection, "SELECT number FROM aiwe.layout")
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            await _make(connection)
            number = LAYOUT
        if number != LAYOUT:
            raise _unfit(f"The schema aiwe has layout {number}; this is {LAYOUT}", "Update aiwe.")
        found = await connection.execute(f"SELECT {_COLUMNS} FROM aiwe.collections".encode())
        self._keep(await found.fetchall())
        self.is_known = True

    def table(self, place: Place) -> Table | None:
        """The table of a collection, as far as this process knows."""
        return self._tables.get(place)

    def definition(self, place: Place) -> Definition:
        """What is declared of a collection, as far as this process knows."""
        table = self._tables.get(place)
        return PLAIN if table is None else table.definition

    def may_make(self, scope: Scope, collection: str, most: int) -> bool:
        """Whether a collection is there, or there are fewer, as far as this process knows."""
        owner = (scope.app, scope.env)
        if (*owner, collection) in self._tables:
            return True
        return sum(place[:2] == owner for place in self._tables) < most

    async def see(
        self, connection: Connection, place: Place, lock: Literal["", "SHARE", "UPDATE"]
    ) -> Table | None:
        """The table of a collection as a transaction sees it.

        With a lock, nobody declares anything of it before the transaction ends; where somebody has,
        since a serialisable one began, it fails.
        """
        text = f"{_SEE} FOR {lock}" if lock else _SEE
        found = await connection.execute(text.encode(), list(place))
        return next((table for _, table in self._read(await found.fetchall(), held=True)), None)

    async def look(self, connection: Connection, places: Iterable[Place]) -> None:
        """Reads what holds of some collections now."""
        wanted = list(places)
        found = await connection.execute(
            f"SELECT {_COLUMNS} FROM aiwe.collections JOIN "
            "unnest($1::text[], $2::text[], $3::text[]) AS wanted (app, env, name) "
            "USING (app, env, name)".encode(),
            [list(part) for part in zip(*wanted, strict=True)],
        )
        rows = await found.fetchall()
        for place in wanted:
            self._tables.pop(place, None)
        self._keep(rows)

    async def names(self, connection: Connection, scope: Scope) -> list[str]:
        """The names of a scope's collections, in order."""
        text = "SELECT name FROM aiwe.collections WHERE app = $1 AND env = $2 ORDER BY name"
        found = await connection.execute(text, [scope.app, scope.env])
        return [name for (name,) in await found.fetchall()]

    async def make(self, connection: Connection, place: Place) -> Table:
        """Makes the table of a collection, within the transaction of a connection.

        It is not known to others of this process before `keep`.

        Raises:
            psycopg.errors.UniqueViolation: another process has made it.
        """
        number = await _value(
            connection,
            "INSERT INTO aiwe.collections (app, env, name) VALUES ($1, $2, $3) RETURNING number",
            list(place),
        )
        for text in statements.make(number):
            await connection.execute(text.encode())
        return Table(number, 1, PLAIN, self._folding, held=True)

    def keep(self, place: Place, table: Table) -> None:
        """Takes up a table that a transaction has made or changed."""
        self._tables[place] = replace(table, held=False)

    def _keep(self, rows: Iterable[_Row]) -> None:
        self._tables.update(self._read(rows))

    def _read(self, rows: Iterable[_Row], *, held: bool = False) -> Iterator[tuple[Place, Table]]:
        for app, env, name, number, version, text in rows:
            known = self._tables.get((app, env, name))
            if known is not None and (known.number, known.version) == (number, version):
                definition = known.definition
            else:
                definition = PLAIN if text is None else parse(name, orjson.loads(text))
            yield (app, env, name), Table(number, version, definition, self._folding, held)

    async def _check(self, connection: Connection) -> None:
        if connection.info.server_version < OLDEST:
            version = connection.info.server_version // 10_000
            raise _unfit(
                f"PostgreSQL {version} is too old", f"Version {OLDEST // 10_000} or newer will do."
            )
        encoding = await _value(connection, "SHOW server_encoding")
        if encoding != "UTF8":
            raise _unfit(f"The database is encoded in {encoding}", "Make one with ENCODING 'UTF8'.")
        name = await _value(
            connection,
            "SELECT collname FROM pg_collation "
            "WHERE collname = ANY($1::text[]) AND collencoding IN (-1, 6) "
            "ORDER BY array_position($1::text[], collname::text) LIMIT 1",
            [list(_FOLDINGS)],
        )
        self._folding = f'pg_catalog."{name}"'


async def _make(connection: Connection) -> None:
    """Makes the schema, once, whoever else tries at the same time."""
    try:
        await connection.execute("BEGIN")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", [_MAKING])
        await connection.execute(_SCHEMA.encode(), prepare=False)
        await connection.execute("COMMIT")
    except errors.InsufficientPrivilege as error:
        raise EngineError(
            f"The schema aiwe cannot be made: {str(error).splitlines()[0]}",
            code="store_unavailable",
            hint="GRANT CREATE ON DATABASE … TO …, or CREATE SCHEMA aiwe AUTHORIZATION … once.",
        ) from error


async def _value(connection: Connection, text: str, values: list[Any] | None = None) -> Any:
    found = await connection.execute(text.encode(), values)
    row = await found.fetchone()
    return None if row is None else row[0]


def _unfit(message: str, hint: str) -> EngineError:
    return EngineError(message, code="store_unavailable", hint=hint)
