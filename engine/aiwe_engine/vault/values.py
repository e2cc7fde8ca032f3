"""What those who use secrets for programs ask of the vault."""

from __future__ import annotations

from typing import Protocol

from aiwe_engine.secret import Secret
from aiwe_engine.vault.audit import Use


class Values(Protocol):
    """Secrets and their values: `Vault` is one.

    Attributes:
        option: what leads commands to them, as in " --data DIR"; "" where they come here by themselves.
    """

    option: str

    @property
    def revision(self) -> int:
        """Grows with every change of any secret."""
        ...

    def everything(self) -> list[Secret]:
        """All of the engine."""
        ...

    def find(self, app: str, env: str, secret: str) -> Secret | None:
        """The secret of this id that is meant in an app and environment."""
        ...

    def visible(self, app: str, env: str) -> list[Secret]:
        """Those of an app and environment, one an id."""
        ...

    def value(self, secret: Secret) -> bytes:
        """Its value."""
        ...

    def used(self, use: Use) -> None:
        """Audits a use; never waits."""
        ...
