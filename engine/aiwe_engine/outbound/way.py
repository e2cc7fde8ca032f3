"""One way out: connections that share what the configuration allows, and with nobody else.

A connection that was made because one app may reach a private address must not be found in the pool
by another app that may not. So each set of rules has sessions of its own, and each session its guard.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from ipaddress import ip_network
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import aiohttp
import certifi

from aiwe_engine.errors import EngineError
from aiwe_engine.outbound.addresses import Allowed
from aiwe_engine.outbound.guard import Guard, Lookup
from aiwe_engine.outbound.target import Target, read_target
from aiwe_engine.settings import KB, Settings

Rules: TypeAlias = tuple[tuple[str, ...], str, tuple[str, ...], str, int]
_HEAD = 64 * KB  # of an answer: one line of it, and its name and value


def rules(settings: Settings) -> Rules:
    """What two requests must agree in to share connections."""
    return (
        settings.fetch_allow_private,
        settings.fetch_proxy,
        settings.fetch_no_proxy,
        settings.fetch_ca_file,
        settings.fetch_connections,
    )


class Way:
    """Sessions for one set of rules: one that connects itself, one that goes through the proxy.

    Args:
        given: the rules.
        lookup: the addresses of a name.
    """

    def __init__(self, given: Rules, lookup: Lookup) -> None:
        allowed, proxy, self._no_proxy, self._ca_file, self._limit = given
        self.guard = Guard(lookup, Allowed(allowed))
        self._direct = self._session(self.guard)
        self._proxy = _Proxy(proxy) if proxy else None
        self._proxied: aiohttp.ClientSession | None = None
        if self._proxy is not None:
            gate = Guard(lookup, Allowed([self._proxy.target.place]))
            gate.judge(self._proxy.target)
            self._proxied = self._session(gate)
        self._tls: ssl.SSLContext | None = None

    def _session(self, guard: Guard) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=guard,
            use_dns_cache=False,
            socket_factory=guard.open,
            limit=self._limit,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            read_bufsize=64 * KB,
            max_line_size=_HEAD,
            max_field_size=_HEAD,
        )

    async def request(
        self, target: Target, method: str, headers: list[tuple[str, str]], data: Any
    ) -> aiohttp.ClientResponse:
        """One request and the head of its answer; no redirect is followed.

        Raises:
            AiweError: `fetch_blocked`, `fetch_dns`, `fetch_ca_file`.
            aiohttp.ClientError: anything else that goes wrong.
        """
        options: dict[str, Any] = {}
        session = self._direct
        self.guard.judge(target)
        if self._proxied is not None and self._proxy is not None and self._is_far(target):
            await self.guard.admit(target)  # the proxy resolves it again, and is trusted to
            session, proxy = self._proxied, self._proxy
            options["proxy"] = proxy.target.url
            if proxy.credentials and target.scheme == "https":
                options["proxy_headers"] = {"Proxy-Authorization": proxy.credentials}
            elif proxy.credentials:
                headers = [*headers, ("Proxy-Authorization", proxy.credentials)]
        if target.scheme == "https" or session is self._proxied:
            options["ssl"] = await self._context()
        return await session.request(
            method,
            target.url,
            headers=headers,
            data=data,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
            **options,
        )

    def _is_far(self, target: Target) -> bool:
        return not any(_matches(pattern, target) for pattern in self._no_proxy)

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(trust, self._ca_file)
        return self._tls

    async def close(self) -> None:
        """Closes every connection."""
        await self._direct.close()
        if self._proxied is not None:
            await self._proxied.close()


class _Proxy:
    """The proxy of the configuration: "http://user:password@host:port"."""

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        place = parts.netloc.rpartition("@")[2]
        self.target = read_target(f"{parts.scheme}://{place}/")
        self.credentials = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.credentials = f"Basic {base64.b64encode(pair.encode()).decode()}"


def _matches(pattern: str, target: Target) -> bool:
    """Whether a pattern of `fetch.no_proxy` means this target."""
    host, colon, port = pattern.lower().rpartition(":")
    if not colon or not port.isdigit():
        host, port = pattern.lower(), ""
    if port and int(port) != target.port:
        return False
    host = host.strip("[]")
    if host == "*":
        return True
    if isinstance(target.host, str):
        name = target.host.removesuffix(".")
        domain = host.removeprefix("*").removeprefix(".")
        return name == domain or name.endswith(f".{domain}")
    try:
        return target.host in ip_network(host, strict=False)
    except ValueError:
        return False


def trust(ca_file: str) -> ssl.SSLContext:
    """Whom to believe: the system's authorities, or certifi's where it has none, and those of a file.

    Raises:
        EngineError: `fetch_ca_file`, the file holds no certificates.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not context.cert_store_stats()["x509_ca"] and not _has_folder():
        context.load_verify_locations(certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise EngineError(
                f"The certificates in {ca_file} cannot be read: {error}.",
                code="fetch_ca_file",
                hint="The setting fetch.ca_file names a file of certificates in PEM form.",
            ) from error
    return context


def _has_folder() -> bool:
    """Whether OpenSSL has a folder of authorities, which it reads when it needs one."""
    folder = ssl.get_default_verify_paths().capath
    return folder is not None and os.path.isdir(folder) and any(os.scandir(folder))  # noqa: PTH112 - once, in a thread
