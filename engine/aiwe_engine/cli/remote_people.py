"""The accounts of a running engine, asked for through its management listener (docs/management.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiwe_engine.cli.remote import EngineTransfers
from aiwe_engine.protocols import Scope
from aiwe_engine.types import Json


class EnginePeople:
    """A `protocols.People` of an engine in another process.

    Args:
        engine: how it is reached.
    """

    def __init__(self, engine: EngineTransfers) -> None:
        self._engine = engine

    async def everybody(self, scope: Scope) -> list[dict[str, Json]]:
        """All accounts, by name."""
        found: list[dict[str, Json]] = (await self._ask("GET", scope, ""))["people"]
        return found

    async def person(self, scope: Scope, who: str) -> dict[str, Json]:
        """One account."""
        return await self._ask("GET", scope, _of(who))

    async def set_roles(self, scope: Scope, who: str, roles: list[str]) -> dict[str, Json]:
        """Gives somebody these roles and no others."""
        return await self._ask("PUT", scope, _of(who, "/roles"), json={"roles": roles})

    async def disable(self, scope: Scope, who: str, *, disabled: bool) -> dict[str, Json]:
        """Keeps somebody out, or lets them in again."""
        return await self._ask("PUT", scope, _of(who, "/disabled"), json={"disabled": disabled})

    async def sign_out(self, scope: Scope, who: str) -> dict[str, Json]:
        """Ends every session, token and key of somebody."""
        return await self._ask("DELETE", scope, _of(who, "/sessions"))

    async def set_password(self, scope: Scope, who: str, password: str) -> dict[str, Json]:
        """Gives somebody another password."""
        return await self._ask("PUT", scope, _of(who, "/password"), json={"password": password})

    async def remove(self, scope: Scope, who: str) -> dict[str, Json]:
        """Deletes an account; what it was."""
        return await self._ask("DELETE", scope, _of(who))

    async def rotate_keys(self, scope: Scope, *, revoke: bool) -> dict[str, Json]:
        """Makes another key for the app's tokens."""
        return await self._ask("POST", scope, "/keys", json={"revoke": revoke})

    async def _ask(self, method: str, scope: Scope, path: str, **options: Any) -> dict[str, Any]:
        path = f"/people/{quote(scope.app, safe='')}{path}"
        query = {"env": scope.env}
        answer: dict[str, Any] = await self._engine.json(method, path, params=query, **options)
        return answer


def _of(who: str, what: str = "") -> str:
    return f"/{quote(who, safe='')}{what}"
