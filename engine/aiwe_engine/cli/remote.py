"""A running engine, asked through its management listener (docs/management.md)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.protocols import Held, Loaded, Scope, Taken
from aiwe_engine.types import ByteSource, Json, Where

_CONNECT = 5.0
_HEAD = '{{"collection":"{}","document":'


class EngineTransfers:
    """A `protocols.Transfers` of an engine in another process.

    Args:
        url: of its management API.
        token: what it wants to be told.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(None, connect=_CONNECT),
            trust_env=False,  # a proxy has no business between a command and its engine
            verify=self._url.startswith("https:"),  # loading certificates takes its time
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def env(self) -> str:
        """The environment that the engine serves."""
        return str((await self.json("GET", "/status"))["env"])

    async def collections(self) -> list[Held]:
        """Those of every app and environment."""
        answer = await self.json("GET", "/transfer/collections")
        return [Held(**one) for one in answer["collections"]]

    async def export(
        self, app: str, env: str, names: list[str]
    ) -> AsyncGenerator[tuple[str, bytes]]:
        """Documents as lines."""
        query = {"app": app, "env": env, "collections": ",".join(names)}
        async with self._asked("GET", "/transfer/export", params=query) as response:
            yield "", b""
            if len(names) == 1:
                async for piece in response.aiter_raw():
                    yield names[0], piece
                return
            async for name, lines in _sorted_out(names, response):
                yield name, lines

    async def load(
        self, scope: Scope, collection: str, source: ByteSource, *, name: str, taken: Taken
    ) -> Loaded:
        """Stores the documents of NDJSON, all or none."""
        query = {
            "app": scope.app,
            "env": scope.env,
            "collection": collection,
            "name": name,
            "taken": taken,
        }
        answer = await self.json("POST", "/transfer/import", params=query, content=_pieces(source))
        return Loaded(**answer)

    async def backup(self) -> AsyncGenerator[bytes]:
        """An archive of everything that the engine could not make again."""
        async with self._asked("GET", "/transfer/backup") as response:
            yield b""
            async for piece in response.aiter_raw():
                yield piece

    async def reset(self, env: str, app: str | None) -> dict[str, Json]:
        """Deletes the data of an environment, or of one app there."""
        answer = await self.json("POST", "/transfer/reset", json={"env": env, "app": app})
        return dict(answer["deleted"])

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """What the engine answers, read; None where that has no body.

        Raises:
            AiweError: its refusal, or `engine_lost`.
        """
        async with self._asked(method, path, **options) as response:
            body = await response.aread()
            return json.loads(body) if body else None

    def _address(self, path: str) -> str:
        """Where a path of the API is; that of secrets stands beside the others."""
        if path.startswith("/editor/"):
            return self._url.removesuffix("/aiwe/api") + path
        return self._url + path

    async def ask(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """What the engine answers about secrets and tokens."""
        options: dict[str, Any] = {"params": query}
        if body is not None:
            options["json"] = body
        return await self.json(method, path, **options)

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **options: Any) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(method, self._address(path), **options) as response:
                if response.is_error:
                    raise _refusal(response.status_code, await response.aread())
                yield response
        except httpx.TransportError as error:
            raise EngineError(
                f"The engine at {self._url} did not answer to the end: {error or type(error)}.",
                code="engine_lost",
                hint="See its log. Where it has ended, the command works without it.",
            ) from None


async def _sorted_out(
    names: list[str], response: httpx.Response
) -> AsyncIterator[tuple[str, bytes]]:
    """The documents of several collections, which come as lines that name one each."""
    heads = {name: _HEAD.format(name).encode() for name in names}
    current, rest = names[0], b""
    async for piece in response.aiter_raw():
        *lines, rest = (rest + piece).split(b"\n")
        found: list[bytes] = []
        for line in lines:
            if not line.startswith(heads[current]):
                yield current, b"".join(found)
                found = []
                current = next(name for name in names if line.startswith(heads[name]))
            found.append(line[len(heads[current]) : -1] + b"\n")
        yield current, b"".join(found)


async def _pieces(source: ByteSource) -> AsyncIterator[bytes]:
    while piece := await source.read():
        yield piece


def _refusal(status: int, body: bytes) -> AiweError:
    """What the engine said, as if it had been said here."""
    try:
        told = json.loads(body)["error"]
        where = told.get("where")
        return AiweError(
            told["message"],
            code=told["code"],
            status=status,
            hint=told.get("hint"),
            details=told.get("details"),
            where=Where(**where) if where else None,
        )
    except (ValueError, KeyError, TypeError):
        return EngineError(f"The engine answered {status}.", code="engine_refused")
