"""One request to the management routes, read: its parameters, its query and its JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.http.arrival import Message
from aiwe_engine.types import Principal

T = TypeVar("T")

_NAMES: dict[type, str] = {str: "a string", bool: "true or false", int: "a number", list: "a list"}


@dataclass(slots=True)
class Ask:
    """What was asked.

    Each reader raises RequestError `invalid_input`, naming the field, for a value of another type.
    """

    params: Mapping[str, str]
    query: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    who: Principal = field(default_factory=lambda: Principal("nobody"))

    def need(self, name: str, kind: type[T]) -> T:
        """A field of the body that must be there."""
        value = self.body.get(name)
        if type(value) is not kind:
            raise invalid(name, f"must be {_NAMES[kind]}")
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """A field of the body that may be missing or null."""
        return None if self.body.get(name) is None else self.need(name, kind)

    def texts(self, name: str) -> list[str]:
        """A field of the body that is a list of strings."""
        values = self.need(name, list)
        if not all(isinstance(value, str) for value in values):
            raise invalid(name, "must be a list of strings")
        return values

    def number(self, name: str, default: int, *, most: int) -> int:
        """A number of the query, from 0 to `most`."""
        text = self.query.get(name, str(default))
        if (
            not text.isascii()
            or not text.isdigit()
            or len(text) > len(str(most))
            or int(text) > most
        ):
            raise invalid(name, f"must be a number from 0 to {most}")
        return int(text)


def query_of(scope: Message) -> dict[str, str]:
    """The query's fields; of those that stand in it twice, the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1")))


def read_body(content_type: str, body: bytes) -> dict[str, Any]:
    """The body's fields.

    Raises:
        RequestError: `json_only` (415), `invalid_json`, or `invalid_input` where it is no object.
    """
    if not body:
        return {}
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(
            "The management routes take JSON only.",
            code="json_only",
            status=415,
            hint="Send Content-Type: application/json.",
        )
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            f"The body is not JSON: {error.msg}.", code="invalid_json", hint="Send JSON text."
        ) from None
    if not isinstance(value, dict):
        raise invalid("", "must be an object")
    return value


def invalid(path: str, message: str) -> RequestError:
    """`invalid_input` for one field; "" is the body itself."""
    return RequestError(
        f'"{path}" {message}.' if path else f"The body {message}.",
        code="invalid_input",
        hint="docs/management.md lists the fields.",
        details=[{"path": path, "message": message}],
    )
