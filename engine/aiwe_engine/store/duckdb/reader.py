"""The readers: what is asked at the same time is answered by one statement.

Reads by id have a lane of their own, so that no long query holds them up; they gather while one
batch of them is under way. Equal queries that wait together are answered once.
"""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Iterable, Iterator
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.cache import DocumentCache, Key
from aiwe_engine.store.duckdb import question as statements
from aiwe_engine.store.duckdb import sql
from aiwe_engine.store.duckdb.database import Database
from aiwe_engine.store.duckdb.portions import Sizes
from aiwe_engine.store.duckdb.search import Search
from aiwe_engine.store.lane import Lane, Outcome, deliver
from aiwe_engine.store.repository import Question

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.columns import Column
    from aiwe_engine.store.duckdb.database import Connection

MOST_GETS = 1_000  # by one statement
SCANNERS = 2  # threads for queries
PORTION = 1_000  # rows fetched at a time


Get: TypeAlias = tuple[Scope, str, str, "Future[bytes | None]"]


class Reader:
    """Threads that read what was committed."""

    def __init__(
        self, database: Database, cache: DocumentCache, sizes: Sizes, settings: Settings
    ) -> None:
        self._database = database
        self._cache = cache
        self._sizes = sizes
        self.configure(settings)
        self._gets: Lane[Get] = Lane("store-get", self._read, most=MOST_GETS)
        self._queries: Lane[Question] = Lane("store-query", self._answer, threads=SCANNERS)
        self._asking: dict[Question, list[Future[Any]]] = {}
        self._running: list[tuple[list[Future[Any]], Connection]] = []
        self._lock = Lock()

    def configure(self, settings: Settings) -> None:
        """The limits of results and of time, from the next question on."""
        self._result_limit = settings.result_limit
        self._time_limit = settings.query_limit

    def get(self, scope: Scope, collection: str, doc_id: str) -> Future[bytes | None]:
        """A document by id. On the loop only."""
        future: Future[bytes | None] = get_running_loop().create_future()
        self._gets.put((scope, collection, doc_id, future))
        return future

    def ask(self, question: Question) -> Future[Any]:
        """The answer to a question: a list of texts, or a number. On the loop only."""
        loop = get_running_loop()
        future: Future[Any] = loop.create_future()
        timer = loop.call_later(self._time_limit, self._give_up, future)
        future.add_done_callback(lambda _: timer.cancel())
        with self._lock:
            waiting = self._asking.get(question)
            if waiting is not None:
                waiting.append(future)
                return future
            self._asking[question] = [future]
        self._queries.put(question)
        return future

    def finish(self) -> None:
        """Answers what is waiting and ends the threads. Blocks."""
        self._gets.finish()
        self._queries.finish()

    def _read(self, gets: list[Get]) -> None:
        reading = self._cache.begin()
        found: dict[Key, bytes] = {}
        outcomes: list[Outcome] = []
        try:
            connection = self._database.connection()
            keys = [self._key(scope, name, doc_id) for scope, name, doc_id, _ in gets]
            for number in {key[0] for key in keys if key is not None}:
                ids = list({key[1] for key in keys if key is not None and key[0] == number})
                for doc_id, text in sql.read(connection, number, ids).items():
                    found[number, doc_id] = text
            for key, (*_, future) in zip(keys, gets, strict=True):
                outcomes.append((future, (found[key] or None) if key else None, None))
        except Exception as error:  # noqa: BLE001  whatever it was, every caller must hear of it
            told = self._database.failure(error)
            found = {}
            outcomes = [(future, None, told) for *_, future in gets]
        self._cache.end(reading, found.items())
        deliver(outcomes)

    def _key(self, scope: Scope, collection: str, doc_id: str) -> Key | None:
        number = self._database.table(scope, collection)
        return None if number is None else (number, doc_id)

    def _give_up(self, future: Future[Any]) -> None:
        """Ends a query that takes too long, for everybody who waits for it."""
        with self._lock:
            for waiting, connection in self._running:
                if future in waiting:
                    connection.interrupt()
        if not future.done():
            future.set_exception(self._too_slow())

    def _too_slow(self) -> RequestError:
        return RequestError(
            f"The query took over {self._time_limit:g} s",
            code="query_too_slow",
            status=503,
            hint="Ask for less: filter by fewer conditions, or for fewer documents.",
        )

    def _answer(self, questions: list[Question]) -> None:
        for question in questions:
            with self._lock:  # whoever asks from now on may know of newer commits
                waiting = self._asking.pop(question)
            try:
                answer = self._run(question, waiting)
            except Exception as error:  # noqa: BLE001  as above
                told = self._database.failure(error)
                deliver([(future, None, told) for future in waiting])
            else:
                deliver([(future, answer, None) for future in waiting])

    def _run(self, question: Question, waiting: list[Future[Any]]) -> list[bytes] | int:
        connection = self._database.connection()
        number = self._database.table(question.scope, question.collection)
        place = (question.scope.app, question.scope.env, question.collection)
        columns = self._database.columns(place)
        if number is None and question.overlay is None:
            return 0 if question.selection is None else []
        running = (waiting, connection)
        with self._lock:
            self._running.append(running)
        try:
            if not self._is_large(connection, number, columns, question):
                try:
                    return self._at_once(connection, number, columns, question)
                except Exception as error:
                    if not self._database.is_out_of_memory(error):
                        raise
                    if number is not None and question.overlay is None:
                        self._sizes.failed(number)
            return self._in_portions(connection, number, columns, question, waiting)
        finally:
            with self._lock:
                self._running.remove(running)

    def _is_large(
        self,
        connection: Connection,
        number: int | None,
        columns: tuple[Column, ...],
        question: Question,
    ) -> bool:
        """Whether all at once is known to be too much."""
        if number is None or not self._sizes.are_large(connection, number):
            return False
        rows = statements.stored(number, columns, question.overlay)
        return question.selection is not None or statements.parses(rows, question.condition)

    def _at_once(
        self,
        connection: Connection,
        number: int | None,
        columns: tuple[Column, ...],
        question: Question,
    ) -> list[bytes] | int:
        rows = statements.stored(number, columns, question.overlay)
        if question.selection is None:
            connection.execute(*statements.count(rows, question.condition))
            return int((connection.fetchone() or (0,))[0])
        connection.execute(*statements.find(rows, question.condition, question.selection))
        return self._within_limit(_texts(connection))

    def _in_portions(
        self,
        connection: Connection,
        number: int | None,
        columns: tuple[Column, ...],
        question: Question,
        waiting: list[Future[Any]],
    ) -> list[bytes] | int:
        def check() -> None:
            self._database.check_open()
            if all(future.done() for future in waiting):
                raise self._too_slow()

        connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            memory = self._database.memory
            search = Search(connection, number, columns, question.overlay, memory, check)
            if question.selection is None:
                return search.count(question.condition)
            return self._within_limit(search.texts(question.condition, question.selection))
        finally:
            with suppress(Exception):  # a failed one has ended by itself
                connection.execute("ROLLBACK")

    def _within_limit(self, found: Iterable[bytes]) -> list[bytes]:
        texts: list[bytes] = []
        size = 0
        for text in found:
            size += len(text)
            texts.append(text)
            if size > self._result_limit:
                raise RequestError(
                    f"The query finds over {self._result_limit:,} bytes of documents",
                    code="result_too_large",
                    hint="Page through them with limit and offset, or filter more.",
                )
        return texts


def _texts(connection: Connection) -> Iterator[bytes]:
    while rows := connection.fetchmany(PORTION):
        for (data,) in rows:
            yield data.encode()
