"""Which app a request is for, by the name it was sent to.

Each app has an origin of its own, `{app}.localhost` or `{app}--{env}.localhost`, so that browsers
keep apps apart. A name without an app in it (`localhost`, `127.0.0.1`, an allowed host) is shared:
where one app is served it is that app's; where several are, `/~{app}/` leads to each of them. Names
that nobody allowed are refused, or a page elsewhere could point its own name at this server.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aiwe_engine.errors import RequestError

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-][a-z0-9._-]{0,252}?)\.?(?::(\d{1,5}))?")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to
_CACHED = 1024


class Origin(NamedTuple):
    """What a Host header says. `app` is None on a name that apps share."""

    app: str | None
    env: str | None
    port: str
    local: bool  # this machine's own name


class Hosts:
    """The allow-list of host names.

    Args:
        allowed: names beside the loopback ones: `example.org`, `*.example.org` for an origin per
            app (`{app}.example.org`), or `*` for any, where a proxy in front has checked already.
        bound: the address that is listened on; it is allowed too where it is one address.
    """

    def __init__(self, allowed: tuple[str, ...] = (), bound: str = "") -> None:
        names = {name.lower() for name in allowed}
        self._any = "*" in names
        self._domains = tuple(name[1:] for name in names if name.startswith("*."))
        self._names = {name for name in names if not name.startswith("*")} | _LOOPBACK
        if bound not in _ANY_ADDRESS:
            self._names.add(f"[{bound}]" if ":" in bound else bound.lower())
        self._seen: dict[bytes, Origin | None] = {}

    def named(self, headers: list[bytes]) -> Origin:
        """The origin that a request's Host headers name.

        Raises:
            RequestError: `host_not_allowed`, also where there is not exactly one.
        """
        if len(headers) != 1:
            raise RequestError(
                f"The request has {len(headers)} Host headers.",
                code="host_not_allowed",
                hint="Send exactly one.",
            )
        origin = self._find(headers[0])
        if origin is None:
            name = headers[0][:100].decode("latin-1")
            raise RequestError(
                f'This server does not answer for the host "{name}".',
                code="host_not_allowed",
                status=421,
                hint="Add the name to the setting server.allowed_hosts.",
            )
        return origin

    def _find(self, header: bytes) -> Origin | None:
        try:
            return self._seen[header]
        except KeyError:
            if len(self._seen) >= _CACHED:
                self._seen.clear()
            origin = self._seen[header] = self._read(header.decode("latin-1").lower())
            return origin

    def _read(self, text: str) -> Origin | None:
        found = _HOST.fullmatch(text)
        if not found:
            return None
        name, port = found[1], found[2] or ""
        for domain in (".localhost", *self._domains):
            label = name.removesuffix(domain)
            if label != name and "." not in label:
                app, _, env = label.partition("--")
                return Origin(app, env or None, port, domain == ".localhost")
        if name in self._names or self._any:
            return Origin(None, None, port, name in _LOOPBACK)
        return None
