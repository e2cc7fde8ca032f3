"""The page on which an app's routes are read and tried, and the files that it loads.

Everything comes from the engine itself: the page works without a network. Its document stands in
it, so that it also shows where a browser gives it an origin of its own, from which nothing can be
fetched. It runs the engine's script and no other, whatever an app wrote into its descriptions.
"""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape

import orjson

from aiwe_engine import bundles
from aiwe_engine.types import Response

FOLDER = "/assets/.aiwe/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_FOREVER = ("cache-control", "public, max-age=31536000, immutable")


def page(title: str, document: bytes, home: str) -> Response:
    """The page.

    Args:
        title: of the window.
        document: the OpenAPI document.
        home: the app's own address, where the page may be shown elsewhere; "" where it has none.
    """
    inline = document.replace(b"<", b"\\u003c").decode()
    settings = escape(orjson.dumps({"home": home}).decode())
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{address("css")}">'
        f'<script type="application/json" id="openapi">{inline}</script>'
        f'<script defer src="{address("js")}"></script></head>'
        f'<body data-settings="{settings}"><div id="docs"></div>'
        '<noscript>This page needs JavaScript. The document is at <a href="openapi.json">openapi.json</a>.'
        "</noscript></body></html>"
    )
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY),
        ("cache-control", "no-cache"),
    ]
    return Response(200, headers, text.encode())


def file(path: str) -> Response | None:
    """A file of the page, by its path; None where there is none of that name."""
    name = path.removeprefix(FOLDER)
    end = name.rpartition(".")[2]
    if end not in _KINDS or name != _name(end):
        return None
    body, tag = _content(end)
    headers = [("content-type", _KINDS[end]), _FOREVER, ("etag", f'"{tag}"')]
    return Response(200, headers, body)


def address(end: str) -> str:
    """Of a file ("js" or "css"), relative to the page, so that it leads there wherever an app is served."""
    return f"{FOLDER[1:]}{_name(end)}"


def _name(end: str) -> str:
    return f"docs.{_content(end)[1]}.{end}"


@cache
def _content(end: str) -> tuple[bytes, str]:
    body = bundles.read(f"docs.{end}").encode()
    return body, hashlib.sha256(body).hexdigest()[:12]
