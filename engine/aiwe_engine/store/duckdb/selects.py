"""Authors' SQL on the collections of one scope: read, confined, run, within limits of time and size.

Statements have a lane of their own, so that no long one holds up queries and reads by id. Each runs
in a transaction that the database itself keeps from writing, on what was committed when it began.
"""

from __future__ import annotations

from asyncio import Future, get_running_loop
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope, Table
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import outcome, syntax, view
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.syntax import Reading
from aiwe_engine.store.guard import guard_of
from aiwe_engine.store.lane import Lane, deliver
from aiwe_engine.store.repository import Answer, Overlays
from aiwe_engine.store.statement import Statement, compose
from aiwe_engine.store.values import names

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection

THREADS = 2
PORTION = 1_000  # rows fetched at a time
NOTHING = "SELECT NULL WHERE FALSE"


@dataclass(eq=False, slots=True)
class _Job:
    scope: Scope
    statement: Statement
    overlays: Overlays
    future: Future[Answer]
    connection: Connection | None = None  # while it runs


class Selects:
    """Threads that run authors' statements."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self.configure(settings)
        self._lane: Lane[_Job] = Lane("store-sql", self._work, threads=THREADS)
        self._lock = Lock()

    def configure(self, settings: Settings) -> None:
        """The limits of results and of time, from the next statement on."""
        self._result_limit = settings.result_limit
        self._time_limit = settings.query_limit

    def ask(
        self, scope: Scope, texts: list[str], values: list[Any], overlays: Overlays | None = None
    ) -> Future[Answer]:
        """Gives a statement its place. On the loop only.

        Args:
            scope: whose collections it may name, and who asks.
            texts: the pieces of its text, between which the values stand.
            values: JSON values and datetimes.
            overlays: what a transaction has written, by collection.

        Raises:
            RequestError: `invalid_sql`; the future has others.
        """
        statement = compose(texts, values, "${:d}".format, NOTHING)
        loop = get_running_loop()
        job = _Job(scope, statement, overlays or {}, loop.create_future())
        timer = loop.call_later(self._time_limit, self._give_up, job)
        job.future.add_done_callback(lambda _: timer.cancel())
        self._lane.put(job)
        return job.future

    def finish(self) -> None:
        """Answers what is waiting and ends the threads. Blocks."""
        self._lane.finish()

    def _give_up(self, job: _Job) -> None:
        if not job.future.done():
            job.future.set_exception(
                RequestError(
                    f"The statement took over {self._time_limit:g} s",
                    code="query_too_slow",
                    status=503,
                    hint="Ask for less, or declare the fields that it uses with define.",
                )
            )
        with self._lock:
            if job.connection is not None:
                job.connection.interrupt()

    def _work(self, jobs: list[_Job]) -> None:
        for job in jobs:
            if job.future.done():  # nobody waits any more
                continue
            try:
                answer = self._answer(job)
            except Exception as error:  # noqa: BLE001  whatever it was, the caller must hear of it
                deliver([(job.future, None, self._database.failure(error))])
            else:
                deliver([(job.future, answer, None)])

    def _answer(self, job: _Job) -> Answer:
        connection = self._database.connection(confined=True)
        known = sorted({*self._database.collections(job.scope), *job.overlays})
        with self._lock:
            job.connection = connection
        try:
            reading = syntax.read(connection, job.statement, known)
            tables = self._tables(job, reading)
            while True:
                found = self._run(connection, job.statement, reading, tables)
                now = self._tables(job, reading)
                if all(table.is_like(now[name]) for name, table in tables.items()):
                    return Answer(found, frozenset(reading.tables.values()))
                tables = now  # a document with new fields may be among what was found
        finally:
            with self._lock:
                job.connection = None

    def _tables(self, job: _Job, reading: Reading) -> dict[str, view.Table]:
        """The collections that a statement names, as its caller sees them."""
        database, scope = self._database, job.scope
        tables = {}
        for name, collection in reading.tables.items():
            number = database.table(scope, collection)
            place = (scope.app, scope.env, collection)
            guard = guard_of(database.definition(place), scope.caller, collection)
            tables[name] = view.Table(
                number,
                database.fields.of(number),
                database.columns(place),
                guard,
                job.overlays.get(collection),
                database.home,
            )
        return tables

    def _run(
        self,
        connection: Connection,
        statement: Statement,
        reading: Reading,
        tables: dict[str, view.Table],
    ) -> Table:
        parameters = [_parameter(value) for value in statement.parameters]

        def mark(value: Any) -> str:
            parameters.append(value)
            return f"${len(parameters):d}"

        head = ", ".join(
            f"{view.quoted(name)} AS NOT MATERIALIZED ({table.source(reading, mark)})"
            for name, table in tables.items()
        )
        head = f"{'WITH ' + head if head else ''} SELECT * FROM (\n"
        connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            connection.execute(head + statement.text + "\n)", parameters)
            return self._fetch(connection)
        except Exception as error:
            columns = [name for table in tables.values() for name in table.names()]
            told = outcome.failure(error, statement, head.count("\n"), columns)
            if told is not None:
                raise told from error
            raise
        finally:
            with suppress(Exception):  # a failed one has ended by itself
                connection.execute("ROLLBACK")

    def _fetch(self, connection: Connection) -> Table:
        described = connection.description or []
        types = [str(column[1]) for column in described]
        found: list[tuple[Any, ...]] = []
        size = 0
        while rows := connection.fetchmany(PORTION):
            rows = outcome.values(types, rows)
            size += len(orjson.dumps(rows))
            if size > self._result_limit:
                raise RequestError(
                    f"The statement finds over {self._result_limit:,} bytes",
                    code="result_too_large",
                    hint="Aggregate, name the columns that are needed, or page with LIMIT.",
                )
            found += rows
        return Table(names([str(column[0]) for column in described]), tuple(types), found)


def _parameter(value: Any) -> Any:
    """A value as DuckDB takes it: an object is JSON, an instant has no zone but UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    if isinstance(value, list):
        return [_parameter(item) for item in value]
    return value
