"""What people and programs who manage an engine may do: permissions, and the roles that have them.

The roles are a table, not a ladder: a designer changes assets and cannot read data, a tester reads data
and changes nothing. Accounts and roles of an app's users are other things (`people/`). Each management
call names the one permission that it needs (`http/call.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from aiwe_engine.errors import RequestError
from aiwe_engine.types import Principal

#: What there is to be allowed, and what it means.
PERMISSIONS: Mapping[str, str] = {
    "read": "see what is live: apps, routes, logs, events, assets, the engine's state; language help",
    "test": "send requests to apps, and run their tests",
    "assets": "upload and delete assets",
    "develop": "run cells, evaluate in a live app, arrange and end notebooks' sessions",
    "kernels": "have tokens made for kernels",
    "data.read": "read and export the documents of apps",
    "data.write": "import documents",
    "secrets.read": "see which secrets there are, where they may go and who used them; never a value",
    "secrets.write": "store and delete secrets, and say where they may go",
    "people.read": "see the accounts of an app's users",
    "people.write": "make, change and disable the accounts of an app's users",
    "tokens": "make and revoke tokens",
    "admin": "back up, reset, and read the audit of the management API",
}

#: Roles that people and tokens have, what they are for, and what they may do.
ROLES: Mapping[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "tester": frozenset({"read", "test", "data.read"}),
    "designer": frozenset({"read", "assets"}),
    "developer": frozenset(
        {
            "read",
            "test",
            "assets",
            "develop",
            "kernels",
            "data.read",
            "data.write",
            "secrets.read",
            "secrets.write",
            "people.read",
        }
    ),
    "admin": frozenset(PERMISSIONS),
}
MEANINGS: Mapping[str, str] = {
    "viewer": "looks on",
    "tester": "looks on, reads data and runs tests",
    "designer": "looks on and changes assets",
    "developer": "writes and runs programs",
    "admin": "may do everything",
}

#: Of the token by which kernels of a Jupyter server get theirs; of nobody else.
LAUNCHER = "launcher"
_GRANTED: Mapping[str, frozenset[str]] = {**ROLES, LAUNCHER: frozenset({"kernels"})}


def may(who: Principal, permission: str) -> bool:
    """Whether one of somebody's roles has a permission."""
    return any(permission in _GRANTED.get(role, frozenset()) for role in who.roles)


def require(who: Principal, permission: str) -> None:
    """Refuses who has not got a permission.

    Raises:
        RequestError: `not_permitted`, with the permission and the roles that have it.
    """
    if may(who, permission):
        return
    having = [role for role, allowed in ROLES.items() if permission in allowed]
    has = ", ".join(sorted(who.roles)) or "no role"
    raise RequestError(
        f'This needs the permission "{permission}": {PERMISSIONS[permission]}. '
        f"{who.name} has it not, as {has}.",
        code="not_permitted",
        status=403,
        hint=f"Ask whoever administers this engine for one of the roles {', '.join(having)}: "
        "docs/roles.md says what each of them may do.",
        details={"permission": permission, "roles": having},
    )
