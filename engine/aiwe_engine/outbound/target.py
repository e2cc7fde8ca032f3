"""Where a request goes: an address of the web, taken apart once, by the rules of the URL standard.

What is checked is what is connected to: the same host that is judged stands in the URL that
travels on. JavaScript has parsed what a program gave; the host trusts that as little as the
Location of a redirect, and reads both here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, urljoin

from yarl import URL

from aiwe_engine.errors import AiweError
from aiwe_engine.outbound import errors
from aiwe_engine.outbound.addresses import Address, read_address

_PARTS = re.compile(r"([a-z][a-z0-9+.-]*):(?://([^/?#]*))?(.*)", re.IGNORECASE)
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{0,5}))?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\uffff#/:<>?@\[\\\]^|%]")  # in a host: the URL standard's
_KEPT = "".join(map(chr, range(0x21, 0x7F))).translate({ord(c): None for c in '"<>'})
_PORTS = {"http": 80, "https": 443}
_CLEAN = re.compile(r"[\x21-\x7e]{1,65536}")


@dataclass(frozen=True, slots=True)
class Target:
    """One address of the web. `host` is a name in lower case or an address, `text` has no fragment."""

    text: str
    scheme: str
    host: str | Address
    port: int
    fragment: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What decides whether a redirect leaves for somebody else."""
        return (self.scheme, str(self.host), self.port)

    @property
    def place(self) -> str:
        """Host and port as people write them, and as `fetch.allow_private` takes them."""
        return f"{_written(self.host)}:{self.port}"

    @property
    def full(self) -> str:
        """The whole URL, its fragment too."""
        return f"{self.text}#{self.fragment}" if self.fragment else self.text

    @property
    def url(self) -> URL:
        """For aiohttp, with every escape as it is."""
        return URL(self.text, encoded=True)


def read_target(text: str) -> Target:
    """Takes a URL apart.

    Raises:
        AiweError: `fetch_bad_url`, `fetch_bad_scheme`; `fetch_credentials` where it holds a password.
    """
    found = _PARTS.fullmatch(text) if _CLEAN.fullmatch(text) else None
    if found is None:
        raise errors.bad_url(text)
    scheme, place, rest = found[1].lower(), found[2], found[3]
    if scheme not in _PORTS:
        raise errors.bad_scheme(text, scheme)
    if place is not None and "@" in place:
        raise errors.credentials()
    split = _PLACE.fullmatch(place or "")
    if not place or split is None:
        raise errors.bad_url(text)
    port = int(split[2] or _PORTS[scheme])
    host = _host(text, split[1])
    if not 0 < port < 1 << 16:
        raise errors.bad_url(text)
    before, _, fragment = rest.partition("#")
    shown = _written(host) if port == _PORTS[scheme] else f"{_written(host)}:{port}"
    path = before if before.startswith("/") else f"/{before}"
    return Target(f"{scheme}://{shown}{path}", scheme, host, port, fragment)


def follow(base: Target, location: str) -> Target:
    """Where a Location leads from here; without a fragment of its own it keeps the one before.

    Args:
        base: the request that was answered with it.
        location: the header as it came, one character a byte.

    Raises:
        AiweError: as `read_target`.
    """
    text = location.encode("latin-1", "replace").decode("utf-8", "replace").strip("\t\n\f\r ")
    text = re.sub(r"[\t\n\r]", "", text)
    before, mark, after = text.partition("?")
    text = quote(before.replace("\\", "/") + mark + after, safe=_KEPT)
    try:
        target = read_target(urljoin(base.text, text))
    except ValueError:
        raise errors.bad_redirect(base.place, location) from None
    except AiweError as error:
        if error.code != "fetch_bad_url":
            raise
        raise errors.bad_redirect(base.place, location) from None
    if "#" in text:
        return target
    return Target(target.text, target.scheme, target.host, target.port, base.fragment)


def _host(url: str, text: str) -> str | Address:
    try:
        if text.startswith("["):
            return IPv6Address(text[1:-1].replace("%", "?"))  # a zone makes no sense to others
        if "%" in text:
            text = URL.build(scheme="http", host=unquote(text, errors="strict")).raw_host or ""
        name = text.lower()
        address = read_address(name)
    except ValueError:
        raise errors.bad_url(url) from None
    if address is not None:
        return address
    if not name.strip(".") or len(name) > 253 or _FORBIDDEN.search(name):
        raise errors.bad_url(url)
    return name


def _written(host: str | Address) -> str:
    return f"[{host}]" if isinstance(host, IPv6Address) else str(host)
