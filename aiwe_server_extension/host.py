"""The engine's life inside a Jupyter server.

The server does not wait for the engine: its sockets are bound and the connection file is written
at once (a kernel that starts meanwhile connects and waits), then the engine is imported, in a
thread, and started. Until then requests wait; where it cannot start, each of them is told why, and
the next one after a while tries again.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import secrets
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from logging import Logger
from pathlib import Path
from typing import Any

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.configuration.mistakes import InvalidConfiguration
from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.settings import Settings
from aiwe_engine.state import DataFolder
from aiwe_server_extension.adapter import Application, Message, Receive, Send
from aiwe_server_extension.connection import connection_file
from aiwe_server_extension.documents import Documents

_LOOPBACK = "127.0.0.1"
_MANAGEMENT_GRACE = 0.5  # its streams have no end of their own
_AGAIN = 5.0  # seconds after which a start that failed may be tried again


class EngineHost:
    """Starts one engine with its listeners, and ends it.

    Args:
        read: reads the configuration, at each start.
        root: the folder whose notebooks are apps: Jupyter's own root.
        data: the folder of the engine's state.
        runtime_dir: where the connection file is written.
        documents: what Jupyter knows about notebooks.
        log: where to say what happened.
    """

    def __init__(
        self,
        read: Callable[[], Configuration],
        *,
        root: Path,
        data: Path,
        runtime_dir: Path,
        documents: Documents,
        log: Logger,
    ) -> None:
        self._read = read
        self._root, self._data, self._runtime_dir = root, data, runtime_dir
        self._documents = documents
        self._log = log
        self._ending = asyncio.Event()
        self._decided = asyncio.Event()  # it runs, or it is known why not
        self._faces: dict[str, Application] = {}
        self._failure: AiweError | None = None
        self._failed_at = 0.0
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to start the engine; returns at once."""
        self._decided.clear()
        self._life = asyncio.create_task(self._live(), name="aiwe engine")

    async def stop(self) -> None:
        """End the engine; returns when it has ended."""
        self._ending.set()
        if self._life is not None:
            await self._life

    async def management(self, scope: Message, receive: Receive, send: Send) -> None:
        """The management application, as soon as it is there."""
        await self._pass_on("management", scope, receive, send)

    async def apps(self, scope: Message, receive: Receive, send: Send) -> None:
        """The apps' application, as soon as it is there."""
        await self._pass_on("apps", scope, receive, send)

    async def _pass_on(self, face: str, scope: Message, receive: Receive, send: Send) -> None:
        if self._failure and self._may_try_again():
            self.start()
        await self._decided.wait()
        if self._failure:
            await _refuse(self._failure, send)
        else:
            await self._faces[face](scope, receive, send)

    def _may_try_again(self) -> bool:
        waited = asyncio.get_running_loop().time() - self._failed_at
        return waited > _AGAIN and not self._ending.is_set()

    async def _live(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                await self._open(stack)
                self._failure = None
                self._decided.set()
                await self._ending.wait()
            self._fail(EngineError("The engine has ended.", code="engine_ended"))
        except AiweError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, requests must be told
            self._log.exception("aiwe: the engine could not start")
            message = f"The engine could not start: {error}"
            hint = "The log of the Jupyter server has the details."
            self._fail(EngineError(message, code="engine_failed", hint=hint))

    def _fail(self, error: AiweError) -> None:
        if not self._ending.is_set() and (
            self._failure is None or str(self._failure) != str(error)
        ):
            self._log.error("aiwe: %s %s", error.message, error.hint or "")
            if isinstance(error, InvalidConfiguration):
                for mistake in error.mistakes:
                    self._log.error("aiwe: %s", mistake)
        self._failure = error
        self._failed_at = asyncio.get_running_loop().time()
        self._decided.set()

    async def _open(self, stack: AsyncExitStack) -> None:
        configuration = self._read()
        for warning in configuration.warnings:
            self._log.warning("aiwe: %s", warning)
        settings = configuration.settings
        folder = stack.enter_context(DataFolder(self._data))
        listening = await _module("http.listener")
        control = listening.bind(_LOOPBACK, 0)
        stack.callback(control.close)
        public = self._bind_apps(listening, settings)
        stack.callback(public.close)
        token = secrets.token_urlsafe(32)
        where = {
            "management_url": _url(control) + "aiwe/api",
            "token": token,
            "apps_url": _url(public),
        }
        launcher = secrets.token_urlsafe(
            32
        )  # kernels get tokens of their own with it, nothing else
        info = {**where, "token": launcher, "root": str(self._root)}
        path = stack.enter_context(connection_file(self._runtime_dir, info))

        engine = await stack.enter_async_context(
            (await _module("engine")).Engine(
                configuration,
                env="dev",
                root=self._root,
                data=self._data,
                locate=self._documents.locate,
            )
        )
        engine.apps_url = where["apps_url"]
        engine.warm()
        saved = partial(engine.arrange, "", saved=True)

        async def ended(session: str) -> None:
            engine.tokens.end_kernel(session)
            await engine.end_session(session)

        stack.callback(self._documents.watch(saved, ended))
        face = (await _module("http.management")).ManagementFace
        management = face(engine, settings, token, launcher)
        apps = (await _module("http.asgi")).AppsFace(engine)
        self._faces = {"management": management, "apps": apps}
        for face, sock, grace in ((management, control, _MANAGEMENT_GRACE), (apps, public, None)):
            listener = listening.Listener(face, sock, settings)
            stack.push_async_callback(listener.close, grace)
            await listener.start()
        folder.write_engine_json(**where, root=self._root)
        self._log.info("aiwe: apps at %s, connection file %s", where["apps_url"], path)

    def _bind_apps(self, listening: Any, settings: Settings) -> socket.socket:
        host, port = settings.host, settings.port
        try:
            bound: socket.socket = listening.bind(host, port)
        except EngineError as error:
            if error.code != "port_in_use":
                raise
            bound = listening.bind(host, 0)
            self._log.warning("aiwe: port %d is in use; apps are at %s", port, _url(bound))
        return bound


async def _module(name: str) -> Any:
    """A module of the engine, imported beside the event loop: some take half a second."""
    return await asyncio.to_thread(importlib.import_module, f"aiwe_engine.{name}")


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound to
        host = _LOOPBACK
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


async def _refuse(error: AiweError, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(error.to_json()).encode()})
