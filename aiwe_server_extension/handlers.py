"""Management below Jupyter's own address, `/aiwe/api/…` and `/editor/api/secrets`, for whoever Jupyter lets in.

Jupyter authenticates, its authorizer is asked about the resource `aiwe` (read, write, or execute
where code runs), and its rules on XSRF and Origin hold. What is refused here leaves in the
engine's error shape, so that the lab reads one shape only.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from aiwe_engine.errors import RequestError
from aiwe_engine.types import Principal
from aiwe_server_extension.adapter import Application, AsgiHandler
from aiwe_server_extension.roles import Roles, role_of

Method: TypeAlias = Callable[..., Coroutine[Any, Any, None]]

_CREDENTIALS = {b"cookie", b"authorization"}  # Jupyter's; it has looked at them
_REFUSED = {
    403: ("not_allowed", "Log in to Jupyter, or send its token as `Authorization: token …`."),
    404: ("origin_refused", "Call the management API from Jupyter's own pages, or with its token."),
}


def _guarded(action: str) -> Method:
    @web.authenticated
    @authorized(action)
    async def method(self: ManagementHandler) -> None:
        await self.manage()

    return cast(Method, method)


class ManagementHandler(AsgiHandler, JupyterHandler):
    """Passes requests of authorized people on to the engine's management application."""

    auth_resource = "aiwe"
    SUPPORTED_METHODS = ("GET", "POST", "PUT", "DELETE")

    get = _guarded("read")
    post = _guarded("execute")
    put = _guarded("write")
    delete = _guarded("write")

    def initialize(self, face: Application, roles: Roles) -> None:
        """Take the ASGI application that answers, and who has which role."""
        self.face, self.roles = face, roles

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse pages of other origins, whatever the method."""
        await super().prepare()
        if not self.check_origin():
            raise web.HTTPError(404)

    async def manage(self) -> None:
        """Let the engine answer, told who asks."""
        user = self.current_user
        path = "/" + self.request.path.removeprefix(self.base_url)
        headers = [pair for pair in self.request_headers() if pair[0] not in _CREDENTIALS]
        role = role_of(self.roles, user.username)
        principal = Principal(user.username, frozenset({role} if role else ()))
        await self.pass_on(self.face, path, headers, **{"aiwe.principal": principal})

    def get_login_url(self) -> str:
        """None: a caller of an API gets 403, not a page to log in."""
        raise web.HTTPError(403)

    @property
    def content_security_policy(self) -> str:
        """Nothing here is a page."""
        return f"{super().content_security_policy}; default-src 'none'"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the engine's error shape."""
        reason = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(reason, "log_message", None) or f"{status_code} {self._reason}"
        code, hint = _REFUSED.get(status_code, ("refused", None))
        self.set_header("Content-Type", "application/json")
        self.finish(RequestError(str(message), code=code, hint=hint).to_json())
