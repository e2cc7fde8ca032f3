"""`/.well-known/jwks.json`: the public keys by which others check an app's tokens (RFC 7517)."""

from __future__ import annotations

import orjson

from aiwe_engine.people.keys import FRESH, SigningKeys
from aiwe_engine.protocols import Scope
from aiwe_engine.routing.table import WrongMethod
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

PATH = "/.well-known/jwks.json"

_HEADERS = (
    ("content-type", "application/jwk-set+json"),
    # Everybody may know these, and a page that checks tokens is of another origin as often as not.
    ("access-control-allow-origin", "*"),
    ("cache-control", f"public, max-age={FRESH}"),
)


class KeySet:
    """Tells the keys of apps.

    Args:
        keys: of all of them.
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    async def answer(self, scope: Scope, settings: Settings, request: Request) -> Response:
        """The key set of an app.

        Raises:
            WrongMethod: it is there to be read.
        """
        if request.method not in {"GET", "HEAD"}:
            raise WrongMethod(request.method, PATH, "GET, HEAD, OPTIONS")
        keys = await self._keys.published(scope, settings.auth_key_rotation)
        return Response(200, [*_HEADERS], orjson.dumps({"keys": keys}))
