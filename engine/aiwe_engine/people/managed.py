"""Accounts as whoever manages an app sees and changes them: never a hash, and by name or id."""

from __future__ import annotations

from aiwe_engine.people.accounts import Accounts
from aiwe_engine.people.api_keys import ApiKeys
from aiwe_engine.people.keys import SigningKeys
from aiwe_engine.people.person import Person
from aiwe_engine.protocols import Scope
from aiwe_engine.types import Json


class ManagedPeople:
    """A `protocols.People`.

    Args:
        accounts: does what is asked.
        keys: that apps' tokens are signed with.
        api_keys: of those people.
    """

    def __init__(self, accounts: Accounts, keys: SigningKeys, api_keys: ApiKeys) -> None:
        self._accounts, self._keys, self._api_keys = accounts, keys, api_keys

    async def everybody(self, scope: Scope) -> list[dict[str, Json]]:
        """All accounts, by name."""
        return [_shown(person) for person in await self._accounts.everybody(scope)]

    async def person(self, scope: Scope, who: str) -> dict[str, Json]:
        """One account."""
        return _shown(await self._accounts.named(scope, who))

    async def set_roles(self, scope: Scope, who: str, roles: list[str]) -> dict[str, Json]:
        """Gives somebody these roles and no others."""
        person = await self._accounts.named(scope, who)
        return _shown(await self._accounts.set_roles(scope, person.id, roles))

    async def disable(self, scope: Scope, who: str, *, disabled: bool) -> dict[str, Json]:
        """Keeps somebody out, or lets them in again."""
        person = await self._accounts.named(scope, who)
        return _shown(await self._accounts.disable(scope, person.id, disabled=disabled))

    async def sign_out(self, scope: Scope, who: str) -> dict[str, Json]:
        """Ends every session, token and key of somebody."""
        person = await self._accounts.named(scope, who)
        return _shown(await self._accounts.sign_out(scope, person.id))

    async def set_password(self, scope: Scope, who: str, password: str) -> dict[str, Json]:
        """Gives somebody another password."""
        person = await self._accounts.named(scope, who)
        return _shown(await self._accounts.set_password(scope, person.id, password))

    async def remove(self, scope: Scope, who: str) -> dict[str, Json]:
        """Deletes an account; what it was."""
        person = await self._accounts.named(scope, who)
        await self._accounts.remove(scope, person.id)
        await self._api_keys.forget(scope, person.id)
        return _shown(person)

    async def rotate_keys(self, scope: Scope, *, revoke: bool) -> dict[str, Json]:
        """Makes another key for the app's tokens."""
        return {"kid": await self._keys.rotate(scope, revoke=revoke)}


def _shown(person: Person) -> dict[str, Json]:
    return {
        "id": person.id,
        "username": person.username,
        "email": person.email,
        "roles": list(person.roles),
        "tenant": person.tenant,
        "claims": person.claims,
        "disabled": person.disabled,
        "password": person.password is not None,
        "identities": list(person.identities),
        "createdAt": person.created,
    }
