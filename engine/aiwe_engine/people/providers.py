"""The providers of OpenID Connect by which people sign in to the apps of an engine.

Each is found out about when somebody first signs in by it, and remembered for as long as its configuration
is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from aiwe_engine.errors import AiweError
from aiwe_engine.openid import Provider
from aiwe_engine.people import login_errors as errors
from aiwe_engine.settings import Settings

if TYPE_CHECKING:
    from aiwe_engine.people.openid_client import Reply
    from aiwe_engine.people.relying import RelyingParty


class Send(Protocol):
    """Sends a request to a server that the operator trusts."""

    def __call__(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        *,
        trusted: str,
        settings: Settings,
    ) -> Awaitable[tuple[int, bytes]]:
        """Status and body of the answer.

        Args:
            method: GET or POST.
            url: where to.
            headers: by name.
            body: of a POST.
            trusted: an address whose host may be a private one.
            settings: those of the app.

        Raises:
            AiweError: nothing came back that is an answer.
        """
        ...


class Secret(Protocol):
    """Finds the value of a secret."""

    def __call__(
        self, app: str, env: str, secret: str, url: str, *, body: bool
    ) -> Awaitable[str | None]:
        """The value for an address, in the body of a request or in a header; None: there is none for it."""
        ...


class Providers:
    """Everything that is known of providers.

    Args:
        send: sends requests to them.
        secret: finds secrets of clients.
    """

    def __init__(self, send: Send, secret: Secret) -> None:
        self._send, self._secret = send, secret
        self._parties: dict[tuple[str, str], tuple[Provider, Settings, RelyingParty]] = {}

    async def party(self, app: str, env: str, name: str, settings: Settings) -> RelyingParty:
        """A provider of an app, ready to be relied on.

        Args:
            app: whose.
            env: its environment.
            name: of the provider.
            settings: those of the app.

        Raises:
            RequestError: `no_such_provider`.
        """
        provider = next((one for one in settings.auth_providers if one.name == name), None)
        if provider is None:
            raise errors.no_such_provider(name)
        held = self._parties.get((app, name))
        if held is None or held[0] != provider or held[1] is not settings:
            made = await self._made(app, env, provider, settings)
            held = self._parties[app, name] = (provider, settings, made)
        return held[2]

    async def _made(
        self, app: str, env: str, provider: Provider, settings: Settings
    ) -> RelyingParty:
        # A sixth of a second of imports, which an engine without providers does not need.
        await asyncio.to_thread(_load)
        from aiwe_engine.people.openid_client import Reply
        from aiwe_engine.people.relying import RelyingParty

        async def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Reply:
            try:
                status, content = await self._send(
                    method, url, headers, body, trusted=provider.issuer, settings=settings
                )
            except AiweError as error:
                raise errors.provider_unreachable(provider.name, error) from error
            return Reply(status, content)

        async def secret(url: str, body: bool) -> str | None:
            if not provider.client_secret:
                return provider.secret or None
            found = await self._secret(app, env, provider.client_secret, url, body=body)
            if found is None:
                raise errors.secret_missing(provider.name, provider.client_secret)
            return found

        return RelyingParty(provider, secret, ask)


def _load() -> None:
    import aiwe_engine.people.relying  # noqa: F401
