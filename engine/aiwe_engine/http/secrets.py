"""`/editor/api/secrets`: which secrets there are, to add, change and delete them; never their values.

Never on an app's origin. What is sent here is not repeated: neither in an answer nor in an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson

from aiwe_engine.configuration.given import ENVIRONMENTS
from aiwe_engine.errors import RequestError
from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Answered, Calls
from aiwe_engine.http.refusal import JSON
from aiwe_engine.secret import Secret
from aiwe_engine.types import Response
from aiwe_engine.vault.rotation import Rotated
from aiwe_engine.vault.vault import Change, Vault, not_found

PATH = "/editor/api/secrets"
_FIELDS = frozenset({"id", "value", "description", "hosts", "in", "app", "env"})
_USES = 20
_LATEST = 1000  # entries that are looked through for the last use of each secret
MOST_ENTRIES = 1000

Rotate = Callable[[bool], Awaitable[Rotated]]


class SecretRoutes:
    """Reads a request, asks the vault, and writes the answer.

    Args:
        vault: knows.
        rotate: seals everything under a new key; told whether to forget the old ones.

    Attributes:
        calls: what can be asked, by method and path.
    """

    def __init__(self, vault: Vault, rotate: Rotate) -> None:
        self._vault, self._rotate = vault, rotate
        self.calls: Calls = {
            f"GET {PATH}": Answered("secrets.read", About.QUERY, self._list),
            f"POST {PATH}": Answered("secrets.write", About.QUERY, self._add),
            f"GET {PATH}/:id": Answered("secrets.read", About.QUERY, self._show),
            f"PUT {PATH}/:id": Answered("secrets.write", About.QUERY, self._change),
            f"DELETE {PATH}/:id": Answered("secrets.write", About.QUERY, self._delete),
            f"GET {PATH}/:id/usage": Answered("secrets.read", About.QUERY, self._usage),
            "GET /secrets/audit": Answered("secrets.read", About.ENGINE, self._audit),
            "POST /secrets/rotate": Answered("admin", About.ENGINE, self._renew),
        }

    async def _list(self, ask: Ask) -> Response:
        await self._vault.ready()
        app, env = _whose(ask)
        used = {
            one["secret"]: one["time"]
            for one in reversed(await self._vault.audit.entries(limit=_LATEST, what="use", app=app))
        }
        shown = [
            {**self._about(one), "lastUsed": used.get(one.id)}
            for one in self._vault.everything()
            if (app is None or one.app in {None, app}) and (env is None or one.env in {None, env})
        ]
        return _json({"secrets": shown})

    async def _add(self, ask: Ask) -> Response:
        _check_fields(ask)
        secret, value = ask.need("id", str), ask.need("value", str)
        app, env = _whose(ask, body=True)
        kept = await self._vault.put(
            secret, _change(ask, value), app=app, env=env, by=ask.who.name, new=True
        )
        return self._stored(kept, 201)

    async def _change(self, ask: Ask) -> Response:
        _check_fields(ask)
        if ask.maybe("id", str) not in {None, ask.params["id"]}:
            raise invalid("id", "must be the one in the path")
        change = _change(ask, ask.maybe("value", str))
        if change == Change():
            raise invalid("", "must have a value, hosts, in or a description")
        app, env = _whose(ask, body=True)
        # With a value it may be new; what it sends beside it is changed, and the rest stays.
        new = False if change.value is None else None
        kept = await self._vault.put(
            ask.params["id"], change, app=app, env=env, by=ask.who.name, new=new
        )
        return self._stored(kept, 200)

    def _stored(self, secret: Secret, status: int) -> Response:
        said = {"success": True, "message": f"Secret '{secret.id}' stored securely"}
        return _json({**said, **self._about(secret)}, status)

    async def _show(self, ask: Ask) -> Response:
        return _json(self._about(await self._meant(ask)))

    async def _delete(self, ask: Ask) -> Response:
        app, env = _whose(ask)
        if not await self._vault.delete(ask.params["id"], app, env, ask.who.name):
            raise not_found(ask.params["id"])
        return _json({"success": True, "message": f"Secret '{ask.params['id']}' deleted"})

    async def _usage(self, ask: Ask) -> Response:
        secret = await self._meant(ask)
        app, _ = _whose(
            ask
        )  # of who is bound to an app, that one: others' uses are not theirs to see
        outcomes = await self._vault.audit.count(secret.id, app)
        entries = await self._vault.audit.entries(secret.id, limit=_USES, what="use", app=app)
        return _json(
            {
                "id": secret.id,
                "count": sum(outcomes.values()),
                "outcomes": outcomes,
                "lastUsed": entries[0]["time"] if entries else None,
                "uses": [{k: v for k, v in one.items() if k != "what"} for one in entries],
            }
        )

    async def _audit(self, ask: Ask) -> Response:
        limit = ask.number("limit", 100, most=MOST_ENTRIES)
        entries = await self._vault.audit.entries(ask.query.get("id"), limit=max(limit, 1))
        return _json({"entries": entries})

    async def _renew(self, ask: Ask) -> Response:
        done = await self._rotate(ask.maybe("forget", bool) or False)
        self._vault.audit.changed("rotated", None, ask.who.name, key=done.key, sealed=done.sealed)
        await self._vault.audit.flush()
        await self._vault.refresh()
        return _json(asdict(done))

    async def _meant(self, ask: Ask) -> Secret:
        """The secret of a path: exactly that of the app and environment, or what they would use."""
        await self._vault.ready()
        app, env = _whose(ask)
        name = ask.params["id"]
        found = self._vault.exact(name, app, env) or self._vault.find(app or "", env or "", name)
        if found is None:
            raise not_found(name)
        return found

    def _about(self, secret: Secret) -> dict[str, Any]:
        problem = self._vault.problem(secret)
        said: dict[str, Any] = {
            "id": secret.id,
            "description": secret.description,
            "createdAt": secret.created_at,
            "createdBy": secret.created_by,
            "exists": True,
            "app": secret.app,
            "env": secret.env,
            "hosts": list(secret.hosts),
            "in": sorted(secret.places),
            "source": secret.source,
            "version": secret.version,
            "usable": bool(secret.hosts) and problem is None,
        }
        if secret.configured:
            said["configured"] = secret.configured
        if problem is not None:
            said["problem"] = problem.to_json()["error"]
        elif not secret.hosts:
            said["hint"] = _no_hosts(secret)
        return said


def _no_hosts(secret: Secret) -> str:
    if secret.configured:
        return f"It names no hosts, so it can be sent nowhere. Say where it may go: hosts ({secret.configured})."
    asked = [
        f"{name}={value}" for name, value in (("app", secret.app), ("env", secret.env)) if value
    ]
    query = "?" + "&".join(asked) if asked else ""
    return (
        "It names no hosts, so it can be sent nowhere. Say where it may go: "
        f'PUT {PATH}/{secret.id}{query} with {{"hosts": ["api.example.com"]}}.'
    )


def _change(ask: Ask, value: str | None) -> Change:
    return Change(
        None if value is None else _bytes(value),
        ask.texts("hosts") if "hosts" in ask.body else None,
        ask.texts("in") if "in" in ask.body else None,
        ask.maybe("description", str),
    )


def _bytes(value: str) -> bytes:
    try:
        return value.encode()
    except (
        UnicodeEncodeError
    ):  # half of a surrogate pair; the message of Python's error has the text
        raise invalid("value", "must be text") from None


def _check_fields(ask: Ask) -> None:
    # What is unknown is not repeated: it may be a value in the wrong place.
    if ask.body.keys() - _FIELDS:
        raise RequestError(
            "There is a field in the body that a secret has not.",
            code="invalid_input",
            hint=f"Fields are {', '.join(sorted(_FIELDS))}.",
        )


def _whose(ask: Ask, *, body: bool = False) -> tuple[str | None, str | None]:
    """App and environment that are named in the query, or in the body."""
    app, env = ask.query.get("app") or None, ask.query.get("env") or None
    if body:
        # Who is bound to an app has it in the query: another one in the body is no way around.
        for name, said in (("app", app), ("env", env)):
            own = ask.maybe(name, str)
            if own is not None and said is not None and own != said:
                raise invalid(name, "is another one in the query")
        app, env = app or ask.maybe("app", str), env or ask.maybe("env", str)
    if env is not None and env not in ENVIRONMENTS:
        raise invalid("env", f"must be one of {', '.join(ENVIRONMENTS)}")
    return app, env


def _json(value: object, status: int = 200) -> Response:
    return Response(status, [JSON, ("cache-control", "no-store")], orjson.dumps(value))
