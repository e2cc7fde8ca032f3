"""Providers of OpenID Connect as somebody configured them: `[auth.providers.NAME]` of aiwe.toml.

Values only: what each key may be, and what a provider must have. Nothing here speaks to one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LONGEST_NAME = 40
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Wrong(ValueError):
    """A value that a key of a provider cannot have; the text says why."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who tells an app who its visitors are.

    Attributes:
        name: in the paths of its routes and in aiwe.toml.
        issuer: its address, exactly as it writes it in its tokens.
        client_id: what it calls the app.
        client_secret: id of the secret by which the app proves who it is; empty: none of the vault.
        secret: that secret itself, where it stands in a variable of the environment.
        title: what people call it.
        scopes: what it is asked for; "openid" is always among them.
        roles_claim: where it says to which groups a person belongs: a claim, or a path with dots.
        roles: the app's roles by a value of that claim.
        default_roles: those that a new account begins with.
        enabled: people may come in by it.
    """

    name: str
    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    secret: str = field(default="", repr=False)
    title: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    roles_claim: str = ""
    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    default_roles: tuple[str, ...] = ()
    enabled: bool = True

    @classmethod
    def made(cls, name: str, given: Mapping[str, Any], environ: Mapping[str, str]) -> Provider:
        """The provider of these values, each good by itself.

        Args:
            name: its name.
            given: by their keys.
            environ: where `client_secret_env` leads to.

        Raises:
            ValueError: what is missing, or cannot be meant together.
        """
        values = dict(given)
        variable = values.pop("client_secret_env", "")
        if not values.get("enabled", True):
            return cls(name, enabled=False)
        for key in ("issuer", "client_id"):
            if not values.get(key):
                raise ValueError(f"It has no {key}, which every provider needs.")
        if variable and values.get("client_secret"):
            raise ValueError("It has both client_secret and client_secret_env. Leave one out.")
        if values.get("roles") and not values.get("roles_claim"):
            raise ValueError("It has roles and no roles_claim that says which claim they are for.")
        if variable and not environ.get(variable):
            raise ValueError(f"client_secret_env names the variable {variable}, which is not set.")
        values.setdefault("title", name.replace("-", " ").replace("_", " ").capitalize())
        return cls(name, secret=environ[variable] if variable else "", **values)


def name_mistake(name: str) -> str | None:
    """What is wrong with the name of a provider."""
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return None
    return f'No provider has the name "{name[:60]}": small letters, digits and single dashes.'


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that nobody can listen in between."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_secure(url: str) -> bool:
    """Whether nobody can read or change what is sent to an address: https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = parts.scheme == "http" and is_loopback(host or "")
    bare = not parts.fragment and parts.username is None and not re.search(r"[\x00-\x20\\]", url)
    return bool(host) and bare and (parts.scheme == "https" or plain)


def _issuer(value: Any) -> str:
    text = _text(value)
    if not is_secure(text) or urlsplit(text).query:
        raise ValueError(
            "expected the address of an issuer, such as https://accounts.google.com; "
            f"http:// only where it is this machine, got {text[:200]!r}"
        )
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"expected a text on one line, got {str(value)[:80]!r}")
    return value


def _variable(value: Any) -> str:
    text = _text(value)
    if not _VARIABLE.fullmatch(text):
        raise ValueError("expected the name of an environment variable, not its value")
    return text


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Wrong(f"expected a list of texts, got {str(value)[:80]!r}")
    return tuple(map(_text, value))


def _scopes(value: Any) -> tuple[str, ...]:
    scopes = _texts(value)
    wrong = next((scope for scope in scopes if not _SCOPE.fullmatch(scope)), None)
    if wrong is not None:
        raise ValueError(f"{wrong[:80]!r} is no scope: one word for each")
    return scopes if "openid" in scopes else ("openid", *scopes)


def _roles(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise Wrong('expected a table, such as { "shop-staff" = ["editor"] }')
    return tuple(
        (group, _texts([roles] if isinstance(roles, str) else roles))
        for group, roles in value.items()
    )


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"expected true or false, got {str(value)[:80]!r}")
    return value


#: What may stand below [auth.providers.NAME]. Each raises ValueError where a value is not good.
KEYS: Mapping[str, Callable[[Any], Any]] = {
    "issuer": _issuer,
    "client_id": _text,
    "client_secret": _text,
    "client_secret_env": _variable,
    "title": _text,
    "scopes": _scopes,
    "roles_claim": _text,
    "roles": _roles,
    "default_roles": _texts,
    "enabled": _flag,
}
