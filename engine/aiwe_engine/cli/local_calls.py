"""Calls of the management API about a folder that no engine holds, asked as a running engine is."""

from __future__ import annotations

import getpass
import secrets
from typing import Any

import orjson

from aiwe_engine.errors import AiweError
from aiwe_engine.http.ask import Ask
from aiwe_engine.http.call import Answered, Calls, deed
from aiwe_engine.managers.audit import Audit
from aiwe_engine.routing.table import RouteTable
from aiwe_engine.types import Principal, Route


class LocalCalls:
    """Answers what the management API answers, without HTTP.

    Args:
        calls: who does it, by method and path.
        audit: told of what is done, as by a running engine.
    """

    def __init__(self, calls: Calls, audit: Audit) -> None:
        self._calls, self._audit = calls, audit
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
        ask, outcome = Ask(match.params, dict(query), body or {}, who), "internal_error"
        try:
            response = await call.handler(ask)
            outcome = "done"
        except AiweError as error:
            outcome = error.code
            raise
        finally:
            if method != "GET":
                self._audit.note(
                    deed(
                        match.route.handler, call, ask, _whole(path), outcome, secrets.token_hex(10)
                    )
                )
        return orjson.loads(response.body) if response.body else None


def _whole(path: str) -> str:
    """The path that a running engine would be asked."""
    return path if path.startswith("/editor/") else f"/aiwe/api{path}"
