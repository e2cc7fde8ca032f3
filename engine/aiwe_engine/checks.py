"""What the text of a setting must look like: host names, addresses, networks, origins.

Each check takes one text and says what is wrong with it, or None. Which setting has which check
stands in the table of settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

Check = Callable[[str], str | None]

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE | re.ASCII)
_NUMBERS = re.compile(r"[\d.]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ONE_LINE = re.compile(r"[\t\x20-\x7e]*")
#: Scheme, `*.`, host and port of an origin.
ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\*\.)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?",
    re.IGNORECASE | re.ASCII,
)
#: The codings in which answers can be compressed.
CODINGS = ("zstd", "br", "gzip")
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):(\*|[0-9]{1,5})")
_PROXY = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#@]+)/?", re.IGNORECASE)
_DATABASE = re.compile(r"postgres(?:ql)?://\S*")
_URL = re.compile(r"https?://[A-Za-z0-9._\[\]:-]+(?:/[!-~]*)?")
_PEM = b"-----BEGIN CERTIFICATE-----"


def host(text: str) -> str | None:
    """An address or a host name, without a port."""
    if _is_address(text) or _is_name(text):
        return None
    return f'"{text}" is neither an address nor a host name'


def allowed_host(text: str) -> str | None:
    """A host name, `*.` and a domain, or `*`."""
    if text == "*" or host(text.removeprefix("*.")) is None:
        return None
    return f'"{text}" is no host name; expected one such as "example.org", "*.example.org" or "*"'


def network(text: str) -> str | None:
    """An address or a network in CIDR notation."""
    try:
        ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            return f'"{text}" is no network; did you mean "{ip_network(text, strict=False)}"?'
        return f'"{text}" is no address or network; expected one such as "10.0.0.1" or "10.0.0.0/8"'
    return None


def host_port(text: str) -> str | None:
    """A host name or an address with a port or `*`; an IPv6 address stands in brackets."""
    found = _HOST_PORT.fullmatch(text)
    if found and (found[2] == "*" or 0 < int(found[2]) < 1 << 16):
        name = found[1]
        if name.startswith("["):
            if ":" in name and _is_address(name[1:-1]):
                return None
        elif host(name) is None:
            return None
    return f'"{text}" is no host:port; expected one such as "127.0.0.1:8080" or "[::1]:8080"'


def proxy(text: str) -> str | None:
    """The URL of a proxy, or nothing."""
    found = _PROXY.fullmatch(text)
    place = found[1] if found else ""
    if not text or host_port(place) is None or host_port(f"{place}:80") is None:
        return None
    return f'"{text}" is no proxy; expected one such as "http://user:password@proxy.example:3128"'


def unproxied(text: str) -> str | None:
    """A host name with all below it, a network, or `*`; with a port where needed."""
    name, colon, port = text.rpartition(":")
    bare = name if colon and port.isdigit() and "]" not in port else text
    if bare == "*" or network(bare.strip("[]")) is None or host(bare.removeprefix(".")) is None:
        return None
    return f'"{text}" is no host; expected one such as "localhost", ".example.org", "10.0.0.0/8" or "*"'


def certificates(text: str) -> str | None:
    """A file of certificates in PEM form, or nothing."""
    try:
        if not text or _PEM in Path(text).read_bytes():
            return None
    except OSError as error:
        return f'"{text}" cannot be read: {error.strerror}'
    return f'"{text}" holds no certificates in PEM form'


def database(text: str) -> str | None:
    """The URL of a PostgreSQL database, or nothing. What it says never shows a password."""
    if not text or _DATABASE.fullmatch(text):
        return None
    return (
        "it is no address of a PostgreSQL database; expected one such as "
        '"postgresql://user:password@db.example:5432/name" or "postgresql:///name?host=/run/postgresql"'
    )


def origin(text: str) -> str | None:
    """An origin, one with `*.` before its host, `null`, or `*`."""
    if text in {"*", "null"} or ORIGIN.fullmatch(text):
        return None
    return (
        f'"{text}" is no origin; expected a scheme, a host and where needed a port, without a path: '
        '"https://example.org", "http://localhost:3000", "https://*.example.org" or "*"'
    )


def url(text: str) -> str | None:
    """A URL of http or https, or nothing."""
    if not text or _URL.fullmatch(text):
        return None
    return f'"{text}" is no URL; expected one such as "https://shop.example.org"'


def token(text: str) -> str | None:
    """A method or the name of a header."""
    if _TOKEN.fullmatch(text):
        return None
    return f'"{text}" is no name of a method or a header; expected letters, digits and dashes'


def one_line(text: str) -> str | None:
    """What can stand in a header."""
    if _ONE_LINE.fullmatch(text):
        return None
    return "it has a line break or a character that is not ASCII, which no header can hold"


def coding(text: str) -> str | None:
    """A content coding that answers can have."""
    if text in CODINGS:
        return None
    return f'"{text}" is no coding of answers; expected one of {", ".join(CODINGS)}'


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """A host name; numbers with dots would be an address, and are none."""
    return len(text) < 254 and bool(_NAME.fullmatch(text)) and not _NUMBERS.fullmatch(text)
