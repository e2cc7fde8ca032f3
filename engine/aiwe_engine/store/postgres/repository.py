"""The data calls of one scope, by what is declared at the time.

Another process may declare something else of a collection while a call is under way here. Then it is done
again by that: the caller's guard may be another.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiwe_engine.store.postgres.failure import Stale
from aiwe_engine.store.repository import Repository

Args = ParamSpec("Args")
Answer = TypeVar("Answer")
Call = Callable[Concatenate[Repository, Args], Coroutine[Any, Any, Answer]]


def _anew(call: Call[Args, Answer]) -> Call[Args, Answer]:
    """The call, done again where another process has declared something else meanwhile."""

    @wraps(call)
    async def done(self: Repository, /, *args: Args.args, **named: Args.kwargs) -> Answer:
        while True:
            try:
                return await call(self, *args, **named)
            except Stale:
                continue

    return done


class PostgresRepository(Repository):
    """The data calls of one scope, by what is declared now."""

    __slots__ = ()

    create = _anew(Repository.create)
    get = _anew(Repository.get)
    query = _anew(Repository.query)
    count = _anew(Repository.count)
    update = _anew(Repository.update)
    replace = _anew(Repository.replace)
    upsert = _anew(Repository.upsert)
    modify = _anew(Repository.modify)
    delete = _anew(Repository.delete)
    delete_many = _anew(Repository.delete_many)
