"""Calls of the management API about a folder that no engine holds, asked as a running engine is."""

from __future__ import annotations

import getpass
from typing import Any

import orjson

from aiwe_engine.http.ask import Ask
from aiwe_engine.http.call import Answered, Calls
from aiwe_engine.routing.table import RouteTable
from aiwe_engine.types import Principal, Route


class LocalCalls:
    """Answers what the management API answers, without HTTP.

    Args:
        calls: who does it, by method and path.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        lines = [line.split(" ") for line in calls]
        self._table = RouteTable(Route(method, path, f"{method} {path}") for method, path in lines)

    async def ask(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The answer to a call; None where it has no body.

        Raises:
            AiweError: what the call refuses.
        """
        match = self._table.match(method, path)
        call = self._calls[match.route.handler]
        assert isinstance(call, Answered)
        who = Principal(getpass.getuser(), frozenset({"admin"}))
        response = await call.handler(Ask(match.params, dict(query), body or {}, who))
        return orjson.loads(response.body) if response.body else None
