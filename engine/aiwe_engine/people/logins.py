"""Logins under way: what must be the same when a browser comes back from a provider as when it left.

They are documents of the store, in a scope that no program has, under the hash of their `state`; the
browser that began one is known by the hash of a cookie. Each is good once, and for ten minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256

import orjson

from aiwe_engine.people import login_errors as errors
from aiwe_engine.protocols import Scope, Store

LIFETIME = 600.0  # seconds
_COLLECTION = "logins"
_SWEEP = 60.0  # seconds between two looks for what is over


@dataclass(frozen=True, slots=True)
class Login:
    """One login under way.

    Attributes:
        provider: its name.
        nonce: that the id_token must have in it.
        verifier: of PKCE.
        redirect_uri: to which the browser comes back.
        return_to: the path of the app that it is sent to in the end.
        person: whose account the identity is to be linked with; None: it is a login.
    """

    provider: str
    nonce: str
    verifier: str
    redirect_uri: str
    return_to: str
    person: str | None = None


class Logins:
    """The logins under way of all apps of an engine.

    Args:
        store: where they are.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._swept: dict[Scope, float] = {}

    async def begin(self, scope: Scope, state: str, browser: str, login: Login) -> None:
        """Keeps a login.

        Args:
            scope: app and environment.
            state: that the provider gives back.
            browser: the cookie of whoever begins it.
            login: all the rest.
        """
        now = self._clock()
        if now - self._swept.get(scope, 0.0) > _SWEEP:
            self._swept[scope] = now
            over = {"began": {"$lt": now - LIFETIME}}
            await self._store.within(scope.own).delete_many(_COLLECTION, over)
        document = {
            **asdict(login),
            "id": _hashed(state),
            "browser": _hashed(browser),
            "began": now,
        }
        await self._store.within(scope.own).create(_COLLECTION, [document])

    async def take(self, scope: Scope, state: str, browser: str, provider: str) -> Login:
        """The login that an answer of a provider belongs to; nobody gets it a second time.

        Args:
            scope: app and environment.
            state: that came with the answer.
            browser: the cookie that came with it.
            provider: whose answer it is.

        Raises:
            RequestError: `login_expired`, `login_of_another`.
        """
        documents = self._store.within(scope.own)
        text = await documents.get(_COLLECTION, _hashed(state))
        stored = orjson.loads(text) if text is not None else None
        if stored is None or self._clock() - stored["began"] > LIFETIME:
            raise errors.login_expired()
        if stored["browser"] != _hashed(browser) or stored["provider"] != provider:
            raise errors.login_of_another()
        if not await documents.delete(_COLLECTION, stored["id"]):
            raise errors.login_expired()
        return Login(**{name: stored[name] for name in Login.__slots__})


def _hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()
