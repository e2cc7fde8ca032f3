r"""The parameters of a header: `form-data; name="photo"; filename="a b.png"`.

Quoted values are read as browsers write them: `"` comes as %22, line ends as %0D and %0A, and
everything else, a backslash too, stands for itself. curl and others write \" for a quote.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(
    r""";[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:\\"|[^"])*)"|([^;"]*))[ \t]*""", re.DOTALL
)
_WORD = r"[A-Za-z0-9!#$&^_.+-]+"
#: A content type and its parameters, of which none can be taken for a second content type.
CONTENT_TYPE = re.compile(rf'{_WORD}/{_WORD}(?:; ?{_WORD}=(?:{_WORD}|"[ !#-\[\]-~]*"))*')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_EXTENDED = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE | re.DOTALL)
_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)


def parameters(header: str) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, in lower case, and the parameters by lower-case name.

    Values are not decoded; of a name that comes twice the first counts. What has not the form of a
    parameter is left out.
    """
    kind, semicolon, rest = header.partition(";")
    found: dict[str, str] = {}
    at, text = 0, semicolon + rest
    while match := _PARAMETER.match(text, at):
        name, quoted, bare = match.groups()
        value = bare.strip(" \t") if quoted is None else quoted.replace('\\"', '"')
        found.setdefault(name.lower(), value)
        at = match.end()
    return kind.strip(" \t").lower(), found


def names_several(content_type: str) -> bool:
    """Whether it has a comma outside of quotes: a browser then goes by the last type in it."""
    return "," in content_type and "," in _QUOTED.sub("", content_type)


def form_name(values: dict[str, str], key: str) -> str | None:
    """A name in a `Content-Disposition` of form data: `name` or `filename`, as its writer meant it.

    The extended form (`filename*`) is not for forms (RFC 7578, 4.2), yet some clients send it alone.
    """
    value = values.get(key)
    if value is not None:
        return _ESCAPE.sub(lambda match: _ESCAPES[match[0].upper()], value)
    extended = _EXTENDED.fullmatch(values.get(f"{key}*", ""))
    return unquote_to_bytes(extended[1]).decode("utf-8", "replace") if extended else None
