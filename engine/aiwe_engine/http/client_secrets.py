"""The secrets of the vault by which apps prove to providers who they are.

A secret goes to the hosts that it allows and to no other, as everywhere.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from aiwe_engine.vault.audit import How, Use
from aiwe_engine.vault.vault import Vault

_PORTS = {"http": 80, "https": 443}


class ClientSecrets:
    """Finds them.

    Args:
        vault: where they are.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def find(
        self, app: str, env: str, secret: str, url: str, *, body: bool = False
    ) -> str | None:
        """The value of a secret for an address; None where it is not there or may not go there.

        Args:
            app: whose.
            env: its environment.
            secret: its id.
            url: where it is to go.
            body: it goes into the body of the request, and not into a header.
        """
        await self._vault.ready()
        found = self._vault.find(app, env, secret)
        if found is None:
            return None
        parts = urlsplit(url)
        host, usual = parts.hostname or "", _PORTS[parts.scheme]
        port = parts.port or usual
        allowed = found.allows(host, port, port == usual) and (not body or "body" in found.places)
        how: How = "body" if body else "header"
        outcome = "sent" if allowed else "refused"
        self._vault.used(
            Use(time.time(), secret, app, env, "", "", f"{host}:{port}", how, outcome)  # type: ignore[arg-type]
        )
        return self._vault.value(found).decode("utf-8", "replace") if allowed else None
