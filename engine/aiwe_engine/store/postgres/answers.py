"""What one statement answers: a question of a collection, on whatever connection."""

from __future__ import annotations

from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.store.postgres.connections import Connection, streamed
from aiwe_engine.store.postgres.question import count, find
from aiwe_engine.store.postgres.statements import Sql, Table
from aiwe_engine.store.repository import Question

PORTION = 1_000  # rows taken at a time


async def answer(
    connection: Connection, table: Table | None, question: Question, result_limit: int
) -> Any:
    """The texts that a query finds, or a number.

    Args:
        connection: where to ask.
        table: of the collection; None: there is none.
        question: what is asked.
        result_limit: bytes of documents that a query may find.

    Raises:
        RequestError: `result_too_large`.
    """
    if question.selection is not None:
        if table is None:
            return []
        return await _texts(
            connection, find(table, question.condition, question.selection), result_limit
        )
    if table is None:
        return 0
    text, values = count(table, question.condition)
    row = await (await connection.execute(text.encode(), values)).fetchone()
    return row[0] if row else 0


async def _texts(connection: Connection, statement: Sql, limit: int) -> list[bytes]:
    texts: list[bytes] = []
    size = 0
    text, values = statement
    async with streamed(connection.cursor(), text, values, PORTION) as rows:
        async for (data,) in rows:
            found = data.encode()
            texts.append(found)
            size += len(found)
            if size > limit:
                raise RequestError(
                    f"The query finds over {limit:,} bytes of documents",
                    code="result_too_large",
                    hint="Page through them with limit and offset, or filter more.",
                )
    return texts
