"""From a request to its answer: the steps that every request to an app takes, in their order.

    route → caller → limits → body → invocation → answer, or the error that says why there is none

This file knows the order; each step is done elsewhere. It reads no bytes and writes none.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Mapping
from typing import Any

from aiwe_engine.assets.path import PREFIX
from aiwe_engine.channel import REQUEST
from aiwe_engine.csrf import SAFE, cross_site, refuse_crossing
from aiwe_engine.deployments.release import Release
from aiwe_engine.errors import AiweError, EngineError, ProgramError, RequestError
from aiwe_engine.files.incoming import Uploads
from aiwe_engine.files.store import FileStore
from aiwe_engine.http.assets import AssetPages
from aiwe_engine.http.finish import Finish
from aiwe_engine.http.hiding import hide
from aiwe_engine.http.intake import take_in
from aiwe_engine.http.jwks import PATH as JWKS
from aiwe_engine.http.jwks import KeySet
from aiwe_engine.http.kept import Wanted, kept_answer, names_file
from aiwe_engine.http.payload import answer, payload
from aiwe_engine.http.refusal import refuse
from aiwe_engine.http.sign_in import PREFIX as AUTH
from aiwe_engine.http.sign_in import RULE, SignIn
from aiwe_engine.http.streaming import Told
from aiwe_engine.http.streams import OpenStreams
from aiwe_engine.identity import Identity
from aiwe_engine.logs import Log
from aiwe_engine.openapi.reference import Reference
from aiwe_engine.rates.limits import Rates
from aiwe_engine.routing.table import Match
from aiwe_engine.runtime.isolate import Flight
from aiwe_engine.runtime.overload import Overloaded
from aiwe_engine.types import (
    ByteSource,
    Caller,
    Invocation,
    LogLine,
    Request,
    Response,
    Route,
    User,
    Visit,
)
from aiwe_engine.vault.redaction import Redaction
from aiwe_engine.visits import Visits

_WITH_CHANGES = 5  # members of a raw answer that changes the session; else it has one less
_NOT_KEPT = (
    "req.session was changed where browsers keep no cookies: the next request will not know of it. "
    "Open the app at an address of its own."
)


class Answering:
    """Answers requests to the apps that are live.

    Args:
        live: the apps by name; read at each request.
        files: what clients upload, and what programs keep of it.
        assets: answers for what stands below /assets/.
        rates: how often callers have asked.
        visits: the sessions of visitors.
        identity: tells who sends a request.
        log: where failures are told.
        env: the environment that is served.
        reference: what the engine says of an app by itself.
        key_set: the keys by which others check tokens.
        sign_in: answers for what stands below /auth/.
        redaction: takes out of answers what must not leave.
    """

    def __init__(
        self,
        live: Mapping[str, Release],
        files: FileStore,
        assets: AssetPages,
        rates: Rates,
        visits: Visits,
        identity: Identity,
        log: Log,
        env: str,
        reference: Reference,
        key_set: KeySet,
        sign_in: SignIn,
        redaction: Redaction,
    ) -> None:
        self._sign_in, self._redaction = sign_in, redaction
        self._live, self._files, self._assets = live, files, assets
        self._log, self._env = log, env
        self._rates, self._visits, self._reference = rates, visits, reference
        self._identity, self._key_set = identity, key_set
        self._told: set[str] = set()  # versions whose authors know that a session is not kept
        self._finishes: dict[str, Finish] = {}
        self._streams = OpenStreams()

    async def handle(self, app: str, request: Request, *, public: bool = True) -> Response:
        """Answer one request to an app. Never raises: an error is an answer in the error shape."""
        release = self._live.get(app)
        if release is None:
            error = RequestError(f'There is no app "{app}" here.', code="no_such_app", status=404)
            return refuse(error, request, public=public)
        finish = self.finish_of(release)
        standing: list[tuple[str, str]] = []  # headers that say how often the caller may ask
        route, user = "", None
        try:
            response = None
            if request.method == "OPTIONS" or self._may_own(request.path):
                response = self._preflight(release, finish, request)
                response = response or await self._own(release, request)
            if response is None:
                match, missing = self._match(release, request, public=public)
                route = match.route.path
                release.admit()
                visit, user = await self._identity.find(
                    release.scope, release.settings, request, session=release.uses_sessions
                )
                if visit is not None and visit.user is not None and request.method not in SAFE:
                    _check_crossing(release, request)
                general = release.settings.rate_limit
                if (general or "limits" in match.route.info) and request.method != "OPTIONS":
                    standing = await self._admit(release, match, general, request, user)
                uploads = None
                if missing is None and (request.arrival is not None or request.body):
                    uploads = await take_in(request, match.route, release.settings, self._files)
                response = await self._run(release, request, match, missing, uploads, visit, user)
        except AiweError as error:
            response = self._refuse(release, error, request, public=public)
        if response.status == 401 and request.refused:
            _challenge(response, request.refused)
        if user is not None and not any(name == "cache-control" for name, _ in response.headers):
            response.headers.append(("cache-control", "private"))  # no proxy gives it to others
        hide(response, self._redaction.of(app, self._env))
        response.headers += standing
        last = finish if response.stream is None else functools.partial(_finished, finish)
        return await last(request, response, route)

    def finish_of(self, release: Release) -> Finish:
        """What finishes the answers of an app, by the settings that hold for it now.

        Raises:
            EngineError: `invalid_setting`.
        """
        app, settings = release.deployment.app, release.settings
        finish = self._finishes.get(app)
        if finish is None or finish.settings is not settings:
            dev = self._env == "dev"
            tell = functools.partial(self._warn, app) if dev else None
            finish = self._finishes[app] = Finish(settings, dev=dev, tell=tell)
        return finish

    def _preflight(self, release: Release, finish: Finish, request: Request) -> Response | None:
        """The answer to a browser that asks for leave (CORS), unless the program has its own."""
        if request.method != "OPTIONS":
            return None
        with contextlib.suppress(RequestError):
            if release.table.match("OPTIONS", request.path).route.method == "OPTIONS":
                return None
        return finish.preflight(request)

    def _may_own(self, path: str) -> bool:
        """Whether a path may be one that no program can have."""
        return path.startswith((PREFIX, AUTH)) or path == JWKS or self._reference.may_own(path)

    async def _own(self, release: Release, request: Request) -> Response | None:
        """The answer of the engine itself, at the paths that no program can have."""
        deployment, settings = release.deployment, release.settings
        # First, because its files lie where those of the app do, in a folder of the engine's.
        if self._reference.may_own(request.path) and settings.openapi:
            limit = settings.rate_limit
            return await self._reference.answer(deployment, release.table, request, limit=limit)
        if request.path == JWKS:
            return await self._key_set.answer(release.scope, settings, request)
        if request.path.startswith(PREFIX):
            version = deployment.version
            return await self._assets.answer(deployment.app, version, request, settings)
        if request.path.startswith(AUTH):
            place = deployment.app, self._env, AUTH
            await self._rates.admit(place, [RULE], settings.rate_limit, request)
            return await self._sign_in.answer(release, request)
        return None

    def _match(
        self, release: Release, request: Request, *, public: bool
    ) -> tuple[Match, Response | None]:
        """The route of a request; where there is none, what middleware gets to see instead."""
        try:
            return release.table.match(request.method, request.path), None
        except RequestError as error:
            if not release.watches(request.path):
                raise
            route = Route(request.method, request.path, "")
            return Match(route, {}), refuse(error, request, public=public)

    async def _admit(
        self, release: Release, match: Match, general: str, request: Request, user: User | None
    ) -> list[tuple[str, str]]:
        """Counts a request; headers for its answer.

        Raises:
            RateLimited: the caller asks too often.
        """
        rules: Any = match.route.info.get("limits", ())
        place = release.deployment.app, self._env, match.route.handler
        return await self._rates.admit(place, rules, general, request, user)

    async def _run(
        self,
        release: Release,
        request: Request,
        match: Match,
        missing: Response | None,
        uploads: Uploads | None,
        visit: Visit | None,
        user: User | None,
    ) -> Response:
        deployment, settings, handler = release.deployment, release.settings, match.route.handler
        loop = release.serving.loop
        invocation = Invocation(
            request.id,
            "http",
            deployment.app,
            self._env,
            deployment.version,
            handler,
            deadline=loop.time() + settings.deadline,
        )
        invocation.uploads, invocation.visit, invocation.request = uploads, visit, request
        if user is not None:
            invocation.user, invocation.caller = user, Caller(user.id, user.tenant)
        values = self._redaction.incoming(
            deployment.app, self._env, payload(request, match, settings)
        )
        if visit is not None and release.uses_sessions:
            values["session"] = visit.values
        if user is not None:
            values["user"] = user
        if missing is not None:
            values["missing"] = [missing.status, missing.headers, missing.body.decode()]
        elif "stream" in values:
            assert request.arrival is not None
            body = self._redaction.stream(deployment.app, self._env, request.arrival)
            invocation.bodies[REQUEST] = body
        flight = release.begin(invocation, ("i", request.id, handler, values))
        request.left = flight.leave
        try:
            raw = await flight.future
        except AiweError as error:
            raise _with_headers(release.explain(error)) from error
        changes = _changes(raw) if invocation.visit is not None else None
        if names_file(raw):
            response = await self._file(release, request, raw)
        else:
            response = self._response(release, request, flight, raw)
        if invocation.visit is not None:
            await self._keep(release, invocation, changes, response)
        if response.stream is not None:
            await self._place(release, flight, response, response.stream)
        return response

    async def _place(
        self, release: Release, flight: Flight, response: Response, stream: ByteSource
    ) -> None:
        """Takes one of the app's places for streams, or ends a stream that has just begun."""
        app, limit = release.deployment.app, release.settings.streams
        try:
            response.stream = self._streams.hold(app, limit, stream)
        except AiweError:
            flight.leave()
            await stream.close()
            raise

    def _response(self, release: Release, request: Request, flight: Flight, raw: Any) -> Response:
        """The answer that a worker's raw one stands for."""
        if flight.channel is None:
            return answer(raw, limit=release.settings.response_limit)
        stream = Told(flight.channel, lambda error: self._note(release, error, request))
        return answer(raw, stream=stream)

    async def _file(self, release: Release, request: Request, raw: Any) -> Response:
        """The answer with a file that a worker's raw one names."""
        wanted = Wanted.of(raw)
        if wanted.asset is not None:
            app, _, version = release.owner
            return await self._assets.sent(app, version, request, wanted)
        return kept_answer(request, wanted, self._files.find(release.scope, wanted.file))

    async def _keep(
        self, release: Release, invocation: Invocation, changes: Any, response: Response
    ) -> None:
        """Stores what a handler changed in its visitor's session, before its answer leaves."""
        visit, version = invocation.visit, release.deployment.version
        assert visit is not None
        changes = self._redaction.json(invocation.app, self._env, changes)
        if changes is not None and not visit.kept and version not in self._told:
            self._told.add(version)
            self._log.program(invocation, "warn", _NOT_KEPT, release.owner)
        try:
            sent = await self._visits.keep(release.scope, release.settings, visit, changes)
        except AiweError:
            if response.stream is not None:
                await response.stream.close()
            raise
        if sent and not any(name == "cache-control" for name, _ in response.headers):
            sent.append(("cache-control", "private"))  # a cookie is for one browser alone
        response.headers += sent

    def _refuse(
        self, release: Release, error: AiweError, request: Request, *, public: bool
    ) -> Response:
        failed = isinstance(error, ProgramError | EngineError) and error.status >= 500
        if failed and not isinstance(error, Overloaded):  # of those the log is told in one line
            self._note(release, error, request)
            if public:
                error = _in_public(error)
        return refuse(error, request, public=public)

    def _note(self, release: Release, error: AiweError, request: Request) -> None:
        """Writes an error of a request to the log of its app."""
        error = release.explain(error)
        app, version = release.deployment.app, release.deployment.version
        text = f"{request.method} {request.path}: {error.stack or error.message}"
        if error.hint:
            text += f"\n    hint: {error.hint}"
        line = LogLine(time.time(), app, self._env, version, "error", text, request.id, error.where)
        self._log.write(line)

    def _warn(self, app: str, text: str, request: Request) -> None:
        """Writes a warning about an answer to the log of its app."""
        release = self._live.get(app)
        version = release.deployment.version if release is not None else ""
        self._log.write(LogLine(time.time(), app, self._env, version, "warn", text, request.id))


def _changes(raw: Any) -> Any:
    """What a handler changed in its visitor's session, taken out of its raw answer."""
    return raw.pop() if type(raw) is list and len(raw) == _WITH_CHANGES else None


async def _finished(finish: Finish, request: Request, response: Response, route: str) -> Response:
    """The finished answer; a stream that nobody will read is closed."""
    try:
        return await finish(request, response, route)
    except BaseException:
        if response.stream is not None:
            await response.stream.close()
        raise


def _check_crossing(release: Release, request: Request) -> None:
    """Lets no page of another origin act for somebody who is signed in.

    Raises:
        RequestError: `csrf_refused`.
    """
    if cross_site(request, release.settings):
        raise refuse_crossing()


def _challenge(response: Response, refused: str) -> None:
    """Says in a 401 what is wrong with the token that came, unless the program says more."""
    name = "www-authenticate"
    bare = (name, "Bearer")
    if bare in response.headers:
        response.headers.remove(bare)
    if not any(one == name for one, _ in response.headers):
        said = f'Bearer error="invalid_token", error_description="{refused}"'
        response.headers.append((name, said))


def _with_headers(error: AiweError) -> AiweError:
    """An error of a program with the headers that its status wants: errors come out of V8 without any."""
    there = {name for name, _ in error.headers}
    wait = error.details.get("retry_after") if isinstance(error.details, dict) else None
    if error.status in {429, 503} and isinstance(wait, int) and "retry-after" not in there:
        error.headers.append(("retry-after", str(wait)))
    if error.status == 401 and "www-authenticate" not in there:  # RFC 9110 wants it of every 401
        error.headers.append(("www-authenticate", "Bearer"))
    return error


def _in_public(error: AiweError) -> AiweError:
    """What callers in production are told of an error: not its words, nor whom the handler asked."""
    outbound = error.code.startswith(("fetch_", "secret_", "vault_"))
    if outbound and error.status != 500:
        return ProgramError(
            "A server that is needed for this did not answer as it should.",
            code="upstream_failed",
            status=error.status,
        )
    if outbound or error.code == "handler_failed":
        return ProgramError("The handler failed.", code="handler_failed", status=error.status)
    return error
