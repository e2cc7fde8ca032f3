"""What happens with accounts: somebody registers, comes in, changes their password, gets roles.

Whatever is wrong with a name and a password, the answer is the same and takes as long: it does not tell
which names there are. Sessions, tokens and keys are made elsewhere; all of them hold an account's `epoch`,
and those of an older one are void.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiwe_engine.errors import RequestError
from aiwe_engine.people.directory import Directory, taken
from aiwe_engine.people.passwords import Passwords
from aiwe_engine.people.person import Person
from aiwe_engine.people.profile import read
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json


class Accounts:
    """The accounts of all apps of an engine.

    Args:
        directory: where they are.
        passwords: makes and compares hashes.
        settings_of: tells the settings of an app.
    """

    def __init__(
        self, directory: Directory, passwords: Passwords, settings_of: Callable[[str], Settings]
    ) -> None:
        self._directory, self._passwords = directory, passwords
        self._settings_of = settings_of

    async def register(
        self, scope: Scope, username: str, password: str, profile: dict[str, Json]
    ) -> tuple[Person, list[str]]:
        """A new account without any role, and the names of what was not taken over of its profile.

        Args:
            scope: app and environment.
            username: as its owner wrote it.
            password: nothing but its hash is kept.
            profile: what a stranger says of themselves: see `profile`.

        Raises:
            RequestError: `username_taken` (409), `invalid_email`, `profile_too_large` (422).
            EngineError: `busy`.
        """
        said = read(profile, password)
        if await self._directory.named(scope, username) is not None:
            raise taken()
        fields: dict[str, Json] = {"email": said.email, "claims": said.claims}
        fields["password"] = await self._passwords.hash(password)
        return await self._directory.create(scope, username, fields), said.left

    async def check(self, scope: Scope, username: str, password: str) -> Person:
        """The person whose name and password these are.

        Args:
            scope: app and environment.
            username: whatever its capitals.
            password: compared with what is kept.

        Raises:
            RequestError: `invalid_credentials` (401).
            EngineError: `busy`.
        """
        person = await self._directory.named(scope, username)
        kept = person.password if person is not None and not person.disabled else None
        if not await self._passwords.matches(kept, password) or person is None or kept is None:
            raise invalid_credentials()
        if self._passwords.is_dated(kept):
            change = {"$set": {"password": await self._passwords.hash(password)}}
            person = await self._directory.change(scope, person.id, change)
        return person

    async def change_password(
        self, scope: Scope, person_id: str, current: str, following: str
    ) -> Person:
        """Another password for somebody who knows theirs; whatever they were signed in with ends.

        Raises:
            RequestError: `invalid_credentials` (401).
            EngineError: `busy`.
        """
        person = await self._directory.find(scope, person_id)
        kept = person.password if person is not None else None
        if not await self._passwords.matches(kept, current) or person is None:
            raise invalid_credentials()
        kept = await self._passwords.hash(following)
        change = {"$set": {"password": kept}, "$inc": {"epoch": 1}}
        return await self._directory.change(scope, person_id, change)

    async def set_roles(self, scope: Scope, person_id: str, roles: list[str]) -> Person:
        """Gives somebody these roles and no others.

        Raises:
            RequestError: `no_such_user` (404).
        """
        return await self._change(scope, person_id, {"$set": {"roles": roles}})

    async def _change(self, scope: Scope, person_id: str, change: dict[str, Any]) -> Person:
        try:
            return await self._directory.change(scope, person_id, change)
        except RequestError as error:
            if error.code != "not_found":
                raise
            raise no_such_user(person_id) from None


def invalid_credentials() -> RequestError:
    """The one answer to a name and a password that do not belong together, whatever the reason."""
    return RequestError(
        "The username or the password is not right.",
        code="invalid_credentials",
        status=401,
        hint="Check both; whether there is such a username is not told.",
    )


def no_such_user(person_id: str) -> RequestError:
    """The refusal of an id that no account has."""
    return RequestError(
        f'There is no user with the id "{person_id[:80]}".',
        code="no_such_user",
        status=404,
        hint="Users have the ids that Auth.users() tells.",
    )
