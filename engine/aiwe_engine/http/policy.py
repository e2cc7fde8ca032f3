"""What a Content-Security-Policy keeps a page from loading, told to its author while in dev.

A browser says so in its console only, which neither an assistant nor a server's log sees. This
reads a page about as well as a person who skims it: scripts, styles, frames, imports and fetches
with a literal address. It decides nothing; the browser does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from aiwe_engine.settings import KB

_TAG = re.compile(r"<(script|link|iframe)\b", re.IGNORECASE)
_CLOSED = re.compile("</script", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""\b(src|href|rel)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
_IMPORT = re.compile(r"""\b(?:from|import)\s*(?:\(\s*)?["'`](https?://[^"'`\s]+)""")
_FETCH = re.compile(r"""\bfetch\s*\(\s*["'`](https?://[^"'`\s]+)""")
_MAPPED = re.compile(r'"(https?://[^"\s]+)"')
_FALLBACKS = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src-elem", "style-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
}
_LARGEST = 256 * KB  # a page larger than this is not looked at
_MOST = 20  # origins that are told; who has more reads the browser's console
_SOURCE = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[a-z0-9._-]+)(:(?:\d{1,5}|\*))?(?:/.*)?"
)
_PORT = re.compile(r":\d{1,5}\Z")
_PORTS = {"http": 80, "https": 443}


def blocked(page: bytes, policies: str, own: str) -> dict[str, list[str]]:
    """The origins that a page loads from and may not, by directive.

    Args:
        page: its markup.
        policies: the value of its Content-Security-Policy.
        own: the page's own origin, `http://shop.localhost:8890`.
    """
    if len(page) > _LARGEST or b"//" not in page:
        return {}
    found: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    missing = 0
    parsed = [_parsed(policy) for policy in policies.split(",")]
    for directive, url in _loads(page.decode("utf-8", "replace")):
        origin = _origin(url, own)
        if not origin or origin == own or (directive, origin) in seen:
            continue
        seen.add((directive, origin))
        if not all(_allows(policy, directive, url, own) for policy in parsed):
            found.setdefault(directive, []).append(origin)
            missing += 1
            if missing == _MOST:
                break
    return found


def amended(policy: str, missing: dict[str, list[str]]) -> str:
    """The policy that lets in what is missing, and is else the same."""
    directives = _parsed(policy)
    for directive, origins in missing.items():
        name, sources = _effective(directives, directive)
        kept = [source for source in sources if source != "'none'"]
        directives[directive if name == "default-src" else name] = [*kept, *origins]
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())


def _loads(page: str) -> Iterator[tuple[str, str]]:
    """Pairs of a directive and an address that it governs."""
    for kind, text, script in _tags(page):
        given = {one[0].lower(): one[1] or one[2] or one[3] for one in _ATTRIBUTE.findall(text)}
        if kind == "script" and "src" in given:
            yield "script-src", given["src"]
        elif kind == "iframe" and "src" in given:
            yield "frame-src", given["src"]
        elif kind == "link" and "stylesheet" in given.get("rel", "").lower().split():
            yield "style-src", given.get("href", "")
        mapped = _MAPPED.findall(script) if "importmap" in text.lower() else []
        for url in [*mapped, *_IMPORT.findall(script)]:
            yield "script-src", url
        for url in _FETCH.findall(script):
            yield "connect-src", url


def _tags(page: str) -> Iterator[tuple[str, str, str]]:
    """Name, attributes and, of a script, text of each tag. No part of the page is read twice."""
    at = 0
    while tag := _TAG.search(page, at):
        end = page.find(">", tag.end())
        if end < 0:
            return
        name, attributes, script, at = tag[1].lower(), page[tag.end() : end], "", end + 1
        if name == "script":
            closed = _CLOSED.search(page, at)
            script = (
                page[at : closed.start()] if closed else ""
            )  # one that is not closed never runs
            at = closed.end() if closed else len(page)
        yield name, attributes, script


def _origin(url: str, own: str) -> str:
    """The origin of an address in a page; empty for what has none of its own."""
    text = url.strip()
    if text.startswith("//"):
        text = own.partition(":")[0] + ":" + text
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in _PORTS else ""


def _parsed(policy: str) -> dict[str, list[str]]:
    directives: dict[str, list[str]] = {}
    for text in policy.split(";"):
        name, *sources = text.split() or [""]
        if name:
            directives.setdefault(name.lower(), sources)
    return directives


def _effective(directives: dict[str, list[str]], directive: str) -> tuple[str, list[str]]:
    """The directive that governs in place of this one, and its sources; `*` where none does."""
    for name in _FALLBACKS[directive]:
        if name in directives:
            return name, directives[name]
    return directive, ["*"]


def _allows(directives: dict[str, list[str]], directive: str, url: str, own: str) -> bool:
    sources = _effective(directives, directive)[1]
    origin = _origin(url, own)
    # A nonce, a hash or 'strict-dynamic' may let it in: that is for the browser to say.
    return any(
        source.startswith(("'nonce-", "'sha", "'strict-dynamic'"))
        or _matches(source.lower(), origin, own)
        for source in sources
    )


def _matches(source: str, origin: str, own: str) -> bool:
    """Whether a source expression names an origin; paths are not looked at."""
    if source == "'self'":
        return origin == own
    scheme, _, place = origin.partition("://")
    if source.endswith(":") and "/" not in source:
        return _speaks(source[:-1], scheme)
    found = _SOURCE.fullmatch(source)
    if not found or not _speaks(found[1] or scheme, scheme):
        return False
    host, _, port = place.rpartition(":") if _PORT.search(place) else (place, "", "")
    name, given = found[2], found[3] or ""
    if name == "*" and not given:
        return True
    named = name in {"*", host} or (name.startswith("*.") and host.endswith(name[1:]))
    same = given == ":*" or int(given[1:] or _PORTS[scheme]) == int(port or _PORTS[scheme])
    return named and same


def _speaks(allowed: str, scheme: str) -> bool:
    """Whether a scheme is the allowed one, or its secure form."""
    return scheme == allowed or (allowed, scheme) == ("http", "https")
