"""The one character that PostgreSQL cannot hold: NUL.

A document's text is kept as it is: JSON writes NUL as an escape. What is asked of it goes to `jsonb`,
which refuses the escape; so there, and in whatever is compared with it, two characters stand for NUL:
U+0001 twice. U+0001 itself becomes U+0001 U+0002, so that no two texts become one, and each keeps its
place in the order of all.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u000([01])")


def text_for(value: str) -> str:
    """A text as the database has it in `jsonb`."""
    if "\0" in value or "\1" in value:
        return value.replace("\1", "\1\2").replace("\0", "\1\1")
    return value


def text_of(value: str) -> str:
    """The text that stands in `jsonb` so."""
    if "\1" in value:
        return value.replace("\1\1", "\0").replace("\1\2", "\1")
    return value


def json_of(text: str) -> str:
    """The JSON text of what stands in `jsonb`."""
    if "\\u0001" in text:
        return text.replace("\\u0001\\u0001", "\\u0000").replace("\\u0001\\u0002", "\\u0001")
    return text


def json_for(text: str) -> str | None:
    """JSON text that `jsonb` takes; None where it takes the text as it is."""
    if "\\u0000" not in text and "\\u0001" not in text:
        return None
    return _ESCAPED.sub(_stand_in, text)


def _stand_in(found: re.Match[str]) -> str:
    return found[1] + ("\\u0001\\u0001" if found[2] == "0" else "\\u0001\\u0002")
