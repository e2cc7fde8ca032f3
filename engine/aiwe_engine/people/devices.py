"""Devices that somebody has come in from before, known again by a signed cookie.

OWASP's "device cookies": who holds one for an account is counted apart when passwords are guessed, so that
strangers who guess cannot keep its owner out. It lets nobody in. It holds a random id of the device and a
signature for each account that came in there; the key of an app's signatures lies in the store.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope, Store

_COLLECTION = "devices"
_KEY = "key"
_MOST = 5  # accounts that one cookie knows
_LENGTH = 22  # characters of an id and of a signature: 128 bits


class Devices:
    """Signs and reads the cookies.

    Args:
        store: where the keys are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[Scope, bytes] = {}

    async def known(self, scope: Scope, cookie: str | None, person: str) -> str | None:
        """The id of the device, where it has a signature for this account."""
        device, signatures = _read(cookie)
        if device is None or not signatures:
            return None
        wanted = _sign(await self._key(scope), device, person)
        found = [hmac.compare_digest(wanted, one) for one in signatures]
        return device if any(found) else None

    async def remember(self, scope: Scope, cookie: str | None, person: str) -> str:
        """The cookie of a device that this account has come in from."""
        device, signatures = _read(cookie)
        device = device or secrets.token_urlsafe(16)
        mine = _sign(await self._key(scope), device, person)
        others = [one for one in signatures if one != mine]
        return ".".join([device, mine, *others][: _MOST + 1])

    async def _key(self, scope: Scope) -> bytes:
        key = self._keys.get(scope)
        if key is None:
            key = self._keys[scope] = await self._stored(scope)
        return key

    async def _stored(self, scope: Scope) -> bytes:
        documents = self._store.within(scope.own)
        text = await documents.get(_COLLECTION, _KEY)
        if text is None:
            made = {"id": _KEY, "key": secrets.token_hex(32)}
            try:
                [text] = await documents.create(_COLLECTION, [made])
            except AiweError as error:
                if error.code != "already_exists":
                    raise
                text = await documents.get(_COLLECTION, _KEY)  # another was first
        assert text is not None
        return bytes.fromhex(orjson.loads(text)["key"])


def _read(cookie: str | None) -> tuple[str | None, list[str]]:
    parts = (cookie or "").split(".")
    if len(parts) > _MOST + 1 or any(len(one) != _LENGTH or not one.isascii() for one in parts):
        return None, []
    return parts[0], parts[1:]


def _sign(key: bytes, device: str, person: str) -> str:
    mac = hmac.new(key, f"{device} {person}".encode(), sha256).digest()
    return urlsafe_b64encode(mac[:16]).decode().rstrip("=")
