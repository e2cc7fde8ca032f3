"""Who sends a request: the one place where credentials of an app's users are looked at.

    X-API-Key, Authorization: Bearer → key or token → account → User
    session cookie                   → visit        → account → User
    Jupyter's own login              → what its server says   → User

A credential that is not valid, or not any more, makes nobody of its sender: what a guest may do, they
may do. Accounts are read for each request, so that what is revoked is revoked at once. A header that holds
a token or a key of this app decides, whatever cookie comes with it; what else stands there is the program's
own business. Whom Jupyter knows comes last, and only by the address that Jupyter answers at. Nothing is ever
taken from the query, which ends up in logs and histories.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiwe_engine.people.api_keys import PREFIX, ApiKeys
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.tokens import InvalidToken, Tokens
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, User, Visit
from aiwe_engine.visits import OURS, Visits

_CARRIERS = frozenset({"authorization", "x-api-key"})
_BEARER = "bearer "


class Identity:
    """Tells who sends a request.

    Args:
        visits: the sessions of visitors.
        directory: the accounts.
        tokens: those that people come with.
        api_keys: theirs.
    """

    def __init__(
        self, visits: Visits, directory: Directory, tokens: Tokens, api_keys: ApiKeys
    ) -> None:
        self._visits, self._directory = visits, directory
        self._tokens, self._api_keys = tokens, api_keys

    async def find(
        self, scope: Scope, settings: Settings, request: Request, *, session: bool
    ) -> tuple[Visit | None, User | None]:
        """The visit that a request belongs to, and the person who sends it.

        Args:
            scope: app and environment.
            settings: those of the app.
            request: loses the cookie of its session; its `refused` becomes what is wrong with a token of ours.
            session: the app wants to know of the visit, whether or not there is one yet.
        """
        wanted, carried = session, False
        for name, value in request.headers:
            if name == "cookie" and OURS in value:
                wanted = True
            elif name in _CARRIERS:
                carried = True
        visit = user = None
        if wanted:
            visit = await self._visits.find(scope, settings, request)
            user = await self._visitor(scope, visit)
        if carried:
            decided, bearer = await self._bearer(scope, settings, request)
            if decided:
                return visit, bearer
        return visit, user or request.known

    async def _bearer(
        self, scope: Scope, settings: Settings, request: Request
    ) -> tuple[bool, User | None]:
        """Whether a header holds a token or a key of ours, and whose it is."""
        try:
            for given in _given(request.headers):
                if given.startswith(PREFIX):
                    user = await self._api_keys.owner(scope, given)
                else:
                    user = await self._tokens.owner(scope, settings, given)
                if user is not None:
                    return True, user
        except InvalidToken as error:
            request.refused = str(error)
            return True, None
        return False, None

    async def _visitor(self, scope: Scope, visit: Visit) -> User | None:
        if visit.user is None:
            return None
        person = await self._directory.find(scope, visit.user)
        if person is None or person.disabled or person.epoch != visit.epoch:
            await self._visits.end(scope, visit)  # all of it: what it holds was theirs
            return None
        return person.user(visit.via)


def _given(headers: Iterable[tuple[str, str]]) -> list[str]:
    """What may be a token or a key, in the order in which it is looked at."""
    keys, bearers = [], []
    for name, value in headers:
        if name == "x-api-key":
            keys.append(value.strip())
        elif name == "authorization" and value[: len(_BEARER)].lower() == _BEARER:
            bearers.append(value[len(_BEARER) :].strip())
    if len(keys) > 1 or len(bearers) > 1:
        raise InvalidToken("There are several tokens or keys where one is meant.")
    return [given for given in (*keys, *bearers) if given]
