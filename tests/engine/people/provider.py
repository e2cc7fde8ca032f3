"""A stand-in for a provider of OpenID Connect: it does what a real one would not, when a test says so."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT, SECRET = "the shop", "s3cret: with+signs"


class StandIn:
    """One provider.

    Attributes:
        metadata: what is said otherwise in the discovery document; None: it is left out.
        claims: what is said otherwise in id_tokens; None: it is left out.
        person: what is known of who signs in.
        userinfo: what userinfo says; None: there is no such address.
        answers: by path, what is answered instead.
        asked: paths, in the order in which they were asked for.
        key: that signs; `public` is what it publishes.
        algorithm: that id_tokens say they are signed with.
    """

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.person: dict[str, Any] = {
            "sub": "ada-1",
            "preferred_username": "ada",
            "email": "ada@example.org",
        }
        self.userinfo: dict[str, Any] | None = None
        self.answers: dict[str, web.Response | float] = {}
        self.asked: list[str] = []
        self.key: Any = ECKey.generate_key("P-256", {"kid": "one"})
        self.published: list[dict[str, Any]] | None = None
        self.algorithm = "ES256"
        self.url = ""
        self._codes: dict[str, dict[str, str]] = {}

    def grant(self, location: str, **more: str) -> str:
        """What a browser is sent back with that came by this address, and was let in: the path and query."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        members = {"code": code, "state": asked["state"], "iss": self.url, **more}
        query = "&".join(f"{name}={value}" for name, value in members.items() if value)
        return f"{back.path}?{query}"

    async def _discovery(self, _: web.Request) -> web.Response:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo" if self.userinfo else None,
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
            **self.metadata,
        }
        return web.json_response({name: value for name, value in said.items() if value is not None})

    async def _jwks(self, _: web.Request) -> web.Response:
        keys = self.published
        if keys is None:
            keys = [{**self.key.as_dict(private=False), "use": "sig"}]
        return web.json_response({"keys": keys})

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text()))
        said = request.headers.get("authorization", "")
        given = base64.b64decode(said.removeprefix("Basic ")).decode().partition(":")
        client, secret = unquote_plus(given[0]), unquote_plus(given[2])
        if not said:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (client, secret) != (CLIENT, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", challenge)
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = {
            "access_token": "access",
            "token_type": "Bearer",
            "id_token": self._signed(asked["nonce"]),
        }
        return web.json_response(token)

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
            **({"sub": self.person["sub"]} if self.userinfo is not None else self.person),
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = (
            {"alg": self.algorithm, "kid": self.key.kid}
            if self.key.kid
            else {"alg": self.algorithm}
        )
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    async def _userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["authorization"] == "Bearer access"
        return web.json_response(self.userinfo)

    @web.middleware
    async def _instead(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        answer = self.answers.get(request.path)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = None
        if answer is not None:
            return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
        response: web.StreamResponse = await handler(request)
        return response

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[StandIn]:
        """On a port of its own, for as long as the context lasts."""
        app = web.Application(middlewares=[self._instead])
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def rsa() -> RSAKey:
    """Another key, of another kind."""
    return RSAKey.generate_key(2048, {"kid": "rsa"})


def shared(secret: str) -> OctKey:
    """A key that both sides know."""
    return OctKey.import_key(secret)
