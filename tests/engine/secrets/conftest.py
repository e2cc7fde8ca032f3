"""Engines with a vault, and servers of the test that are reached by names of the internet, over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme

from aiwe_engine.engine import Engine
from aiwe_engine.outbound.client import Outbound
from aiwe_engine.settings import Settings
from aiwe_engine.vault.vault import Change
from tests.engine.fetch.conftest import Trial, echo
from tests.engine.outbound.servers import Reply, Server, answer, serving

VALUE = "SG.k3y-of-the-mail_service.0123456789"
FAR = "93.184.215.14"  # where names seem to be; nothing is sent there


class Proxy:
    """A proxy as a company has one: the way to every host, and it ends at a server of the test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        there, back = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()


class Shop(Trial):
    """A trial with a vault. `BASE` is a server of its own network, which is reached in the clear."""

    mail: Server  # answers for every name of the internet, over TLS

    async def keep(self, secret: str = "key", value: str = VALUE, **more: Any) -> None:
        """Stores a secret: hosts, places, app, env."""
        scope = {name: more.pop(name) for name in ("app", "env") if name in more}
        change = Change(value.encode(), more.pop("hosts", ()), more.pop("places", ()))
        await self.engine.vault.put(secret, change, **scope, by="test")

    async def uses(self) -> list[tuple[Any, ...]]:
        """What the audit says of uses, oldest first."""
        found = await self.engine.vault.audit.entries(limit=1000)
        names = ("secret", "host", "how", "outcome")
        return [tuple(one[n] for n in names) for one in reversed(found) if one["what"] == "use"]


OpenShop = Callable[..., Any]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.asynccontextmanager
async def internet(server: Server) -> AsyncIterator[str]:
    """The address of a proxy by which every name leads to this server."""
    proxy = Proxy(server)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


async def lookup(_: str, __: int) -> list[str]:
    return [FAR]


@pytest_asyncio.fixture(loop_scope="module")
async def open_shop(tmp_path: Path, authority: trustme.CA) -> AsyncIterator[OpenShop]:
    """Opens engines whose programs reach `routes` under the names that stand in them."""
    async with AsyncExitStack() as stack:

        async def open_one(routes: dict[str, bytes | Reply] | None = None, **changes: Any) -> Shop:
            routes = {"/echo": echo, "*": answer("hello"), **(routes or {})}
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            names = ("api.sendgrid.com", "api.example.com", "other.example.com")
            authority.issue_cert(*names).configure_cert(tls)
            authority.cert_pem.write_to_path(file := tmp_path / "ca.pem")
            near = await stack.enter_async_context(serving(routes))
            far = await stack.enter_async_context(serving(routes, tls=tls))
            settings = Settings(
                **{
                    "deadline": 10.0,
                    "spare_workers": 0,
                    "fetch_allow_private": ("127.0.0.1:*",),
                    "fetch_no_proxy": ("127.0.0.1",),
                    "fetch_proxy": await stack.enter_async_context(internet(far)),
                    "fetch_ca_file": str(file),
                    **changes,
                }
            )
            engine = Engine(settings, root=tmp_path, data=tmp_path / "data")
            engine._fetch._outbound = Outbound(lookup)  # no test asks a resolver of the internet
            shop = Shop(await stack.enter_async_context(engine), tmp_path)
            shop.server, shop.mail = near, far
            return shop

        yield open_one


@pytest_asyncio.fixture(loop_scope="module")
async def shop(open_shop: OpenShop) -> Shop:
    one: Shop = await open_shop()
    return one
