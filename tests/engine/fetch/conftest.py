"""Engines whose programs fetch from servers of the test, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Response
from tests.engine.outbound.servers import Seen, Server, Writer, answer, serving
from tests.engine.runtime.bench import Bench

QUICK = {"deadline": 10.0, "spare_workers": 0, "fetch_allow_private": ("127.0.0.1:*",)}


class Trial(Bench):
    """A bench with a server beside it; `BASE` in a program is the server's address."""

    server: Server
    before = 0  # the last line of the log that is of an earlier test

    @property
    def lines(self) -> list[str]:
        """What was logged in this test."""
        return [line.text for _, line in self.engine.logs("app", after=self.before)]

    async def serve(self, text: str, app: str = "app", suffix: str = "js") -> Any:
        return await super().serve(text.replace("BASE", self.server.url("")), app, suffix)

    async def handler(self, body: str, prelude: str = "") -> Response:
        """What a handler with this body answers, a stream read to its end."""
        await self.serve(f'{prelude}; app.get("/x", async (req) => {{ {body} }});')
        return await whole(await self.get("/x"))

    async def value(self, body: str, prelude: str = "") -> Any:
        """What such a handler returns as JSON."""
        response = await self.handler(body, prelude)
        assert response.status == 200, response.body
        return orjson.loads(response.body)

    async def thrown(self, expression: str, prelude: str = "") -> Any:
        """What is caught of an expression: the members of an error that programs look at."""
        look = "[e instanceof TypeError, e instanceof DOMException, e.name, e.code ?? null, e.message, e.hint ?? null]"
        names = ("is_type", "is_dom", "name", "code", "message", "hint")
        found = await self.value(
            f"try {{ return ['nothing was thrown', await ({expression})]; }} catch (e) {{ return {look}; }}",
            prelude,
        )
        return dict(zip(names, found, strict=True))


async def whole(response: Response) -> Response:
    if response.stream is not None:
        async with asyncio.timeout(20):
            while piece := await response.stream.read():
                response.body += piece
    return response


async def echo(seen: Seen, writer: Writer) -> None:
    """Answers with what it got: the method, the headers, and the body's length and text."""
    text = seen.body[:2000].decode("latin-1")
    told = {
        "method": seen.method,
        "target": seen.target,
        "headers": dict(seen.headers),
        "body": text,
        "size": len(seen.body),
    }
    writer.write(answer(orjson.dumps(told), "200 OK", "Content-Type: application/json"))


Open = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="module")
async def open_trial(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens trials with settings of one's own; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_one(routes: dict[str, Any] | None = None, **changes: Any) -> Trial:
            server = await stack.enter_async_context(serving({"/echo": echo, **(routes or {})}))
            engine = Engine(Settings(**{**QUICK, **changes}), root=tmp_path, data=tmp_path / "data")
            trial = Trial(await stack.enter_async_context(engine), tmp_path)
            trial.server = server
            return trial

        yield open_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Engine, Path]]:
    """One engine for the tests of a module."""
    folder = tmp_path_factory.mktemp("fetch")
    async with Engine(Settings(**QUICK), root=folder, data=folder / "data") as engine:
        yield engine, folder


@pytest_asyncio.fixture(loop_scope="module")
async def trial(shared: tuple[Engine, Path]) -> AsyncIterator[Trial]:
    async with serving({"/echo": echo}) as server:
        trial = Trial(*shared)
        trial.server = server
        trial.before = max((number for number, _ in trial.engine.logs("app")), default=0)
        yield trial
