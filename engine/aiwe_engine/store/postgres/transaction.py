"""Transactions of programs: PostgreSQL's own, serialisable, each on a connection of its own.

What a transaction reads is of one moment, with its own writes, which are there at once for itself alone. If
no order of whole transactions could have had the same outcome, PostgreSQL ends one of them: that is a
conflict, and its work is to be run again. After any failure of the database nothing of a transaction
counts, and every further call says the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from aiwe_engine import protocols
from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.protocols import Scope
from aiwe_engine.store.changes import Change, Result
from aiwe_engine.store.definitions import PLAIN, Definition
from aiwe_engine.store.ids import Ids
from aiwe_engine.store.loading import Empty
from aiwe_engine.store.optimistic import conflict
from aiwe_engine.store.postgres import statements
from aiwe_engine.store.postgres.answers import answer
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.connections import Connection, lives
from aiwe_engine.store.postgres.counting import Counting
from aiwe_engine.store.postgres.failure import (
    Stale,
    is_conflict,
    is_lost,
    is_stale,
    told,
    unknown,
)
from aiwe_engine.store.postgres.gate import ENTER, WAIT
from aiwe_engine.store.postgres.keys import Keys, left_by
from aiwe_engine.store.postgres.question import matching
from aiwe_engine.store.postgres.repository import PostgresRepository
from aiwe_engine.store.postgres.selects import Selects
from aiwe_engine.store.postgres.shapes import Noting
from aiwe_engine.store.postgres.statements import Sql, Table
from aiwe_engine.store.quota import Account
from aiwe_engine.store.repository import Question
from aiwe_engine.store.rows import Place, TableRows

IDLE = 30.0  # seconds without a call after which the server ends a transaction
Done = TypeVar("Done")


class Limits(Protocol):
    """What a store allows at the time."""

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        ...

    @property
    def result_limit(self) -> int:
        """Bytes of documents that one query may find."""
        ...

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        ...


class Native:
    """The backend of one transaction. Its calls must follow one another.

    Args:
        connection: on which it was begun.
        catalog: what the process knows of collections.
        noting: what it says of the shapes of documents.
        selects: runs authors' statements.
        ids: makes ids.
        limits: of documents and results.
        address: of the server, as people may see it.
        counting: how much an app keeps, and may keep.
    """

    is_open = True

    def __init__(
        self,
        connection: Connection,
        catalog: Catalog,
        noting: Noting,
        selects: Selects,
        ids: Ids,
        limits: Limits,
        address: object,
        counting: Counting,
    ) -> None:
        self._counting, self._account = counting, Account(counting.quota)
        self._connection, self._catalog = connection, catalog
        self._noting, self._selects = noting, selects
        self._limits, self._address = limits, address
        self._tables: dict[Place, Table | None] = {}  # as the transaction sees them
        self._locked: set[Place] = set()  # nobody declares anything of these meanwhile
        self._entered: dict[Place, Definition] = {}  # by which the latest call was made
        self.failure: AiweError | None = None
        self.ids = ids

    @property
    def document_limit(self) -> int:
        """Bytes of the largest document."""
        return self._limits.document_limit

    async def open(self) -> None:
        """There is nothing to do."""

    def definition(self, scope: Scope, collection: str) -> Definition:
        """What is declared of a collection, as the transaction sees it once it has looked."""
        place = (scope.app, scope.env, collection)
        if place in self._tables:
            table = self._tables[place]
            found = PLAIN if table is None else table.definition
        else:
            found = self._catalog.definition(place)
        self._entered[place] = found
        return found

    def may_make(self, scope: Scope, collection: str) -> bool:
        """Whether a collection is there, or one more may be made."""
        return self._limits.may_make(scope, collection)

    async def read(self, scope: Scope, collection: str, doc_id: str) -> bytes | None:
        """A document by its id."""

        async def work() -> bytes | None:
            table = await self._table((scope.app, scope.env, collection))
            if table is None:
                return None
            found = await self._texts(statements.read(table, [doc_id]))
            return found.get(doc_id)

        return await self._do(work, collection)

    async def ask(self, question: Question) -> Any:
        """The texts that a query finds, or a number."""
        scope, collection = question.scope, question.collection

        async def work() -> Any:
            table = await self._table((scope.app, scope.env, collection))
            return await answer(self._connection, table, question, self._limits.result_limit)

        return await self._do(work, collection)

    async def sql(self, scope: Scope, texts: list[str], values: list[Any]) -> protocols.Table:
        """What a SELECT finds."""
        return await self._do(
            partial(self._selects.within, self._connection, scope, texts, values), ""
        )

    async def write(self, change: Change[Result]) -> Result:
        """Does a change, for the transaction alone."""
        result, error = await self._do(partial(self._write, change), next(iter(change.reach())))
        if error is not None:
            raise error
        done: Result = result
        return done

    async def empty(self, change: Empty) -> int:
        """Deletes every document of a collection, unread; how many there were."""

        async def work() -> int:
            table = await self._table((change.scope.app, change.scope.env, change.collection))
            if table is None:
                return 0
            sizes = f"SELECT coalesce(sum(octet_length(data)), 0)::bigint FROM {table.name}"
            row = await (await self._connection.execute(sizes.encode())).fetchone()
            self._account.take(change.scope, -(row[0] if row else 0))
            if table.definition.unique:
                await self._connection.execute(f"DELETE FROM {table.keys}".encode())
            found = await self._connection.execute(f"DELETE FROM {table.name}".encode())
            return found.rowcount

        return await self._do(work, change.collection)

    async def known(self, place: Place) -> Table | None:
        """The table of a collection as it is now; to be asked before the transaction begins."""
        await self._catalog.look(self._connection, [place])
        return self._catalog.table(place)

    async def collections(self, scope: Scope) -> list[str]:
        """The names of the collections, with those that this transaction has made."""
        return await self._do(partial(self._catalog.names, self._connection, scope), "")

    async def commit(self) -> None:
        """All of it happens.

        Raises:
            RequestError: `transaction_conflict`.
            EngineError: `outcome_unknown`: the server went away; `storage_full`.
        """
        if self.failure is None and not lives(self._connection):
            self.failure = told(psycopg.OperationalError("the connection was lost"), self._address)
        if self.failure is not None:  # nothing was sent, nothing is stored
            raise self.failure
        self._account.reserve()
        try:
            await self._end()
        except BaseException as error:
            if isinstance(error, AiweError) and error.code != "outcome_unknown":
                self._account.release()
            else:
                self._account.fail()
            raise
        self._noting.done()
        for place in self._locked:
            table = self._tables[place]
            if table is not None:
                self._catalog.keep(place, table)

    async def _end(self) -> None:
        try:
            await self._do(partial(self._connection.execute, "COMMIT"), "")
        except EngineError as error:
            cause = error.__cause__
            if cause is not None and is_lost(cause):
                raise unknown(cause, self._address) from cause
            raise

    async def _write(self, change: Change[Result]) -> tuple[Any, AiweError | None]:
        await self._counting.ready(change.scope)
        keys = Keys()
        rows: dict[Place, TableRows] = {}
        tables: dict[Place, Table] = {}
        for name, ids in change.reach().items():
            place = (change.scope.app, change.scope.env, name)
            table = await self._table(place, lock=True)
            if table is None:
                rows[place] = TableRows(place, None)
                continue
            tables[place] = table
            own = rows[place] = TableRows(place, table.number, table.definition)
            keys.watch(own, table)
            condition = change.where()
            if condition is not None:
                own.before.update(await self._texts(matching(table, condition)))
                own.picked = list(own.before)
            if ids:
                own.before.update(await self._texts(statements.lock(table, list(ids))))
        await keys.expect(self._connection, [change])
        outcome = await keys.apply(self._connection, change, rows, self._account)
        for place, own in rows.items():
            if own.after:
                made = tables.get(place) or await self._make(place)
                async for text, values in left_by(own, made, self._noting):
                    await self._connection.execute(text.encode(), values)
        return outcome

    async def _make(self, place: Place) -> Table:
        table = self._tables[place] = await self._catalog.make(self._connection, place)
        self._locked.add(place)
        return table

    async def _table(self, place: Place, *, lock: bool = False) -> Table | None:
        """The table of a collection; None where there is none."""
        if place not in self._tables or (lock and place not in self._locked):
            table = await self._catalog.see(self._connection, place, "SHARE" if lock else "")
            self._tables[place] = table
            if lock and table is not None:
                self._locked.add(place)
        table = self._tables[place]
        definition = PLAIN if table is None else table.definition
        if self._entered.get(place, definition) != definition:
            raise Stale
        return table

    async def _texts(self, statement: Sql) -> dict[str, bytes]:
        text, values = statement
        rows = await (await self._connection.execute(text.encode(), values)).fetchall()
        return {doc_id: data.encode() for doc_id, data in rows}

    async def _do(self, work: Callable[[], Awaitable[Done]], collection: str) -> Done:
        """Asks the database for something; where that fails, the transaction is over."""
        if self.failure is not None:
            raise self.failure
        try:
            return await work()
        except (AiweError, Stale) as error:
            if isinstance(error, AiweError) and _is_broken(self._connection):
                self.failure = error
            raise
        except psycopg.Error as error:
            self.failure = self._told(error, collection)
            raise self.failure from error

    def _told(self, error: psycopg.Error, collection: str) -> AiweError:
        if is_conflict(error) or is_stale(error) or isinstance(error, errors.UniqueViolation):
            return conflict(collection)
        if isinstance(error, errors.IdleInTransactionSessionTimeout):
            return EngineError(
                f"The transaction did nothing for {IDLE:g} s and was ended",
                code="transaction_idle",
                hint="Nothing of it was written. Let the function that is given to transaction do "
                "data calls only, and end.",
            )
        return told(error, self._address)


class PostgresTransaction(PostgresRepository):
    """A `protocols.Transaction`: the data calls of one scope, on a connection of its own.

    Args:
        native: the transaction.
        scope: whose data.
        held: what it holds until its end.
    """

    __slots__ = ("_held", "_native")

    def __init__(self, native: Native, scope: Scope, held: AsyncExitStack) -> None:
        self._native, self._held = native, held
        super().__init__(native, scope)

    async def commit(self) -> None:
        """All of it happens now.

        Raises:
            RequestError: `transaction_conflict`, and nothing has happened.
        """
        async with self._held:
            await self._native.commit()

    async def rollback(self) -> bool:
        """Nothing of it happens; False where it has met a conflict.

        What it has read was of one moment, so an error of the work comes of nothing else.
        """
        await self._held.aclose()
        failure = self._native.failure
        return failure is None or failure.code != "transaction_conflict"


def beginning(time_limit: float, losses: int) -> str:
    """The statements that begin a transaction.

    Args:
        time_limit: seconds that each of its statements may take.
        losses: how often its work has lost against others.
    """
    return (
        f"{ENTER}{WAIT if losses else ''}; SET LOCAL idle_in_transaction_session_timeout = {IDLE * 1000:.0f}; "
        f"SET LOCAL statement_timeout = {time_limit * 1000:.0f}"
    )


def _is_broken(connection: Connection) -> bool:
    return connection.info.transaction_status != TransactionStatus.INTRANS
