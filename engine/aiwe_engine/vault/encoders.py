"""What encoders make of a text: each of them alone, and one upon another."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from aiwe_engine.vault.letters import json_ways, minimal


def chains(text: str) -> set[str]:
    """A text as encoders write it: each of them alone, and one upon another."""
    once = {write(text) for write in _ENCODERS}
    return once | {write(first) for first in once for write in _ENCODERS}


def _lower(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def _ascii(text: str, *, upper: bool = False) -> str:
    escaped = json.dumps(text)[1:-1]
    if upper:
        escaped = re.sub(r"u[0-9a-f]{4}", lambda match: "u" + match[0][1:].upper(), escaped)
    return escaped


def _json_of(text: str, *, escaped: str, upper: bool = False) -> str:
    """JSON for inside HTML: what HTML would take for its own is escaped as well."""
    form = "\\u{:04X}" if upper else "\\u{:04x}"
    return minimal(text).translate({ord(c): form.format(ord(c)) for c in escaped})


_SAFE = (
    "",
    "/",
    "!'()*",
    "*",
    ";/?:@&=+$,#!'()*",
    "/:",
    ":@!$&'()*,;=",
    ":@!$&'()*+,;=",
    "!$&'()*+,;=:@/?",
)
_ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    minimal,
    _ascii,
    lambda text: _ascii(text, upper=True),
    lambda text: minimal(text).replace("/", "\\/"),
    lambda text: _ascii(text).replace("/", "\\/"),
    *(functools.partial(_json_of, escaped=escaped) for escaped in ("<>&", "<>&'", "<>", "<>/")),
    *(
        functools.partial(_json_of, escaped=escaped, upper=True)
        for escaped in ("<>&", "<>&'", "<>", "<>/")
    ),
    lambda text: minimal(text).replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    lambda text: text.replace("\\", "\\\\").replace("`", "\\`"),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    lambda text: html.escape(text).replace("&#x27;", "&#039;"),
    lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    lambda text: (
        html.escape(text).replace("/", "&#x2F;").replace("`", "&#x60;").replace("=", "&#x3D;")
    ),
    lambda text: (
        html.escape(text).replace("/", "&#47;").replace("`", "&#96;").replace("=", "&#61;")
    ),
    lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    *(functools.partial(quote, safe=safe) for safe in _SAFE),
    *(lambda text, safe=safe: _lower(quote(text, safe=safe)) for safe in _SAFE),
    *(functools.partial(quote_plus, safe=safe) for safe in ("", "*", "!'()*")),
    *(lambda text, safe=safe: _lower(quote_plus(text, safe=safe)) for safe in ("", "*")),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", ""),
    lambda text: text.replace("\n", " "),
    lambda text: text.encode().decode("latin-1"),
)


def written(text: str) -> Iterator[bytes]:
    """Texts with the value in it that a server may put into base64 as a whole: the claims of a token, say."""
    if not text:
        return
    yield minimal(text).encode()
    yield minimal(text).replace("/", "\\/").encode()
    yield "".join(c if c.isascii() else _in_ascii(c) for c in minimal(text)).encode()
    yield quote(text, safe="").encode()
    yield quote(text).encode()
    yield quote_plus(text).encode()
    yield html.escape(text).encode()


def _in_ascii(character: str) -> str:
    return next(way for way in json_ways(character) if way.startswith("\\u"))
