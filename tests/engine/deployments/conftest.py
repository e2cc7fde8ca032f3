"""An engine for people who edit notebooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from tests.engine.deployments.lab import Person


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    settings = Settings(cpu_limit=0.5, cell_cpu_limit=0.5, load_cpu_limit=0.5, kill_grace=3.0)
    async with Engine(settings, root=tmp_path, data=tmp_path / ".aiwe") as opened:
        opened.apps_url = "http://127.0.0.1:8890/"
        yield opened


@pytest.fixture
def person(engine: Engine) -> Person:
    return Person(engine)
