"""Everything that secrets need, made of one store and one data folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Store
from aiwe_engine.settings import Settings
from aiwe_engine.vault.cipher import KeyedCipher
from aiwe_engine.vault.injection import Injection
from aiwe_engine.vault.keyring import Keyring
from aiwe_engine.vault.rotation import Rotated, rotate
from aiwe_engine.vault.vault import Vault

_LOG = logging.getLogger(__name__)


class Custody:
    """The parts, put together.

    Args:
        store: where sealed secrets are.
        data: the folder with the keys.
        settings: those of the engine, as they are now.
        is_empty: whether the store surely holds nothing, so that it need not be opened.

    Attributes:
        cipher: seals what nobody is to read in the store.
        vault: the secrets.
        injection: puts their values into requests.
        references: what stands for a value where programs are.
        redaction: takes values out of what leaves.
    """

    def __init__(
        self,
        store: Store,
        data: Path,
        settings: Callable[[], Settings],
        is_empty: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self.cipher = store, KeyedCipher(Keyring(data))
        self.vault = Vault(store, self.cipher, settings, is_empty)
        self.injection = Injection(self.vault)
        self.references, self.redaction = self.injection.references, self.injection.redaction
        self.vault.expect = self.redaction.expect

    async def ready(self, app: str, env: str) -> None:
        """Sees that secrets are in memory, and what hides them, before a program of an app runs.

        Apps that need none do without.
        """
        try:
            await self.vault.ready()
        except AiweError as error:
            _LOG.error("secrets cannot be read for now: %s", error.message)
        await self.redaction.prepare(app, env)

    async def rotate(self, forget: bool) -> Rotated:
        """Seals everything under a new key: see `rotation`."""
        return await rotate(self._store, self.cipher, forget=forget)
