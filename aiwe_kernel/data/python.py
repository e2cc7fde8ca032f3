"""`aiwe` in Python cells: the data of this notebook's app as DataFrames.

Python cells are not awaited, so each question has a loop of its own on another thread, and the cell
waits for that. The engine is the one that the notebook has already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from aiwe_kernel.client import EngineClient
from aiwe_kernel.data.table import Table, ask_sql

if TYPE_CHECKING:
    import pandas as pd

    from aiwe_kernel.kernel import AiweKernel

T = TypeVar("T")
PORTION = 1_000  # documents asked for at a time


class PythonData:
    """The data of the notebook's app: `aiwe.sql("SELECT …")`, `aiwe.data("tasks", {…})`."""

    def __init__(self, kernel: AiweKernel) -> None:
        self._kernel = kernel

    def sql(self, text: str) -> pd.DataFrame:
        """What a SELECT finds in the collections of this notebook's app.

        Raises:
            CellError: the statement is wrong, with its place, or no engine answers.
        """

        async def ask(client: EngineClient) -> Table:
            return await ask_sql(client, await self._kernel.app_to_ask(client), text)

        table: Table = self._wait(ask)
        return table.frame()

    def data(
        self, collection: str, where: dict[str, Any] | None = None, **options: Any
    ) -> pd.DataFrame:
        """The documents that a filter of `DataRepository.query` finds.

        Args:
            collection: its name.
            where: the filter; None: all documents.
            options: sort, fields, limit and offset, as `DataRepository.query` has them.
        """
        from aiwe_kernel.data.frame import documents_frame

        async def ask(client: EngineClient) -> list[dict[str, Any]]:
            app = await self._kernel.app_to_ask(client)
            return await _all(client, app, collection, where or {}, options)

        return documents_frame(self._wait(ask))

    def collections(self) -> list[str]:
        """The names of the app's collections."""

        async def ask(client: EngineClient) -> list[str]:
            found = await client.collections(await self._kernel.app_to_ask(client))
            return [str(one["name"]) for one in found]

        return self._wait(ask)

    def __repr__(self) -> str:
        return 'aiwe.sql("SELECT …"), aiwe.data("tasks", {"status": "open"}), aiwe.collections()'

    def _wait(self, ask: Callable[[EngineClient], Awaitable[T]]) -> T:
        async def work() -> T:
            async with EngineClient(self._kernel.connection.locate_meanwhile) as client:
                return await ask(client)

        with ThreadPoolExecutor(1, "aiwe-data") as thread:
            return thread.submit(asyncio.run, work()).result()


async def _all(
    client: EngineClient,
    app: str,
    collection: str,
    where: dict[str, Any],
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    """Page after page, until all are there."""
    documents: list[dict[str, Any]] = []
    most = options.pop("limit", None)
    while most is None or len(documents) < most:
        left = PORTION if most is None else min(PORTION, most - len(documents))
        page = await client.page(app, collection, where, options | {"limit": left})
        documents += page["documents"]
        if page["cursor"] is None:
            break
        options = {**options, "cursor": page["cursor"]}
        options.pop("offset", None)
    return documents
