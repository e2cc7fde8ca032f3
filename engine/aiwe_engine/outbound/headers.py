"""Headers on their way out and in.

What belongs to the connection is the engine's to write: as the Fetch standard has it, what a program
sets of it is left out without a word, so that the headers of a request it got can be handed on. A
Content-Length counts, and must be true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiwe_engine import __version__
from aiwe_engine.outbound import errors

AGENT = f"aiwe/{__version__}"
Pairs = list[tuple[str, str]]
LENGTH = frozenset(["content-length"])

_OF_CONNECTIONS = frozenset(
    [
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    ]
)
_OF_BODIES = frozenset(
    ["content-encoding", "content-language", "content-location", "content-type", "content-length"]
)
_OF_ORIGINS = frozenset(["authorization", "cookie", "host"])
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00\r\n\u0100-\U0010ffff]*")
_DECODED = frozenset(["gzip", "deflate", "br", "zstd"])  # by aiohttp, with the packages we require


def outgoing(given: Iterable[tuple[str, str]]) -> Pairs:
    """The headers of a request, checked, less what is the connection's.

    Args:
        given: names and values, one character a byte.

    Raises:
        AiweError: `fetch_bad_option` for what would end a header.
    """
    pairs: Pairs = []
    for name, value in given:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise errors.bad_option(
                f"The header {name!r:.100} cannot be sent.",
                "A name has letters, digits and hyphens; a value has no line breaks, and encodes what is not Latin-1.",
            )
        if name.lower() not in _OF_CONNECTIONS:
            pairs.append((name, value))
    names = {name.lower() for name, _ in pairs}
    if "user-agent" not in names:
        pairs.append(("User-Agent", AGENT))
    return pairs


def declared_length(pairs: Pairs) -> int | None:
    """The Content-Length that a program sets, None where it sets none.

    Raises:
        AiweError: `fetch_bad_option` where it is no number.
    """
    values = {value.strip() for name, value in pairs if name.lower() == "content-length"}
    if not values:
        return None
    value = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,15}", value):
        raise errors.bad_option(
            "The header Content-Length is not one number.", "Leave it out: it is written for you."
        )
    return int(value)


def without(pairs: Pairs, names: frozenset[str]) -> Pairs:
    """The others."""
    return [(name, value) for name, value in pairs if name.lower() not in names]


def without_body(pairs: Pairs) -> Pairs:
    """For a request that a redirect takes the body from."""
    return without(pairs, _OF_BODIES)


def for_another(pairs: Pairs) -> Pairs:
    """For a request that a redirect sends to another origin: less what was for the first alone."""
    return without(pairs, _OF_ORIGINS)


def incoming(raw: Iterable[tuple[bytes, bytes]], *, has_body: bool) -> Pairs:
    """The headers of an answer, names in lower case, one character a byte.

    Those of the connection end here. A compressed body arrives decoded. Content-Encoding and Content-Length speak of what was on the
    wire; they are left out with it, so that an answer can be handed on as it is.
    """
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1").strip("\t "))
        for name, value in raw
    ]
    pairs = without(pairs, _OF_CONNECTIONS)
    encodings = [value.lower() for name, value in pairs if name == "content-encoding"]
    if has_body and len(encodings) == 1 and encodings[0] in _DECODED:
        pairs = without(pairs, frozenset(["content-encoding", "content-length"]))
    return pairs
