"""What happens with accounts: somebody registers, comes in, changes their password, gets roles.

Whatever is wrong with a name and a password, the answer is the same and takes as long: it does not tell
which names there are. Sessions, tokens and keys are made elsewhere; all of them hold an account's `epoch`,
and those of an older one are void.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from aiwe_engine.errors import RequestError
from aiwe_engine.people.devices import Devices
from aiwe_engine.people.directory import Directory, folded, taken
from aiwe_engine.people.listing import check, whole
from aiwe_engine.people.lockout import Lockout
from aiwe_engine.people.passwords import Passwords
from aiwe_engine.people.person import Person
from aiwe_engine.people.policy import check_password, check_roles, username_of
from aiwe_engine.people.profile import read
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Json

Admit: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a try to sign in comes from.

    Attributes:
        address: of the client; an IPv6 one stands for its network.
        device: the cookie of its device, if it sent one.
    """

    address: str
    device: str | None = None


class Accounts:
    """The accounts of all apps of an engine.

    Args:
        directory: where they are.
        passwords: makes and compares hashes.
        devices: knows devices again.
        lockout: slows down those who guess.
        settings_of: tells the settings of an app.
    """

    def __init__(
        self,
        directory: Directory,
        passwords: Passwords,
        devices: Devices,
        lockout: Lockout,
        settings_of: Callable[[str], Settings],
    ) -> None:
        self._directory, self._passwords = directory, passwords
        self._devices, self._lockout = devices, lockout
        self._settings_of = settings_of

    async def register(
        self,
        scope: Scope,
        username: str,
        password: str,
        profile: dict[str, Json],
        *,
        address: str = "",
        admit: Admit | None = None,
    ) -> tuple[Person, list[str]]:
        """A new account without any role, and the names of what was not taken over of its profile.

        Args:
            scope: app and environment.
            username: as its owner wrote it.
            password: nothing but its hash is kept.
            profile: what a stranger says of themselves: see `profile`.
            address: of who asks.
            admit: asked when nothing else stands in the way; what it raises is raised.

        Raises:
            RequestError: `username_taken` (409), `invalid_username`, `password_too_weak`,
                `invalid_email`, `profile_too_large` (422).
            EngineError: `busy`.
        """
        name = username_of(username)
        said = read(profile, password)
        self._check_password(scope, password, name, said.email)
        if await self._directory.named(scope, name) is not None:
            raise taken()
        if admit is not None:
            await admit()
        fields: dict[str, Json] = {"email": said.email, "claims": said.claims}
        fields["password"] = await self._passwords.hash(password, address)
        return await self._directory.create(scope, name, fields), said.left

    async def check(self, scope: Scope, username: str, password: str, origin: Origin) -> Person:
        """The person whose name and password these are.

        Args:
            scope: app and environment.
            username: whatever its capitals.
            password: compared with what is kept.
            origin: where the try comes from.

        Raises:
            RequestError: `invalid_credentials` (401), `too_many_attempts` (429).
            EngineError: `busy`.
        """
        person = await self._directory.named(scope, username)
        return await self._verified(scope, folded(username), person, password, origin)

    async def change_password(
        self, scope: Scope, person_id: str, current: str, following: str, origin: Origin
    ) -> Person:
        """Another password for somebody who knows theirs; whatever they were signed in with ends.

        Raises:
            RequestError: `invalid_credentials` (401), `too_many_attempts` (429), `password_too_weak` (422).
            EngineError: `busy`.
        """
        person = await self._directory.find(scope, person_id)
        name = folded(person.username) if person is not None else ""
        person = await self._verified(scope, name, person, current, origin)
        return await self._set_password(scope, person, following)

    async def remember(self, scope: Scope, person_id: str, origin: Origin) -> str:
        """The cookie by which the device is known again from which somebody came in."""
        return await self._devices.remember(scope, origin.device, person_id)

    async def query(
        self, scope: Scope, where: Any, options: Any
    ) -> tuple[list[dict[str, Json]], str | None]:
        """What programs see of the people who fit, and the cursor of the next page.

        Args:
            scope: app and environment.
            where: a filter, as `DataRepository.query` takes it.
            options: limit, offset, cursor, sort and fields.

        Raises:
            RequestError: `invalid_filter`, also for a question about what is not told.
        """
        wanted = check(where, options)
        roots = {name.partition(".")[0] for name in wanted} if wanted is not None else None
        where, options = whole(where), whole(options)
        found, cursor = await self._directory.query(scope, where, options)
        users = [asdict(person.user("session")) for person in found]
        if roots is not None:
            users = [{name: one[name] for name in one if name in roots | {"id"}} for one in users]
        return users, cursor

    async def everybody(self, scope: Scope) -> list[Person]:
        """All accounts, by name."""
        found, _ = await self._directory.query(scope, {}, {})
        return sorted(found, key=lambda person: folded(person.username))

    async def named(self, scope: Scope, username: str) -> Person:
        """The account with this id, or with this name, whatever its capitals.

        The id goes first: a stranger may choose somebody's id as a name, and nobody chooses an id.

        Raises:
            RequestError: `no_such_user` (404).
        """
        person = await self._directory.find(scope, username)
        person = person or await self._directory.named(scope, username)
        if person is None:
            raise no_such_user(username)
        return person

    async def set_roles(self, scope: Scope, person_id: str, roles: list[str]) -> Person:
        """Gives somebody these roles and no others.

        Raises:
            RequestError: `no_such_user` (404), `invalid_role` (422).
        """
        check_roles(roles)
        unique = list(dict.fromkeys(roles))
        return await self._change(scope, person_id, {"$set": {"roles": unique}})

    async def disable(self, scope: Scope, person_id: str, *, disabled: bool) -> Person:
        """Keeps somebody out, at once and wherever they are signed in; or lets them in again.

        Raises:
            RequestError: `no_such_user` (404).
        """
        change: dict[str, Any] = {"$set": {"disabled": disabled}}
        if disabled:
            change["$inc"] = {"epoch": 1}
        return await self._change(scope, person_id, change)

    async def sign_out(self, scope: Scope, person_id: str) -> Person:
        """Ends every session, token and key of somebody.

        Raises:
            RequestError: `no_such_user` (404).
        """
        return await self._change(scope, person_id, {"$inc": {"epoch": 1}})

    async def set_password(self, scope: Scope, person_id: str, password: str) -> Person:
        """Another password, by somebody who manages the app; whatever its owner was signed in with ends.

        Raises:
            RequestError: `no_such_user` (404), `password_too_weak` (422).
            EngineError: `busy`.
        """
        person = await self._directory.find(scope, person_id)
        if person is None:
            raise no_such_user(person_id)
        return await self._set_password(scope, person, password)

    async def remove(self, scope: Scope, person_id: str) -> None:
        """Deletes an account; documents of its owner stay.

        Raises:
            RequestError: `no_such_user` (404).
        """
        if not await self._directory.remove(scope, person_id):
            raise no_such_user(person_id)

    async def _verified(
        self, scope: Scope, name: str, person: Person | None, password: str, origin: Origin
    ) -> Person:
        """The person, if the password is theirs and they may come in."""
        device = None
        if person is not None:
            device = await self._devices.known(scope, origin.device, person.id)
        settings = self._settings_of(scope.app)
        kept = person.password if person is not None and not person.disabled else None
        longest = settings.auth_lockout
        async with self._lockout.trying(scope, name, origin.address, device, longest) as tried:
            tried.success = await self._passwords.matches(kept, password, origin.address)
        if not tried.success or person is None or kept is None:
            raise invalid_credentials()
        if self._passwords.is_dated(kept):
            renewed = await self._passwords.hash(password)
            return await self._directory.renew(scope, person, renewed)
        return person

    async def _set_password(self, scope: Scope, person: Person, password: str) -> Person:
        self._check_password(scope, password, person.username, person.email)
        kept = await self._passwords.hash(password)
        change = {"$set": {"password": kept}, "$inc": {"epoch": 1}}
        return await self._change(scope, person.id, change)

    def _check_password(
        self, scope: Scope, password: str, username: str, email: str | None
    ) -> None:
        settings = self._settings_of(scope.app)
        check_password(password, settings.auth_password_length, [username, email, scope.app])

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
    """The refusal of an id or a name that no account has."""
    return RequestError(
        f'There is no user "{person_id[:80]}".',
        code="no_such_user",
        status=404,
        hint="Auth.users() and `aiwe users list` tell who there is.",
    )
