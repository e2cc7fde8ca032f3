"""Whether a management call is about an app, or a session, that who asks is bound to.

A token may be for one app; that of a kernel is for one notebook's session, and the app of that notebook.
Who is bound to nothing passes. What a permission allows was looked at before.
"""

from __future__ import annotations

from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Call
from aiwe_engine.protocols import Management
from aiwe_engine.types import Principal


class Access:
    """Holds calls against what who asks is bound to.

    Args:
        management: knows which app a session's notebook is.
    """

    def __init__(self, management: Management) -> None:
        self._management = management

    async def admit(self, call: Call, ask: Ask) -> None:
        """Refuses what can be told from a request's path and query; of a bound caller, names the app.

        Raises:
            RequestError: `app_not_yours`, `session_not_yours`.
        """
        own = await self._own(ask.who)
        if own is None:
            return
        match call.about:
            case About.ENGINE:
                raise _other_app("all apps", own)
            case About.PATH:
                _same(ask.params["app"], own)
            case About.QUERY:
                _same(ask.query.setdefault("app", own), own)
            case About.LIST if ask.who.app is not None:
                _same(ask.query.setdefault("app", own), own)
            case About.SESSION if "session" in ask.params:
                await self._session(ask.params["session"], ask, own)
            case _:
                pass

    async def confine(self, call: Call, ask: Ask) -> None:
        """Refuses what can be told from a request's body only; of a bound caller, names the app.

        Raises:
            RequestError: `app_not_yours`, `session_not_yours`, `invalid_input`.
        """
        body = {About.BODY, About.SESSION, About.DOCUMENT}
        if call.about not in body or "session" in ask.params:
            return
        own = await self._own(ask.who)
        if own is None:
            return
        match call.about:
            case About.SESSION:
                await self._session(ask.need("session", str), ask, own)
            case About.DOCUMENT:
                path = ask.maybe("path", str)
                if path is not None:
                    _same(await self._management.app_of(None, path), own)
                _same(ask.need("app", str) or own, own)
            case _:
                _same(_text(ask.body, "app") or own, own)
        ask.body["app"] = own

    async def _own(self, who: Principal) -> str | None:
        """The app that somebody is bound to."""
        if who.session is None:
            return who.app
        own = await self._management.app_of(who.session, who.path)
        if who.app is not None:
            _same(own, who.app)
        return own

    async def _session(self, session: str, ask: Ask, own: str) -> None:
        if ask.who.session not in {None, session}:
            raise RequestError(
                "This token is for the session of another notebook.",
                code="session_not_yours",
                status=403,
                hint="Each kernel has a token of its own; use that of the notebook in question.",
            )
        path, app = _text(ask.body, "path"), _text(ask.body, "app") or ""
        _same(await self._management.app_of(session, path or ask.who.path, app), own)
        if path is not None and await self._management.app_of(None, path) != own:
            del ask.body["path"]  # a notebook that is another app, whose place this one would take


def _same(app: str, own: str) -> None:
    if app != own:
        raise _other_app(app, own)


def _other_app(app: str, own: str) -> RequestError:
    return RequestError(
        f"This token is for the app {own}, and the call is about {app}.",
        code="app_not_yours",
        status=403,
        hint=f"Name the app {own}, or use a token that is not bound to one app "
        '(one made without "app").',
        details={"app": own},
    )


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(name, "must be a string")
    return value
