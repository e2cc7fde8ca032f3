"""The guard of outgoing connections: a name is resolved once, judged, and connected to as judged.

A server's owner may let its name resolve to another address each time it is asked. So the address
that was judged is the one that is connected to; it is judged again where the socket is made, in case
anything between the two had a mind of its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from aiwe_engine.outbound import errors
from aiwe_engine.outbound.addresses import Address, Allowed, is_public, parse
from aiwe_engine.outbound.target import Target

Lookup: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class Guard(AbstractResolver):
    """Resolves names for aiohttp, and refuses addresses that are not to be reached.

    Args:
        lookup: the addresses of a name.
        allowed: what may be reached although it is private.
    """

    def __init__(self, lookup: Lookup, allowed: Allowed) -> None:
        self._lookup, self._allowed = lookup, allowed
        self._passed: set[tuple[str, int]] = set()  # private, and allowed under some name

    async def admit(self, target: Target) -> None:
        """Judges a target before anything is sent, by what it resolves to.

        Raises:
            AiweError: `fetch_blocked`, or `fetch_dns` where nothing is known of the name.
        """
        if isinstance(target.host, str):
            await self.resolve(target.host, target.port)
        else:
            self.judge(target)

    def judge(self, target: Target) -> None:
        """Judges what a URL says of itself: an address that stands in it.

        Raises:
            AiweError: `fetch_blocked`.
        """
        host = target.host
        if isinstance(host, str) or is_public(host):
            return
        if not self._allowed.has(host, target.port):
            raise errors.blocked(target.place)
        self._passed.add((str(host), target.port))

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        """The addresses of a name, all of which may be connected to.

        Raises:
            AiweError: `fetch_dns` where it has none, `fetch_blocked` where one is out of bounds.
        """
        name = host.lower()
        try:
            found = await self._lookup(name, port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise errors.dns(host)
        addresses = [parse(text) for text in found]
        if not self._allowed.has(name, port):
            for address in addresses:
                if not is_public(address) and not self._allowed.has(address, port):
                    raise errors.blocked(f"{host}:{port}")
        self._passed.update((str(one), port) for one in addresses if not is_public(one))
        return [_result(host, address, port) for address in addresses]

    def open(self, info: tuple[Any, Any, Any, Any, Any]) -> socket.socket:
        """The socket for one address, judged for the last time.

        Raises:
            OSError: nobody passed this address.
        """
        family, kind, proto, _, place = info
        address = parse(str(place[0]))
        if not is_public(address) and (str(address), place[1]) not in self._passed:
            raise PermissionError("this address was not passed by the guard")
        return socket.socket(family=family, type=kind, proto=proto)

    async def close(self) -> None:
        """Part of aiohttp's resolvers; there is nothing to close."""


def _result(host: str, address: Address, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


class SystemLookup:
    """Names as this machine resolves them, in threads that serve nothing else.

    A name whose servers do not answer holds a thread for half a minute; whatever else runs in
    threads is not to wait for that.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a name.

        Raises:
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _ask, host, port)
        return list(dict.fromkeys(str(place[0]) for *_, place in found))

    def close(self) -> None:
        """Lets the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _ask(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
