"""How an error leaves over HTTP: JSON in the one shape, or a page for a developer's browser.

In production (`public`) there is never a stack, a place in the source, or a page: an assistant,
a script and a browser all get the same JSON.
"""

from __future__ import annotations

from typing import Any

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.http.arrival import BodyRefused
from aiwe_engine.http.pages import error_page
from aiwe_engine.routing.table import WrongMethod
from aiwe_engine.types import Request, Response

JSON = ("content-type", "application/json")
HTML = ("content-type", "text/html; charset=utf-8")
#: For pages of the engine's own: they load nothing and run nothing.
STILL = ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'")


def refuse(error: AiweError, request: Request, *, public: bool) -> Response:
    """The answer that tells a caller of an error.

    An OPTIONS request that no route asked for is no error: it gets 204 and `Allow`.
    """
    headers = [("cache-control", "no-store"), *error.headers]
    if isinstance(error, WrongMethod) and request.method == "OPTIONS":
        return Response(204, headers)
    shape = error.to_json(request.id or None, public=public)
    close = isinstance(error, BodyRefused)
    if not public and wants_html(request):
        page = error_page(error, shape["error"])
        headers = [HTML, STILL, ("vary", "accept"), *headers]
        return Response(error.status, headers, page, close=close)
    return Response(error.status, [JSON, *headers], _dump(shape), close=close)


def wants_html(request: Request) -> bool:
    """Whether a browser asks, to show what comes: scripts and curl do not say text/html."""
    return any(name == "accept" and "text/html" in value for name, value in request.headers)


def _dump(shape: dict[str, dict[str, Any]]) -> bytes:
    # What is in it comes from a program: whatever it is, an error must leave.
    try:
        return orjson.dumps(shape, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):  # nested too deeply, or text that is no Unicode
        shape["error"].pop("details", None)
        return orjson.dumps(_well_formed(shape))


def _well_formed(value: Any) -> Any:
    """The same with a ? for what is half a character."""
    if isinstance(value, dict):
        return {key: _well_formed(one) for key, one in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
