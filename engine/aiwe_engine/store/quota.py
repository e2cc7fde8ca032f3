"""How many bytes of documents each app keeps in each environment, and when that is enough.

A store counts an app's documents once, before its first write, and keeps the number by what its
changes do. A change that would bring an app over its limit fails alone; one that makes its documents
fewer or smaller always goes. What is declared of collections counts as well. What the engine itself
keeps for an app, such as its people, does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from aiwe_engine.errors import EngineError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings

Owner: TypeAlias = tuple[str, str]  # app and environment


class Quota:
    """What every app holds. Used from one thread, the one that writes."""

    def __init__(self) -> None:
        #: Bytes that an app may keep in each environment; 0: any number.
        self.limit_of: Callable[[str], int] = lambda _app: 0
        self._held: dict[Owner, int] = {}
        self._meanwhile: dict[Owner, int] = {}  # what came while it was counted

    def follow(self, settings_of: Callable[[str], Settings]) -> None:
        """Takes the limits that the settings of apps say, as they are at the time."""

        def limit_of(app: str) -> int:
            settings = settings_of(app)
            return settings.data_app_limit

        self.limit_of = limit_of

    def wants_count(self, scope: Scope) -> bool:
        """Whether it must be counted what an app holds before it writes."""
        if owner_of(scope) in self._held or scope.app.startswith("~"):
            return False
        return self.limit_of(scope.app) > 0

    def begin_count(self, owner: Owner) -> None:
        """From now on what is added counts besides what will have been found."""
        self._meanwhile[owner] = 0

    def end_count(self, owner: Owner, size: int) -> None:
        """Takes what was found."""
        self._held[owner] = size + max(self._meanwhile.pop(owner, 0), 0)

    def check(self, owner: Owner, growth: int) -> None:
        """Lets something be added.

        Raises:
            EngineError: `storage_full` (507).
        """
        held = self._held.get(owner)
        if growth <= 0 or held is None:
            return
        limit = self.limit_of(owner[0])
        if 0 < limit < held + growth:
            raise EngineError(
                f"The documents of this app would be more than {limit:,} bytes.",
                code="storage_full",
                status=507,
                hint="Delete documents that are not needed, or raise data.app_limit.",
            )

    def add(self, owner: Owner, growth: int) -> None:
        """What was done is durable."""
        if owner in self._held:
            self._held[owner] += growth
        if owner in self._meanwhile:
            self._meanwhile[owner] += growth

    def forget(self, owner: Owner) -> None:
        """Nobody knows any more: it is counted anew."""
        self._held.pop(owner, None)


class Account:
    """What one transaction adds, until it ends."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._grown: dict[Owner, int] = {}
        self._is_reserved = False

    def take(self, scope: Scope, growth: int) -> None:
        """Counts what a change does.

        Raises:
            EngineError: `storage_full`: it is one too many, and does not count.
        """
        owner = owner_of(scope)
        grown = self._grown.get(owner, 0)
        if growth > 0:
            self._quota.check(owner, grown + growth)
        self._grown[owner] = grown + growth

    def reserve(self) -> None:
        """Adds all of it before it is durable, where others add meanwhile.

        Raises:
            EngineError: `storage_full`.
        """
        for owner, grown in self._grown.items():
            self._quota.check(owner, grown)
        self.commit()
        self._is_reserved = True

    def commit(self) -> None:
        """All of it is durable."""
        for owner, grown in self._grown.items():
            self._quota.add(owner, grown)

    def release(self) -> None:
        """What was reserved has not happened."""
        if self._is_reserved:
            self._is_reserved = False
            for owner, grown in self._grown.items():
                self._quota.add(owner, -grown)

    def fail(self) -> None:
        """It may be there or not."""
        for owner in self._grown:
            self._quota.forget(owner)


def is_full(error: BaseException) -> bool:
    """Whether an app would keep more than it may: others came first."""
    return isinstance(error, EngineError) and error.code == "storage_full"


def owner_of(scope: Scope) -> Owner:
    """Whose documents they are."""
    return scope.app, scope.env
