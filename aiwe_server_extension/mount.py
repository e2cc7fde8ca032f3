"""The apps below Jupyter's own address, `/aiwe/apps/{app}/…`, where no other port gets out.

It is Jupyter's origin, whose pages can start kernels. So every answer (an error, an image, a 304)
is sandboxed into an origin of its own, nothing leaves that would act on the whole origin, and
nothing by which Jupyter knows a person reaches an app.

By default one must be logged in to Jupyter to come here: what a notebook serves while it is being
written is nobody else's business, and on a hub this address is open to the world. The price is
that a sandboxed page cannot call its own routes, since a browser sends no cookies for it. Who
wants that, or visitors, sets `Aiwe.mount = "public"`; then Jupyter's identity plays no part here.

Whom Jupyter has let in is a user of the app, with the role that `Aiwe.roles` gives them. Their id begins
with `jupyter:`, as that of no account does, and nothing is kept of them.
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import unquote_plus, urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from aiwe_engine.csrf import SAFE, cross_site
from aiwe_engine.http.arrival import BASE, KNOWN
from aiwe_engine.http.cookies import NO_COOKIES
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, User
from aiwe_server_extension.adapter import Application, Header
from aiwe_server_extension.roles import Roles, role_of
from aiwe_server_extension.uploads import NO_LIMIT, StreamingHandler

SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"

_PLACE = "/aiwe/apps/"
_ID = "jupyter:"  # no account of an app has such an id
_STRICT = Settings()  # an app may trust other origins with its own people, not with Jupyter's
_APP = re.compile(r"[a-z0-9][a-z0-9-]*")
_SAME_ORIGIN = re.compile(rb"(?i)allow-same-origin")

# What a browser or Jupyter's pages say of a person; all cookies here are Jupyter's.
_PRIVATE = {b"cookie", b"x-xsrftoken", b"referer", b"host"}
# What would hold for all of Jupyter's origin.
_ORIGIN_WIDE = {
    b"access-control-allow-credentials",
    b"alt-svc",
    b"clear-site-data",
    b"cross-origin-opener-policy",
    b"nel",
    b"report-to",
    b"service-worker-allowed",
    b"set-cookie",
    b"set-login",
    b"strict-transport-security",
    b"www-authenticate",
}


class MountHandler(StreamingHandler, JupyterHandler):
    """Passes requests of people whom Jupyter knows on to the apps."""

    auth_resource = "aiwe"
    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(self, face: Application, roles: Roles) -> None:
        """Take the ASGI application that answers, and who has which role."""
        self.face, self.roles = face, roles

    async def prepare(self) -> None:  # type: ignore[override]
        """Let the person in, and the app answer while the body comes, if there is one."""
        await super().prepare()
        sent = self.request.headers
        if self._finished or not ("Content-Length" in sent or "Transfer-Encoding" in sent):
            return
        try:
            admitted = self.admit()
            if admitted is not None:
                await admitted
        except web.HTTPError as error:
            self.refuse_later(error)
            return
        if not self._finished:
            cast(Any, self.request.connection).set_max_body_size(NO_LIMIT)
            self.begin(self.serve())

    @web.authenticated
    @authorized("execute")
    async def admit(self) -> None:
        """Nothing: the decorators refuse."""

    @web.authenticated
    @authorized("execute")
    async def get(self) -> None:
        """Let the app answer."""
        if not await self.answered():
            await self.serve()

    head = post = put = patch = delete = options = get

    async def serve(self) -> None:
        """Let the app answer, as if it had been asked on its own origin."""
        app, slash, rest = self.request.path.partition(_PLACE)[2].partition("/")
        if not _APP.fullmatch(app):
            raise web.HTTPError(404)
        if not slash:
            query = self.request.query
            self.redirect(f"{self.request.path}/{'?' + query if query else ''}", permanent=True)
            return
        self._app = app
        self.request.query = self._query_for_app()
        headers = [pair for pair in self.request_headers() if self._may_enter(pair[0])]
        headers.append((b"host", f"{app}.localhost".encode()))
        extras: dict[str, object] = {"extensions": {NO_COOKIES: {}}, BASE: self._place}
        await self.pass_on(self.face, f"/{rest}", headers, **{**extras, KNOWN: self.person()})

    def person(self) -> User | None:
        """Who asks, as apps see them.

        None: Jupyter lets everybody in, or a page of another origin may have asked in their name; apps then see
        a guest.
        """
        if not self.identity_provider.auth_enabled or self._is_crossing():
            return None
        user = self.current_user
        role = role_of(self.roles, user.username)
        return User(
            f"{_ID}{user.username}",
            user.username,
            roles=(role,) if role else (),
            via="jupyter",
            claims={"name": user.name},
        )

    def _is_crossing(self) -> bool:
        """Whether a browser was told to send this, and added the cookie of Jupyter's login by itself."""
        if self.token_authenticated or self.request.method in SAFE:
            return False
        headers = [
            (name.decode(), value.decode("latin-1")) for name, value in self.request_headers()
        ]
        return cross_site(Request("", "", headers=headers), _STRICT)

    @property
    def _place(self) -> str:
        return f"{self.request.path.partition(_PLACE)[0]}{_PLACE}{self._app}"

    def _may_enter(self, name: bytes) -> bool:
        if name == b"authorization":
            return not self.token_authenticated
        return name not in _PRIVATE

    def _query_for_app(self) -> str:
        if not self.token_authenticated:
            return self.request.query
        pairs = self.request.query.split("&")
        return "&".join(pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != "token")

    def answer_headers(self, headers: list[Header]) -> list[Header]:
        """Leave out what acts on the whole origin; keep the app's redirects below its place."""
        kept = []
        for name, value in ((name.lower(), value) for name, value in headers):
            if name == b"content-security-policy":
                kept.append((name, _SAME_ORIGIN.sub(b"", value)))
            elif name == b"location":
                kept.append((name, self._below(value.decode("latin-1")).encode("latin-1")))
            elif name not in _ORIGIN_WIDE:
                kept.append((name, value))
        return kept

    def _below(self, location: str) -> str:
        target = urlsplit(location)
        own = target.hostname == f"{self._app}.localhost"
        if not own and (target.netloc or not location.startswith("/")):
            return location
        return self._place + target._replace(scheme="", netloc="", path=target.path or "/").geturl()

    @property
    def content_security_policy(self) -> str:
        """An origin of its own for every document, Jupyter's error pages included."""
        return SANDBOX

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """Set none, Jupyter's neither: answers of apps may be kept and passed on."""


class PublicMountHandler(MountHandler):
    """Passes everybody's requests on to the apps."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Let a sandboxed page, this app's own most likely, read the answer."""
        if self._is_sandboxed:
            self.set_header("Access-Control-Allow-Origin", "*")
        await super().prepare()

    @property
    def _is_sandboxed(self) -> bool:
        return self.request.headers.get("Origin") == "null"

    @allow_unauthenticated
    async def get(self) -> None:
        """Let the app answer."""
        if self._is_sandboxed and "Access-Control-Request-Method" in self.request.headers:
            self.set_header("Access-Control-Allow-Methods", ", ".join(self.SUPPORTED_METHODS))
            asked = self.request.headers.get("Access-Control-Request-Headers", "")
            self.set_header("Access-Control-Allow-Headers", asked)
            self.set_status(204)
            return
        if not await self.answered():
            await self.serve()

    @allow_unauthenticated
    async def admit(self) -> None:
        """Nothing: everybody may ask."""

    head = post = put = patch = delete = options = get

    def person(self) -> None:
        """Nobody, also where Jupyter knows them: here its checks of who sent a request are off."""

    def check_xsrf_cookie(self) -> None:
        """Check nothing: no cookie of Jupyter's means anything here."""
