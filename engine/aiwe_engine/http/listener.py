"""A listening socket with an ASGI application behind it.

uvicorn's httptools protocol does the work; this file opens and closes the socket, keeps the `Date`
header, and once a tick looks for connections that waste their time. No request has a timer of its
own for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from email.utils import formatdate
from typing import Any

import uvicorn

from aiwe_engine.errors import EngineError
from aiwe_engine.http.connection import Connection, Shared
from aiwe_engine.http.room import room
from aiwe_engine.settings import Settings

_BACKLOG = 2048
_SERVER = (b"server", b"aiwe")
_LAST_WORDS = 1.0  # seconds that a cancelled request gets to say that the engine stops


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        EngineError: `port_in_use` or `address_unavailable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise EngineError(
                f"Port {port} of {host} is in use.",
                code="port_in_use",
                hint="End the process that listens there, or take another port with --port "
                "(0 takes any free one).",
            ) from None
        raise EngineError(
            f"Cannot listen on {host}, port {port}: {error.strerror}.",
            code="address_unavailable",
            hint="Give --host an address of this machine and --port a port that you may open.",
        ) from None


class Listener:
    """Serves an ASGI application on a socket, from `start` to `close`.

    Args:
        app: the ASGI application.
        sock: a listening socket; the listener closes it.
        settings: for the timeouts and the grace time.
    """

    def __init__(self, app: Any, sock: socket.socket, settings: Settings) -> None:
        self._settings = settings
        self._socket = sock
        self._config = uvicorn.Config(
            app, interface="asgi3", lifespan="off", ws="none", log_config=None, proxy_headers=False
        )
        self._config.load()
        self._state = Shared()
        self._server: asyncio.Server | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._closing = False
        self._empty = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that were bound."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def served(self) -> int:
        """How many requests were answered."""
        return self._state.total_requests

    def configure(self, settings: Settings) -> None:
        """Other timeouts, for the connections there are too."""
        self._settings = settings

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    async def start(self) -> tuple[str, int]:
        """Begins to accept; returns the bound address."""
        address = self.address
        self._sweep()
        self._server = await asyncio.get_running_loop().create_server(
            self._connection, sock=self._socket, backlog=_BACKLOG
        )
        return address

    async def close(self, grace: float | None = None) -> None:
        """Refuses new connections, lets requests under way end, and cuts them off after `grace`."""
        if self._server is None:
            self._socket.close()
            return
        self._closing = True
        self._server.close()
        for connection in self._connections():
            connection.shutdown()
        if self._state.connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.grace if grace is None else grace):
                    await self._empty.wait()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WORDS)
        for connection in self._connections():
            connection.transport.abort()
        if self._tick is not None:
            self._tick.cancel()

    def _connection(self) -> Connection:
        most = room(self._settings.connection_limit)
        return Connection(self._config, self._state, self._left, most)

    def _connections(self) -> list[Connection]:
        return [one for one in self._state.connections if isinstance(one, Connection)]

    def _left(self) -> None:
        """A connection has ended."""
        if self._closing and not self._state.connections:
            self._empty.set()

    def _sweep(self) -> None:
        """The one coarse timer: the date, and the connections that are over their time."""
        loop = asyncio.get_running_loop()
        self._state.stamp([(b"date", formatdate(usegmt=True).encode()), _SERVER])
        now, settings = loop.time(), self._settings
        for connection in self._connections():
            connection.check(now, settings)
        shortest = min(settings.header_timeout, settings.body_timeout)
        self._tick = loop.call_later(min(1.0, max(shortest / 4, 0.02)), self._sweep)
