"""The readers: documents by their ids, many by one statement; and questions, each by one of its own.

Equal questions that wait together are answered once. Nothing is kept between two reads: another process
may have written meanwhile. A read by what is not known to hold any more fails with `Stale`; it is to be
asked anew.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, get_running_loop
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.definitions import PLAIN
from aiwe_engine.store.guard import guard_of
from aiwe_engine.store.postgres import statements
from aiwe_engine.store.postgres.answers import answer
from aiwe_engine.store.postgres.catalog import Catalog
from aiwe_engine.store.postgres.connections import Connection, Connections
from aiwe_engine.store.postgres.failure import Stale, closed, is_stale, told, too_slow
from aiwe_engine.store.postgres.gathering import Gathering
from aiwe_engine.store.postgres.statements import Table
from aiwe_engine.store.repository import Question
from aiwe_engine.store.rows import Place

MOST_GETS = 1_000  # by one statement
WIDTH = 4  # statements of gets at a time

Found = TypeVar("Found")
Get: TypeAlias = tuple[Place, Table | None, str, "Future[bytes | None]"]


class Reader:
    """What reads, outside of transactions, what was committed."""

    def __init__(self, connections: Connections, catalog: Catalog, settings: Settings) -> None:
        self._connections, self._catalog = connections, catalog
        self._gets: Gathering[Get] = Gathering(self._read, most=MOST_GETS, width=WIDTH)
        self._asking: dict[Question, list[Future[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """The limits of results and of time, from the next question on."""
        self.result_limit = settings.result_limit
        self.time_limit = settings.query_limit

    def get(self, scope: Scope, collection: str, doc_id: str) -> Future[bytes | None]:
        """A document by its id."""
        future: Future[bytes | None] = get_running_loop().create_future()
        place = (scope.app, scope.env, collection)
        self._gets.put((place, self._catalog.table(place), doc_id, future))
        return future

    def ask(self, question: Question) -> Future[Any]:
        """The answer to a question: a list of texts, or a number."""
        future: Future[Any] = get_running_loop().create_future()
        waiting = self._asking.get(question)
        if waiting is not None:
            waiting.append(future)
            return future
        self._asking[question] = waiting = [future]
        task = get_running_loop().create_task(self._answer(question, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return future

    async def finish(self) -> None:
        """Ends the questions that are under way."""
        await self._gets.finish()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    async def _read(self, gets: list[Get]) -> None:
        together: dict[tuple[Place, Table | None], list[Get]] = {}
        for get in gets:
            together.setdefault(get[:2], []).append(get)
        for (place, table), some in together.items():
            ids = list({doc_id for _, _, doc_id, _ in some})
            nothing: dict[str, bytes] = {}
            try:
                found = await self._on(place, table, partial(_find, ids), nothing)
            except Exception as error:  # noqa: BLE001  whatever it was, every caller must hear of it
                _fail([future for *_, future in some], self._told(error))
            else:
                for _, _, doc_id, future in some:
                    if not future.done():
                        future.set_result(found.get(doc_id))

    async def _answer(self, question: Question, waiting: list[Future[Any]]) -> None:
        try:
            answer = await self._run(question)
        except asyncio.CancelledError:
            _fail(waiting, closed())
        except Exception as error:  # noqa: BLE001  as above
            _fail(waiting, self._told(error))
        else:
            for future in waiting:
                if not future.done():
                    future.set_result(answer)
        finally:
            if self._asking.get(question) is waiting:
                del self._asking[question]

    async def _run(self, question: Question) -> Any:
        scope, collection = question.scope, question.collection
        place = (scope.app, scope.env, collection)
        table = self._catalog.table(place)
        definition = PLAIN if table is None else table.definition
        if guard_of(definition, scope.caller, collection) != question.guard:
            raise Stale

        async def ask(connection: Connection, table: Table) -> Any:
            del self._asking[question]  # whoever asks from now on may know of newer commits
            return await answer(connection, table, question, self.result_limit)

        nothing: Any = 0 if question.selection is None else []
        return await self._on(place, table, ask, nothing)

    async def _on(
        self,
        place: Place,
        table: Table | None,
        work: Callable[[Connection, Table], Awaitable[Found]],
        nothing: Found,
    ) -> Found:
        """Reads a collection; where this process does not know it, another may have made it."""
        async with asyncio.timeout(self.time_limit), self._connections.one() as connection:
            if table is not None:
                try:
                    return await work(connection, table)
                except Exception as error:
                    if not is_stale(error):
                        raise
            await self._catalog.look(connection, [place])
            if table is None and self._catalog.table(place) is None:
                return nothing
            raise Stale

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, TimeoutError):
            return too_slow(self.time_limit)
        return error if isinstance(error, Stale) else told(error, self._connections.address)


async def _find(ids: list[str], connection: Connection, table: Table) -> dict[str, bytes]:
    text, values = statements.read(table, ids)
    rows = await (await connection.execute(text.encode(), values)).fetchall()
    return {doc_id: data.encode() for doc_id, data in rows}


def _fail(waiting: list[Future[Any]], error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
