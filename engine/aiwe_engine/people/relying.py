"""One provider as it is relied on: where it is, which keys it signs with, what it says of a person.

The authorization code flow of OpenID Connect with PKCE. authlib does the protocol; this file says what must
hold besides: the issuer is the one that was configured, every address is safe to speak to, tokens are signed
with a key that only the provider has. Nothing here knows of accounts or sessions.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin
from authlib.integrations.base_client.sync_app import BaseApp, OAuth2Base
from joserfc.errors import BadSignatureError, ClaimError, JoseError
from joserfc.jwk import KeySet

from aiwe_engine.errors import AiweError
from aiwe_engine.openid import Provider, is_secure
from aiwe_engine.people import login_errors as errors
from aiwe_engine.people.openid_client import Ask, Client, Refused
from aiwe_engine.types import Json

SKEW = 60  # seconds by which two clocks may differ
FRESH = 3600.0  # seconds for which what a provider says of itself is believed
_DISCOVERY = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# Signatures that nobody makes but the owner of the key; "none" and those by a shared secret are out.
_ALGORITHMS = frozenset(
    f"{family}{size}" for family in ("RS", "PS", "ES") for size in (256, 384, 512)
) | {"EdDSA", "Ed25519"}
_KINDS = frozenset({"RSA", "EC", "OKP"})
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that a browser is sent to the provider for."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody, as a provider says."""

    issuer: str
    subject: str
    claims: dict[str, Json]


class RelyingParty(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc]
    """Logins by one provider.

    Args:
        provider: as it is configured.
        secret: finds what the app proves itself with at an address (True: in the body), as None where it has nothing.
        ask: sends requests to it.
        clock: seconds that only grow.
    """

    client_cls = Client

    def __init__(
        self,
        provider: Provider,
        secret: Callable[[str, bool], Awaitable[str | None]],
        ask: Ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider, self._secret, self._clock = provider, secret, clock
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        OAuth2Base.__init__(
            self,
            None,
            provider.name,
            client_id=provider.client_id,
            client_kwargs={
                "ask": ask,
                "scope": " ".join(provider.scopes),
                "code_challenge_method": "S256",
            },
            user_agent="aiwe",
        )

    async def begin(self, redirect_uri: str) -> Begun:
        """Where to send a browser that wants to sign in.

        Raises:
            AiweError: the provider cannot be relied on now.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        made = await self.create_authorization_url(
            redirect_uri, state=state, nonce=nonce, code_verifier=verifier
        )
        return Begun(made["url"], state, nonce, verifier)

    async def check_issuer(self, said: str | None) -> None:
        """That an answer comes from this provider, as far as it says (RFC 9207).

        Raises:
            RequestError: `issuer_mismatch`.
        """
        metadata = await self.load_server_metadata()
        must = metadata.get("authorization_response_iss_parameter_supported") is True
        if said != self.provider.issuer and (said is not None or must):
            raise errors.issuer_mismatch(self.provider.name)

    async def finish(
        self, code: str, redirect_uri: str, *, verifier: str, nonce: str
    ) -> Identified:
        """Who has signed in at the provider.

        Raises:
            AiweError: the code is not good, the token is not, or the provider cannot be relied on now.
        """
        token = await self._exchanged(code, redirect_uri, verifier)
        claims = await self._checked(token, nonce)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise errors.id_token_invalid(self.provider.name, "it names nobody (sub)")
        return Identified(
            self.provider.issuer, subject, await self._completed(claims, token, subject)
        )

    async def _exchanged(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        name = self.provider.name
        metadata = await self.load_server_metadata()
        in_body = metadata.get("token_endpoint_auth_method") == "client_secret_post"
        self.client_secret = await self._secret(metadata["token_endpoint"], in_body)
        try:
            found = await self.fetch_access_token(
                redirect_uri=redirect_uri, code=code, code_verifier=verifier
            )
        except AiweError:
            raise
        except OAuthError as error:
            raise errors.code_refused(name, str(error.error)) from error
        except Refused as error:
            raise errors.provider_invalid(name, str(error)) from error
        except Exception as error:  # whatever stands in an answer that is no token
            raise errors.provider_invalid(
                name, "its token endpoint did not give a token"
            ) from error
        if not isinstance(found.get("id_token"), str):
            raise errors.id_token_invalid(name, "there is none")
        return dict(found)

    async def _checked(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of an id_token that is good.

        Raises:
            RequestError: `id_token_invalid`.
        """
        name = self.provider.name
        try:
            try:
                return await self._parsed(token, nonce)
            except BadSignatureError:
                # A provider that does not name its keys may have changed them.
                await self.fetch_jwk_set(force=True)
                return await self._parsed(token, nonce)
        except AiweError:
            raise
        except ClaimError as error:
            raise errors.id_token_invalid(name, f"its {error.claim} is not right") from error
        except JoseError as error:
            raise errors.id_token_invalid(name, f"{error.error}") from error
        except Exception as error:  # whatever stands in a token, it is refused
            raise errors.id_token_invalid(name, "it cannot be read") from error

    async def _parsed(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        options = {
            "iss": {"essential": True, "value": self.provider.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
            "sub": {"essential": True},
        }
        return dict(await self.parse_id_token(token, nonce, claims_options=options, leeway=SKEW))

    async def _completed(
        self, claims: dict[str, Any], token: dict[str, Any], subject: str
    ) -> dict[str, Json]:
        """The claims, with those that the provider tells only when it is asked with the access token."""
        metadata = await self.load_server_metadata()
        wanted = {"preferred_username", "email", self.provider.roles_claim.partition(".")[0]} - {""}
        if "userinfo_endpoint" not in metadata or wanted <= claims.keys():
            return claims
        name = self.provider.name
        try:
            more = dict(await self.userinfo(token=token))
        except AiweError:
            raise
        except Exception as error:
            raise errors.provider_invalid(
                name, "its userinfo endpoint tells nothing of the person"
            ) from error
        if more.get("sub") != subject:
            raise errors.id_token_invalid(name, "userinfo tells of somebody else (sub)")
        return {**more, **claims}

    async def load_server_metadata(self) -> dict[str, Any]:
        """What the provider says of itself, at most an hour ago.

        Raises:
            AiweError: `provider_unreachable`, `provider_invalid`.
        """
        async with self._looking:
            if self._clock() - self._looked_at > FRESH:
                self.server_metadata = await self._discovered()
                self._looked_at = self._clock()
        return self.server_metadata

    async def _discovered(self) -> dict[str, Any]:
        issuer, name = self.provider.issuer, self.provider.name
        said = await self._read(issuer.rstrip("/") + _DISCOVERY)
        if said.get("issuer") != issuer:
            raise errors.provider_invalid(
                name, f"it calls itself {str(said.get('issuer'))[:200]!r} and not {issuer!r}"
            )
        # Only what is used: authlib makes options of its client out of everything else.
        kept = {key: said[key] for key in (*_ENDPOINTS, "userinfo_endpoint") if key in said}
        wrong = [
            key
            for key in {*_ENDPOINTS, *kept}
            if not isinstance(kept.get(key), str) or not is_secure(kept[key])
        ]
        if wrong:
            raise errors.provider_invalid(name, f"its {min(wrong)} is no https address")
        algorithms = said.get("id_token_signing_alg_values_supported")
        known = [one for one in _strings(algorithms) if one in _ALGORITHMS]
        kept["id_token_signing_alg_values_supported"] = known or ["RS256"]
        methods = _strings(said.get("token_endpoint_auth_methods_supported"))
        known_to_it = bool(self.provider.secret or self.provider.client_secret)
        if known_to_it and methods and "client_secret_basic" not in methods:
            kept["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105 - no secret
        iss = "authorization_response_iss_parameter_supported"
        kept[iss] = said.get(iss) is True
        return kept

    async def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        """The keys that the provider signs with now.

        Raises:
            AiweError: `provider_unreachable`, `provider_invalid`.
        """
        metadata = await self.load_server_metadata()
        if "jwks" in metadata and not force:
            return dict(metadata["jwks"])
        said = await self._read(metadata["jwks_uri"])
        keys = said.get("keys")
        good = [key for key in keys if _signs(key)] if isinstance(keys, list) else []
        if not good:
            raise errors.provider_invalid(self.provider.name, "it has no keys to sign with")
        metadata["jwks"] = {"keys": good}
        return {"keys": good}

    async def _read(self, url: str) -> dict[str, Any]:
        """A JSON object of the provider's."""
        async with self._get_session() as client:
            answer = await client.request("GET", url, withhold_token=True)
        try:
            answer.raise_for_status()
            said = answer.json()
        except (Refused, ValueError) as error:
            why = str(error) if isinstance(error, Refused) else f"{url} is not JSON"
            raise errors.provider_invalid(self.provider.name, why) from error
        if not isinstance(said, dict):
            raise errors.provider_invalid(self.provider.name, f"{url} is no JSON object")
        return said


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _signs(key: Any) -> bool:
    """Whether a key of a set is one to check signatures with, and can be read."""
    if not isinstance(key, dict) or key.get("kty") not in _KINDS or key.get("use") == "enc":
        return False
    try:
        KeySet.import_key_set({"keys": [key]})
    except Exception:  # noqa: BLE001 - a key of a kind that is not known is somebody else's
        return False
    return True
