"""The one writer: gathers what is waiting and commits it in one transaction.

A durable statement costs DuckDB a millisecond, and sixty-four rows in it cost hardly more. So
while one group is being committed the next one gathers, and nobody waits for a timer. The order
in which changes were submitted is the order in which they happen.

DuckDB syncs its log when it commits; nothing is acknowledged before.
"""

from __future__ import annotations

from asyncio import Future, get_running_loop
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Room, Scope
from aiwe_engine.store.cache import DocumentCache
from aiwe_engine.store.changes import Change, Result
from aiwe_engine.store.duckdb import question, sql
from aiwe_engine.store.duckdb.compaction import LARGE, Compaction
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.fields import Note
from aiwe_engine.store.duckdb.history import History
from aiwe_engine.store.duckdb.migration import Migration
from aiwe_engine.store.duckdb.portions import Sizes
from aiwe_engine.store.duckdb.search import Search
from aiwe_engine.store.duckdb.weight import Weight
from aiwe_engine.store.filters import Condition
from aiwe_engine.store.group import apply, brought, effect
from aiwe_engine.store.lane import Lane, Outcome, deliver
from aiwe_engine.store.loading import Empty, Portion, Series
from aiwe_engine.store.quota import Account, Quota, owner_of
from aiwe_engine.store.rows import Place, TableRows
from aiwe_engine.store.unique import UniqueKeys

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.columns import Column
    from aiwe_engine.store.duckdb.database import Connection
    from aiwe_engine.store.duckdb.sql import Sql

Job: TypeAlias = tuple[Change[Any], "Future[Any]"]
Settled: TypeAlias = "Migration | History | Compaction"
Waiting: TypeAlias = tuple["Change[Any] | Settled | Series[Any]", "Future[Any]"]

MOST_CHANGES = 1_000  # in one group: what comes later waits for the next


class Writer:
    """A thread with the one connection that writes."""

    def __init__(
        self,
        database: Database,
        cache: DocumentCache,
        sizes: Sizes,
        room: Room | None,
        quota: Quota,
    ) -> None:
        self._database, self._room, self._quota = database, room, quota
        self._cache, self._sizes = cache, sizes
        self._lane: Lane[Waiting] = Lane("store-writer", self._work, most=MOST_CHANGES)
        self._made: dict[Place, int] = {}  # tables of the series under way
        self.deleted = (
            True  # large texts, since the last compaction; who knows what before the start
        )
        self._notes: list[Note] = []  # of fields that nobody knew, until they are committed

    def submit(self, change: Change[Result]) -> Future[Result]:
        """Gives a change its place; the future is settled when it is durable. On the loop only."""
        future: Future[Result] = get_running_loop().create_future()
        self.settle(change, future)
        return future

    def settle(self, change: Change[Any], future: Future[Any]) -> None:
        """The same for a future that somebody has already."""
        self._lane.put((change, future))

    def migrate(self, migration: Settled) -> Future[list[str]]:
        """Gives a new definition its place among the changes. On the loop only."""
        future: Future[list[str]] = get_running_loop().create_future()
        self._lane.put((migration, future))
        return future

    def run(self, series: Series[Result]) -> Future[Result]:
        """Gives a series its place among the changes. On the loop only."""
        future: Future[Result] = get_running_loop().create_future()
        self._lane.put((series, future))
        return future

    def finish(self) -> None:
        """Commits what is waiting and ends the thread. Blocks."""
        self._lane.finish()

    def _work(self, jobs: list[Waiting]) -> None:
        while jobs:
            first, future = jobs[0]
            if isinstance(first, Migration | History | Compaction):
                length, outcomes = 1, [self._migrate(first, future)]
            elif isinstance(first, Series):
                length, outcomes = 1, [self._commit_series(first, future)]
            else:
                group = _stretch(jobs)
                length, outcomes = len(group), self._commit(group)
            deliver(outcomes)
            del jobs[:length]
            self._database.checkpoint()

    def _migrate(self, migration: Settled, future: Future[Any]) -> Outcome:
        account = Account(self._quota)
        try:
            connection = self._database.connection()
            if isinstance(migration, Migration):
                self._count(connection, migration.scope)
            said = migration.run(connection, self._database, account)
        except AiweError as error:  # it was refused
            self._undo()
            return future, None, error
        except Exception as error:  # noqa: BLE001  as below
            account.fail()
            self._roll_back()
            return future, None, self._database.failure(error)
        account.commit()
        return future, said, None

    def _commit(self, group: list[Job]) -> list[Outcome]:
        account = Account(self._quota)
        try:
            connection = self._database.connection()
            for change, _ in group:
                self._count(connection, change.scope)
            tables = self._load(connection, group)
            outcomes = [self._apply(change, tables, future, account) for change, future in group]
            self._store(connection, [table for table in tables.values() if table.after])
            account.commit()
        except Exception as error:  # noqa: BLE001  whatever it was, every caller must hear of it
            account.fail()
            self._roll_back()
            told = self._database.failure(error)  # lets go of a broken one, if need be
            if len(group) > 1 and self._database.blames_a_change(error):
                return self._commit_singly(group)
            return [(future, None, told) for _, future in group]
        return outcomes

    def _commit_singly(self, group: list[Job]) -> list[Outcome]:
        """Each by itself, so that what cannot be done fails alone."""
        outcomes = []
        for job in group:
            self._database.checkpoint()  # what is in the log is in memory too
            outcomes += self._commit([job])
        return outcomes

    def _commit_series(self, series: Series[Any], future: Future[Any]) -> Outcome:
        """Many changes in one transaction; what is in memory knows nothing of it before its end."""
        touched: set[Place] = set()
        weight, account = Weight(self._database), Account(self._quota)
        try:
            connection = self._database.connection()
            connection.execute("BEGIN")
            for change in series.changes():
                scope = change.scope
                self._count(connection, scope)
                touched.update((scope.app, scope.env, name) for name in change.reach())
                if isinstance(change, Empty):
                    self._empty(connection, change, account)
                else:
                    weight.add(change.documents)
                    self._write(connection, change, future, account)
            connection.execute("COMMIT")
            account.commit()
        except Exception as error:  # noqa: BLE001  as above
            account.fail()
            self._roll_back()
            return future, None, self._database.failure(error)
        finally:  # what has failed may be there all the same
            made, self._made = self._made, {}
            self._database.count_change(touched)
        self._database.add(made)
        self._accept_notes()
        self._cache.renew()
        return future, series.result(), None

    def _write(
        self, connection: Connection, portion: Portion, future: Future[Any], account: Account
    ) -> None:
        """The documents of one portion."""
        tables = self._load(connection, [(portion, future)], cached=False)
        _, _, failed = self._apply(portion, tables, future, account)
        if isinstance(failed, AiweError):
            for part in portion.parts():
                self._write(connection, part, future, account)
            raise portion.placed(failed)
        changed = [table for table in tables.values() if table.after or table.number is None]
        for text, values in self._statements(changed, self._made):
            connection.execute(text, values)
        if self._room is not None:
            self._room.took(sum(map(_stored, changed)))

    def _count(self, connection: Connection, scope: Scope) -> None:
        """Counts what an app holds, where nobody has yet."""
        if self._quota.wants_count(scope):
            size = 0
            for name in self._database.collections(scope):
                number = self._database.table(scope, name)
                assert number is not None
                size += sql.size(connection, number)
                size += self._database.definition((scope.app, scope.env, name)).weight
            self._quota.end_count(owner_of(scope), size)

    def _empty(self, connection: Connection, change: Empty, account: Account) -> None:
        place = (change.scope.app, change.scope.env, change.collection)
        number = self._database.table(change.scope, change.collection)
        if number is None:
            return
        account.take(change.scope, -sql.size(connection, number))
        deleted = connection.execute(*sql.empty(number)).fetchone()
        self.deleted = True
        change.deleted = deleted[0] if deleted else 0
        if self._database.definition(place).unique:
            connection.execute(*sql.empty_keys(number))

    def _load(
        self, connection: Connection, group: list[Job], *, cached: bool = True
    ) -> dict[Place, TableRows]:
        """The tables of a group, with the present documents that its changes must see."""
        tables: dict[Place, TableRows] = {}
        missing: dict[Place, set[str]] = {}
        for change, _ in group:
            for collection, ids in change.reach().items():
                table = self._table(tables, change, collection)
                if table.number is None:
                    continue
                condition = change.where()
                if condition is not None:
                    found = self._find(connection, table.place, table.number, condition)
                    table.before.update(found)
                    table.picked = list(found)
                for doc_id in ids:
                    text = self._cache.get((table.number, doc_id)) if cached else None
                    if text is not None:
                        table.before[doc_id] = text
                    elif doc_id not in table.before:
                        missing.setdefault(table.place, set()).add(doc_id)
        for table in tables.values():
            wanted = missing.get(table.place)
            if wanted and table.number is not None:
                table.before.update(sql.read(connection, table.number, list(wanted)))
        _expect(group, tables)
        return tables

    def _find(
        self, connection: Connection, place: Place, number: int, condition: Condition
    ) -> dict[str, bytes]:
        """The documents that a change is for, by id."""
        columns = self._database.columns(place)
        if not self._sizes.are_large(connection, number):
            try:
                rows = question.stored(number, columns)
                found = connection.execute(*question.matching(rows, condition)).fetchall()
                return {doc_id: data.encode() for doc_id, data in found}
            except Exception as error:
                if not self._database.is_out_of_memory(error):
                    raise
                self._sizes.failed(number)
        check = self._database.check_open
        search = Search(connection, number, columns, None, self._database.memory, check)
        return search.matching(condition)

    def _table(
        self, tables: dict[Place, TableRows], change: Change[Any], collection: str
    ) -> TableRows:
        """The rows of a collection that a change touches, the same for all of a group."""
        place = (change.scope.app, change.scope.env, collection)
        table = tables.get(place)
        if table is None:
            number = self._database.table(change.scope, collection) or self._made.get(place)
            definition = self._database.definition(place)
            table = tables[place] = TableRows(
                place, number, definition, changes=self._database.changes(place)
            )
            if definition.unique and number is not None:
                connection = self._database.connection()
                find = partial(sql.find_keys, connection, number)
                table.unique = UniqueKeys(collection, definition, find)
        return table

    def _store(self, connection: Connection, tables: list[TableRows]) -> None:
        """Makes what the changes left behind durable, then known to readers."""
        made: dict[Place, int] = {}
        statements = self._statements(tables, made)
        try:
            self._execute(connection, statements)
            self._database.add(made)
            self._accept_notes()
        finally:  # what has failed may be there all the same
            self._database.count_change(table.place for table in tables)
        if self._room is not None:
            self._room.took(sum(map(_stored, tables)))
            self.deleted = self.deleted or any(map(_leaves_room, tables))
        self._cache.commit(
            ((table.number or 0, doc_id), document.text if document is not None else b"")
            for table in tables
            for doc_id, document in table.after.items()
        )

    def _statements(self, tables: list[TableRows], made: dict[Place, int]) -> list[Sql]:
        """What writes the changes, and makes the tables that are missing."""
        statements: list[Sql] = []
        for table in tables:
            if table.number is None:
                table.number = self._database.next_number() + len(made)
                made[table.place] = table.number
                statements += sql.make(table.number, table.place)
            statements += _statements(table, table.number, self._database.columns(table.place))
            note = self._database.fields.note(table.number, table.after.values())
            if note is not None:
                self._notes.append(note)
                statements.append(note.statement())
        return statements

    def _execute(self, connection: Connection, statements: list[Sql]) -> None:
        if len(statements) == 1:  # a statement by itself is a transaction
            connection.execute(*statements[0])
        elif statements:
            connection.execute("BEGIN")
            for text, values in statements:
                connection.execute(text, values)
            connection.execute("COMMIT")

    def _apply(
        self,
        change: Change[Any],
        tables: dict[Place, TableRows],
        future: Future[Any],
        account: Account,
    ) -> Outcome:
        try:
            if self._room is not None and change.grows:
                self._room.admit()
        except AiweError as error:
            return future, None, error
        result, failed = apply(change, tables, account)
        return future, result, failed

    def _accept_notes(self) -> None:
        """What was noted of new fields is durable now."""
        for note in self._notes:
            self._database.fields.accept(note)
        self._notes.clear()

    def _roll_back(self) -> None:
        """After a failure nothing that is kept in memory is trusted."""
        self._notes.clear()
        self._cache.clear()
        self._undo()

    def _undo(self) -> None:
        with suppress(Exception):  # there may be no transaction, or no connection any more
            self._database.connection().execute("ROLLBACK")


def _stretch(jobs: list[Waiting]) -> list[Job]:
    """The changes that go into one transaction."""
    group: list[Job] = []
    for change, future in jobs:
        if isinstance(change, Migration | History | Compaction | Series) or (
            group and change.alone
        ):
            break
        group.append((change, future))
        if change.alone:
            break
    return group


def _stored(table: TableRows) -> int:
    """Bytes of the documents that a group leaves behind."""
    return sum(len(document.text) for document in table.after.values() if document is not None)


def _leaves_room(table: TableRows) -> bool:
    """Whether a large text that was there is no more."""
    return any(len(table.before.get(doc_id, b"")) > LARGE for doc_id in table.after)


def _statements(table: TableRows, number: int, columns: tuple[Column, ...]) -> list[Sql]:
    found = effect(table)
    new, gone = found.new, found.gone
    changed = [document for document in found.changed if document.created is None]
    moved = [document for document in found.changed if document.created is not None]
    statements = []
    if new:
        statements.append(sql.insert(number, new, columns))
    if changed:
        statements.append(sql.change(number, changed, columns))
    if moved:
        statements.append(sql.move(number, moved, columns))
    if gone:
        statements.append(sql.delete(number, gone))
    return [*statements, *_key_statements(table, number)]


def _key_statements(table: TableRows, number: int) -> list[Sql]:
    if table.unique is None:
        return []
    freed, taken = table.unique.moves()
    statements = []
    if freed:
        statements.append(sql.free_keys(number, freed))
    if taken:
        statements.append(sql.take_keys(number, taken))
    return statements


def _expect(group: list[Job], tables: dict[Place, TableRows]) -> None:
    """Has the unique keys looked up that a group will need, as far as it can say so."""
    for place, documents in brought(change for change, _ in group).items():
        unique = tables[place].unique
        if unique is not None:
            unique.expect(documents)
