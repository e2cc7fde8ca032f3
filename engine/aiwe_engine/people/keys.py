"""The keys that tokens of an app are signed with: ES256, of its own in each environment.

They lie in the store, numbered: the public part as it is, the private one sealed. Whoever makes the next
key takes the next number, so that of two engines on one store one wins and the other uses what it made.

A new key is published at once and signs only when whoever keeps a copy of the key set has had the time to
fetch it again; the first one, and one that takes the place of keys that were revoked, signs at once. A key
that signs no more stays published until the last token that it signed has expired.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.protocols import Cipher, Scope, Store
from aiwe_engine.types import Json

FRESH = 300  # seconds for which others may keep a copy of the key set
_COLLECTION = "signing_keys"
_READ_AGAIN = 60.0  # seconds, because another engine on the store may have changed them
_AT_MOST = 5.0  # the same where somebody comes with a key that is not known
_ROUNDED = 3600  # seconds by which the end of a key is noted ahead, to write it seldom


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        number: the higher, the later.
        kid: its name in tokens and in the key set.
        public: as a JWK.
        sealed: the private part.
        created: seconds since the epoch.
        last: by then the last token that it signed has expired.
    """

    number: int
    kid: str
    public: dict[str, Any]
    sealed: str
    created: float
    last: float

    @classmethod
    def read(cls, text: bytes) -> Key:
        """The key that a stored document is of."""
        stored = orjson.loads(text)
        names = ("kid", "public", "sealed", "created", "last")
        return cls(int(stored["id"]), *(stored[name] for name in names))


class SigningKeys:
    """The keys of all apps of an engine.

    Args:
        store: where they are.
        cipher: seals what nobody is to read in the store.
        clock: seconds since the epoch.
    """

    def __init__(
        self, store: Store, cipher: Cipher, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._cipher, self._clock = store, cipher, clock
        self._rings: dict[Scope, tuple[float, list[Key]]] = {}  # when they were read, oldest first
        self._private: dict[str, dict[str, Any]] = {}  # by kid

    async def sign(
        self, scope: Scope, claims: dict[str, Any], until: float, rotation: float
    ) -> str:
        """A token with these claims, signed.

        Args:
            scope: app and environment.
            claims: all of them.
            until: when it expires.
            rotation: seconds after which a key is followed by another one.

        Raises:
            EngineError: the cipher's own.
        """
        from aiwe_engine.people import signature

        key, private = await self._signer(scope, rotation)
        while not await self._outlives(scope, key, until):
            self._rings.pop(scope, None)  # it was revoked meanwhile
            key, private = await self._signer(scope, rotation)
        header = {"alg": signature.ALGORITHM, "typ": "JWT", "kid": key.kid}
        return signature.sign(private, header, claims)

    async def find(self, scope: Scope, kid: str) -> Key | None:
        """The key of this name that may have signed a token that has not expired."""
        for age in (_READ_AGAIN, _AT_MOST):
            for key in await self._ring(scope, age):
                if key.kid == kid:
                    return key
        return None

    async def published(self, scope: Scope, rotation: float) -> list[Json]:
        """The public keys, as the `keys` of a JWK set (RFC 7517); the first one is made if need be."""
        ring, now = await self._current(scope, rotation), self._clock()
        used = {"use": "sig", "alg": "ES256"}
        current = _candidates(ring, now)[0].number
        return [
            {**key.public, "kid": key.kid, **used}
            for key in reversed(ring)
            if key.number >= current or key.last > now
        ]

    async def rotate(self, scope: Scope, *, revoke: bool = False) -> str:
        """Makes the next key; its name.

        Args:
            scope: app and environment.
            revoke: every older key is void from now on, and with it every token that it signed.
        """
        ring = await self._ring(scope, 0)
        made = await self._make(scope, ring[-1].number + 1 if ring else 1)
        if revoke:
            self._private.clear()
            await self._drop(scope, [key for key in ring if key.number < made.number])
        return made.kid

    async def _signer(self, scope: Scope, rotation: float) -> tuple[Key, dict[str, Any]]:
        """The key that signs now, and its private part."""
        ring = await self._current(scope, rotation)
        for key in _candidates(ring, self._clock()):
            try:
                return key, self._opened(scope, key)
            except EngineError as error:
                if error.code != "vault_key_wrong":
                    raise
        # What they were sealed under is lost: nobody can sign with them, and what they signed goes on.
        key = await self._make(scope, ring[-1].number + 1)
        return key, self._opened(scope, key)

    async def _current(self, scope: Scope, rotation: float) -> list[Key]:
        """The keys, with a new one where the latest is too old, and without those that are over."""
        ring, now = await self._ring(scope, _READ_AGAIN), self._clock()
        if not ring or now - ring[-1].created >= rotation:
            await self._make(scope, ring[-1].number + 1 if ring else 1)
            ring = await self._ring(scope, _READ_AGAIN)
        current = _candidates(ring, now)[0].number
        over = [key for key in ring if key.number < current and key.last < now]
        await self._drop(scope, over)
        return [key for key in ring if key not in over]

    async def _ring(self, scope: Scope, age: float) -> list[Key]:
        """The keys, read again where what is known of them is as old as that."""
        now = self._clock()
        read, ring = self._rings.get(scope, (-math.inf, []))
        if not 0 <= now - read < age:
            found = await self._store.within(scope.own).query(_COLLECTION, {}, {})
            ring = sorted(map(Key.read, found), key=lambda key: key.number)
            self._rings[scope] = now, ring
        return ring

    async def _make(self, scope: Scope, number: int) -> Key:
        """The key of a number, made here unless another engine was quicker."""
        from aiwe_engine.people import signature

        kid, public, private = await asyncio.to_thread(signature.make)
        now = self._clock()
        context = _context(scope, kid)
        sealed = self._cipher.seal(orjson.dumps(private), context)
        document = {
            "id": str(number),
            "kid": kid,
            "public": public,
            "sealed": sealed,
            "context": context,  # by which it is sealed anew when the vault's keys rotate
            "created": now,
            "last": now,
        }
        documents = self._store.within(scope.own)
        try:
            await documents.create(_COLLECTION, [document])
        except RequestError as error:
            if error.code != "already_exists":
                raise
        self._rings.pop(scope, None)
        text = await documents.get(_COLLECTION, str(number))
        if text is None:  # revoked in this very moment
            return await self._make(scope, number + 1)
        return Key.read(text)

    async def _outlives(self, scope: Scope, key: Key, until: float) -> bool:
        """Notes, durably, how long a key is needed; False: it is gone."""
        documents, number = self._store.within(scope.own), str(key.number)
        if until <= key.last:
            return await documents.get(_COLLECTION, number) is not None
        try:
            await documents.modify(_COLLECTION, number, {"$max": {"last": until + _ROUNDED}})
        except RequestError as error:
            if error.code != "not_found":
                raise
            return False
        self._rings.pop(scope, None)
        return True

    async def _drop(self, scope: Scope, keys: list[Key]) -> None:
        for key in keys:
            await self._store.within(scope.own).delete(_COLLECTION, str(key.number))
            self._rings.pop(scope, None)

    def _opened(self, scope: Scope, key: Key) -> dict[str, Any]:
        private = self._private.get(key.kid)
        if private is None:
            plain = self._cipher.open(key.sealed, _context(scope, key.kid))
            private = self._private[key.kid] = orjson.loads(plain)
        return private


def _candidates(ring: list[Key], now: float) -> list[Key]:
    """Keys in the order in which they are to sign: the latest that everybody may know goes first."""
    known = [key for key in reversed(ring) if now - key.created >= FRESH]
    return known + [key for key in ring if key not in known]


def _context(scope: Scope, kid: str) -> str:
    return f"signing key {scope.app}/{scope.env} {kid}"
