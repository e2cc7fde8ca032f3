"""What the tests of programs share: one compiler for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.settings import Settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def compiler() -> AsyncIterator[Compiler]:
    async with Compiler(Settings()) as compiler:
        yield compiler
