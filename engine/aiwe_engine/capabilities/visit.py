"""`req.session.destroy()`: the one thing of a session that is not done with the answer.

What a handler sets and deletes comes with its answer and is kept by `visits`; a session that is
destroyed must be gone before the handler goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiwe_engine.protocols import Method, Scope
from aiwe_engine.types import Invocation
from aiwe_engine.visits import Visits


class SessionCalls:
    """The host half of `req.session`; `runtime/js/visit.ts` is the other.

    Args:
        visits: the sessions.
    """

    name = "session"
    methods: Mapping[str, Method] = {"destroy": Method(write=True, outside=True)}

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> None:  # noqa: ARG002
        """Ends the session of the invocation, if it has one."""
        if invocation.visit is not None:
            scope = Scope(invocation.app, invocation.env)
            await self._visits.end(scope, invocation.visit)
