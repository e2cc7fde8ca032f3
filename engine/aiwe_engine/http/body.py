"""What a request's body means: its content type, turned into what `req.body` is.

JSON and forms are parsed and checked here, so that a handler never sees a broken one; text becomes
a string; anything else stays bytes. The exact text goes along with what was parsed, because a
webhook's signature is made over it.
"""

from __future__ import annotations

import binascii
import contextlib
import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from aiwe_engine.errors import RequestError

FORM_FIELDS = 1000  # more than any form has, fewer than an attack needs

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_TEXTS = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/x-ndjson",
        "application/xml",
    }
)
_CODECS = re.compile(
    r"utf-?16|utf-?16[lb]e|(iso-?)?8859-\d{1,2}|iso-8859-\d{1,2}|latin-?1|windows-?125\d|cp125\d"
    r"|koi8-[ru]|shift[_-]jis|euc-(jp|kr)|gbk|gb2312|gb18030|big5"
)


def parsed(content_type: str, body: bytes) -> dict[str, Any]:
    """The `body`, `text` and `base64` of a request's payload; nothing for an empty body.

    Raises:
        RequestError: `invalid_json` with its position, `too_many_fields`, `unsupported_charset`.
    """
    if not body:
        return {}
    media = content_type.partition(";")[0].strip().lower()
    if media in {"application/json", "text/json"} or media.endswith("+json"):
        return _json(body if _is_utf8(content_type) else _text(content_type, body).encode())
    if media == "application/x-www-form-urlencoded":
        return _form(_text(content_type, body))
    if media.startswith("text/") or media in _TEXTS or media.endswith("+xml"):
        return {"body": _text(content_type, body)}
    return {"base64": binascii.b2a_base64(body, newline=False).decode()}


def _json(body: bytes) -> dict[str, Any]:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        problem = error.msg.partition(": line ")[0]
        raise RequestError(
            f"The body is not JSON: {problem} at line {error.lineno}, column {error.colno}.",
            code="invalid_json",
            hint="Send JSON text, or the content type that the body has.",
            details={"line": error.lineno, "column": error.colno, "position": error.pos},
        ) from None
    return {"body": orjson.Fragment(body), "text": body.decode()}


def _form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        raise RequestError(
            f"The form has more than {FORM_FIELDS} fields.",
            code="too_many_fields",
            hint="Send JSON instead.",
        ) from None
    form: dict[str, str | list[str]] = {}
    for name, value in pairs:
        before = form.get(name)
        if before is None:
            form[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            form[name] = [before, value]
    return {"body": form, "text": text}


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else "utf-8"


def _is_utf8(content_type: str) -> bool:
    return _charset(content_type) in _UTF8


def _text(content_type: str, body: bytes) -> str:
    """The body as text; bytes that its charset does not have become U+FFFD, as in a browser."""
    charset = _charset(content_type)
    if charset in _UTF8:
        return body.decode("utf-8", "replace")
    if _CODECS.fullmatch(charset):
        with contextlib.suppress(LookupError):
            return body.decode(charset, "replace")
    raise RequestError(
        f'The charset "{charset[:40]}" is not known.',
        code="unsupported_charset",
        status=415,
        hint="Send UTF-8.",
    )
