"""Conditional requests: whether a client has what it asks for already (RFC 9110, section 13).

This knows of validators and headers only. What a 304 carries is the business of who answers.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b

from aiwe_engine.errors import RequestError
from aiwe_engine.types import Request

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAG_BYTES = 12  # one changed answer in 2^96 would be taken for the one before


def entity_tag(body: bytes) -> str:
    """A weak tag made of bytes: an answer that comes out the same again has the same tag."""
    return f'W/"{blake2b(body, digest_size=_TAG_BYTES).hexdigest()}"'


def weakened(etag: str) -> str:
    """The tag of an answer that was compressed: the same in meaning, not byte for byte."""
    return etag if _is_weak(etag) else f"W/{etag}"


def is_known(none_match: str | None, since: str | None, etag: str, modified: float | None) -> bool:
    """Whether a client that sent these has an answer to GET or HEAD already.

    Args:
        none_match: its If-None-Match; where there is one, the date counts for nothing.
        since: its If-Modified-Since.
        etag: the entity tag of what would be sent; empty where it has none.
        modified: when it was last changed, in seconds since the epoch.
    """
    if none_match is not None:
        return none_match.strip() == "*" or _bare(etag) in map(_bare, _TAG.findall(none_match))
    return _is_after(modified, since) is False


def is_unmodified(request: Request, etag: str, modified: float | None = None) -> bool:
    """Whether a GET or HEAD is answered with 304.

    Args:
        request: the request.
        etag: the entity tag of what would be sent, with its quotes and its W/ if it is weak.
        modified: when it was last changed, in seconds since the epoch.

    Raises:
        RequestError: `precondition_failed` (412), an If-Match or If-Unmodified-Since does not hold.
    """
    found = _conditions(request)
    if not found:
        return False
    match = found.get("if-match")
    if match is not None:
        if match.strip() != "*" and (_is_weak(etag) or etag not in _TAG.findall(match)):
            raise _failed("If-Match", etag)
    elif _is_after(modified, found.get("if-unmodified-since")):
        raise _failed("If-Unmodified-Since", etag)
    return is_known(found.get("if-none-match"), found.get("if-modified-since"), etag, modified)


def range_applies(if_range: str | None, etag: str, modified: float | None) -> bool:
    """Whether a `Range` counts in the face of this `If-Range`: only where both sides are exact."""
    if if_range is None:
        return True
    text = if_range.strip()
    if text.endswith('"'):
        return text == etag and not _is_weak(etag)
    return modified is not None and parse_date(text) == int(modified)


def http_date(seconds: float) -> str:
    """Seconds since the epoch in the form that HTTP's headers use."""
    return formatdate(int(seconds), usegmt=True)


def parse_date(text: str) -> int | None:
    """Seconds since the epoch; None where it is no date."""
    try:
        date = parsedate_to_datetime(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _conditions(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        if name.startswith("if-"):
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _is_after(modified: float | None, date: str | None) -> bool | None:
    """Whether a change is later than a date that a client gave; None where one of them is none."""
    since = parse_date(date) if date is not None else None
    return None if since is None or modified is None else int(modified) > since


def _is_weak(etag: str) -> bool:
    return etag.startswith("W/")


def _bare(etag: str) -> str:
    return etag.removeprefix("W/")


def _failed(header: str, etag: str) -> RequestError:
    return RequestError(
        f"What the request asks for is not as its {header} says.",
        code="precondition_failed",
        status=412,
        hint=f"Ask again without {header}; the entity tag is now {etag}.",
    )
