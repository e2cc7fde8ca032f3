"""Which cookies pass between a browser and an app.

Cookies ignore ports, so a browser sends Jupyter's login cookie to every port of its host; it must
not reach a program. And a cookie with a `Domain` would reach other apps' origins.
"""

from __future__ import annotations

import re

from aiwe_engine.errors import ProgramError
from aiwe_engine.types import Response

#: Among an ASGI scope's extensions: browsers keep no cookies of the place that the request came by.
NO_COOKIES = "aiwe.http.no_cookies"

_JUPYTERS = re.compile(r"(_xsrf|username-.*|jupyterhub-.*|jupyter-hub-token.*)\Z", re.IGNORECASE)
_DOMAIN = re.compile(r";\s*domain\s*(=|;|\Z)", re.IGNORECASE)


def own_cookies(header: str) -> str:
    """A Cookie header without the cookies of Jupyter."""
    return "; ".join(
        pair
        for pair in (piece.strip() for piece in header.split(";"))
        if pair and not _JUPYTERS.match(pair.partition("=")[0].strip())
    )


def allowed_cookies(response: Response) -> Response:
    """The response, where none of its cookies leaves its origin.

    Raises:
        ProgramError: `cookie_domain`, a Set-Cookie has a Domain.
    """
    for name, value in response.headers:
        if name == "set-cookie" and _DOMAIN.search(value):
            cookie = value.partition("=")[0][:60]
            raise ProgramError(
                f'The cookie "{cookie}" has a Domain, with which it would reach other apps.',
                code="cookie_domain",
                hint="Leave Domain out: the cookie is then this app's own.",
            )
    return response
