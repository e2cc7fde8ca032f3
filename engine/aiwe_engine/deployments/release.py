"""One version of an app, live: its routes, and the isolates that answer for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from aiwe_engine.assets.cells import gather
from aiwe_engine.assets.library import Brought, Library
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.deployments.failures import explain, place
from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.logs import Log
from aiwe_engine.protocols import Scope
from aiwe_engine.rates.rule import check_count, parse
from aiwe_engine.routing.table import RouteTable, conflicts
from aiwe_engine.runtime.isolate import Flight, HostCall, Isolate
from aiwe_engine.runtime.loading import LoadFailed, load_program
from aiwe_engine.runtime.loss import OnLost
from aiwe_engine.runtime.overload import Entry
from aiwe_engine.runtime.parts import names_session, needed
from aiwe_engine.runtime.pool import WorkerPool
from aiwe_engine.runtime.process import WorkerProcess, process_limits
from aiwe_engine.runtime.serving import Serving
from aiwe_engine.types import Compiled, Deployment, EffectLog, Invocation, Program, Route, Where

HOOKS = frozenset({"use", "onError"})  # registrations that are no routes
LOAD_DEADLINE = 30.0  # seconds a program may take to load, waiting included


class Workshop:
    """What it takes to make releases: configuration, workers, the gate, the log, the assets."""

    def __init__(
        self,
        configuration: Configuration,
        pool: WorkerPool,
        gate: HostCall,
        log: Log,
        library: Library,
        on_end: Callable[[int], None] | None = None,
    ) -> None:
        self.configuration, self.library = configuration, library
        self.pool, self.gate, self.log = pool, gate, log
        self.on_end = on_end  # told of isolates that are gone, by their serial
        self._entries: dict[tuple[str, str], Entry] = {}

    def entry(self, app: str, env: str) -> Entry:
        """Where the requests of an app are counted that wait for an answer, whatever its version."""
        entry = self._entries.get((app, env))
        if entry is None:
            entry = Entry(lambda text: self.log.tell(env, text, app))
            self._entries[app, env] = entry
        return entry

    def isolate(
        self,
        process: WorkerProcess,
        owner: tuple[str, str, str],
        names: Iterable[str],
        on_lost: OnLost,
        cpu_limit: float,
        output: Callable[[Invocation | None, str, str], bool] | None = None,
    ) -> Isolate:
        """A fresh isolate for a program that names these globals.

        Args:
            process: the worker it lives in.
            owner: app, environment and version.
            names: free names of the program, which decide the platform's parts.
            on_lost: told when the isolate or its worker is lost.
            cpu_limit: seconds of CPU one turn may use.
            output: may take a log line (True) before it goes to the log.
        """
        app, env, version = owner
        fixed = self.fixed(app)
        config = {
            **fixed,
            "settings": {
                "app": app,
                "env": env,
                "version": version,
                "sessions": names_session(names),
                **fixed["settings"],
            },
            "parts": needed(names),
            "cpu_limit": cpu_limit,
        }

        def log(invocation: Invocation | None, level: str, text: str) -> None:
            if output is None or not output(invocation, level, text):
                self.log.program(invocation, level, text, owner)

        isolate = Isolate(process, config, self.gate, log, on_lost)
        isolate.on_end = self.on_end
        return isolate

    def fixed(self, app: str) -> dict[str, Any]:
        """What of the configuration is settled for an isolate of this app when it is made."""
        settings = self.configuration.for_app(app)
        return {
            "settings": {
                "config": self.configuration.app_config(app),
                "logLimit": settings.log_limit,
                "responseLimit": settings.response_limit,
                "sessionLimit": settings.session_limit,
            },
            "kill_grace": settings.kill_grace,
            "stream_timeout": settings.stream_timeout,
        }

    async def release(
        self,
        app: str,
        env: str,
        program: Program,
        *,
        effects: EffectLog | None = None,
        path: str | None = None,
        strict: bool = True,
    ) -> Release:
        """Loads a program and makes it ready to answer.

        Args:
            app: name of the app.
            env: environment it is for.
            program: what it runs.
            path: the notebook, file or folder it came from.
            effects: what an earlier activation did, to be repeated in memory only.
            strict: a clash of two routes or assets is an error (in a draft the later one wins).

        Raises:
            ProgramError: it does not load, with the place in the author's text.
        """
        assets, warnings = gather(program.assets, strict=strict)
        brought = self.library.bring(app, program.id, assets, path)
        release = Release(self, app, env, program, effects or EffectLog(), path, brought)
        release.deployment.warnings += warnings
        try:
            await release.serving.start()
            release.open(strict=strict)
        except BaseException:
            release.serving.retire()
            raise
        return release


class Release:
    """A program that answers: made by `Workshop.release`."""

    def __init__(
        self,
        workshop: Workshop,
        app: str,
        env: str,
        program: Program,
        effects: EffectLog,
        path: str | None,
        brought: Brought,
    ) -> None:
        self._workshop = workshop
        self.scope = Scope(app, env)  # whose data its requests see
        self.settings = workshop.configuration.for_app(app)
        self.effects = effects
        self.assets = brought
        warnings = tuple(text for piece in program.pieces for text in piece.warnings)
        self.deployment = Deployment(
            app, env, program.id, program, (), path=path, warnings=warnings
        )
        self._fixed = self._conditions()
        key = f"{app}/{env}"
        self._entry = workshop.entry(app, env)
        self.serving = Serving(workshop.pool, self.settings, key, self._load)
        self.table = RouteTable(())
        self._registered: list[dict[str, Any]] = []
        self._prefixes: list[list[str]] = []  # of its middleware, in segments
        self._names = {name for piece in program.pieces for name in piece.names}
        self.uses_sessions = names_session(self._names) or "Auth" in self._names

    @property
    def limited(self) -> bool:
        """Whether callers are counted."""
        routes = self.deployment.routes
        return bool(self.settings.rate_limit) or any("limits" in route.info for route in routes)

    @property
    def owner(self) -> tuple[str, str, str]:
        """App, environment and version."""
        return self.deployment.app, self.deployment.env, self.deployment.version

    async def _load(self, process: WorkerProcess, on_lost: OnLost) -> Isolate:
        settings = self.settings
        isolate = self._workshop.isolate(
            process, self.owner, self._names, on_lost, settings.load_cpu_limit
        )
        attempt = EffectLog(dict(self.effects.entries))
        try:
            async with asyncio.timeout(LOAD_DEADLINE):
                registered = await load_program(
                    isolate, self.deployment.program, self.owner, attempt
                )
        except LoadFailed as failed:
            isolate.dispose()
            raise self._explain_load(failed) from failed
        except TimeoutError:
            isolate.dispose()
            message = f"{self.deployment.app} did not load within {LOAD_DEADLINE:.0f} s."
            hint = "Something at top level or in init() is awaited and never comes."
            raise ProgramError(message, code="load_deadline", hint=hint) from None
        self.effects.entries = attempt.entries
        self._registered = registered
        isolate.limit_cpu(settings.cpu_limit)
        return isolate

    def _explain_load(self, failed: LoadFailed) -> AiweError:
        error = explain(failed.error, self.deployment.program)
        if error.where is None:
            error.where = place(failed.piece, self.deployment.program)
        return error

    def open(self, *, strict: bool) -> None:
        """Builds the route table from what the load registered.

        Raises:
            ProgramError: a route is malformed or reserved; `route_clash` when strict.
        """
        routes = tuple(self._route(one) for one in self._registered if one["method"] not in HOOKS)
        self._prefixes = [
            _segments(one["path"]) for one in self._registered if one["method"] == "use"
        ]
        for first, second in conflicts(routes):
            if strict:
                raise ProgramError(
                    f"{second.method} {second.path} is registered twice: "
                    f"in {_spot(first)} and in {_spot(second)}.",
                    code="route_clash",
                    hint="Remove one of the two, or give them different paths.",
                    where=second.where,
                )
            self.deployment.warnings += (
                f"{second.method} {second.path} of {_spot(second)} replaces that of {_spot(first)}.",
            )
        self.table = RouteTable(routes, hints=self.deployment.env == "dev")
        latest = {(r.method, r.path): r for r in routes}
        self.deployment.routes = tuple(latest.values())

    def watches(self, path: str) -> bool:
        """Whether some middleware sees requests for this raw path, whatever routes there are."""
        if not self._prefixes:
            return False
        segments = _segments(path)
        return any(segments[: len(prefix)] == prefix for prefix in self._prefixes)

    def _route(self, entry: dict[str, Any]) -> Route:
        where = self._where(entry, entry["at"])
        info = entry["info"]
        info.pop("limits", None)
        limits = self._limits(entry)
        if limits:
            info["limits"] = limits
        return Route(entry["method"], entry["path"], entry["handler"], where, info)

    def _where(self, entry: dict[str, Any], stack: str) -> Where:
        """The author's line that a stack of a registration begins with."""
        found = explain(ProgramError("", stack=stack), self.deployment.program).where
        return found or place(entry["piece"], self.deployment.program) or Where()

    def _limits(self, entry: dict[str, Any]) -> list[str]:
        """The rules of a route's `limit` calls, each once, as `rates` reads them.

        Raises:
            ProgramError: `invalid_limit`, with the place of the call.
        """
        rules: dict[str, None] = {}
        for given in entry["limits"]:
            try:
                rules |= dict.fromkeys(map(str, parse(str(given["rule"]))))
                check_count(len(rules))
            except ProgramError as error:
                error.message = f"{entry['method']} {entry['path']}: {error.message}"
                error.stack = f"Error: {error.message}{given['at'].removeprefix('Error')}"
                raise explain(error, self.deployment.program) from None
        return list(rules)

    def begin(self, invocation: Invocation, message: tuple[Any, ...]) -> Flight:
        """Sets an invocation on its way here; its future tells what the handler answered, raw."""
        flight = Flight(self.serving.loop, invocation, message)
        if self._entry.enter(flight, self.settings.runtime_queue):
            self.serving.invoke(flight)
        return flight

    def admit(self) -> None:
        """Lets a request pass that will have a place when it is read.

        Raises:
            Overloaded: as many as may wait for their answers do.
        """
        self._entry.check(self.settings.runtime_queue)

    def explain(self, error: AiweError) -> AiweError:
        """An error of this program, in its author's terms."""
        return explain(error, self.deployment.program) if isinstance(error, ProgramError) else error

    async def renew(self) -> None:
        """Takes the configuration that holds now; isolates made under another one are replaced.

        Raises:
            AiweError: the program does not load under it; the isolate there was goes on.
        """
        before = self._fixed
        self.settings = self._workshop.configuration.for_app(self.deployment.app)
        self._fixed = self._conditions()
        if before != self._fixed:
            await self.serving.renew(self.settings)

    def _conditions(self) -> tuple[Any, ...]:
        """What is settled for its isolates, their CPU limit and their process too."""
        settings = self.settings
        fixed = self._workshop.fixed(self.deployment.app)
        return fixed, process_limits(settings), settings.cpu_limit, settings.isolation

    async def evaluate(self, piece: Compiled) -> dict[str, Any]:
        """The value of an expression in the isolate that serves, as a mime bundle.

        Raises:
            AiweError: it threw or ran over a limit.
        """
        app, env, version = self.owner
        isolate = await self.serving.isolate()
        try:
            await isolate.define(piece.code)
            invocation = Invocation("", "live", app, env, version, piece.name, caller=None)
            flight = Flight(self.serving.loop, invocation, ("p", "live", "", piece.name, True))
            isolate.take(flight)
            result = await flight.future
        except ProgramError as error:
            raise explain(error, self.deployment.program) from error
        shown: dict[str, Any] = result["result"] or {"text/plain": "undefined"}
        return shown

    def rename(self, url: str) -> None:
        """Says under which address it is served."""
        self.deployment = replace(self.deployment, url=url)


def _segments(path: str) -> list[str]:
    """A raw path in pieces, each decoded once, as the route table compares them."""
    return [unquote(part) for part in path[1:].split("/")] if path != "/" else []


def _spot(route: Route) -> str:
    where = route.where
    place = (where.cell and f"cell {where.cell}") or where.file or "the program"
    return f"{place}, line {where.line}" if where.line else place
