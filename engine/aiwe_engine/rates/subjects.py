"""Who is counted: the person who is signed in, else the address or the key that a request comes with.

An address of IPv6 counts with its whole /64, which is what one household or machine is given: it
could send each request from another address. A key is only ever kept as its hash. One that is not of
this app may be anybody's invention, which is why `limits` never lets such a key alone decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv6Address

from aiwe_engine.types import User

_HOST_BITS = 64
_BEARER = "bearer "


@lru_cache(4096)
def address(client: str) -> str:
    """What an address is counted as: itself, or the network of an IPv6 address."""
    if ":" not in client:
        return client
    try:
        ip = IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(IPv6Address(int(ip) >> _HOST_BITS << _HOST_BITS))


def person(user: User) -> str:
    """What somebody is counted as who is signed in."""
    return f"@{user.id}"


def proven(user: User) -> str:
    """What somebody is counted as by their key: the API key that they came with, else they themselves."""
    key = user.claims.get("key") if user.via == "api_key" else None
    return f"!{key}" if isinstance(key, str) else person(user)


def key(headers: Iterable[tuple[str, str]]) -> str | None:
    """The hash of the key in `X-API-Key` or `Authorization: Bearer`; None where there is none.

    Where both are sent, `X-API-Key` is the one.
    """
    found = ""
    for name, value in headers:
        if name == "x-api-key" and value:
            found = value
            break
        if name == "authorization" and value[: len(_BEARER)].lower() == _BEARER:
            found = found or value[len(_BEARER) :].strip()
    return sha256(found.encode("utf-8", "surrogateescape")).hexdigest()[:32] if found else None
