"""A notebook in the hands of a person: cells are run one by one, answers are looked at."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from aiwe_engine.engine import Engine
from aiwe_engine.types import Cell, Request


@dataclass
class Ran:
    """What a cell's run said."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def ok(self) -> bool:
        return bool(self.events[-1]["ok"])

    @property
    def text(self) -> str:
        return "".join(e["text"] for e in self.events if e["type"] in {"stdout", "stderr"})

    @property
    def result(self) -> str | None:
        found = self.of("result")
        return found[0]["data"]["text/plain"] if found else None

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.of("error")[0]["error"]
        return found

    @property
    def deployment(self) -> dict[str, Any]:
        found: dict[str, Any] = self.of("deployment")[0]["deployment"]
        return found

    @property
    def changes(self) -> dict[str, str]:
        return {f"{r['method']} {r['path']}": r["change"] for r in self.deployment["routes"]}


class Person:
    """Runs cells of one notebook and asks the app it makes."""

    def __init__(self, engine: Engine, path: str = "demo.ipynb", session: str = "kernel-1") -> None:
        self.engine, self.path, self.session = engine, path, session

    async def run(self, cell: str, text: str, *, anonymous: bool = False) -> Ran:
        ran = Ran()
        asked = Cell(self.session, "", cell, text, path=self.path, anonymous=anonymous)
        async with asyncio.timeout(30):
            async for event in self.engine.run_cell(asked):
                ran.events.append(event)
        return ran

    async def ask(self, path: str, method: str = "GET", app: str = "demo") -> tuple[int, Any]:
        request = Request(method, path, headers=[("host", "x")], id="id")
        response = await self.engine.handle(app, request, public=False)
        try:
            return response.status, orjson.loads(response.body)
        except orjson.JSONDecodeError:
            return response.status, response.body.decode()
