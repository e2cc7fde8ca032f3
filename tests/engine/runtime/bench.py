"""What the runtime's tests share: an engine that serves programs given as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Deployment, Request, Response

Open = Callable[..., Any]
QUICK = {"cpu_limit": 0.3, "deadline": 3.0, "kill_grace": 1.0}


class Bench:
    """An engine, and short words for what tests do with it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder

    async def serve(self, text: str, app: str = "app", suffix: str = "js") -> Deployment:
        path = self.folder / f"{app}.{suffix}"
        path.write_text(text, encoding="utf-8")
        return await self.engine.load(path)

    def request(self, method: str, path: str, **more: Any) -> Request:
        headers = [("host", "x"), *more.pop("headers", [])]
        return Request(method, path, headers=headers, id=f"test-{path}", **more)

    async def get(self, path: str, app: str = "app", method: str = "GET", **more: Any) -> Response:
        async with asyncio.timeout(30):
            request = self.request(method, path, **more)
            return await self.engine.handle(app, request, public=False)

    async def json(self, path: str, app: str = "app", **more: Any) -> Any:
        response = await self.get(path, app, **more)
        return orjson.loads(response.body)

    async def code(self, path: str, app: str = "app", **more: Any) -> tuple[int, str]:
        """Status and error code of an answer that must be an error."""
        response = await self.get(path, app, **more)
        return response.status, orjson.loads(response.body)["error"]["code"]


def settings(**changes: Any) -> Settings:
    return Settings(**{**QUICK, **changes})
