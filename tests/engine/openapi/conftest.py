"""Programs that are served, and the documents that they make."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from openapi_spec_validator import OpenAPIV31SpecValidator

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings

Document = Callable[..., Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    folder = tmp_path_factory.mktemp("openapi")
    settings = Settings(spare_workers=0)
    async with Engine(settings, root=folder, data=folder / "data") as engine:
        yield engine


@pytest.fixture
def document(engine: Engine) -> Document:
    """The document of a program, which is valid."""

    async def made(text: str, app: str = "shop") -> Any:
        path = engine.root / f"{app}.js"
        path.write_text(text)
        await engine.load(path)
        found = json.loads(await engine.openapi(app))
        assert [error.message for error in OpenAPIV31SpecValidator(found).iter_errors()] == []
        return found

    return made
