"""The management routes below `/data`: what lies in the collections of an app."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson

from aiwe_engine.http.ask import Ask, invalid
from aiwe_engine.http.call import About, Answered, Calls
from aiwe_engine.http.refusal import JSON
from aiwe_engine.protocols import DataManagement
from aiwe_engine.types import Json, Response

T = TypeVar("T", dict[str, Any], list[Any])

MOST = {"limit": 1000, "offset": 1_000_000_000}
_DEFAULT = 50


class DataRoutes:
    """Reads a request, asks, and writes the answer.

    Args:
        data: who knows.

    Attributes:
        calls: what can be asked, by method and path below the management API.
    """

    def __init__(self, data: DataManagement) -> None:
        self._data = data
        self.calls: Calls = {
            "GET /data/:app": Answered("data.read", About.PATH, self._collections),
            "GET /data/:app/:collection": Answered("data.read", About.PATH, self._page),
            "GET /data/:app/:collection/:id": Answered("data.read", About.PATH, self._document),
            "POST /data/:app/sql": Answered("data.read", About.PATH, self._sql, quiet=True),
        }

    async def _collections(self, ask: Ask) -> Response:
        latest = ask.query.get("latest") == "true"
        found = await self._data.collections(ask.params["app"], latest=latest)
        return _json({"collections": found})

    async def _page(self, ask: Ask) -> Response:
        where = _json_of("where", ask.query.get("where") or "{}", dict)
        options: dict[str, Json] = {}
        for name in ("limit", "offset"):
            if name in ask.query:
                options[name] = ask.number(name, 0, most=MOST[name])
        for name in ("cursor", "sort"):
            if text := ask.query.get(name):
                options[name] = _json_of(name, text, dict) if text.startswith("{") else text
        if text := ask.query.get("fields"):
            options["fields"] = _json_of("fields", text, list)
        if "limit" not in options and "limit" not in where:
            options["limit"] = _DEFAULT
        return _json(
            await self._data.page(ask.params["app"], ask.params["collection"], where, options)
        )

    async def _document(self, ask: Ask) -> Response:
        params = ask.params
        text = await self._data.document(params["app"], params["collection"], params["id"])
        return _json(orjson.Fragment(text))

    async def _sql(self, ask: Ask) -> Response:
        texts, values = ask.texts("texts"), ask.maybe("values", list) or []
        if len(texts) != len(values) + 1:
            raise invalid("texts", "must be the pieces of the statement, one more than values")
        table = await self._data.sql(ask.params["app"], texts, values)
        return _json({"columns": table.columns, "types": table.types, "rows": table.rows})


def _json_of(name: str, text: str, kind: type[T]) -> T:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise invalid(name, f"is not JSON: {error.msg}") from None
    if not isinstance(value, kind):
        raise invalid(name, "must be an object" if kind is dict else "must be a list")
    return value


def _json(value: Any) -> Response:
    return Response(200, [JSON, ("cache-control", "no-store")], orjson.dumps(value))
