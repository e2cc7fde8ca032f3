"""A kernel tells its token to an engine that proves its name, or to one of this machine."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest
import trustme

from aiwe_kernel.client import EngineClient
from aiwe_kernel.discover import Engine


async def test_no_token_reaches_a_server_by_https_that_nobody_vouches_for() -> None:
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]

    async def locate(_: Engine | None) -> Engine:
        return Engine(f"https://127.0.0.1:{port}", "secret-token", "AIWE_URL")

    async with EngineClient(locate) as client:
        with pytest.raises(Exception, match=r"(?i)certificate|reach|answer") as refused:
            await client.status()
    assert any(isinstance(error, httpx.ConnectError) for error in causes(refused.value))
    server.close()
    assert not any(heard)


def causes(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
