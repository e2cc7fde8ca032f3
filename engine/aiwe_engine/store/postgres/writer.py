"""The writers: what waits of one app is stored by one transaction.

A transaction reads what its changes need and locks it, in the order of ids; does the changes, one after
the other; and stores what they leave. So nobody, in whatever process, can change between the reading and
the storing what was read. Where two make the same id at once, or one finds a collection declared anew,
the transaction is done again.

Each app and environment has a line of its own: order holds within it, and none waits for another.

Reading with locks is enough among such groups. While transactions of programs are open, somewhere, groups
are transactions of the same kind: see `gate.py`.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import Future, get_running_loop
from collections.abc import Callable
from typing import Any, TypeAlias

from psycopg import errors

from aiwe_engine.errors import AiweError
from aiwe_engine.store.changes import Change, Result
from aiwe_engine.store.lane import Outcome, settle
from aiwe_engine.store.postgres import question, statements
from aiwe_engine.store.postgres.bulk import Bulk
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.connections import Connection, Connections, Cursor
from aiwe_engine.store.postgres.counting import Counting
from aiwe_engine.store.postgres.failure import (
    is_conflict,
    is_lost,
    is_stale,
    told,
    unknown,
)
from aiwe_engine.store.postgres.gate import Gate
from aiwe_engine.store.postgres.gathering import Gathering
from aiwe_engine.store.postgres.keys import Keys, left_by
from aiwe_engine.store.postgres.migration import Migration
from aiwe_engine.store.postgres.shapes import Noting, Shapes
from aiwe_engine.store.postgres.statements import Sql, Table
from aiwe_engine.store.postgres.transaction import Native
from aiwe_engine.store.quota import Account, is_full
from aiwe_engine.store.rows import Place, TableRows

Job: TypeAlias = tuple[Change[Any], "Future[Any]"]
Work: TypeAlias = "Change[Any] | Migration | Bulk"
Waiting: TypeAlias = tuple[Work, "Future[Any]"]
Begin: TypeAlias = Callable[[Connection], Native]

MOST_CHANGES = 1_000  # in one transaction: what comes later waits for the next
ATTEMPTS = 50  # of one transaction
PAUSE = 0.002  # seconds before another attempt, on the average


class Writer:
    """What writes, outside of the transactions of programs."""

    def __init__(
        self,
        connections: Connections,
        catalog: Catalog,
        shapes: Shapes,
        begin: Begin,
        counting: Counting,
    ) -> None:
        self._counting = counting
        self._connections, self._catalog, self._shapes = connections, catalog, shapes
        self._begin = begin
        self._gate = Gate()
        self._lines: dict[tuple[str, str], Gathering[Waiting]] = {}

    def submit(self, change: Change[Result]) -> Future[Result]:
        """Gives a change its place; the future is settled when it is durable."""
        return self._put(change)

    def migrate(self, migration: Migration) -> Future[list[str]]:
        """Gives a new definition its place among the changes."""
        return self._put(migration)

    def run(self, bulk: Bulk) -> Future[Any]:
        """Gives a series of changes its place."""
        return self._put(bulk)

    def _put(self, work: Work) -> Future[Any]:
        future: Future[Any] = get_running_loop().create_future()
        owner = (work.scope.app, work.scope.env)
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = Gathering(self._work, most=MOST_CHANGES)
        line.put((work, future))
        return future

    async def finish(self) -> None:
        """Stores what is waiting."""
        for line in list(self._lines.values()):
            await line.finish()

    async def _work(self, jobs: list[Waiting]) -> None:
        while jobs:
            first, future = jobs[0]
            if isinstance(first, Migration):
                length, outcomes = 1, [await self._migrate(first, future)]
            elif isinstance(first, Bulk):
                length, outcomes = 1, [await self._load(first, future)]
            else:
                group = _stretch(jobs)
                length, outcomes = len(group), await self._commit(group)
            settle(outcomes)
            del jobs[:length]

    async def _commit(self, group: list[Job]) -> list[Outcome]:
        """Does a group until it is done or cannot be; what became of each change."""
        for attempt in range(1, ATTEMPTS + 1):
            account = Account(self._counting.quota)
            transaction = _Group(
                self._catalog, self._shapes.note(), self._gate, group, attempt, account
            )
            try:
                await self._counting.ready(group[0][0].scope)
                async with self._connections.one() as connection:
                    return await transaction.run(connection)
            except Exception as error:  # noqa: BLE001  whatever it was, every caller must hear of it
                account.release()
                if await self._is_again(error, attempt):
                    continue
                if len(group) > 1 and isinstance(error, errors.DataError | errors.IntegrityError):
                    return [outcome for job in group for outcome in await self._commit([job])]
                if transaction.is_ending and is_lost(error):
                    account.fail()
                    failed: AiweError = unknown(error, self._connections.address)
                else:
                    failed = told(error, self._connections.address)
                return [(future, None, failed) for _, future in group]
        raise AssertionError

    async def _migrate(self, migration: Migration, future: Future[Any]) -> Outcome:
        for attempt in range(1, ATTEMPTS + 1):
            account = Account(self._counting.quota)
            try:
                await self._counting.ready(migration.scope)
                async with self._connections.one() as connection:
                    said = await migration.run(connection, self._catalog, account)
            except Exception as error:  # noqa: BLE001  as above
                if not await self._is_again(error, attempt):
                    account.fail()
                    return future, None, told(error, self._connections.address)
            else:
                account.commit()
                return future, said, None
        raise AssertionError

    async def _load(self, bulk: Bulk, future: Future[Any]) -> Outcome:
        try:
            await self._counting.ready(bulk.scope)
            async with self._connections.one() as connection:
                return future, await bulk.run(connection, self._begin(connection)), None
        except Exception as error:  # noqa: BLE001  as above
            return future, None, told(error, self._connections.address)

    async def _is_again(self, error: BaseException, attempt: int) -> bool:
        """Whether another attempt may go well; if it is a further one, after a pause."""
        refused = self._gate.refused(error)
        again = refused or is_stale(error) or is_conflict(error) or is_full(error)
        if attempt == ATTEMPTS or not (again or isinstance(error, errors.UniqueViolation)):
            return False
        if attempt > 1 and not refused:
            await asyncio.sleep(random.uniform(0, 2 * PAUSE))  # noqa: S311  no secret
        return True


class _Group:
    """One attempt at a group of changes.

    Attributes:
        is_ending: the end was sent: only the answer tells whether it is stored.
    """

    def __init__(
        self,
        catalog: Catalog,
        noting: Noting,
        gate: Gate,
        group: list[Job],
        attempt: int,
        account: Account,
    ) -> None:
        self._account = account
        self._catalog, self._noting, self._gate = catalog, noting, gate
        self._group, self._attempt = group, attempt
        self._rows: dict[Place, TableRows] = {}
        self._tables: dict[Place, Table] = {}
        self._keys = Keys()
        self._begun = False
        self.is_ending = False

    async def run(self, connection: Connection) -> list[Outcome]:
        """Does it, on a connection outside of any transaction; what became of each change."""
        await self._find(connection)
        await self._load(connection)
        outcomes: list[Outcome] = []
        for change, future in self._group:
            result, error = await self._keys.apply(connection, change, self._rows, self._account)
            outcomes.append((future, result, error))
        await self._store(connection)
        return outcomes

    async def _find(self, connection: Connection) -> None:
        """The tables of all that the changes reach; one that is not known may be there."""
        places = _places(self._group)
        anew = self._attempt > 1  # what was known may have been the reason
        strange = [place for place in places if anew or self._catalog.table(place) is None]
        if strange:
            await self._catalog.look(connection, strange)
        for place in places:
            table = self._catalog.table(place)
            if table is None:
                self._rows[place] = TableRows(place, None)
            else:
                self._tables[place] = table
                rows = self._rows[place] = TableRows(place, table.number, table.definition)
                self._keys.watch(rows, table)

    async def _load(self, connection: Connection) -> None:
        """Reads and locks what the changes must see."""
        asked: list[tuple[TableRows, Sql]] = []
        wanted: dict[Place, set[str]] = {}
        for change, _ in self._group:
            for collection, ids in change.reach().items():
                place = (change.scope.app, change.scope.env, collection)
                table, condition = self._tables.get(place), change.where()
                if table is not None:
                    if condition is not None:
                        asked.append((self._rows[place], question.matching(table, condition)))
                    if ids:
                        wanted.setdefault(place, set()).update(ids)
        asked += [
            (self._rows[place], statements.lock(self._tables[place], list(wanted[place])))
            for place in sorted(wanted, key=lambda place: self._tables[place].number)
        ]
        await self._keys.expect(connection, [change for change, _ in self._group])
        if not asked:
            return
        async with connection.pipeline():
            await self._begin(connection)
            found = [(rows, await _send(connection, sql)) for rows, sql in asked]
        for rows, cursor in found:
            texts = {doc_id: data.encode() for doc_id, data in await cursor.fetchall()}
            rows.before.update(texts)
            rows.picked = list(texts)  # where a condition has found them, it has them alone

    async def _begin(self, connection: Connection) -> None:
        if not self._begun:
            self._begun = True
            for text in self._gate.begin(self._tables.values(), self._attempt):
                await connection.execute(text.encode(), prepare=False)

    async def _store(self, connection: Connection) -> None:
        """Stores what the changes left behind."""
        changed = [rows for rows in self._rows.values() if rows.after]
        self._account.reserve()
        made: dict[Place, Table] = {}
        for rows in changed:
            if rows.place not in self._tables:
                await self._begin(connection)
                made[rows.place] = await self._catalog.make(connection, rows.place)
        if changed or self._begun:
            async with connection.pipeline():
                await self._begin(connection)
                for rows in changed:
                    table = made.get(rows.place) or self._tables[rows.place]
                    async for sql in left_by(rows, table, self._noting):
                        await _send(connection, sql)
                self.is_ending = True
                await connection.execute("COMMIT", prepare=False)
        self._noting.done()
        for place, table in made.items():
            self._catalog.keep(place, table)


def _stretch(jobs: list[Waiting]) -> list[Job]:
    """The changes that go into one transaction."""
    group: list[Job] = []
    for change, future in jobs:
        if not isinstance(change, Change) or (group and change.alone):
            break
        group.append((change, future))
        if change.alone:
            break
    return group


def _places(group: list[Job]) -> list[Place]:
    """What the changes reach, each once."""
    return list(
        {
            (change.scope.app, change.scope.env, collection): None
            for change, _ in group
            for collection in change.reach()
        }
    )


async def _send(connection: Connection, sql: Sql) -> Cursor:
    """Sends a statement of a pipeline. Unprepared: where a pipeline fails, psycopg loses count."""
    return await connection.execute(sql[0].encode(), sql[1], prepare=False)
