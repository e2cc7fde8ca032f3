"""API keys: long random words that stand for a person, for programs that cannot sign in.

    aiwe_ID_SECRET        the id finds the key, the secret has 256 bits

Only the hash of a key is kept. A slow hash would be of no use here: nobody guesses a random word. A key ends
with its time, when its owner revokes it, and with its owner's epoch: a changed password ends all of them.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.people import scopes
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.lifetimes import seconds
from aiwe_engine.people.tokens import InvalidToken, not_authenticated
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.types import Json, User

PREFIX = "aiwe_"
_COLLECTION = "api_keys"
_DEFINITION = {"index": [["user"]]}
_FORM = re.compile(r"aiwe_([a-z0-9]{16})_([A-Za-z0-9]{43})", re.ASCII)
_KEY_ID = re.compile(r"[a-z0-9]{16}", re.ASCII)
_ID, _SECRET = 16, 43  # letters and digits; 43 of 62 are 256 bits
_MOST = 100  # of one person
_LONGEST = 10 * 366 * 86_400.0
_NOTED = 3600.0  # seconds between two notes that a key is in use
_NAME = 100


class ApiKeys:
    """The keys of all apps of an engine.

    Args:
        directory: the accounts of their owners.
        store: where they are.
        clock: seconds since the epoch.
    """

    def __init__(
        self, directory: Directory, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory, self._store, self._clock = directory, store, clock
        self._declared: set[Scope] = set()

    async def create(
        self, scope: Scope, caller: User, name: Any, options: dict[str, Any]
    ) -> dict[str, Json]:
        """A new key: `{id, key}`; the key is told this once.

        Args:
            scope: app and environment.
            caller: whose it becomes.
            name: that they know it by.
            options: `expiresIn` and `scope`, as `Auth.createApiKey` takes them.

        Raises:
            RequestError: `login_needed` (403) of who came with a token or a key; `invalid_argument`,
                `lifetime_too_long`, `too_many_api_keys` (409); `not_authenticated` where their account has
                gone meanwhile.
        """
        if caller.via in {"jwt", "api_key"}:
            raise _login_needed(caller.via)
        if not isinstance(name, str) or not name.strip() or len(name) > _NAME:
            raise RequestError(
                f"An API key needs a name of 1 to {_NAME} characters.",
                code="invalid_argument",
                hint='Write Auth.createApiKey("backup script"): it tells its owner which one it is.',
            )
        now = self._clock()
        given = options.get("expiresIn")
        expires = None if given is None else now + seconds(given, _LONGEST)
        words = scopes.read(options.get("scope"), caller)
        person = await self._directory.find(scope, caller.id)
        if person is None or person.disabled:
            raise not_authenticated()
        await self._declare(scope)
        documents, theirs = self._store.within(scope.own), {"user": person.id}
        void = [{"expires": {"$lt": now}}, {"epoch": {"$lt": person.epoch}}]
        await documents.delete_many(_COLLECTION, {**theirs, "$or": void})
        if await documents.count(_COLLECTION, theirs) >= _MOST:
            raise RequestError(
                f"Somebody may have {_MOST} API keys.",
                code="too_many_api_keys",
                status=409,
                hint="Revoke those that are not used any more: Auth.apiKeys(), Auth.revokeApiKey(id).",
            )
        key_id = _random(_ID, string.ascii_lowercase + string.digits)
        key = f"{PREFIX}{key_id}_{_random(_SECRET, string.ascii_letters + string.digits)}"
        document = {
            "id": key_id,
            "name": name,
            "user": person.id,
            "hash": _hash(key),
            "scope": words,
            "epoch": person.epoch,
            "created": now,
            "expires": expires,
            "used": None,
        }
        await documents.create(_COLLECTION, [document])
        return {"id": key_id, "key": key}

    async def owner(self, scope: Scope, key: str) -> User | None:
        """Whom a key makes of its sender; None: it has not the form of any.

        Raises:
            InvalidToken: it has, and does not hold.
        """
        form = _FORM.fullmatch(key)
        if form is None:
            return None
        text = await self._store.within(scope.own).get(_COLLECTION, form[1])
        stored: dict[str, Any] = orjson.loads(text) if text is not None else {"hash": ""}
        if not hmac.compare_digest(stored["hash"], _hash(key)):
            raise InvalidToken("There is no such API key.")
        now = self._clock()
        if stored["expires"] is not None and stored["expires"] <= now:
            raise InvalidToken("The API key has expired.")
        person = await self._directory.find(scope, stored["user"])
        if person is None or person.disabled or person.epoch != stored["epoch"]:
            raise InvalidToken("The API key was revoked.")
        if stored["used"] is None or now - stored["used"] > _NOTED:
            await self._note(scope, form[1], now)
        claims: dict[str, Json] = {"key": form[1]}
        if stored["scope"] is not None:
            claims["scope"] = stored["scope"]
        return scopes.carried(person, "api_key", claims)

    async def list(self, scope: Scope, caller: User) -> list[dict[str, Json]]:
        """What is known of somebody's keys, the latest first; the keys themselves nobody can tell."""
        await self._declare(scope)
        person = await self._directory.find(scope, caller.id)
        documents = self._store.within(scope.own)
        found = await documents.query(_COLLECTION, {"user": caller.id}, {"sort": "-created"})
        now, shown = self._clock(), []
        for stored in map(orjson.loads, found):
            gone = stored["expires"] is not None and stored["expires"] <= now
            if gone or person is None or person.epoch != stored["epoch"]:
                continue
            shown.append(_shown(stored))
        return shown

    async def revoke(self, scope: Scope, caller: User, key_id: Any) -> bool:
        """Makes a key of somebody's own void, durably. False: they have none of this id."""
        documents = self._store.within(scope.own)
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            return False
        text = await documents.get(_COLLECTION, key_id)
        if text is None or orjson.loads(text)["user"] != caller.id:
            return False
        return await documents.delete(_COLLECTION, key_id)

    async def forget(self, scope: Scope, person_id: str) -> None:
        """Deletes every key of somebody who is gone."""
        await self._declare(scope)
        await self._store.within(scope.own).delete_many(_COLLECTION, {"user": person_id})

    async def _note(self, scope: Scope, key_id: str, now: float) -> None:
        """Notes that a key is in use; where that cannot be written, it is in use all the same."""
        try:
            await self._store.within(scope.own).modify(_COLLECTION, key_id, {"$set": {"used": now}})
        except AiweError as error:
            if error.code == "not_found":
                raise InvalidToken("The API key was revoked.") from None

    async def _declare(self, scope: Scope) -> None:
        if scope not in self._declared:
            await self._store.define(scope.own, _COLLECTION, _DEFINITION, "")
            self._declared.add(scope)


def _login_needed(via: str) -> RequestError:
    """The refusal of a key to who came with something that ends before it would, or can be revoked alone."""
    what = "a token" if via == "jwt" else "an API key"
    return RequestError(
        f"Who came with {what} makes no API key, which would outlive it.",
        code="login_needed",
        status=403,
        hint="Make keys for who is signed in: in a session, or after Auth.login(username, password) in the same "
        "request.",
    )


def _shown(stored: dict[str, Any]) -> dict[str, Json]:
    scope = stored["scope"]
    return {
        "id": stored["id"],
        "name": stored["name"],
        "scope": scope.split() if scope is not None else None,
        "createdAt": iso(stored["created"]),
        "expiresAt": iso(stored["expires"]),
        "lastUsedAt": iso(stored["used"]),
    }


def iso(seconds: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _random(length: int, letters: str) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()
