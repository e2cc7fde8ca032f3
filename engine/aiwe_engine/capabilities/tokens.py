"""Tokens and API keys, the part of `Auth` that is for programs and services.

Both are made for the caller of the invocation, and nobody makes or revokes one of somebody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.people.api_keys import ApiKeys, iso
from aiwe_engine.people.tokens import InvalidToken, Tokens, not_authenticated
from aiwe_engine.protocols import Method, Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation, User

_READ, _WRITE = Method(), Method(write=True, outside=True)


class TokenCalls:
    """The host half of `Auth.issueToken` and its neighbours; `js/tokens.ts` is the other.

    Args:
        tokens: of the people of all apps.
        api_keys: theirs.
        settings_of: tells the settings of an app.
    """

    name = "tokens"
    methods: Mapping[str, Method] = {
        "issueToken": _READ,
        "verifyToken": _READ,
        "revokeToken": _WRITE,
        "createApiKey": _WRITE,
        "apiKeys": _READ,
        "revokeApiKey": _WRITE,
    }

    def __init__(
        self, tokens: Tokens, api_keys: ApiKeys, settings_of: Callable[[str], Settings]
    ) -> None:
        self._tokens, self._api_keys, self._settings_of = tokens, api_keys, settings_of
        self._do: dict[str, Callable[[Invocation, list[Any]], Awaitable[Any]]] = {
            "issueToken": self._issue,
            "verifyToken": self._verify,
            "revokeToken": self._revoke,
            "createApiKey": self._create_key,
            "apiKeys": self._list_keys,
            "revokeApiKey": self._revoke_key,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Any:
        """Runs one method."""
        return await self._do[method](invocation, [*args, None, None])

    async def _issue(self, invocation: Invocation, args: list[Any]) -> Any:
        caller, options = _caller(invocation), _options("issueToken", args[0])
        settings = self._settings_of(invocation.app)
        issued = await self._tokens.issue(_scope(invocation), settings, caller, options)
        return {"token": issued.token, "expiresAt": iso(issued.expires)}

    async def _verify(self, invocation: Invocation, args: list[Any]) -> User | None:
        if args[0] is None:  # as where a request has no token
            return None
        settings = self._settings_of(invocation.app)
        try:
            return await self._tokens.owner(_scope(invocation), settings, _text(args[0]))
        except InvalidToken:
            return None

    async def _revoke(self, invocation: Invocation, args: list[Any]) -> bool:
        user = await self._verify(invocation, args)
        if user is not None:
            await self._tokens.revoke(_scope(invocation), user.claims)
        return user is not None

    async def _create_key(self, invocation: Invocation, args: list[Any]) -> Any:
        caller, options = _caller(invocation), _options("createApiKey", args[1])
        return await self._api_keys.create(_scope(invocation), caller, args[0], options)

    async def _list_keys(self, invocation: Invocation, args: list[Any]) -> Any:  # noqa: ARG002
        return await self._api_keys.list(_scope(invocation), _caller(invocation))

    async def _revoke_key(self, invocation: Invocation, args: list[Any]) -> bool:
        caller = _caller(invocation)
        return await self._api_keys.revoke(_scope(invocation), caller, args[0])


def _scope(invocation: Invocation) -> Scope:
    return Scope(invocation.app, invocation.env)


def _caller(invocation: Invocation) -> User:
    if invocation.user is None:
        raise not_authenticated()
    return invocation.user


def _text(given: Any) -> str:
    """A token, also where it still has the scheme of its header before it."""
    if isinstance(given, str):
        scheme, _, token = given.strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else given.strip()
    raise RequestError(
        "A token is a text.",
        code="invalid_argument",
        hint="Pass what stands in the header Authorization.",
    )


_OPTIONS = {
    "issueToken": ("expiresIn", "audience", "claims", "scope"),
    "createApiKey": ("expiresIn", "scope"),
}


def _options(method: str, given: Any) -> dict[str, Any]:
    known = _OPTIONS[method]
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise RequestError(
            f"The options of Auth.{method} are no object.",
            code="invalid_argument",
            hint='Write { expiresIn: "1h" }.',
        )
    wrong = next((name for name in given if name not in known), None)
    if wrong is not None:
        raise RequestError(
            f'Auth.{method} has no option "{wrong[:40]}".',
            code="invalid_argument",
            hint=f"It has {', '.join(known)}.",
        )
    return given
