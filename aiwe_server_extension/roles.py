"""Which role a person of Jupyter's has: in the engine, and in its apps below Jupyter's own address.

Who gets past Jupyter's login has its kernels and terminals, and so all that the host's user has: by default
they are everybody admin. Roles are for where Jupyter's authorizer keeps kernels from people, or where it is
mistakes that they shall keep people from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

#: Roles by the user name of Jupyter's identity provider; `*` is everybody who is not named.
Roles: TypeAlias = Mapping[str, str]

EVERYBODY: dict[str, str] = {"*": "admin"}


def role_of(roles: Roles, username: str) -> str | None:
    """The role of a person; None: they have none, and may do nothing."""
    return roles.get(username, roles.get("*"))
