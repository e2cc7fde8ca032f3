"""The management routes below `/transfer`: what goes in and out of an engine as a whole.

Bodies and answers are as large as what they carry, so both pass through piece by piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import asdict
from typing import Any

import orjson

from aiwe_engine.configuration.given import ENVIRONMENTS
from aiwe_engine.errors import AiweError
from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Answered, Calls, Received
from aiwe_engine.http.refusal import JSON
from aiwe_engine.protocols import Scope, Transfers
from aiwe_engine.types import ByteSource, Json, Response

TAKEN = ("fail", "skip", "replace")
_NO_STORE = ("cache-control", "no-store")
_NDJSON = ("content-type", "application/x-ndjson")
_ZIP = ("content-type", "application/zip")
_SAVED = ("content-disposition", 'attachment; filename="aiwe-backup.zip"')


class TransferRoutes:
    """Reads a request, asks, and writes the answer.

    Args:
        transfers: who does it.

    Attributes:
        calls: what can be asked, by method and path below the management API.
    """

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self.calls: Calls = {
            "GET /transfer/collections": Answered("data.read", About.ENGINE, self._collections),
            "GET /transfer/export": Answered("data.read", About.QUERY, self._export),
            "GET /transfer/backup": Answered("admin", About.ENGINE, self._backup),
            "POST /transfer/reset": Answered("admin", About.ENGINE, self._reset),
            "POST /transfer/import": Received("data.write", About.QUERY, self._import),
        }

    async def _collections(self, _: Ask) -> Response:
        return _json({"collections": [asdict(one) for one in await self._transfers.collections()]})

    async def _export(self, ask: Ask) -> Response:
        app, env = _text(ask, "app"), _choice(ask, "env", ENVIRONMENTS)
        names = _text(ask, "collections").split(",")
        portions = self._transfers.export(app, env, names)
        await anext(portions)
        lines = _lines(portions) if len(names) == 1 else _named(portions)
        return Response(200, [_NDJSON, _NO_STORE], stream=Pieces(lines))

    async def _import(self, ask: Ask, source: ByteSource, _: int | None) -> Response:
        scope = Scope(_text(ask, "app"), _choice(ask, "env", ENVIRONMENTS))
        taken: Any = _choice(ask, "taken", TAKEN, "fail")
        name, collection = ask.query.get("name", "body"), _text(ask, "collection")
        loading = self._transfers.load(scope, collection, source, name=name, taken=taken)
        try:
            return _json(asdict(await loading))
        except AiweError:
            with suppress(AiweError):  # a client that still sends would not hear why
                while await source.read():
                    pass
            raise

    async def _backup(self, _: Ask) -> Response:
        pieces = self._transfers.backup()
        await anext(pieces)
        return Response(200, [_ZIP, _SAVED, _NO_STORE], stream=Pieces(pieces))

    async def _reset(self, ask: Ask) -> Response:
        env = ask.need("env", str)
        if env not in ENVIRONMENTS:
            raise invalid("env", f"must be one of {', '.join(ENVIRONMENTS)}")
        return _json({"deleted": await self._transfers.reset(env, ask.maybe("app", str))})


class Pieces:
    """A `ByteSource` of an iterator's pieces. Closed while a piece is made, it waits for that one."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._lock = asyncio.Lock()

    async def read(self) -> bytes:
        """The next piece that is not empty; empty at the end.

        Raises:
            AiweError: as the iterator.
        """
        async with self._lock:
            while (piece := await anext(self._pieces, None)) is not None:
                if piece:
                    return piece
        return b""

    async def close(self) -> None:
        """Ends what makes the pieces."""
        async with self._lock:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()


async def _lines(portions: AsyncGenerator[tuple[str, bytes]]) -> AsyncIterator[bytes]:
    async with aclosing(portions):
        async for _, lines in portions:
            yield lines


async def _named(portions: AsyncGenerator[tuple[str, bytes]]) -> AsyncIterator[bytes]:
    """Documents of several collections: each line says of which one it is."""
    async with aclosing(portions):
        async for name, lines in portions:
            head = b'{"collection":"%b","document":' % name.encode()
            yield b"".join(head + line + b"}\n" for line in lines.splitlines())


def _text(ask: Ask, name: str) -> str:
    text = ask.query.get(name)
    if not text:
        raise invalid(name, "is needed in the query")
    return text


def _choice(ask: Ask, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
    text = ask.query.get(name, default)
    if text not in choices:
        raise invalid(name, f"must be one of {', '.join(choices)}")
    return text


def _json(value: Json | dict[str, Any]) -> Response:
    return Response(200, [JSON, _NO_STORE], orjson.dumps(value))
