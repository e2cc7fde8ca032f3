"""Sessions of visitors: what a program keeps for one browser, `req.session`.

They are documents of the store, in a scope that no program has. A browser holds a cookie with a
random id, the store its hash: who reads the database can be nobody. An id that is not in the store
is ignored, and never taken up, so nobody can plant one in another's browser. What requests of one
session write at the same time is merged key by key.

Which handlers need a session, and what they change in it, `runtime/js/visit.ts` says.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import orjson

from aiwe_engine.errors import AiweError, EngineError, ProgramError
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json, Request, Via, Visit

COOKIE = "aiwe_session"
SECURE_COOKIE = (
    "__Host-aiwe_session"  # browsers take it over https only, for one host and all paths
)
DEVICE = "aiwe_device"  # by which a device is known again: see `people.devices`
SECURE_DEVICE = "__Host-aiwe_device"
LOGIN = "aiwe_login"  # of a browser that has begun to sign in: see `http.sign_in`
SECURE_LOGIN = "__Host-aiwe_login"
_NAMES = frozenset({COOKIE, SECURE_COOKIE, DEVICE, SECURE_DEVICE, LOGIN, SECURE_LOGIN})
OURS = "aiwe_"  # stands in each of them
_DEVICE_AGE = 365 * 86_400
_COLLECTION = "sessions"
_ID_BYTES = 32
_ID_LENGTH = 43  # of its text
_STALE = 0.1  # of the idle time, after which a session is noted to be in use
_CHANGES = 10_000  # names that one request may set and delete
_SWEEP = 600.0  # seconds between two looks for what has expired

Header = tuple[str, str]


class Visits:
    """The sessions of all apps of an engine.

    Args:
        store: where they are.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._used: dict[Scope, Settings] = {}  # where something may expire, and when

    async def find(self, scope: Scope, settings: Settings, request: Request) -> Visit:
        """The session that a request belongs to; its cookie is taken out of the request.

        Args:
            scope: app and environment.
            settings: those of the app.
            request: whose cookie is looked at.
        """
        secure = request.scheme == "https"
        visit = Visit(kept=request.keeps_cookies, secure=secure)
        found = _take(request)
        given = found.get(SECURE_COOKIE if secure else COOKIE)
        visit.device = found.get(SECURE_DEVICE if secure else DEVICE)
        if given is None or len(given) != _ID_LENGTH:
            return visit
        self._used[scope] = settings
        key = _hashed(given)
        text = await self._store.within(scope.own).get(_COLLECTION, key)
        if text is None:
            return visit
        stored = orjson.loads(text)
        now = self._clock()
        if _expired(stored, settings, now):
            return visit
        visit.key = key
        visit.user, visit.epoch = stored.get("user"), stored.get("epoch", 0)
        visit.via = stored.get("via", "session")
        visit.values = {_name(field): value for field, value in stored["values"].items()}
        visit.stale = now - stored["seen"] > settings.session_idle * _STALE
        return visit

    async def keep(
        self, scope: Scope, settings: Settings, visit: Visit, changes: Any
    ) -> list[Header]:
        """Stores what a handler changed, durably; the headers for its answer.

        Args:
            scope: app and environment.
            settings: those of the app.
            visit: as `find` gave it.
            changes: `{"set": {…}, "delete": […]}`, from a worker; None where there are none.

        Raises:
            ProgramError: `session_too_large`, `too_many_changes`.
            EngineError: `invalid_answer`, the worker did not keep to that form.
        """
        put, gone = _checked(changes)
        if not visit.kept:
            return []
        if len(put) + len(gone) > _CHANGES:
            raise _too_many()
        if put:
            _check_size(visit.values, put, set(gone), settings.session_limit)
        try:
            if visit.key is not None:
                if put or gone or visit.stale:
                    await self._change(scope, visit.key, put, gone)
            elif put:
                await self._begin(scope, settings, visit, put)
        except AiweError as error:
            if error.code == "document_too_large":  # with what others set at the same time
                raise _too_large(settings.session_limit) from error
            if error.code != "not_found":
                raise
            # Destroyed meanwhile, as by a logout in another tab: it does not come back to life.
            visit.ended = True
        return _sent(visit)

    async def sign_in(
        self, scope: Scope, settings: Settings, visit: Visit, user: str, epoch: int, via: Via
    ) -> float:
        """Begins the session of a person, durably, under a new id, which `keep` gives them.

        What the visitor had in their session goes with them, and its old id leads nowhere any more:
        nobody can know the id of a session before its owner signs in.

        Args:
            scope: app and environment.
            settings: those of the app.
            visit: becomes theirs.
            user: their id.
            epoch: of their credentials.
            via: how they proved who they are.

        Returns:
            When it ends in any case, in seconds since the epoch.
        """
        before = visit.key
        visit.user, visit.epoch, visit.via = user, epoch, via
        await self._begin(scope, settings, visit, visit.values)
        if before is not None:
            await self._store.within(scope.own).delete(_COLLECTION, before)
        return self._clock() + settings.session_lifetime

    async def end(self, scope: Scope, visit: Visit) -> None:
        """Deletes a session at once; what is set after that begins another one."""
        key, visit.key = visit.key, None
        visit.ended, visit.values, visit.user = True, {}, None
        if key is not None:
            await self._store.within(scope.own).delete(_COLLECTION, key)

    async def sweep(self) -> int:
        """Deletes what has expired; returns how many there were."""
        now, count = self._clock(), 0
        for scope, settings in list(self._used.items()):
            idle, age = settings.session_idle, settings.session_lifetime
            expired = {"$or": [{"seen": {"$lt": now - idle}}, {"began": {"$lt": now - age}}]}
            count += await self._store.within(scope.own).delete_many(_COLLECTION, expired)
        return count

    async def run(self) -> None:
        """Sweeps now and then, until it is cancelled."""
        while True:
            await asyncio.sleep(_SWEEP)
            await self.sweep()

    async def _begin(
        self, scope: Scope, settings: Settings, visit: Visit, put: dict[str, Json]
    ) -> None:
        """A session of its own id, whatever id the browser came with."""
        given = secrets.token_urlsafe(_ID_BYTES)
        now = self._clock()
        document: dict[str, Any] = {
            "id": _hashed(given),
            "began": now,
            "seen": now,
            "values": {_field(name): value for name, value in put.items()},
        }
        if visit.user is not None:
            document |= {"user": visit.user, "epoch": visit.epoch, "via": visit.via}
        self._used[scope] = settings
        await self._store.within(scope.own).create(_COLLECTION, [document])
        visit.key, visit.ended = document["id"], False
        age = math.ceil(settings.session_lifetime)
        visit.cookie = _session_cookie(given, age, secure=visit.secure)

    async def _change(self, scope: Scope, key: str, put: dict[str, Json], gone: list[str]) -> None:
        fields = {f"values.{_field(name)}": value for name, value in put.items()}
        change: dict[str, Any] = {"$set": {"seen": self._clock(), **fields}}
        if gone:
            change["$unset"] = [f"values.{_field(name)}" for name in gone]
        await self._store.within(scope.own).modify(_COLLECTION, key, change)


def _expired(stored: dict[str, Any], settings: Settings, now: float) -> bool:
    idle, age = now - stored["seen"], now - stored["began"]
    return bool(idle > settings.session_idle or age > settings.session_lifetime)


def _check_size(before: dict[str, Json], put: dict[str, Json], gone: set[str], limit: int) -> None:
    after = {name: value for name, value in (before | put).items() if name not in gone}
    try:
        size = len(orjson.dumps(after))
    except TypeError as error:  # nested too deeply
        raise _invalid() from error
    if size > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ProgramError:
    return ProgramError(
        f"The session would hold more than {limit:,} bytes.",
        code="session_too_large",
        hint="Keep ids in the session and what they stand for in DataRepository, "
        "or raise the setting session.limit.",
    )


def _too_many() -> ProgramError:
    return ProgramError(
        f"The request changed more than {_CHANGES:,} names of its session.",
        code="too_many_changes",
        hint="Keep what belongs together under one name, and end a session with "
        "req.session.destroy().",
    )


def _hashed(given: str) -> str:
    return sha256(given.encode("latin-1", "replace")).hexdigest()


def _field(name: str) -> str:
    """A key of the program as the name of a field: any text, without the dots of paths."""
    return "=" + quote(name, safe="").replace(".", "%2E")


def _name(field: str) -> str:
    return unquote(field[1:])


def know_device(visit: Visit, value: str) -> None:
    """Lets the answer give the browser a cookie by which its device is known again."""
    name = SECURE_DEVICE if visit.secure else DEVICE
    if visit.kept:
        visit.device_cookie = _cookie(name, value, _DEVICE_AGE, secure=visit.secure)


def _take(request: Request) -> dict[str, str]:
    """Our cookies by name, which the program does not get to see and so cannot give away."""
    found: dict[str, str] = {}
    headers = []
    for header in request.headers:
        if header[0] != "cookie" or OURS not in header[1]:
            headers.append(header)
            continue
        others = []
        for pair in header[1].split(";"):
            name, _, value = pair.strip().partition("=")
            if name in _NAMES:
                found.setdefault(name, value)
            else:
                others.append(pair.strip())
        if others:
            headers.append(("cookie", "; ".join(others)))
    request.headers = headers
    return found


def _cookie(name: str, value: str, age: int, *, secure: bool) -> Header:
    more = "; Secure" if secure else ""
    return "set-cookie", f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{more}"


def _session_cookie(value: str, age: int, *, secure: bool) -> Header:
    return _cookie(SECURE_COOKIE if secure else COOKIE, value, age, secure=secure)


def _sent(visit: Visit) -> list[Header]:
    """What the browser is told of its session, and of its device."""
    device = [visit.device_cookie] if visit.device_cookie is not None else []
    if visit.ended:
        return [*device, _session_cookie("", 0, secure=visit.secure)]
    return [*device, *([visit.cookie] if visit.cookie is not None else [])]


def _checked(changes: Any) -> tuple[dict[str, Json], list[str]]:
    """What a worker says was set and deleted."""
    if changes is None:
        return {}, []
    if isinstance(changes, dict):
        put, gone = changes.get("set"), changes.get("delete")
        if (
            isinstance(put, dict)
            and isinstance(gone, list)
            and all(isinstance(name, str) for name in gone)
            and put.keys().isdisjoint(gone)
        ):
            return put, gone
    raise _invalid()


def _invalid() -> EngineError:
    return EngineError(
        "The worker's changes of the session have not the form of any.",
        code="invalid_answer",
        status=500,
    )
