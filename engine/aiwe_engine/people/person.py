"""One account: what is kept of a person who uses an app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiwe_engine.types import Json, User, Via


@dataclass(slots=True)
class Person:
    """An account of one app in one environment.

    Attributes:
        id: stays the same.
        username: as it was chosen.
        email: as it was given; nobody has checked it.
        roles: the application's own.
        tenant: whose data they see where a collection declares `tenant`.
        claims: the rest of their profile.
        password: its argon2id hash; None where they sign in elsewhere only.
        epoch: counts up when every session, token and key of theirs is to end.
        disabled: they may not come in.
        identities: who they are elsewhere, as "issuer subject" (OpenID Connect).
        version: counts the changes of the account.
        created: when, as ISO 8601.
    """

    id: str
    username: str
    email: str | None = None
    roles: tuple[str, ...] = ()
    tenant: str | None = None
    claims: dict[str, Json] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    epoch: int = 0
    disabled: bool = False
    identities: tuple[str, ...] = ()
    version: int = 0
    created: str = ""

    @classmethod
    def read(cls, document: dict[str, Any]) -> Person:
        """The person that a stored document is of."""
        return cls(
            document["id"],
            document["username"],
            document.get("email"),
            tuple(document.get("roles", ())),
            document.get("tenant"),
            document.get("claims", {}),
            document.get("password"),
            document.get("epoch", 0),
            document.get("disabled", False),
            tuple(document.get("identities", ())),
            document.get("version", 0),
            document.get("createdAt", ""),
        )

    def user(self, via: Via, claims: dict[str, Json] | None = None) -> User:
        """The person as programs see them; `claims` are those of what they came with."""
        return User(
            self.id,
            self.username,
            self.email,
            self.roles,
            via,
            {**self.claims, **claims} if claims else self.claims,
            self.tenant,
        )
