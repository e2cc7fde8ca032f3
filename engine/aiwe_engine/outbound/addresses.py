"""Which addresses a program may reach, and which stand for the host's own network.

A public name may resolve to any address, and an address has many spellings; so what is judged is
always the address itself, as it will be connected to. What an IPv6 address carries of IPv4 is judged
as that. Nothing here resolves or connects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

# https://www.iana.org/assignments/iana-ipv4-special-registry: what is not of the public internet.
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's channel to its machines
        "169.254.0.0/16",  # link-local; clouds tell machines their credentials here
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Of IPv6 only global unicast is public, less what is set apart in it:
# https://www.iana.org/assignments/iana-ipv6-special-registry.
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps any IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    wrapped = address.ipv4_mapped
    if wrapped is None and address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFF_FFFF)
    if wrapped is not None:
        return is_public(wrapped)
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


def read_address(host: str) -> Address | None:
    """The address that a host is in the spellings of the URL standard, None for a name.

    "127.1", "2130706433", "0x7f000001" and "0177.0.0.1" are all 127.0.0.1. IPv6 comes without
    brackets. See https://url.spec.whatwg.org/#concept-ipv4-parser.

    Raises:
        ValueError: it looks like an address and is none.
    """
    if ":" in host:
        return IPv6Address(host.partition("%")[0])
    parts = host.removesuffix(".").split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    if len(parts) > 4:
        raise ValueError(host)
    *front, last = [_number(part) for part in parts]
    if any(number > 255 for number in front) or last >= 256 ** (4 - len(front)):
        raise ValueError(host)
    return IPv4Address(
        last + sum(number << (8 * (3 - place)) for place, number in enumerate(front))
    )


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    if len(part) > 1 and part.startswith("0"):
        return int(part, 8)
    return int(part)


class Allowed:
    """What may be reached although it is private: pairs of host and port.

    A pair that names an address allows that address; one that names a host allows whatever the
    name resolves to, under this name.

    Args:
        pairs: "host:port", "host:*", "[address]:port"; checked before (see `checks.host_port`).
    """

    def __init__(self, pairs: Iterable[str]) -> None:
        self._pairs = {_pair(text) for text in pairs}

    def has(self, host: str | Address, port: int) -> bool:
        """Whether this host, a name in lower case or an address, may be private on this port."""
        if not self._pairs:
            return False
        host = host.removesuffix(".") if isinstance(host, str) else _plain(host)
        return (host, port) in self._pairs or (host, None) in self._pairs


def _pair(text: str) -> tuple[str, int | None]:
    host, _, port = text.rpartition(":")
    host = host.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        address = read_address(host)
    except ValueError:  # a name that the URL standard knows as no host
        address = None
    return (host if address is None else _plain(address), None if port == "*" else int(port))


def _plain(address: Address) -> str:
    """One spelling for an address: IPv4 within IPv6 is IPv4."""
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse(text: str) -> Address:
    """An address as a resolver or a socket tells it, without the zone of a link."""
    return ip_address(text.partition("%")[0])
