"""Which headers of a handler's answer go out, and what is told to the author of those that cannot.

What comes from a worker is hostile until it was looked at: no header ends its own line, and none
speaks of the connection, which is the server's own business.
"""

from __future__ import annotations

import functools
import re

from aiwe_engine.errors import ProgramError
from aiwe_engine.settings import KB

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What speaks of one connection, or is set by the server itself.
_NOT_THEIRS = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-content-type-options",
        "x-request-id",
    }
)
# What has one value: a client that gets two may take either.
_SINGLE = frozenset(
    {
        "access-control-allow-origin",
        "content-disposition",
        "content-location",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
    }
)
_SHOWN = 40
LARGEST = 64 * KB  # of all headers of an answer; proxies and clients take less
_SHORT = 256  # characters of a value that is worth remembering


def sendable(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that go out.

    Args:
        pairs: as the handler set them, names in lower case.

    Raises:
        ProgramError: `invalid_header`, one is malformed or came twice, or all are too large; `invalid_cookie`.
    """
    size = sum([len(name) + len(value) for name, value in pairs])
    if size > LARGEST:
        raise ProgramError(
            f"The headers of the answer have {size:,} characters; {LARGEST:,} are as many as may be.",
            code="invalid_header",
            hint="Put what is long into the body.",
        )
    kept = [one for one in pairs if (_remembered if len(one[1]) < _SHORT else _kept)(*one)]
    if len(kept) > 1:
        names = [name for name, _ in kept]
        if len(set(names)) < len(names):
            _look_for_twins(names)
    return kept


def _look_for_twins(names: list[str]) -> None:
    for name in _SINGLE.intersection(names):
        if names.count(name) > 1:
            raise ProgramError(
                f"The answer has the header {name} {names.count(name)} times; it has one value.",
                code="invalid_header",
                hint=f'Use headers.set("{name}", …), which replaces, not headers.append.',
            )


def _kept(name: str, value: str) -> bool:
    """Whether a header goes out; one that is malformed is the handler's error."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ProgramError(
            f"The header {name[:_SHOWN]!r} cannot be sent with the value {value[:_SHOWN]!r}.",
            code="invalid_header",
            hint="Names are letters, digits and dashes; values have no line breaks. "
            "Encode other text, for instance with encodeURIComponent.",
        )
    if name == "set-cookie":
        cookie, equals, _ = value.partition(";")[0].partition("=")
        if not equals or not _NAME.fullmatch(cookie.strip()):
            raise ProgramError(
                f"The cookie {value[:_SHOWN]!r} has no name that browsers take.",
                code="invalid_cookie",
                hint="Write name=value; Path=/; HttpOnly. A name has letters, digits, - and _; "
                "encode a value with encodeURIComponent.",
            )
    return name not in _NOT_THEIRS


_remembered = functools.lru_cache(1024)(_kept)  # programs send the same few headers again and again
