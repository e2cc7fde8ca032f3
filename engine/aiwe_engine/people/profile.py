"""What is taken over of a profile that a program hands on as it came: `Auth.register(name, password, req.body)`.

Whoever registers writes that profile, so nothing in it may give them a right: roles and tenants, ids and
states are left out, and so is whatever looks like the password or is it. The rest are claims of theirs about
themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.people.passwords import prepared
from aiwe_engine.types import Json

CLAIMS_LIMIT = 8 * 1024  # bytes: they travel with every request of their owner
_EMAIL = re.compile(
    r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}@[^\s@.\x00-\x1f\x7f]+(\.[^\s@.\x00-\x1f\x7f]+)+"
)
_EMAIL_LONGEST = 254
#: In lower case and without - and _, as they are compared.
_RIGHTS = frozenset(
    [
        *("role", "roles", "admin", "isadmin", "superuser", "issuperuser", "staff", "isstaff"),
        *("permission", "permissions", "scope", "scopes", "group", "groups", "tenant", "tenantid"),
        *("claims", "epoch", "disabled", "identity", "identities", "via", "verified"),
        "emailverified",
    ]
)
_KEPT_BY_US = frozenset(
    [
        *("id", "userid", "username", "version", "createdat", "updatedat"),
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),
    ]
)
_DANGEROUS = frozenset({"proto", "constructor", "prototype"})


@dataclass(slots=True)
class Profile:
    """What a profile comes to.

    Attributes:
        email: its `email`, if it has one.
        claims: what is taken over.
        left: names of what is not, but for the username and the password themselves.
    """

    email: str | None = None
    claims: dict[str, Json] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def read(given: dict[str, Json], password: str) -> Profile:
    """Sorts a profile.

    Args:
        given: as a program has it from a stranger.
        password: nothing that holds it is taken over.

    Raises:
        RequestError: `invalid_email`, `profile_too_large` (422).
    """
    email = _email(given.get("email"))
    claims = {name: value for name, value in given.items() if not _is_refused(name)}
    claims.pop("email", None)
    # Before its texts are compared with the password, which takes long where they are many.
    if len(orjson.dumps(claims)) > CLAIMS_LIMIT:
        raise RequestError(
            f"The profile has more than {CLAIMS_LIMIT:,} bytes.",
            code="profile_too_large",
            status=422,
            hint="Keep in DataRepository what belongs to somebody, under their id.",
        )
    secret = prepared(password)
    for name in [name for name in claims if _holds([name, claims[name]], secret)]:
        del claims[name]
    left = given.keys() - claims.keys() - {"username", "password", "email"}
    return Profile(email, claims, [name for name in given if name in left])


def _is_refused(name: str) -> bool:
    plain = re.sub(r"[-_\s]", "", name).lower()
    return (
        plain in _RIGHTS | _KEPT_BY_US | _DANGEROUS or "passw" in plain or plain in {"pwd", "pass"}
    )


def _holds(value: Any, secret: bytes) -> bool:
    """Whether the password stands somewhere in a value."""
    if isinstance(value, dict):
        return any(_holds(one, secret) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_holds(one, secret) for one in value)
    if value is None or isinstance(value, bool):
        return False
    return prepared(str(value)) == secret


def _email(given: Any) -> str | None:
    if given is None or given == "":
        return None
    if isinstance(given, str) and len(given) <= _EMAIL_LONGEST and _EMAIL.fullmatch(given):
        return given
    raise RequestError(
        "This is no e-mail address.",
        code="invalid_email",
        status=422,
        hint="Write it as in ada@example.org, or leave it out.",
    )
