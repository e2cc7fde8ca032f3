"""Cursors: where a page of a sorted query ended, so that the next one begins after it.

A cursor holds the values by which its last document was sorted, and its id. So the next page goes on
at that place whatever was written meanwhile: documents that stay where they are come exactly once. A
document's id serves as a cursor too, as long as the document is there.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.store.documents import instant
from aiwe_engine.store.filters import Path
from aiwe_engine.store.selection import Selection, SortKey
from aiwe_engine.types import Json

_MARK = "~"
_LONGEST = 2_000  # characters; a longer one names the document instead


def token(selection: Selection, document: dict[str, Any]) -> str:
    """The cursor of a document in an order; opaque to programs."""
    order = selection.order
    values = list(position(order, document))
    text = orjson.dumps([_digest(order), values])
    if len(text) > _LONGEST:
        text = orjson.dumps([_digest(order), document["id"]])
    return _MARK + urlsafe_b64encode(text).decode().rstrip("=")


def read(cursor: str, selection: Selection) -> tuple[Json, ...] | str:
    """The place that a cursor says: values of the order's keys, or the id of a document.

    Raises:
        RequestError: `invalid_cursor`.
    """
    if not cursor.startswith(_MARK):
        return cursor
    try:
        digest, place = orjson.loads(urlsafe_b64decode(cursor[1:] + "=" * (-len(cursor[1:]) % 4)))
    except (ValueError, TypeError):
        return cursor  # an id may begin so
    order = selection.order
    if digest != _digest(order):
        raise invalid_cursor(
            "The cursor belongs to a query with another sort",
            "Ask for every page with the same sort as for the first.",
        )
    if isinstance(place, str):
        return place
    if isinstance(place, list) and len(place) == len(order) and all(map(_fits, order, place)):
        return tuple(place)
    raise invalid_cursor("The cursor is damaged", "Pass on the cursor of the page before, whole.")


def position(order: tuple[SortKey, ...], document: dict[str, Any]) -> tuple[Json, ...]:
    """The values by which a document is sorted; null where it has none."""
    return tuple(_value(document, key.path) for key in order)


def gone(cursor: str) -> RequestError:
    """The error for the id of a document that is not there."""
    return invalid_cursor(
        f'No document "{cursor[:80]}" is there to go on from',
        "Pass on the `cursor` of the array that the page before was: it outlives its document.",
    )


def invalid_cursor(message: str, hint: str) -> RequestError:
    """The error for a cursor that cannot be used."""
    return RequestError(message, code="invalid_cursor", hint=hint)


def _value(document: Any, path: Path) -> Json:
    for step in path:
        if isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, dict):
            document = document.get(step)
        else:
            return None
    value: Json = document
    return value


def _fits(key: SortKey, value: Json) -> bool:
    if key.path == ("createdAt",):
        return instant(value) is not None
    return key.path != ("id",) or isinstance(value, str)


def _digest(order: tuple[SortKey, ...]) -> str:
    text = orjson.dumps([[key.path, key.descending] for key in order])
    return blake2b(text, digest_size=6).hexdigest()
