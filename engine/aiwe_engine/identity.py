"""Who sends a request: the one place where credentials of an app's users are looked at.

    session cookie → visit → account → User

A credential that is not valid, or not any more, makes nobody of its sender: what a guest may do, they
may do. Accounts are read for each request, so that what is revoked is revoked at once.
"""

from __future__ import annotations

from aiwe_engine.people.directory import Directory
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, User, Visit
from aiwe_engine.visits import Visits, brings_cookies


class Identity:
    """Tells who sends a request.

    Args:
        visits: the sessions of visitors.
        directory: the accounts.
    """

    def __init__(self, visits: Visits, directory: Directory) -> None:
        self._visits, self._directory = visits, directory

    async def find(
        self, scope: Scope, settings: Settings, request: Request, *, session: bool
    ) -> tuple[Visit | None, User | None]:
        """The visit that a request belongs to, and the person who sends it.

        Args:
            scope: app and environment.
            settings: those of the app.
            request: loses the cookie of its session.
            session: the app wants to know of the visit, whether or not there is one yet.
        """
        came = brings_cookies(request)
        if not came and not session:
            return None, None
        visit = await self._visits.find(scope, settings, request)
        return visit, await self._visitor(scope, visit)

    async def _visitor(self, scope: Scope, visit: Visit) -> User | None:
        if visit.user is None:
            return None
        person = await self._directory.find(scope, visit.user)
        if person is None or person.disabled or person.epoch != visit.epoch:
            await self._visits.end(scope, visit)  # all of it: what it holds was theirs
            return None
        return person.user(visit.via)
