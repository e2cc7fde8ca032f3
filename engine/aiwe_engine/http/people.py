"""The management routes below `/people`: accounts of an app's users, and the keys of their tokens. No answer holds a hash."""

from __future__ import annotations

from typing import Any

import orjson

from aiwe_engine.configuration.given import ENVIRONMENTS
from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Answered, Calls
from aiwe_engine.http.refusal import JSON
from aiwe_engine.protocols import People, Scope
from aiwe_engine.types import Response

_SEE, _CHANGE = "people.read", "people.write"


class PeopleRoutes:
    """Reads a request, asks, and writes the answer.

    Args:
        people: who does it.
        env: the environment that is meant where none is named.

    Attributes:
        calls: what can be asked, by method and path below the management API.
    """

    def __init__(self, people: People, env: str) -> None:
        self._people, self._env = people, env
        one = "/people/:app/:who"
        self.calls: Calls = {
            "GET /people/:app": Answered(_SEE, About.PATH, self._list),
            f"GET {one}": Answered(_SEE, About.PATH, self._show),
            f"PUT {one}/roles": Answered(_CHANGE, About.PATH, self._roles),
            f"PUT {one}/password": Answered(_CHANGE, About.PATH, self._password),
            f"PUT {one}/disabled": Answered(_CHANGE, About.PATH, self._disable),
            f"DELETE {one}/sessions": Answered(_CHANGE, About.PATH, self._sign_out),
            f"DELETE {one}": Answered(_CHANGE, About.PATH, self._remove),
            "POST /people/:app/keys": Answered(_CHANGE, About.PATH, self._rotate_keys),
        }

    async def _list(self, ask: Ask) -> Response:
        return _json({"people": await self._people.everybody(self._scope(ask))})

    async def _show(self, ask: Ask) -> Response:
        return _json(await self._people.person(self._scope(ask), _who(ask)))

    async def _roles(self, ask: Ask) -> Response:
        roles = ask.texts("roles")
        return _json(await self._people.set_roles(self._scope(ask), _who(ask), roles))

    async def _password(self, ask: Ask) -> Response:
        password = ask.need("password", str)
        return _json(await self._people.set_password(self._scope(ask), _who(ask), password))

    async def _disable(self, ask: Ask) -> Response:
        disabled = ask.need("disabled", bool)
        return _json(await self._people.disable(self._scope(ask), _who(ask), disabled=disabled))

    async def _sign_out(self, ask: Ask) -> Response:
        return _json(await self._people.sign_out(self._scope(ask), _who(ask)))

    async def _remove(self, ask: Ask) -> Response:
        return _json(await self._people.remove(self._scope(ask), _who(ask)))

    async def _rotate_keys(self, ask: Ask) -> Response:
        revoke = ask.maybe("revoke", bool) or False
        return _json(await self._people.rotate_keys(self._scope(ask), revoke=revoke))

    def _scope(self, ask: Ask) -> Scope:
        env = ask.query.get("env", self._env)
        if env not in ENVIRONMENTS:
            raise invalid("env", f"must be one of {', '.join(ENVIRONMENTS)}")
        return Scope(ask.params["app"], env)


def _who(ask: Ask) -> str:
    return ask.params["who"]


def _json(value: Any) -> Response:
    return Response(200, [JSON, ("cache-control", "no-store")], orjson.dumps(value))
