"""`Content-Disposition`: telling a client to show or to keep what it gets, and under which name.

A file's name comes from anybody. Here it becomes a header that every browser reads as that name and
nobody as anything else: RFC 6266 with the extended form of RFC 8187, and a plain fallback beside it.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from aiwe_engine.files.names import base_name

NAMELESS = "download"

_NOT_PLAIN = re.compile(r'[^\x20-\x7e]|["\\]|%(?=[0-9A-Fa-f]{2})')
_ATTR_CHARS = "!#$&+-.^_`|~"  # beside letters and digits: RFC 8187, 3.2.1


def content_disposition(filename: str | None, *, attachment: bool) -> str:
    """The value of a `Content-Disposition` header.

    Args:
        filename: any text; only its last path component counts. None: no name is told.
        attachment: whether the client is to keep the file, and not to show it.
    """
    kind = "attachment" if attachment else "inline"
    if filename is None:
        return kind
    name = base_name(filename) or NAMELESS
    # Some clients do not read escapes in a quoted string, others read %XX in one: it has neither.
    plain = _NOT_PLAIN.sub("_", _without_accents(name))
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char))
