"""Who asks the management API: whoever came with a token.

That of `engine.json` is an admin's, for who can read the data folder; others have a role of their own
(`managers/tokens.py`). The token keeps out everybody else; the checks of Host and Origin keep out web pages, also those
whose author learnt the token or points a name of their own at this address. Inside Jupyter its
authentication has decided already, and the adapter says who it is in `scope["aiwe.principal"]`.
"""

from __future__ import annotations

import hmac
import re

from aiwe_engine.errors import RequestError
from aiwe_engine.http.arrival import Message
from aiwe_engine.managers.tokens import Tokens
from aiwe_engine.permissions import LAUNCHER
from aiwe_engine.types import Principal

_LOOPBACK = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_BEARER = b"Bearer "
_OWN_SITE = frozenset({b"same-origin", b"none"})


class Guard:
    """Tells who asks.

    Args:
        token: what `engine.json` holds: an admin's.
        launcher: what the connection file of a Jupyter server holds: kernels get their tokens with it.
        tokens: all others.
    """

    def __init__(self, token: str, launcher: str | None, tokens: Tokens) -> None:
        self._fixed = [(token.encode(), Principal("owner", frozenset({"admin"})))]
        if launcher is not None:
            kernels = Principal("the Jupyter server's kernels", frozenset({LAUNCHER}))
            self._fixed.append((launcher.encode(), kernels))
        self._tokens = tokens

    def identify(self, scope: Message) -> Principal:
        """The principal of a request.

        Raises:
            RequestError: `host_not_allowed`, `origin_refused` or `unauthorized`.
        """
        principal = scope.get("aiwe.principal")
        if isinstance(principal, Principal):
            return principal
        headers = dict(scope["headers"])
        host = _own_name(scope)
        if headers.get(b"origin", b"http://" + host) != b"http://" + host or (
            headers.get(b"sec-fetch-site", b"none") not in _OWN_SITE
        ):
            raise RequestError(
                "The management routes answer no web page.",
                code="origin_refused",
                status=403,
                hint="Use them from a program of this machine, or through Jupyter.",
            )
        given = headers.get(b"authorization", b"")
        found = self._find(given.removeprefix(_BEARER)) if given.startswith(_BEARER) else None
        if found is None:
            raise RequestError(
                "The token is wrong, has expired or was revoked."
                if given
                else "A token is needed.",
                code="unauthorized",
                status=401,
                hint="Send `Authorization: Bearer TOKEN`, with a token of your own or that of "
                "engine.json in the engine's data folder.",
            )
        return found

    def _find(self, given: bytes) -> Principal | None:
        matching = [who for token, who in self._fixed if hmac.compare_digest(given, token)]
        return matching[0] if matching else self._tokens.find(given.decode("latin-1"))


def _own_name(scope: Message) -> bytes:
    """The one Host header, which must name this machine."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1 and _LOOPBACK.fullmatch(hosts[0]):
        return bytes(hosts[0])
    raise RequestError(
        "The management routes answer for this machine's own name only.",
        code="host_not_allowed",
        status=421,
        hint="Use http://127.0.0.1 and the port in engine.json.",
    )
