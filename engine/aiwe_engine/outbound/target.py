"""Where a request goes: an address of the web, taken apart once, by the rules of the URL standard.

What is checked is what is connected to: the host that is judged here stands in the URL that travels
on. A program's own `new URL` counts for nothing, and the Location of a redirect is read by the same
rules. See https://url.spec.whatwg.org/#concept-basic-url-parser, of which this is what http needs.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

from yarl import URL

from aiwe_engine.errors import AiweError
from aiwe_engine.outbound import errors
from aiwe_engine.outbound.addresses import Address, read_address

PORTS = {"http": 80, "https": 443}
# Where a request could be taken for something of another protocol, such as a mail:
# https://fetch.spec.whatwg.org/#port-blocking
BAD_PORTS = frozenset(
    [
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
        102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389,
        427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
        989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665,
        6666, 6667, 6668, 6669, 6679, 6697, 10080,
    ]
)  # fmt: skip
_LONGEST = 65_536
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"([^/?#]*)(.*)")
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_SPACES = re.compile(r"^[\x00-\x20]+|[\x00-\x20]+$|[\t\n\r]")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\uffff#/:<>?@\[\\\]^|%]")  # in a host
# What is escaped, by place: https://url.spec.whatwg.org/#percent-encoded-bytes
_IN_PATH = re.compile(r'[\x00-\x20"#<>?^`{}\x7f-\U0010ffff]')
_IN_QUERY = re.compile(r"[\x00-\x20\"#<>'\x7f-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Target:
    """One address of the web, without a fragment. `host` is a name in lower case or an address."""

    text: str
    scheme: str
    host: str | Address
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """What decides whether a redirect leaves for somebody else."""
        return (self.scheme, str(self.host), self.port)

    @property
    def place(self) -> str:
        """Host and port as people write them, and as `fetch.allow_private` takes them."""
        return f"{_written(self.host)}:{self.port}"

    @property
    def url(self) -> URL:
        """For aiohttp, with every escape as it is."""
        return URL(self.text, encoded=True)


def read_target(text: str, *, measured: bool = False) -> Target:
    """Takes an absolute URL apart.

    Args:
        text: the URL.
        measured: its length was checked before.

    Raises:
        AiweError: `fetch_bad_url`, `fetch_bad_scheme`.
    """
    return _read(text, None, sys.maxsize if measured else _LONGEST)


def follow(base: Target, location: str) -> Target:
    """Where a Location leads from here.

    Args:
        base: the request that was answered with it.
        location: the header as it came, one character a byte.

    Raises:
        AiweError: as `read_target`; `fetch_bad_redirect` where it cannot be understood.
    """
    text = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return _read(text, base)
    except AiweError as error:
        if error.code != "fetch_bad_url":
            raise
        raise errors.bad_redirect(base.place, location) from None


def _read(given: str, base: Target | None, longest: int = _LONGEST) -> Target:
    text = _SPACES.sub("", given)
    found = _SCHEME.fullmatch(text)
    scheme, rest = (found[1].lower(), found[2]) if found else ("", text)
    if len(text) > longest or (not found and base is None):
        raise errors.bad_url(given)
    if found and scheme not in PORTS:
        raise errors.bad_scheme(given, scheme)
    path, question, query = rest.partition("#")[0].partition("?")
    path = path.replace("\\", "/")
    relative = base is not None and (not found or scheme == base.scheme)
    if base is not None and relative and not path.startswith("//"):
        target, path, query = base, *_joined(base, path, question + query)
    else:
        place, path = _AUTHORITY.fullmatch(path.lstrip("/")).groups()  # type: ignore[union-attr]
        target = _at(given, scheme or (base.scheme if base else ""), place)
        query = question + query
    shown = _written(target.host)
    if target.port != PORTS[target.scheme]:
        shown += f":{target.port}"
    whole = f"{target.scheme}://{shown}{_plain(path)}{_escape(_IN_QUERY, query)}"
    return replace(target, text=whole)


def _joined(base: Target, path: str, query: str) -> tuple[str, str]:
    """Path and query of a relative reference."""
    before, mark, asked = base.text.split("/", 3)[3].partition("?")
    if path.startswith("/"):
        return path, query
    if not path:
        return f"/{before}", query or mark + asked
    return f"/{before}".rpartition("/")[0] + f"/{path}", query


def _at(url: str, scheme: str, place: str) -> Target:
    """Scheme, host and port, without what is asked for there."""
    if "@" in place:
        raise errors.credentials()
    split = _PLACE.fullmatch(place)
    if split is None:
        raise errors.bad_url(url)
    port = int(split[2] or PORTS[scheme])
    host = _host(url, split[1])
    if not 0 < port < 1 << 16:
        raise errors.bad_url(url)
    if port in BAD_PORTS:
        raise errors.bad_port(url, port)
    return Target("", scheme, host, port)


def _host(url: str, text: str) -> str | Address:
    try:
        if text.startswith("["):
            return IPv6Address(text[1:-1].replace("%", "?"))  # a zone makes no sense to others
        name = unquote_to_bytes(text.encode()).decode()
        if not name.isascii():
            name = URL.build(scheme="http", host=name).raw_host or ""
        name = name.lower()
        address = read_address(name)
    except ValueError:
        raise errors.bad_url(url) from None
    if address is not None:
        return address
    if not name.strip(".") or len(name) > 253 or _FORBIDDEN.search(name):
        raise errors.bad_url(url)
    return name


def _plain(path: str) -> str:
    """A path without `.` and `..`, escaped where it must be."""
    kept: list[str] = []
    steps = path.removeprefix("/").split("/")
    for at, step in enumerate(steps):
        dots = step.lower().replace("%2e", ".")
        if dots == ".." and kept:
            kept.pop()
        if dots not in (".", ".."):
            kept.append(_escape(_IN_PATH, step))
        elif at == len(steps) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def _escape(forbidden: re.Pattern[str], text: str) -> str:
    return forbidden.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), text
    )


def _written(host: str | Address) -> str:
    return f"[{host}]" if isinstance(host, IPv6Address) else str(host)
