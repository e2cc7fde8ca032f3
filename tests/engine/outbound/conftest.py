"""What the tests of outgoing requests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.outbound.client import Outbound
from aiwe_engine.outbound.exchange import Answer, Outgoing
from aiwe_engine.settings import Settings


class Client:
    """An `Outbound` with settings, and short words for what tests do with it."""

    def __init__(self, outbound: Outbound, settings: Settings) -> None:
        self.outbound, self.settings = outbound, settings

    async def send(self, url: str, method: str = "GET", **more: Any) -> Answer:
        return await self.outbound.send(Outgoing(method, url, **more), self.settings)

    async def text(self, url: str, method: str = "GET", **more: Any) -> str:
        answer = await self.send(url, method, **more)
        return "" if answer.body is None else (await answer.body.whole()).decode()

    async def error(self, url: str, method: str = "GET", **more: Any) -> AiweError:
        """The error that a request and the reading of its answer must end in."""
        with pytest.raises(AiweError) as caught:
            await self.text(url, method, **more)
        return caught.value


Open = Callable[..., Client]


@pytest.fixture
async def open_client() -> AsyncIterator[Open]:
    """Makes clients with settings of one's own; loopback may be reached unless these say otherwise."""
    async with AsyncExitStack() as stack:

        def open_one(lookup: Any = None, **changes: Any) -> Client:
            outbound = Outbound(lookup)
            stack.push_async_callback(outbound.close)
            allowed = {"fetch_allow_private": ("127.0.0.1:*", "localhost:*")}
            return Client(outbound, Settings(**{**allowed, **changes}))

        yield open_one


@pytest.fixture
def client(open_client: Open) -> Client:
    return open_client()
