"""The management routes of tokens, and of what was done with them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Answered, Calls
from aiwe_engine.http.refusal import JSON
from aiwe_engine.managers.audit import Audit
from aiwe_engine.managers.tokens import Token, Tokens
from aiwe_engine.types import Response

MOST_ENTRIES = 1000
LONGEST_NAME = 100  # characters
LONGEST_LIFE = 3650 * 86_400  # seconds
_APP = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NO_STORE = ("cache-control", "no-store")


class TokenRoutes:
    """Reads a request, asks, and writes the answer.

    Args:
        tokens: the engine's tokens.
        audit: what was done.

    Attributes:
        calls: what can be asked, by method and path below the management API.
    """

    def __init__(self, tokens: Tokens, audit: Audit) -> None:
        self._tokens, self._audit = tokens, audit
        self.calls: Calls = {
            "GET /tokens": Answered("tokens", About.ENGINE, self._list),
            "POST /tokens": Answered("tokens", About.ENGINE, self._create),
            "DELETE /tokens/:id": Answered("tokens", About.ENGINE, self._revoke),
            "POST /kernels": Answered("kernels", About.SESSION, self._begin),
            "DELETE /kernels/:session": Answered("kernels", About.SESSION, self._end),
            "GET /audit": Answered("admin", About.ENGINE, self._deeds),
        }

    async def _list(self, _: Ask) -> Response:
        return _json({"tokens": [_shown(token) for token in self._tokens.everything()]})

    async def _create(self, ask: Ask) -> Response:
        app, name = ask.maybe("app", str), ask.maybe("name", str) or ""
        expires = ask.body.get("expires")
        if app is not None and (not _APP.fullmatch(app) or "--" in app):
            raise invalid("app", "must be the name of an app")
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise invalid("name", f"must be at most {LONGEST_NAME} characters of one line")
        if expires is not None and (
            isinstance(expires, bool)
            or not isinstance(expires, int | float)
            or not 0 < expires <= LONGEST_LIFE
        ):
            raise invalid("expires", f"must be seconds, at most {LONGEST_LIFE}")
        token, text = await asyncio.to_thread(
            self._tokens.create,
            ask.need("role", str),
            app=app,
            name=name,
            expires=expires,
            by=ask.who.name,
        )
        return _json({**_shown(token), "token": text}, 201)

    async def _revoke(self, ask: Ask) -> Response:
        if not await asyncio.to_thread(self._tokens.revoke, ask.params["id"]):
            raise no_such_token(ask.params["id"])
        return Response(204)

    async def _begin(self, ask: Ask) -> Response:
        session, path = ask.need("session", str), ask.maybe("path", str)
        return _json({"token": self._tokens.for_kernel(session, path, ask.who.app)}, 201)

    async def _end(self, ask: Ask) -> Response:
        self._tokens.end_kernel(ask.params["session"])
        return Response(204)

    async def _deeds(self, ask: Ask) -> Response:
        limit = ask.number("limit", 200, most=MOST_ENTRIES)
        return _json({"entries": await asyncio.to_thread(self._audit.read, limit)})


def no_such_token(key: str) -> RequestError:
    """What is said of an id that no token has."""
    return RequestError(
        f'There is no token with the id "{key}".',
        code="no_such_token",
        status=404,
        hint="`aiwe tokens list` and GET /aiwe/api/tokens show the ids.",
    )


def _shown(token: Token) -> dict[str, Any]:
    """What may be told of a token."""
    return {name: value for name, value in asdict(token).items() if name != "sha256"}


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(status, [JSON, _NO_STORE], orjson.dumps(value))
