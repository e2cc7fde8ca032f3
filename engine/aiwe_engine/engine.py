"""The engine: everything put together. The only file that knows every part.

    async with Engine(Settings(), root=Path("."), data=Path(".aiwe")) as engine:
        await engine.load(Path("tasks.ipynb"))
        answer = await engine.handle("tasks", Request("GET", "/tasks"))

An engine is constructed, entered and closed; it keeps nothing outside itself, so two can live in
one process. It opens no port: listeners are made around it (`serve.py`, the server extension).
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import AsyncIterator, Collection, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from aiwe_engine import __version__
from aiwe_engine.answering import Answering
from aiwe_engine.assets.library import Library
from aiwe_engine.capabilities.assets import Assets
from aiwe_engine.capabilities.auth import Auth
from aiwe_engine.capabilities.body import Body
from aiwe_engine.capabilities.data import Data
from aiwe_engine.capabilities.fetch import Fetch
from aiwe_engine.capabilities.files import Files
from aiwe_engine.capabilities.gate import Gate
from aiwe_engine.capabilities.secrets import Secrets
from aiwe_engine.capabilities.tokens import TokenCalls
from aiwe_engine.capabilities.visit import SessionCalls
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.data import ManagedData
from aiwe_engine.deployments.notebooks import Locate, Notebooks
from aiwe_engine.deployments.release import Release, Workshop
from aiwe_engine.errors import AiweError, ProgramError, RequestError
from aiwe_engine.feed import Feed
from aiwe_engine.files.store import FileStore
from aiwe_engine.http.assets import AssetPages
from aiwe_engine.http.jwks import KeySet
from aiwe_engine.http.sign_in import SignIn
from aiwe_engine.identity import Identity
from aiwe_engine.logs import Log
from aiwe_engine.managers.audit import Audit
from aiwe_engine.managers.tokens import Tokens as ManagerTokens
from aiwe_engine.memory import resident
from aiwe_engine.openapi.reference import Reference
from aiwe_engine.outbound.trusted import Trusted
from aiwe_engine.people.people import People
from aiwe_engine.programs.compiler import Compiler, of_notebook
from aiwe_engine.programs.sources import read_app
from aiwe_engine.protocols import Capability
from aiwe_engine.rates.limits import Rates
from aiwe_engine.runtime.pool import WorkerPool
from aiwe_engine.settings import Settings
from aiwe_engine.space import Space
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.store.opening import open_store
from aiwe_engine.transfer.transfers import StoreTransfers
from aiwe_engine.types import (
    ByteSource,
    Cell,
    Deployment,
    Json,
    LogLine,
    Request,
    Response,
    Source,
)
from aiwe_engine.vault.custody import Custody
from aiwe_engine.vault.redactor import Redactor
from aiwe_engine.vault.rotation import Rotated
from aiwe_engine.visits import Visits

SWEEP = 0.05  # seconds between two looks at deadlines
NEWS = 1.0  # seconds between two events that an app's data was written


class Engine:
    """Apps, served and edited.

    Args:
        settings: what it is told; an app may have settings of its own in a `Configuration`.
        env: the environment that this engine serves.
        root: the project's folder; paths of notebooks are relative to it.
        data: where state lives (`.aiwe`).
        locate: tells the notebook that a session (a kernel's id) belongs to, relative to root.
    """

    def __init__(
        self,
        settings: Settings | Configuration,
        *,
        env: str = "dev",
        root: Path,
        data: Path,
        locate: Locate | None = None,
    ) -> None:
        if isinstance(settings, Settings):
            settings = Configuration(settings)
        self.configuration, self.settings = settings, settings.settings
        self.env, self.root, self.data = env, root, data
        self.id = uuid4().hex  # tells it from every other, also from itself before a restart
        self.apps_url = ""  # told by whoever opens the listener
        self.log = Log(self.settings, self.settings_of)
        self._space = Space(data, self.settings.data_limit)
        self._store = open_store(self.settings, data, self._space)
        if isinstance(self._store, DuckDBStore):
            self._space.spare, self._space.reclaim = self._store.spare, self._store.compact
        self._store.quota.follow(self.settings_of)
        self.managed_data, self._visits = ManagedData(self._store, env), Visits(self._store)
        self._database = None if self.settings.data_url else data / "data.duckdb"
        self._custody = Custody(
            self._store, data, lambda: self.settings, is_empty=self._stores_nothing
        )
        self.vault = self._custody.vault
        if data.resolve() != (root / ".aiwe").resolve():
            self.vault.option = f" --data {shlex.quote(str(data))}"
        self.vault.give(self.configuration.secrets)
        self._people = People(
            self._store,
            self._custody.cipher,
            self.settings_of,
            lambda: self.settings.auth_password_queue,
        )
        self.people = self._people.managed
        self.tokens, self.audit = ManagerTokens(data), Audit(data, lambda: self.settings.log_audit)
        self._rates = Rates(self.settings.rate_subjects)
        self._library = Library(self.settings_of, env=env, root=root, data=data, room=self._space)
        self._pool = WorkerPool(self.settings)
        self._files = FileStore(data / "files", self._space)
        self.transfers = StoreTransfers(
            self._store, self._files, data=data, settings_of=self.settings_of
        )
        self._data = Data(self._store, self.log)
        self._fetch = Fetch(self.settings_of, self._custody.injection)
        self.transfers.on_change = self._note_written
        capabilities: list[Capability] = [
            Body(self.settings_of),
            self._data,
            self._fetch,
            Files(self._files, self.settings_of),
            SessionCalls(self._visits),
            Auth(
                self._people.accounts,
                self._visits,
                self.settings_of,
                self.log,
                self._people.tokens,
                self._rates,
            ),
            TokenCalls(self._people.tokens, self._people.api_keys, self.settings_of),
            Assets(self._library),
            Secrets(self._custody.injection, self._rates, self.settings_of),
        ]
        self._workshop = Workshop(
            settings,
            self._pool,
            Gate(capabilities, self._custody.references, self.log.program).call,
            self.log,
            self._library,
            self._custody.references.end,
        )
        self._compiler = Compiler(self.settings, cache=data / "cache")
        self._reference, self._trusted = Reference(root), Trusted()
        self._language: Any = None
        self._live: dict[str, Release] = {}
        pages = AssetPages(self._library, self.settings, env=env)
        identity = Identity(
            self._visits, self._people.directory, self._people.tokens, self._people.api_keys
        )
        visitors = self._visits, self._people.directory, identity
        self._answering = Answering(
            self._live,
            self._files,
            pages,
            self._rates,
            self._visits,
            identity,
            self.log,
            env,
            self._reference,
            KeySet(self._people.keys),
            SignIn(self._store, *visitors, self._trusted.send, self.vault, self.log),
            self._custody.redaction,
        )
        self._leaving: list[Release] = []  # replaced, with requests still under way
        self._notebooks = Notebooks(
            self._workshop,
            self._compiler,
            env,
            root,
            go_live=self._go_live,
            live=self.deployments,
            ready=self._custody.ready,
            hide=self._custody.redaction.json,
            locate=locate,
        )
        self._feed = Feed(lambda: {"type": "status", **self.status()})
        self._tasks: list[asyncio.Task[None]] = []
        self._configuring = asyncio.Lock()

    # ── life ──

    async def __aenter__(self) -> Self:
        self._started, self._requests = time.time(), 0
        self.data.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self._files.clean)
        await asyncio.to_thread(self._compiler.trim)
        self.log.hide = self._custody.redaction.text
        self.log.followers.append(self._tell_line)
        self._pool.on_missing = lambda missing: self.log.unconfined(self.env, missing)
        self._pool.on_full = lambda text: self.log.tell(self.env, text)
        await self._pool.open()
        if self.settings.data_url:
            self._store.warm()  # where nobody answers, it is told now
        self._library.on_change = lambda app: self._feed.tell({"type": "assets", "app": app})
        self._tasks.append(asyncio.create_task(self._watch()))
        self._tasks.append(asyncio.create_task(self._visits.run()))
        self._tasks.append(asyncio.create_task(self._space.run()))
        self._tasks.append(asyncio.create_task(self.vault.run(shared=bool(self.settings.data_url))))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._notebooks.close()
        for release in [*self._live.values(), *self._leaving]:
            await release.serving.close()
        await self._fetch.close()
        await self._trusted.close()
        self._people.close()
        await self._pool.close()
        await self._compiler.close()
        if self._language is not None:
            await self._language.close()
        await self.vault.close()
        await self._store.close()
        self._library.close()

    async def rotate(self, forget: bool) -> Rotated:
        """Seals everything under a new key: see `vault.rotation`."""
        return await self._custody.rotate(forget)

    async def hider(self) -> Redactor | None:
        """What takes the value of every secret out of what leaves; None where there is none."""
        return await self._custody.redaction.prepared()

    def _stores_nothing(self) -> bool:
        return self._database is not None and not self._database.exists()

    def settings_of(self, app: str) -> Settings:
        """The settings of one app, as they are now."""
        return self.configuration.for_app(app)

    def warm(self) -> None:
        """Opens the store ahead of the first call; costs half a second of another thread."""
        self._store.warm()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        told = 0.0
        while True:
            await asyncio.sleep(SWEEP)
            now = loop.time()
            if self._data.written and now - told >= NEWS:
                told = now
                self._tell_written()
            self._leaving = [release for release in self._leaving if release.serving.busy]
            for release in self._leaving:
                release.serving.sweep(now)
            for release in list(self._live.values()):
                release.serving.sweep(now)
                if (
                    now - release.serving.used > self.settings.worker_idle
                    and not release.serving.busy
                ):
                    release.serving.rest()
                    self._pool.release(f"{release.deployment.app}/{release.deployment.env}")

    # ── apps ──

    async def load(self, path: Path) -> Deployment:
        """Serves a notebook, a file or a folder.

        Raises:
            ProgramError: it does not load; `duplicate_app` when another path has its name.
        """
        app = await asyncio.to_thread(read_app, path)
        other = self._live.get(app.name)
        if other is not None and other.deployment.path != str(path):
            raise ProgramError(
                f'Two apps have the name "{app.name}": {other.deployment.path} and {path}.',
                code="duplicate_app",
                hint="Rename one of the two, or give a notebook a name in its metadata (aiwe.name).",
            )
        program = await self._compiler.compile(app.sources, files=app.files)
        await self._custody.ready(app.name, self.env)
        if path.suffix == ".ipynb":
            program = of_notebook(program, app.assets)
        release = await self._workshop.release(app.name, self.env, program, path=str(path))
        await self._go_live(app.name, release)
        return release.deployment

    async def _go_live(self, app: str, release: Release | None) -> None:
        """Swaps a version in, atomically: requests under way end on the one they began on."""
        if release is not None:
            await release.renew()  # the configuration may have changed while it loaded
        before = self._live.get(app)
        if release is not None and release.limited:
            asyncio.get_running_loop().run_in_executor(None, self._rates.warm)
        if release is None:
            self._live.pop(app, None)
        else:
            self._answering.finish_of(release)  # what cannot be meant is told now, not to a visitor
            release.rename(self.url_of(app))
            self._live[app] = release
        if before is not None and before is not release:
            before.serving.retire()
            self._leaving.append(before)
        self._feed.tell(
            {
                "type": "deploy",
                "app": app,
                "version": release.deployment.version if release else None,
            }
        )

    def url_of(self, app: str) -> str:
        """Where an app is served: an origin of its own."""
        if not self.apps_url:
            return ""
        port = self.apps_url.rstrip("/").rpartition(":")[2]
        return f"http://{app}.localhost:{port}/"

    def app_names(self) -> Collection[str]:
        """The apps that are live."""
        return self._live

    def deployments(self) -> list[Deployment]:
        """What is live, one entry an app."""
        return [release.deployment for release in self._live.values()]

    async def configure(self, configuration: Configuration) -> list[str]:
        """Takes another configuration while requests are answered.

        Isolates made under other limits are replaced: what is under way ends where it began. The
        names of what waits for the next start are given back; that stays as it was.
        """
        async with self._configuring:
            configuration, waiting = configuration.keeping(self.settings)
            settings = configuration.settings
            self.configuration, self.settings = configuration, settings
            self._workshop.configuration = configuration
            await self.vault.give_running(configuration.secrets)
            self.log.configure(settings)
            self._space.limit = settings.data_limit
            self._store.configure(settings)
            self._pool.configure(settings)
            self._compiler.process.idle = settings.compile_idle
            if self._language is not None:
                self._language.process.idle = settings.worker_idle
            for app, release in list(self._live.items()):
                try:
                    await release.renew()
                except AiweError as error:
                    text = f"It goes on under its old limits: {error.message}"
                    version = release.deployment.version
                    self.log.write(LogLine(time.time(), app, self.env, version, "error", text))
            return waiting

    async def openapi(self, app: str, server: str = "/") -> bytes:
        """The OpenAPI document of an app that is live, as JSON text.

        Raises:
            RequestError: `no_such_app`.
        """
        release = self._release(app)
        limit = release.settings.rate_limit
        return await self._reference.document(release.deployment, server, limit=limit)

    # ── requests ──

    def handle(
        self, app: str, request: Request, *, public: bool = True
    ) -> Coroutine[Any, Any, Response]:
        """Answer one request to an app. Never raises: an error is an answer in the error shape."""
        self._requests += 1
        return self._answering.handle(app, request, public=public)

    # ── notebooks ──

    def run_cell(self, cell: Cell) -> AsyncIterator[dict[str, Json]]:
        """Runs one cell; its events as they happen, `done` last."""
        return self._notebooks.run(cell)

    async def app_of(self, session: str | None, path: str | None, app: str = "") -> str:
        """The app that a session's notebook is, or will be once a cell of it runs."""
        return await self._notebooks.app_of(session, path, app)

    async def interrupt(self, session: str) -> bool:
        """Stops the cell that runs in this session. False: none did."""
        return await self._notebooks.interrupt(session)

    async def end_session(self, session: str) -> None:
        """Ends the session isolate; what is live stays."""
        await self._notebooks.end(session)

    async def arrange(self, app: str, path: str | None, cells: list[str], *, saved: bool) -> None:
        """The notebook's cells in document order; with `saved`, cells not named leave the draft."""
        await self._notebooks.arrange(app, path, cells, saved=saved)

    async def live(self, app: str, expression: str) -> dict[str, Json]:
        """Evaluates an expression in the serving isolate; its value as a mime bundle."""
        release = self._release(app)
        piece = await self._compiler.compile_one(Source("live.js", expression, cell="live"))
        value = await release.evaluate(piece)
        return {"data": self._custody.redaction.json(app, self.env, value)}

    # ── assets ──

    async def assets(self, app: str) -> list[dict[str, Json]]:
        """The files below /assets/ of an app that is live: see docs/management.md."""
        found = await self._library.list(app, self._version(app))
        return [one.to_json(self.url_of(app)) for one in found]

    async def put_asset(
        self, app: str, path: str, content: ByteSource, size: int | None
    ) -> dict[str, Json]:
        """Keeps an uploaded asset of so many bytes (None: nobody knows yet)."""
        self._version(app)
        found = await self._library.receive(app, path, content, size)
        return found.to_json(self.url_of(app))

    async def delete_asset(self, app: str, path: str) -> bool:
        """Deletes an uploaded or written asset. False: there is none."""
        return await self._library.delete(app, self._version(app), path)

    def _version(self, app: str) -> str:
        return self._release(app).deployment.version

    def _release(self, app: str) -> Release:
        release = self._live.get(app)
        if release is None:
            raise RequestError(f'There is no app "{app}" here.', code="no_such_app", status=404)
        return release

    # ── language ──

    async def language(self, operation: str, arguments: dict[str, Any]) -> Json:
        """Completion, hover, diagnostics, completeness: see docs/management.md."""
        if self._language is None:
            from aiwe_engine.programs.language import (
                Language,  # seldom needed where apps are served
            )

            self._language = Language(self.settings)
        answer: Json = await self._language.ask(operation, arguments)
        return answer

    # ── watching ──

    def status(self) -> dict[str, Json]:
        """How the engine is: see docs/management.md."""
        return {
            "id": self.id,
            "version": __version__,
            "env": self.env,
            "pid": os.getpid(),
            "uptime": round(time.time() - self._started, 1),
            "apps_url": self.apps_url,
            "apps": len(self._live),
            "requests": self._requests,
            "memory_mb": resident(os.getpid())
            + sum(map(resident, self._pool.processes().values())),
            "workers": dict(self._pool.processes()),
            "root": str(self.root),
            "data": str(self.data),
            "confinement": self._pool.confined,
        }

    def logs(
        self, app: str | None, *, after: int = 0, limit: int = 200
    ) -> list[tuple[int, LogLine]]:
        """The latest log lines with their sequence numbers, oldest first."""
        return self.log.read(app, after=after, limit=limit)

    def events(self) -> AsyncIterator[dict[str, Json]]:
        """Deployments, log lines and status, as they happen."""
        return self._feed.follow()

    def _note_written(self, app: str, env: str, collection: str) -> None:
        if env == self.env:
            self._data.note(app, collection)

    def _tell_written(self) -> None:
        written, self._data.written = self._data.written, {}
        for app, times in written.items():
            self._feed.tell({"type": "data", "app": app, "collections": dict(times)})

    def _tell_line(self, number: int, line: LogLine) -> None:
        if self._feed.is_followed:
            self._feed.tell({"type": "log", "seq": number, "line": line})  # type: ignore[dict-item]
