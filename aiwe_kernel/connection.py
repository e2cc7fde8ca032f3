"""This kernel's engine over time: found once, looked for again when it does not answer."""

from __future__ import annotations

import asyncio

from aiwe_kernel.discover import Engine, find_engine
from aiwe_kernel.errors import cell_error
from aiwe_kernel.private import PrivateEngine


class Connection:
    """Says where the engine is, and starts a private one where there is none.

    A kernel that had an engine given to it never falls back to a private one: its notebook would
    go live in another place than before without a word.
    """

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._private: PrivateEngine | None = None
        self._lock = asyncio.Lock()

    async def locate(self, renew: bool = False) -> Engine:
        """Where the engine is; with `renew` after it did not answer there."""
        async with self._lock:
            if self._engine is None:
                self._engine = find_engine() or await self._start()
            elif renew:
                self._engine = await self._again(self._engine)
            return self._engine

    @property
    def known(self) -> Engine | None:
        """The engine, if it was found already."""
        return self._engine

    async def close(self) -> None:
        """End the private engine, if there is one."""
        private, self._private = self._private, None
        if private:
            await private.stop()

    async def _start(self) -> Engine:
        self._private = PrivateEngine()
        try:
            return await self._private.start()
        except BaseException:
            await self.close()
            raise

    async def _again(self, engine: Engine) -> Engine:
        if self._private is None:
            return find_engine() or engine
        status = await self._private.ended()
        if status is None:
            return engine
        await self.close()
        self._engine = None
        raise cell_error(
            {
                "name": "EngineLost",
                "code": "engine_lost",
                "message": f"The private engine of this notebook ended (exit status {status}).",
                "hint": "A new and empty one is started with the next cell: run your cells again.",
            }
        )
