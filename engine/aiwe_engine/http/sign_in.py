"""`/auth/…` of every app: people sign in by a provider of OpenID Connect, link it, and sign out.

    GET /auth/login             who can be signed in by
    GET /auth/login/:provider   off to the provider
    GET /auth/callback/:provider   back from it: the session of somebody begins
    GET, POST /auth/link/:provider   the same for whoever is signed in, to come in by it too
    POST /auth/logout           the session ends

A login that is under way is kept by the host and belongs to the browser that began it. What the provider
says is judged in `people.relying`, whose account that is in `people.newcomers`.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import orjson

from aiwe_engine.csrf import cross_site, refuse_crossing
from aiwe_engine.deployments.release import Release
from aiwe_engine.errors import AiweError
from aiwe_engine.http import sign_in_pages as pages
from aiwe_engine.http.client_secrets import ClientSecrets
from aiwe_engine.http.refusal import HTML, JSON, refuse, wants_html
from aiwe_engine.identity import Identity
from aiwe_engine.logs import Log
from aiwe_engine.people import login_errors as errors
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.logins import LIFETIME, Login, Logins
from aiwe_engine.people.newcomers import Newcomers
from aiwe_engine.people.providers import Providers, Send
from aiwe_engine.protocols import Store
from aiwe_engine.routing.table import NoSuchRoute, WrongMethod
from aiwe_engine.types import LogLine, Request, Response
from aiwe_engine.vault.vault import Vault
from aiwe_engine.visits import LOGIN, SECURE_LOGIN, Visits

PREFIX = "/auth/"
#: How often one address may begin a login or come back from one.
RULE = "120/min"

_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")
# A path of this origin: neither //host nor /\\host, which browsers take for another, and no line breaks.
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
_METHODS = {
    "login": "GET, HEAD, OPTIONS",
    "callback": "GET, OPTIONS",
    "link": "GET, POST, OPTIONS",
    "logout": "POST, OPTIONS",
}
_ONCE = ("code", "state", "iss", "error")  # members of an answer that may be there once
_MOST_MEMBERS = 30
_STILL = [("cache-control", "no-store"), ("referrer-policy", "no-referrer")]


class SignIn:
    """Answers below `/auth/`.

    Args:
        store: where logins under way are kept.
        visits: sessions.
        directory: accounts.
        identity: tells who sends a request.
        send: sends requests to providers.
        vault: where secrets of clients are.
        log: where failures are told to authors.
    """

    def __init__(
        self,
        store: Store,
        visits: Visits,
        directory: Directory,
        identity: Identity,
        send: Send,
        vault: Vault,
        log: Log,
    ) -> None:
        self._visits, self._directory, self._identity = visits, directory, identity
        self._providers = Providers(send, ClientSecrets(vault).find)
        self._logins, self._log = Logins(store), log
        self._newcomers = Newcomers(directory)

    async def answer(self, release: Release, request: Request) -> Response:
        """The answer to a request below `/auth/`.

        Raises:
            NoSuchRoute: there is no such path.
            WrongMethod: it is asked for otherwise.
        """
        what, name = _read_path(request)
        try:
            if what == "login":
                return await self._login(release, request, name)
            if what == "callback":
                return await self._callback(release, request, name)
            if what == "link":
                return await self._link(release, request, name)
            return await self._logout(release, request)
        except AiweError as error:
            return self._failed(release, request, error)

    # ── to the provider ──

    async def _login(self, release: Release, request: Request, name: str) -> Response:
        return_to = _return_to(request)
        if name:
            return await self._leave(release, request, name, return_to)
        providers = release.settings.auth_providers
        query = f"?return_to={quote(return_to, safe='')}"
        place = f"{request.base}{PREFIX}login/"
        if not wants_html(request):
            listed = [
                {"name": one.name, "title": one.title, "url": f"{place}{one.name}{query}"}
                for one in providers
            ]
            return Response(200, [JSON, *_STILL], orjson.dumps({"providers": listed}))
        if not providers:
            raise errors.no_providers()
        if len(providers) == 1:
            return await self._leave(release, request, providers[0].name, return_to)
        choices = [(one.title, f"{place}{one.name}{query}") for one in providers]
        page = pages.choice_page(release.deployment.app, choices)
        return Response(200, [HTML, pages.policy(), *_STILL], page)

    async def _leave(
        self,
        release: Release,
        request: Request,
        name: str,
        return_to: str,
        person: str | None = None,
    ) -> Response:
        """Sends a browser to a provider."""
        if not request.keeps_cookies:
            raise errors.no_cookies()
        party = await self._party(release, name)
        redirect_uri = f"{_origin(request)}{request.base}{PREFIX}callback/{name}"
        begun = await party.begin(redirect_uri)
        browser = _browser(request) or secrets.token_urlsafe(32)
        login = Login(name, begun.nonce, begun.verifier, redirect_uri, return_to, person)
        await self._logins.begin(release.scope, begun.state, browser, login)
        cookie = _cookie(request, browser, int(LIFETIME))
        return Response(303, [("location", begun.url), cookie, *_STILL])

    # ── back from it ──

    async def _callback(self, release: Release, request: Request, name: str) -> Response:
        said = _said(request)
        party = await self._party(release, name)
        if "state" not in said:
            raise errors.invalid_callback("it has no state")
        browser = _browser(request)
        if browser is None:
            raise errors.login_of_another()
        login = await self._logins.take(release.scope, said["state"], browser, name)
        await party.check_issuer(said.get("iss"))
        if "error" in said:
            denied = said["error"] == "access_denied"
            raise errors.login_denied(name) if denied else errors.login_failed(name, said["error"])
        if not said.get("code"):
            raise errors.invalid_callback("it has no code")
        found = await party.finish(
            said["code"], login.redirect_uri, verifier=login.verifier, nonce=login.nonce
        )
        headers = await self._arrive(release, request, party.provider, login, found)
        over = _cookie(request, "", 0)
        return Response(303, [("location", login.return_to), *headers, over, *_STILL])

    async def _arrive(
        self, release: Release, request: Request, provider: Any, login: Login, found: Any
    ) -> list[tuple[str, str]]:
        """Signs somebody in, or links an identity with the account they are signed in to."""
        scope, settings = release.scope, release.settings
        visit, user = await self._identity.find(scope, settings, request, session=True)
        assert visit is not None
        if login.person is not None:
            if visit.user is None or user is None or user.id != login.person:
                raise errors.somebody_else()
            person = await self._directory.find(scope, user.id)
            assert person is not None
            await self._newcomers.link(scope, person, provider, found.subject)
            return await self._visits.keep(scope, settings, visit, None)
        person = await self._newcomers.admit(scope, provider, found.subject, found.claims)
        if visit.user not in {None, person.id}:
            await self._visits.end(scope, visit)  # what it holds is somebody else's
        await self._visits.sign_in(scope, settings, visit, person.id, person.epoch, "oidc")
        return await self._visits.keep(scope, settings, visit, None)

    # ── for whoever is signed in ──

    async def _link(self, release: Release, request: Request, name: str) -> Response:
        """A page that asks first: a link from elsewhere must not add an identity to an account."""
        came = list(request.headers)  # with the cookie of another login that is under way
        visit, user = await self._identity.find(
            release.scope, release.settings, request, session=True
        )
        if visit is None or visit.user is None or user is None:
            raise errors.not_signed_in()
        party = await self._party(release, name)
        return_to = _return_to(request)
        if request.method == "POST":
            if cross_site(request, release.settings):
                raise refuse_crossing()
            request.headers = came
            return await self._leave(release, request, name, return_to, user.id)
        endpoint = urlsplit((await party.load_server_metadata())["authorization_endpoint"])
        page = pages.link_page(user.username, party.provider.title, return_to)
        # Browsers hold the redirect after a form to its policy, too.
        form = f"'self' {endpoint.scheme}://{endpoint.netloc}"
        return Response(200, [HTML, pages.policy(form), *_STILL], page)

    async def _logout(self, release: Release, request: Request) -> Response:
        if cross_site(request, release.settings):
            raise refuse_crossing()
        scope, settings = release.scope, release.settings
        visit = await self._visits.find(scope, settings, request)
        if visit.key is not None:
            await self._visits.end(scope, visit)
        sent = await self._visits.keep(scope, settings, visit, None)
        headers = [*sent, *_STILL]
        if wants_html(request):
            return Response(303, [("location", _return_to(request)), *headers])
        return Response(204, headers)

    async def _party(self, release: Release, name: str) -> Any:
        app, env = release.deployment.app, release.deployment.env
        return await self._providers.party(app, env, name, release.settings)

    def _failed(self, release: Release, request: Request, error: AiweError) -> Response:
        app, env, version = release.owner
        text = f"{request.method} {request.path}: {error.code}: {error.message}{_cause(error)}"
        line = LogLine(time.time(), app, env, version, "warn", text, request.id)
        self._log.write(line)
        if not wants_html(request):
            return refuse(error, request, public=True)
        again = f"{request.base}{PREFIX}login"
        page = pages.failure_page(error, again, request.id)
        headers = [HTML, pages.policy(), *_STILL, *error.headers]
        return Response(error.status, headers, page)


def _read_path(request: Request) -> tuple[str, str]:
    """What is asked for, and the name of a provider.

    Raises:
        NoSuchRoute: nothing is there.
        WrongMethod: it is asked for otherwise.
    """
    what, _, name = request.path.removeprefix(PREFIX).removesuffix("/").partition("/")
    named = what in {"callback", "link"}
    if what not in _METHODS or "/" in name or (named and not name) or (what == "logout" and name):
        raise NoSuchRoute(f"There is no {request.path[:200]}.")
    if request.method not in _METHODS[what].split(", ") or request.method == "OPTIONS":
        raise WrongMethod(request.method, request.path, _METHODS[what])
    return what, name


def _said(request: Request) -> dict[str, str]:
    """What a provider said by the address to which it sent the browser.

    Raises:
        RequestError: `invalid_callback`.
    """
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_MEMBERS)
    except ValueError:
        raise errors.invalid_callback("it says too much") from None
    names = [name for name, _ in pairs]
    twice = next((name for name in _ONCE if names.count(name) > 1), None)
    if twice is not None:
        raise errors.invalid_callback(f"it has {twice} more than once")
    return dict(pairs)


def _return_to(request: Request) -> str:
    """The path of this origin that a browser wants to come back to; what is none leads to the start."""
    start = f"{request.base}/"
    try:
        asked = dict(parse_qsl(request.query, max_num_fields=_MOST_MEMBERS)).get("return_to", start)
    except ValueError:
        return start
    return asked if _PATH.fullmatch(asked) else start


def _origin(request: Request) -> str:
    host = next(value for name, value in request.headers if name == "host")
    return f"{request.scheme}://{host}"


def _browser(request: Request) -> str | None:
    """The cookie by which a browser is known that has begun a login."""
    wanted = SECURE_LOGIN if request.scheme == "https" else LOGIN
    for header, text in request.headers:
        if header == "cookie":
            for pair in text.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == wanted and _BROWSER.fullmatch(value):
                    return value
    return None


def _cookie(request: Request, value: str, age: int) -> tuple[str, str]:
    secure = request.scheme == "https"
    name, more = (SECURE_LOGIN, "; Secure") if secure else (LOGIN, "")
    return "set-cookie", f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{more}"


def _cause(error: AiweError) -> str:
    """What is behind an error, for the author's log."""
    cause = error.__cause__
    if cause is None:
        return ""
    return f" ({type(cause).__name__}: {str(cause)[:300]!r})"
