"""Tokens for APIs: JSON Web Tokens (RFC 7519) that an app issues to people who are signed in, and takes back.

A token says who its owner is and until when. Whether it still holds is decided at each request: it must be
signed by a key of this app and environment, meant for it, not expired, not revoked, and of the epoch that its
owner's account is in. Whatever else its header names (another algorithm, a key that it brings itself) makes
it none of ours.
"""

from __future__ import annotations

import binascii
import re
import secrets
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.people import scopes
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.keys import SigningKeys
from aiwe_engine.people.lifetimes import seconds
from aiwe_engine.protocols import Scope, Store
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json, User

#: Names of claims that the engine gives, or that RFC 7519 gives a meaning to.
RESERVED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "epoch", "scope"})

_REVOKED = "revoked_tokens"
_LARGEST = 8192  # characters of a token
_CLAIMS = 4096  # bytes of a program's own claims
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_DRIFT = 60  # seconds that the clock of another engine may be ahead
_KEPT = 4000  # tokens that were checked
_SWEEP = 600.0  # seconds between two looks for revoked tokens that have expired


class InvalidToken(Exception):
    """A token of this app does not hold; its text says why, for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and when it expires in seconds since the epoch."""

    token: str
    expires: int


class Tokens:
    """The tokens of all apps of an engine.

    Args:
        keys: that they are signed with.
        directory: the accounts of their owners.
        store: remembers those that were revoked.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        keys: SigningKeys,
        directory: Directory,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys = keys
        self._directory, self._store, self._clock = directory, store, clock
        self._checked: OrderedDict[tuple[Scope, bytes], tuple[str, dict[str, Any]]] = OrderedDict()
        self._swept: dict[Scope, float] = {}

    async def issue(
        self, scope: Scope, settings: Settings, caller: User, options: dict[str, Any]
    ) -> Issued:
        """A token for somebody who is signed in.

        Args:
            scope: app and environment.
            settings: those of the app.
            caller: who it is for.
            options: `expiresIn`, `audience`, `claims` and `scope`, as `Auth.issueToken` takes them.

        Raises:
            RequestError: `invalid_argument`, `lifetime_too_long`, `reserved_claim`, `scope_too_wide`;
                `not_authenticated` where their account has gone meanwhile.
            EngineError: the key cannot be opened.
        """
        own = _claims(options.get("claims"))
        given = options.get("expiresIn")
        longest = settings.auth_token_longest
        default = min(settings.auth_token_lifetime, longest)
        lifetime = seconds(default if given is None else given, longest, "auth.token_longest")
        lifetime = self._within(caller, lifetime, default, asked=given is not None)
        words = scopes.read(options.get("scope"), caller)
        person = await self._directory.find(scope, caller.id)
        if person is None or person.disabled:
            raise not_authenticated()
        now = int(self._clock())
        issuer = issuer_of(scope, settings)
        claims: dict[str, Any] = {
            **own,
            "iss": issuer,
            "sub": person.id,
            "aud": _audience(options.get("audience")) or issuer,
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_urlsafe(16),
            "epoch": person.epoch,
        }
        if words is not None:
            claims["scope"] = words
        rotation = settings.auth_key_rotation
        token = await self.keys.sign(scope, claims, claims["exp"], rotation)
        return Issued(token, claims["exp"])

    def _within(self, caller: User, lifetime: int, default: float, *, asked: bool) -> int:
        """The lifetime of a token that a caller makes: of one made with a token, no longer than that one's.

        One that is made with an API key outlives its revocation, so it is short.

        Raises:
            RequestError: `lifetime_too_long` where more was asked for.
        """
        ends = caller.claims.get("exp") if caller.via == "jwt" else None
        if isinstance(ends, int | float):
            most = max(1, int(ends - self._clock()))
        elif caller.via == "api_key":
            most = int(default)
        else:
            return lifetime
        if asked and lifetime > most:
            raise RequestError(
                f"expiresIn is longer than the {most:,} seconds that are allowed to who came with a token or a key.",
                code="lifetime_too_long",
                hint="Ask for less, or sign in with the password: Auth.login(username, password) in the same request.",
            )
        return min(lifetime, most)

    async def owner(self, scope: Scope, settings: Settings, token: str) -> User | None:
        """Whom a token makes of its sender; None: it is no token of this app at all.

        Raises:
            InvalidToken: it is one, or says so, and does not hold.
        """
        claims = await self._claims(scope, settings, token)
        if claims is None:
            return None
        person = await self._directory.find(scope, claims["sub"])
        if person is None or person.disabled or person.epoch != claims["epoch"]:
            raise InvalidToken("The token was revoked.")
        return scopes.carried(person, "jwt", claims)

    async def revoke(self, scope: Scope, claims: dict[str, Json]) -> None:
        """Makes a token void, durably, from now until it would have expired.

        Args:
            scope: app and environment.
            claims: those of the token, as `User.claims` has them.
        """
        jti, expires = claims.get("jti"), claims.get("exp")
        documents = self._store.within(scope.own)
        await documents.upsert(_REVOKED, {"id": str(jti), "exp": expires})
        now = self._clock()
        if now - self._swept.get(scope, 0.0) >= _SWEEP:
            self._swept[scope] = now
            await documents.delete_many(_REVOKED, {"exp": {"$lt": now}})

    async def _claims(self, scope: Scope, settings: Settings, token: str) -> dict[str, Any] | None:
        """What a token says, where all of it holds; None where it is none of ours."""
        place = scope, sha256(token.encode("utf-8", "replace")).digest()
        checked = self._checked.get(place)
        if checked is None:
            checked = await self._check(scope, settings, token)
            if checked is None:
                return None
            self._checked[place] = checked
            if len(self._checked) > _KEPT:
                self._checked.popitem(last=False)
        else:
            self._checked.move_to_end(place)
        kid, claims = checked
        if await self.keys.find(scope, kid) is None:
            raise InvalidToken("The token was signed by a key that does not hold any more.")
        issuer, now = issuer_of(scope, settings), self._clock()
        if claims["iss"] != issuer:
            raise InvalidToken("The token is of another issuer.")
        if claims["aud"] != issuer and claims["aud"] not in settings.auth_audiences:
            raise InvalidToken("The token is meant for another service.")
        if claims["exp"] <= now:
            raise InvalidToken("The token has expired.")
        if max(claims["iat"], claims.get("nbf", 0)) > now + _DRIFT:
            raise InvalidToken("The token is not valid yet.")
        if await self._store.within(scope.own).get(_REVOKED, claims["jti"]) is not None:
            raise InvalidToken("The token was revoked.")
        return claims

    async def _check(
        self, scope: Scope, settings: Settings, token: str
    ) -> tuple[str, dict[str, Any]] | None:
        """The key and the claims of a token that a key of this app has signed."""
        parts = _parts(token)
        if parts is None:
            return None
        header, said = parts
        kid = header.get("kid")
        key = await self.keys.find(scope, kid) if isinstance(kid, str) else None
        if key is None:
            if said.get("iss") != issuer_of(scope, settings):
                return None
            raise InvalidToken("The token was signed by a key that this app does not have.")
        if header != {"alg": "ES256", "typ": "JWT", "kid": kid}:
            raise InvalidToken("The token's header is not one of this app's.")
        from aiwe_engine.people import signature

        try:
            claims = signature.check(key.public, token)
        except signature.Forged:
            raise InvalidToken("The token's signature is not right.") from None
        if not _is_complete(claims):
            raise InvalidToken("The token lacks what it must say.")
        return key.kid, claims


def issuer_of(scope: Scope, settings: Settings) -> str:
    """What an app calls itself in its tokens: a name that no port and no restart changes."""
    return settings.auth_issuer or f"http://{scope.app}--{scope.env}.localhost"


def not_authenticated() -> RequestError:
    """The refusal of somebody whom nobody knows."""
    return RequestError(
        "This is for people who are signed in.",
        code="not_authenticated",
        status=401,
        hint="Sign in first, or send a token in the header Authorization.",
    )


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What the header and the payload of a token say, with nothing checked; None: it is no JWT."""
    if len(token) > _LARGEST or not _FORM.fullmatch(token):
        return None
    found = []
    for part in token.split(".")[:2]:
        try:
            value = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except (binascii.Error, ValueError):
            return None
        if not isinstance(value, dict):
            return None
        found.append(value)
    return found[0], found[1]


def _is_complete(claims: dict[str, Any]) -> bool:
    texts = all(isinstance(claims.get(name), str) for name in ("iss", "sub", "aud", "jti"))
    numbers = all(type(claims.get(name)) is int for name in ("iat", "exp", "epoch"))
    return texts and numbers and isinstance(claims.get("nbf", 0), int | float)


def _claims(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise RequestError(
            "claims is no object.",
            code="invalid_argument",
            hint='Write claims: { plan: "pro" }.',
        )
    taken = sorted(RESERVED & given.keys())
    if taken:
        raise RequestError(
            f'The claim "{taken[0]}" is the engine\'s to give.',
            code="reserved_claim",
            hint=f"Choose another name; taken are {', '.join(sorted(RESERVED))}. expiresIn, audience and scope "
            "are options of their own.",
        )
    if len(orjson.dumps(given)) > _CLAIMS:
        raise RequestError(
            f"claims are more than {_CLAIMS:,} bytes.",
            code="invalid_argument",
            hint="A token is sent with every request: keep large things in DataRepository, under the user's id.",
        )
    return given


def _audience(given: Any) -> str:
    if given is None:
        return ""
    if isinstance(given, str) and 0 < len(given) <= 500:
        return given
    raise RequestError(
        "audience is no text.",
        code="invalid_argument",
        hint='Write the name of the service that the token is for, as in audience: "https://mail.example.org".',
    )
