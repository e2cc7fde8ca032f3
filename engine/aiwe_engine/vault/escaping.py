"""How a value stands in the place that it is put in, so that it stays one value there.

A quote in a value must not end the JSON string around it, an ampersand not begin another field of a
form. Where a value needs no escaping, as most keys do, a body is not looked at any closer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape as _xml

from aiwe_engine.vault.references import MARK

Escape: TypeAlias = Callable[[bytes], bytes]
#: Gives each reference in the bytes its value, escaped by the function.
Fill: TypeAlias = Callable[[bytes, Escape], bytes]

_MARK = MARK.encode()
_HARMLESS = re.compile(rb"[A-Za-z0-9._~-]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))', re.IGNORECASE)
_TYPE = re.compile(rb"^content-type:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


def is_harmless(value: bytes) -> bool:
    """Whether it is the same in every place."""
    return _HARMLESS.fullmatch(value) is not None


def raw(value: bytes) -> bytes:
    """As it is."""
    return value


def in_url(value: bytes) -> bytes:
    """In a path or a query."""
    return quote(value, safe="").encode()


def in_form(value: bytes) -> bytes:
    """In a field of application/x-www-form-urlencoded."""
    return quote_plus(value).encode()


def in_json(value: bytes) -> bytes:
    """Within a string of JSON.

    Raises:
        UnicodeDecodeError: it is no text.
    """
    return json.dumps(value.decode(), ensure_ascii=False)[1:-1].encode()


def in_xml(value: bytes) -> bytes:
    """In an element, or an attribute.

    Raises:
        UnicodeDecodeError: it is no text.
    """
    return _xml(value.decode(), {'"': "&quot;", "'": "&apos;"}).encode()


def in_part_head(value: bytes) -> bytes:
    """In the head of a part of a form, as the Fetch standard writes names there."""
    return value.replace(b"\n", b"%0A").replace(b"\r", b"%0D").replace(b'"', b"%22")


def of_type(content_type: str) -> Escape:
    """What a body of this Content-Type wants, by that alone."""
    essence = content_type.partition(";")[0].strip().lower()
    if "json" in essence:
        return in_json
    if essence == "application/x-www-form-urlencoded":
        return in_form
    if essence in {"text/xml", "application/xml", "text/html"} or essence.endswith("+xml"):
        return in_xml
    return raw


def fill_body(body: bytes, content_type: str, fill: Fill) -> bytes:
    """A body with its values, which need escaping."""
    boundary = _BOUNDARY.search(content_type)
    if content_type.lower().startswith("multipart/") and boundary:
        return _fill_parts(body, (boundary[1] or boundary[2]).encode("latin-1", "replace"), fill)
    escape = of_type(content_type)
    if escape is in_json or (escape is raw and _is_json(body)):
        return _fill_json(body, fill)
    return fill(body, escape)


def _is_json(body: bytes) -> bool:
    if body.lstrip()[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _fill_json(body: bytes, fill: Fill) -> bytes:
    """Within each string; one that is JSON itself is filled as such."""

    def string(found: re.Match[bytes]) -> bytes:
        if _MARK not in found[0]:
            return found[0]
        try:
            text = json.loads(found[0]).encode()
        except (ValueError, UnicodeEncodeError):
            return fill(found[0], in_json)
        filled = _fill_json(text, fill) if _is_json(text) else fill(text, _text)
        return (
            found[0] if filled == text else json.dumps(filled.decode(), ensure_ascii=False).encode()
        )

    return fill(_STRING.sub(string, body), in_json)


def _text(value: bytes) -> bytes:
    value.decode()
    return value


def _fill_parts(body: bytes, boundary: bytes, fill: Fill) -> bytes:
    delimiter = b"--" + boundary
    return delimiter.join(_fill_part(part, fill) for part in body.split(delimiter))


def _fill_part(part: bytes, fill: Fill) -> bytes:
    head, gap, content = part.partition(b"\r\n\r\n")
    kind = _TYPE.search(head)
    content_type = kind[1].decode("latin-1") if kind else ""
    return fill(head, in_part_head) + gap + (fill_body(content, content_type, fill) if gap else b"")
