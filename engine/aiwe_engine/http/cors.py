"""Pages of other origins (CORS, in the Fetch standard): which of them may read an app's answers.

Nothing is allowed unless the configuration names an origin. Then the engine answers preflights
itself, and says on every answer, errors included, whether the asking origin may read it. What a
program says about CORS by itself is left as it is. Access from public sites to private networks is
never granted. This is no protection against writes: a foreign form is still sent. `csrf.py` is.
"""

from __future__ import annotations

import re

from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.origins import ANY, Origins
from aiwe_engine.settings import Settings
from aiwe_engine.types import Response

_TOKENS = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
_GRANT = "access-control-allow-origin"


class Cors:
    """What one app grants to other origins.

    Args:
        settings: that app's; `cors_origins` names one origin at least.

    Raises:
        EngineError: `invalid_setting`, an origin that is none, or `*` with credentials.
    """

    def __init__(self, settings: Settings) -> None:
        origins = Origins(settings.cors_origins)
        if origins.any and settings.cors_credentials:
            raise _invalid(
                "cors.credentials with * in cors.origins would let every site act for a user.",
                "Name the origins.",
            )
        self._any, self.allows = origins.any, origins.has
        self._methods = ", ".join(settings.cors_methods)
        self._names = ", ".join(settings.cors_headers)
        self._age = str(int(settings.cors_max_age))
        self._common = []
        if settings.cors_credentials:
            self._common.append(("access-control-allow-credentials", "true"))
        self._exposed = ", ".join(settings.cors_expose)

    def preflight(self, origin: str, asked: str) -> Response:
        """The answer to a browser that asks before it sends.

        Args:
            origin: whose page asks.
            asked: `Access-Control-Request-Headers`, empty where there is none.

        Raises:
            RequestError: `origin_not_allowed`.
        """
        vary = ("vary", "origin, access-control-request-headers")
        if not self.allows(origin):
            raise RequestError(
                f"Pages of {origin[:100]} may not use this app.",
                code="origin_not_allowed",
                status=403,
                hint="Add the origin to the setting cors.origins.",
                headers=[vary],
            )
        headers = [*self._granted(origin), ("access-control-allow-methods", self._methods), vary]
        names = self._names
        if names == ANY:
            names = asked if _TOKENS.fullmatch(asked) else ""
        if names:
            headers.append(("access-control-allow-headers", names))
        headers.append(("access-control-max-age", self._age))
        return Response(204, headers)

    def headers(self, origin: str) -> list[tuple[str, str]]:
        """What an answer says to the origin that asked, empty where none did."""
        headers = []
        if origin and self.allows(origin):
            headers = self._granted(origin)
            if self._exposed:
                headers.append(("access-control-expose-headers", self._exposed))
        if not self._any:
            headers.append(("vary", "origin"))
        return headers

    def _granted(self, origin: str) -> list[tuple[str, str]]:
        return [(_GRANT, ANY if self._any else origin), *self._common]


def _invalid(message: str, hint: str) -> EngineError:
    return EngineError(message, code="invalid_setting", hint=hint)
