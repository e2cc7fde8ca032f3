"""This kernel's engine over time: found once, looked for again when it does not answer.

What a kernel finds (`discover.py`) holds a token of the server's or of a person's. With that it has one made
for itself, for its own session and app, and works with nothing else; where the engine does not know that one
any more, because it has started anew, another one is made.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from aiwe_kernel.client import ask_token
from aiwe_kernel.discover import Engine, find_engine, notebook_path
from aiwe_kernel.errors import cell_error
from aiwe_kernel.private import PrivateEngine


class Connection:
    """Says where the engine is, and starts a private one where there is none.

    A kernel that had an engine given to it never falls back to a private one: its notebook would
    go live in another place than before without a word.

    Args:
        session: the kernel's id.
    """

    def __init__(self, session: str) -> None:
        self._session = session
        self._found: Engine | None = None
        self._engine: Engine | None = None  # the same, with a token of this kernel's own
        self._private: PrivateEngine | None = None
        self._lock = asyncio.Lock()

    async def locate(self, failed: Engine | None = None) -> Engine:
        """Where the engine is.

        Args:
            failed: what did not answer, or did not know the token.

        Raises:
            CellError: it cannot be had, or has no token for this kernel.
        """
        async with self._lock:
            if self._found is None:
                self._found = find_engine() or await self._start()
            elif failed is not None and failed == self._engine:
                self._engine = None
                self._found = await self._again(self._found)
            return self._engine or await self._introduce(self._found)

    async def locate_meanwhile(self, failed: Engine | None = None) -> Engine:
        """As `locate`, in another thread, while the kernel's own loop stands still.

        Raises:
            CellError: also where there is no engine yet: none is started.
        """
        if self._engine is not None and failed != self._engine:
            return self._engine
        found = self._found if self._private else find_engine() or self._found
        if found is None:
            raise cell_error(
                {
                    "name": "EngineUnreachable",
                    "code": "engine_unreachable",
                    "message": "This notebook has no engine yet.",
                    "hint": "Run a JavaScript cell first: it starts one.",
                }
            )
        self._found = found
        return await self._introduce(found)

    @property
    def known(self) -> Engine | None:
        """The engine, if it was found already."""
        return self._engine or self._found

    async def close(self) -> None:
        """End the private engine, if there is one."""
        private, self._private = self._private, None
        if private:
            await private.stop()

    async def _introduce(self, found: Engine) -> Engine:
        path = notebook_path(os.environ, found.root)
        token = await ask_token(found, self._session, path)
        self._engine = replace(found, token=token)
        return self._engine

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
        self._engine = self._found = None
        raise cell_error(
            {
                "name": "EngineLost",
                "code": "engine_lost",
                "message": f"The private engine of this notebook ended (exit status {status}).",
                "hint": "A new and empty one is started with the next cell: run your cells again.",
            }
        )
