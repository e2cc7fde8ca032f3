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
_LARGEST = 4096  # what browsers keep of one cookie
_DOMAIN = re.compile(r";\s*domain\s*(=|;|\Z)", re.IGNORECASE)


def own_cookies(header: str) -> str:
    """A Cookie header without the cookies of Jupyter."""
    return "; ".join(
        pair
        for pair in (piece.strip() for piece in header.split(";"))
        if pair and not _JUPYTERS.match(pair.partition("=")[0].strip())
    )


def check_cookies(response: Response) -> None:
    """Lets no cookie of an answer leave its origin.

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


def cookie_flaw(value: str) -> str | None:
    """Why browsers would drop a cookie, told to the author while in dev; None where they keep it.

    Args:
        value: of a Set-Cookie header.
    """
    first, *rest = value.split(";")
    name = first.partition("=")[0].strip()
    given = {
        key.strip().lower(): text.strip().lower()
        for key, _, text in (attribute.partition("=") for attribute in rest)
    }
    site = given.get("samesite")
    prefix = name.lower()
    if site is not None and site not in {"strict", "lax", "none"}:
        return f'SameSite is Strict, Lax or None, not "{site[:20]}"'
    if site == "none" and "secure" not in given:
        return "SameSite=None needs Secure beside it"
    if prefix.startswith(("__secure-", "__host-")) and "secure" not in given:
        return f"a name that begins with {name.split('-')[0]}- needs Secure"
    if prefix.startswith("__host-") and (given.get("path") != "/" or "domain" in given):
        return "a name that begins with __Host- needs Path=/ and no Domain"
    if len(first) > _LARGEST:
        return f"name and value are longer than {_LARGEST} bytes; keep such data in a session"
    return None
