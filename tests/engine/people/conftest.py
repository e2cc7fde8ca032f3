"""Engines of these tests: real V8 in real worker processes, data in a temporary folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aiwe_engine.engine import Engine
from tests.engine.runtime.bench import Bench, Open, settings


@pytest.fixture
async def open_bench(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens benches with settings of one's own; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(**changes: Any) -> Bench:
            engine = Engine(settings(**changes), root=tmp_path, data=tmp_path / ".aiwe")
            return Bench(await stack.enter_async_context(engine), tmp_path)

        yield open_one


@pytest.fixture
async def bench(open_bench: Open) -> Bench:
    """A bench with the quick limits of these tests."""
    opened: Bench = await open_bench()
    return opened
