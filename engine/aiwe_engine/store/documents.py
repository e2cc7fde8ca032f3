"""A document as it is stored: one JSON text with the author's fields and the engine's.

The engine's are `id`, `version`, `createdAt` and `updatedAt`. They stand inside the text, so that
what is read is sent on without being parsed. Numbers are those of JSON: NaN and the infinities
become null, as `JSON.stringify` has it, and integers are exact up to 64 bits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from aiwe_engine.errors import RequestError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Document:
    """One stored document.

    Attributes:
        id: its id.
        text: all of it, as JSON.
        fields: the same, as an object.
        created: microseconds since 1970; None: as it was.
    """

    id: str
    text: bytes
    fields: dict[str, Any]
    created: int | None = None


def timestamp(nanoseconds: int | None = None) -> str:
    """An instant (now where none is given) as JavaScript's `toISOString` writes it."""
    milliseconds = (time.time_ns() if nanoseconds is None else nanoseconds) // 1_000_000
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def instant(text: Any) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time; None where it is none. No offset means UTC."""
    if not isinstance(text, str) or text[4:5] != "-":  # only the form that JavaScript reads
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=1)
def _moment(now: str) -> int | None:
    """`instant` of a time of ours, which all documents of one call share."""
    return instant(now)


def check_document(value: Any) -> dict[str, Any]:
    """The document itself.

    Raises:
        RequestError: `invalid_document` for what is no JSON object.
    """
    if isinstance(value, dict):
        return value
    kind = "an array" if isinstance(value, list) else "null" if value is None else repr(value)[:40]
    hint = "Pass an object such as { title: 'Buy milk' }."
    if isinstance(value, list):
        hint = "Use createMany for several documents, or put the array into a field."
    message = f"A document is an object, not {kind}"
    raise RequestError(message, code="invalid_document", hint=hint)


def compose(
    doc: dict[str, Any], doc_id: str, now: str, limit: int, before: bytes | None = None
) -> Document:
    """A document to store whole: new, or in the place of the one `before` it.

    Raises:
        RequestError: `document_too_large`, or `invalid_document` for what JSON cannot hold.
    """
    fields = {"id": doc_id} | doc | {"id": doc_id}  # first, and no other
    old: dict[str, Any] = orjson.loads(before) if before else {}
    return _finish(fields, old, doc.get("createdAt"), now, limit)


def merge(current: bytes, patch: dict[str, Any], now: str, limit: int) -> Document:
    """The stored document with the patch's fields laid over its own.

    Raises:
        RequestError: as `compose` does.
    """
    old: dict[str, Any] = orjson.loads(current)
    return _finish(old | patch, old, patch.get("createdAt"), now, limit)


def _finish(
    fields: dict[str, Any], old: dict[str, Any], given: Any, now: str, limit: int
) -> Document:
    """Sets the engine's fields, at the end. A given `createdAt` counts if it is ISO 8601."""
    for name in ("version", "createdAt", "updatedAt"):
        fields.pop(name, None)
    created = instant(given) if given != old.get("createdAt") else None
    created_at = old.get("createdAt", now) if created is None else given
    fields["version"] = old.get("version", 0) + 1
    fields["createdAt"] = created_at
    fields["updatedAt"] = now
    if created is None and not old:
        created = _moment(now)
    return Document(fields["id"], encode(fields, limit), fields, created)


def check_same_id(doc: dict[str, Any], doc_id: str) -> None:
    """Refuses a change that names another id than the document has.

    Raises:
        RequestError: `invalid_document`.
    """
    if "id" in doc and doc["id"] != doc_id:
        raise RequestError(
            f'The document "{doc_id}" cannot get another id',
            code="invalid_document",
            hint="Leave `id` out, or create a new document and delete this one.",
        )


def encode(fields: dict[str, Any], limit: int) -> bytes:
    """JSON text of a document.

    Raises:
        RequestError: `document_too_large`, or `invalid_document` for what JSON cannot hold.
    """
    try:
        text = orjson.dumps(fields)
    except TypeError as error:
        raise RequestError(
            f"The document cannot be stored as JSON: {error}",
            code="invalid_document",
            hint="Documents hold null, booleans, numbers, strings, arrays and objects, "
            "nested at most 250 deep.",
        ) from error
    if len(text) > limit:
        raise RequestError(
            f"The document has {len(text):,} bytes; {limit:,} are allowed",
            code="document_too_large",
            status=413,
            hint="Split it, or store large content as an asset and keep its path.",
        )
    return text


def select(text: bytes, paths: tuple[tuple[str, ...], ...]) -> bytes:
    """The document with only the named fields, and its id."""
    whole: dict[str, Any] = orjson.loads(text)
    chosen: dict[str, Any] = {"id": whole["id"]}
    for path in paths:
        _copy(whole, chosen, path)
    return orjson.dumps(chosen)


def _copy(source: dict[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    value = source.get(path[0])
    if len(path) == 1:
        if path[0] in source:
            target[path[0]] = value
    elif isinstance(value, dict):
        inner = target.setdefault(path[0], {})
        if inner is not value:
            _copy(value, inner, path[1:])
