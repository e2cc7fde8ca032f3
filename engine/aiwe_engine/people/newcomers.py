"""Accounts of people who sign in elsewhere: found by who they are there, or made when they first come.

Issuer and subject say who somebody is, and nothing else does: an e-mail address may be given to another
person, or be made up at a provider that does not check it.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.openid import Provider
from aiwe_engine.people import login_errors as errors
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.person import Person
from aiwe_engine.protocols import Scope
from aiwe_engine.types import Json

_KEPT = ("name", "given_name", "family_name", "picture", "locale", "email_verified")
_LONGEST = 40  # characters of a username that is made
_LONGEST_CLAIM = 2000
_TRIES = 20  # of names with a number, before one at random
_OTHER = re.compile(r"[^\w.@+-]+")


class Newcomers:
    """Finds, makes and links accounts of people whom a provider knows.

    Args:
        directory: the accounts.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def admit(
        self, scope: Scope, provider: Provider, subject: str, claims: Mapping[str, Any]
    ) -> Person:
        """The account of somebody, with the roles that the provider now says they have.

        Roles that the provider's mapping does not know of stay as they are.

        Args:
            scope: app and environment.
            provider: who says who it is.
            subject: who it is, there.
            claims: what else it says of them.

        Raises:
            RequestError: `account_disabled`.
        """
        identity = _identity(provider, subject)
        person = await self._directory.known(scope, identity)
        if person is None:
            return await self._made(scope, provider, identity, claims)
        if person.disabled:
            raise errors.account_disabled()
        return await self._with_roles(scope, provider, person, claims)

    async def link(self, scope: Scope, person: Person, provider: Provider, subject: str) -> Person:
        """The same account, which its owner can come in to by this identity from now on.

        Raises:
            RequestError: `identity_taken`.
        """
        identity = _identity(provider, subject)
        owner = await self._directory.known(scope, identity)
        if owner is not None:
            if owner.id != person.id:
                raise errors.identity_taken(provider.name)
            return owner
        return await self._directory.change(scope, person.id, {"$push": {"identities": identity}})

    async def _made(
        self, scope: Scope, provider: Provider, identity: str, claims: Mapping[str, Any]
    ) -> Person:
        fields: dict[str, Any] = {
            # Made of the identity, so that one that signs in twice at once gets one account.
            "id": f"oidc-{sha256(identity.encode()).hexdigest()[:32]}",
            "roles": list(dict.fromkeys((*provider.default_roles, *mapped(provider, claims)))),
            "claims": {name: claims[name] for name in _KEPT if _is_plain(claims.get(name))},
            "identities": [identity],
        }
        email = claims.get("email")
        if isinstance(email, str) and "@" in email and claims.get("email_verified") is not False:
            fields["email"] = email[:320]
        for name in _names(claims):
            try:
                return await self._directory.create(scope, name, fields)
            except RequestError as error:
                if error.code != "username_taken":
                    raise
            person = await self._directory.known(scope, identity)
            if person is not None:
                return await self._with_roles(scope, provider, person, claims)
            if await self._directory.find(scope, fields["id"]) is not None:
                # The account of this identity is another one's by now, or not linked any more.
                fields["id"] = f"oidc-{secrets.token_hex(16)}"
        raise AssertionError("names do not end")  # pragma: no cover

    async def _with_roles(
        self, scope: Scope, provider: Provider, person: Person, claims: Mapping[str, Any]
    ) -> Person:
        known = {role for _, roles in provider.roles for role in roles}
        kept = [role for role in person.roles if role not in known]
        roles = [*kept, *(role for role in mapped(provider, claims) if role not in kept)]
        if set(roles) == set(person.roles):
            return person
        return await self._directory.change(scope, person.id, {"$set": {"roles": roles}})


def mapped(provider: Provider, claims: Mapping[str, Any]) -> list[str]:
    """The app's roles that a provider's claim stands for."""
    if not provider.roles_claim:
        return []
    said = _at(claims, provider.roles_claim)
    groups = {said} if isinstance(said, str) else set()
    if isinstance(said, list):
        groups = {one for one in said if isinstance(one, str)}
    found = (role for group, roles in provider.roles if group in groups for role in roles)
    return list(dict.fromkeys(found))


def _at(claims: Mapping[str, Any], path: str) -> Json:
    """A claim by its name, or by a path with dots: `realm_access.roles` of Keycloak."""
    if path in claims:
        whole: Json = claims[path]
        return whole
    at: Any = claims
    for name in path.split("."):
        if not isinstance(at, dict) or name not in at:
            return None
        at = at[name]
    found: Json = at
    return found


def _identity(provider: Provider, subject: str) -> str:
    return f"{provider.issuer} {subject}"


def _is_plain(value: Any) -> bool:
    """Whether a claim of the profile is what it should be; the rest is left out."""
    return isinstance(value, bool) or (isinstance(value, str) and len(value) <= _LONGEST_CLAIM)


def _names(claims: Mapping[str, Any]) -> Iterator[str]:
    """Usernames, the best one first; without end."""
    wished = (claims.get("preferred_username"), claims.get("email"), claims.get("name"))
    cleaned = (_cleaned(one) for one in wished if isinstance(one, str))
    base = next((one for one in cleaned if one), "user")
    yield base
    for number in range(2, _TRIES):
        yield f"{base}{number}"
    while True:
        yield f"{base}-{secrets.token_hex(4)}"


def _cleaned(text: str) -> str:
    """A name as a username: of an e-mail address the part before the @."""
    plain = unicodedata.normalize("NFKC", text).partition("@")[0]
    return _OTHER.sub("-", plain)[:_LONGEST].strip("-.")
