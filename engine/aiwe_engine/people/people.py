"""Everything that an app's people need, made of one store."""

from __future__ import annotations

from collections.abc import Callable

from aiwe_engine.people.accounts import Accounts
from aiwe_engine.people.api_keys import ApiKeys
from aiwe_engine.people.devices import Devices
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.keys import SigningKeys
from aiwe_engine.people.lockout import Lockout
from aiwe_engine.people.managed import ManagedPeople
from aiwe_engine.people.passwords import Passwords
from aiwe_engine.people.tokens import Tokens
from aiwe_engine.protocols import Cipher, Store
from aiwe_engine.settings import Settings


class People:
    """The parts, put together.

    Args:
        store: where they keep what they know.
        cipher: seals the keys that sign tokens.
        settings_of: the settings of an app, as they are now.
        queue: how many passwords may be checked or wait for it at a time, as it is now.

    Attributes:
        directory: the accounts as they are stored.
        passwords: checks them, in a process of its own.
        lockout: who has to wait after tries that failed.
        accounts: registration, login and what else people do with their accounts.
        keys: those that sign tokens.
        tokens: JWTs.
        api_keys: of people's programs.
        managed: the accounts as those who manage them see them.
    """

    def __init__(
        self,
        store: Store,
        cipher: Cipher,
        settings_of: Callable[[str], Settings],
        queue: Callable[[], int],
    ) -> None:
        self.directory, self.passwords, self.lockout = Directory(store), Passwords(queue), Lockout()
        self.accounts = Accounts(
            self.directory, self.passwords, Devices(store), self.lockout, settings_of
        )
        self.keys = SigningKeys(store, cipher)
        self.tokens = Tokens(self.keys, self.directory, store)
        self.api_keys = ApiKeys(self.directory, store)
        self.managed = ManagedPeople(self.accounts, self.keys, self.api_keys)

    def close(self) -> None:
        """Ends the process that checks passwords."""
        self.passwords.close()
