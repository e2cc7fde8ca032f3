"""What a request's body means: its content type, turned into what `req.body` is.

JSON and forms are parsed and checked here, so that a handler never sees a broken one; text becomes
a string; anything else stays bytes. The text goes along with what was parsed, because a webhook's
signature is made over it; where the bytes are not that text in UTF-8, they go along too (`raw`).
"""

from __future__ import annotations

import binascii
import contextlib
import re
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.files.form import Form, Text, too_many_fields
from aiwe_engine.http.structure import check_structure

FORM = "application/x-www-form-urlencoded"
FILES = "multipart/form-data"

_MARK = b"\xef\xbb\xbf"  # a byte order mark
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


def media_of(content_type: str) -> str:
    """The type of a content type, without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def parsed(content_type: str, body: bytes, *, fields: int, values: int) -> dict[str, Any]:
    """The `body`, `text`, `raw` and `base64` of a request's payload; nothing for an empty body.

    Args:
        content_type: the request's header.
        body: all of it.
        fields: the most that a form may have.
        values: the most that JSON may have.

    Raises:
        RequestError: `invalid_json` with its position, `too_many_values`, `too_many_fields`,
            `unsupported_charset`.
    """
    if not body:
        return {}
    media = media_of(content_type)
    if media in {"application/json", "text/json"} or media.endswith("+json"):
        return _json(_charset(content_type), body, values)
    if media == FORM:
        return _form(_charset(content_type), body, fields)
    if media.startswith("text/") or media in _TEXTS or media.endswith("+xml"):
        text = decoded(_charset(content_type), body, marked=False)
        return _exactly(body, {"body": text}, "body")
    return {"base64": _base64(body)}


def form_payload(form: Form) -> dict[str, Any]:
    """The `form` and `files` of a request's payload.

    `form` has pairs in their order: a name, and a text or the place of a file in `files`.

    Raises:
        RequestError: `unsupported_charset`.
    """
    usual = "utf-8"
    for one in form.texts:
        if one.name == "_charset_":  # RFC 7578, 4.6
            usual = one.value.decode("ascii", "replace").strip().lower()
            break
    pairs: list[tuple[str, str | int]] = []
    files: list[tuple[str, str, str, int]] = []
    for part in form.parts:
        if isinstance(part, Text):
            charset = _charset(part.content_type, usual)
            pairs.append((part.name, decoded(charset, part.value, marked=False)))
        else:
            pairs.append((part.field, len(files)))
            files.append((part.field, part.filename, part.content_type, part.size))
    return {"form": pairs, "files": files}


def _json(charset: str, body: bytes, values: int) -> dict[str, Any]:
    plain = charset in _UTF8 and not body.startswith(_MARK)
    text = body.removeprefix(_MARK) if charset in _UTF8 else decoded(charset, body).encode()
    check_structure(text, values)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        problem = error.msg.partition(": line ")[0]
        raise RequestError(
            f"The body is not JSON: {problem} at line {error.lineno}, column {error.colno}.",
            code="invalid_json",
            hint="Send JSON text, or the content type that the body has.",
            details={"line": error.lineno, "column": error.colno, "position": error.pos},
        ) from None
    value: dict[str, Any] = {"body": orjson.Fragment(text), "text": text.decode()}
    return value if plain else _exactly(body, value, "text")


def _form(charset: str, body: bytes, most: int) -> dict[str, Any]:
    """As the URL standard reads it: what is no escape stands for itself, and + is a space."""
    if body.count(b"&") > 2 * most:  # before anything is made of them
        raise too_many_fields(most)
    pieces = [piece for piece in body.split(b"&") if piece]
    if len(pieces) > most:
        raise too_many_fields(most)
    form: dict[str, str | list[str]] = {}
    for piece in pieces:
        name, _, value = (_unescaped(charset, text) for text in piece.partition(b"="))
        before = form.get(name)
        if before is None:
            form[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            form[name] = [before, value]
    return _exactly(body, {"body": form, "text": decoded(charset, body)}, "text")


def _unescaped(charset: str, text: bytes) -> str:
    return decoded(charset, unquote_to_bytes(text.replace(b"+", b" ")), marked=False)


def _exactly(body: bytes, value: dict[str, Any], text: str) -> dict[str, Any]:
    """The value, and the bytes as well where its text is not all that there is to know."""
    if value[text].encode() != body:
        value["raw"] = _base64(body)
    return value


def _base64(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode()


def _charset(content_type: str, usual: str = "utf-8") -> str:
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else usual


def decoded(charset: str, body: bytes, *, marked: bool = True) -> str:
    """Bytes as text; those that the charset does not have become U+FFFD, as in a browser.

    Args:
        charset: by its name.
        body: the bytes.
        marked: whether a byte order mark at their head is no part of the text.

    Raises:
        RequestError: `unsupported_charset` (415).
    """
    if charset in _UTF8:
        return (body.removeprefix(_MARK) if marked else body).decode("utf-8", "replace")
    if _CODECS.fullmatch(charset):
        with contextlib.suppress(LookupError):
            text = body.decode(charset, "replace")
            return text.removeprefix("\ufeff") if marked else text
    raise RequestError(
        f'The charset "{charset[:40]}" is not known.',
        code="unsupported_charset",
        status=415,
        hint="Send UTF-8.",
    )
