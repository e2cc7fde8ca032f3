"""Whether a browser sent a request because a page of another origin told it to.

A browser adds the cookies of an app to whatever it sends there, so a page elsewhere could act for
somebody who is signed in. Browsers say where a request comes from: in `Sec-Fetch-Site`, or, those that
are older or talk plain http, in `Origin`. A request that has neither comes from no browser that would
have been tricked. Credentials in headers need no such care: no page can make a browser send those.

Which requests must not cross is for the caller to say: unsafe methods, signing in, the opening of a
WebSocket (a GET that is not safe at all).
"""

from __future__ import annotations

from functools import lru_cache

from aiwe_engine.errors import RequestError
from aiwe_engine.origins import ANY, Origins
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: `none`: the person did it themselves, by a bookmark or the address bar.
_OURS = frozenset({"same-origin", "none"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def cross_site(request: Request, settings: Settings) -> bool:
    """Whether a page of another origin that is not trusted had a browser send this.

    Trusted are the origins of `cors.origins` while `cors.credentials` is on; `*` and `null` never are.

    Args:
        request: with the headers that it came with.
        settings: those of the app.
    """
    site = origin = host = None
    for name, value in request.headers:
        if name == "sec-fetch-site":
            site = value if site is None else ""
        elif name == "origin":
            origin = value if origin is None else ""
        elif name == "host":
            host = value
    if site is None:
        if origin is None or _same(origin, host):
            return False
    elif site in _OURS:
        return False
    return origin is None or not _trusted(origin, settings)


def refuse_crossing() -> RequestError:
    """The refusal of a request that `cross_site` tells of."""
    return RequestError(
        "A page of another site sent this, and may not act for people here.",
        code="csrf_refused",
        status=403,
        hint="Send it from the app's own pages; or from a program with a token in Authorization and without "
        "cookies. Pages of another origin that are to act for people belong in cors.origins, with cors.credentials.",
    )


def _same(origin: str, host: str | None) -> bool:
    """Whether an origin has the name that a request was sent to.

    The scheme is left out: behind a proxy that ends TLS, browsers say https and requests come by http.
    """
    scheme, _, place = origin.lower().partition("://")
    return bool(place) and host is not None and place == _bare(host.lower(), scheme)


def _bare(host: str, scheme: str) -> str:
    return host.removesuffix(_DEFAULT_PORTS.get(scheme, "\n"))


def _trusted(origin: str, settings: Settings) -> bool:
    if not settings.cors_credentials or not settings.cors_origins:
        return False
    return origin != "null" and _listed(settings.cors_origins).has(origin)


@lru_cache(256)
def _listed(origins: tuple[str, ...]) -> Origins:
    return Origins(origin for origin in origins if origin != ANY)
