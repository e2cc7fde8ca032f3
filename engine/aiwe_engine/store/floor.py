"""The floor: other writes of an app and environment wait while one transaction is at work.

A transaction that only takes notes loses whenever somebody else is quicker, and a long one beside many
short writes would lose for ever. One that has lost before gets the floor: what is written meanwhile
is kept back, in order, until its commit has its place. That is bounded in time; then all goes on.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, get_running_loop
from collections.abc import Callable
from typing import Any, TypeAlias

from aiwe_engine.protocols import Scope
from aiwe_engine.store.changes import Change, Result

Submit: TypeAlias = Callable[[Change[Any], "Future[Any]"], None]

HOLD = 0.5  # seconds


class Floor:
    """The right of one transaction to write before everybody else."""

    def __init__(self, floors: Floors, place: tuple[str, str]) -> None:
        self._floors, self._place = floors, place
        self._waiting: list[tuple[Change[Any], Future[Any]]] = []
        self._timer: asyncio.TimerHandle = get_running_loop().call_later(HOLD, self.leave)

    def wait(self, change: Change[Result]) -> Future[Result]:
        """Keeps somebody else's change back."""
        future: Future[Result] = get_running_loop().create_future()
        self._waiting.append((change, future))
        return future

    def end(self, change: Change[Result]) -> Future[Result]:
        """The transaction's own commit; what has waited comes right after it."""
        future: Future[Result] = get_running_loop().create_future()
        self._floors.submit(change, future)
        self.leave()
        return future

    def leave(self) -> None:
        """Lets everybody go on. May be called more than once."""
        self._timer.cancel()
        self._floors.forget(self._place, self)
        waiting, self._waiting = self._waiting, []
        for change, future in waiting:
            self._floors.submit(change, future)


class Floors:
    """Who has the floor, by app and environment.

    Args:
        submit: gives a change its place in the order of writes.
    """

    def __init__(self, submit: Submit) -> None:
        self.submit = submit
        self._floors: dict[tuple[str, str], Floor] = {}

    def of(self, scope: Scope) -> Floor | None:
        """For whom the writes of a scope must wait."""
        return self._floors.get((scope.app, scope.env)) if self._floors else None

    def take(self, scope: Scope) -> Floor | None:
        """The floor, if nobody has it."""
        place = (scope.app, scope.env)
        if place in self._floors:
            return None
        floor = self._floors[place] = Floor(self, place)
        return floor

    def forget(self, place: tuple[str, str], floor: Floor) -> None:
        """It has been left."""
        if self._floors.get(place) is floor:
            del self._floors[place]

    def close(self) -> None:
        """Everybody goes on."""
        for floor in list(self._floors.values()):
            floor.leave()
