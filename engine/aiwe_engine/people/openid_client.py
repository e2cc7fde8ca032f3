"""authlib's client of one provider, with the engine's own way out under it.

authlib knows the protocol; connections, timeouts, limits and proxies are those of `outbound`, as for every
other request that leaves the engine. So what authlib would use of an HTTP library is made here.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self, TypeAlias
from urllib.parse import quote_plus, urlencode

import orjson
from authlib.common.urls import url_decode
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

Headers: TypeAlias = dict[str, str]


class Reply(NamedTuple):
    """What a provider answered."""

    status: int
    body: bytes


#: Sends a request to a provider: method, url, headers, body. Raises AiweError.
Ask: TypeAlias = Callable[[str, str, Headers, bytes | None], Awaitable[Reply]]


class Refused(Exception):
    """A provider answered with a status that says no; the text is for the log."""


class Answered:
    """A reply as authlib wants to see it."""

    def __init__(self, url: str, reply: Reply) -> None:
        self._url, self._reply = url, reply
        self.status_code = reply.status

    def json(self) -> Any:
        """What it says.

        Raises:
            ValueError: it is not JSON.
        """
        return orjson.loads(self._reply.body)

    def raise_for_status(self) -> None:
        """Raises unless it is a success.

        Raises:
            Refused: always but for 2xx.
        """
        if not 200 <= self.status_code < 300:
            raise Refused(f"{self._url} answered with {self.status_code}")


class Client(OAuth2Client):  # type: ignore[misc]
    """One conversation with a provider.

    Args:
        ask: sends a request.
        rest: as authlib has it.
    """

    client_auth_class = ClientAuth
    oauth_error_class = OAuthError

    def __init__(self, ask: Ask, **rest: Any) -> None:
        self._ask = ask
        self.headers: Headers = {}
        super().__init__(session=None, **rest)
        self.register_client_auth_method(("client_secret_basic", _basic))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def request(self, method: str, url: str, *, withhold_token: bool = False) -> Answered:
        """Asks for something, with the access token unless that is withheld."""
        headers: Headers = {"accept": "application/json"}
        if not withhold_token:
            url, headers, _ = self.token_auth.prepare(url, headers, "")
        return await self._send(method, url, headers, None)

    async def _fetch_token(
        self, url: str, body: str = "", headers: Any = None, auth: Any = None, method: str = "POST"
    ) -> Any:
        body = urlencode(url_decode(body))
        url, headers, body = auth.prepare(method, url, dict(headers or {}), body)
        return self.parse_response_token(await self._send(method, url, headers, body.encode()))

    async def _send(self, method: str, url: str, headers: Headers, body: bytes | None) -> Answered:
        return Answered(url, await self._ask(method, url, {**self.headers, **headers}, body))


def _basic(client: Any, method: str, uri: str, headers: Headers, body: str) -> Any:  # noqa: ARG001 - authlib's signature
    """The client's credentials as RFC 6749, 2.3.1 has them: encoded as in a form first."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body
