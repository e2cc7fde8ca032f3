"""`Auth`: people of an app register, come in, leave, and get roles.

Checks what a program passes, names the mistake, and asks `people`. Who comes in or leaves is from that
moment the caller of the invocation, for whom data is asked.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from aiwe_engine.csrf import cross_site, refuse_crossing
from aiwe_engine.errors import ProgramError, RequestError
from aiwe_engine.logs import Log
from aiwe_engine.people.accounts import Accounts, Origin
from aiwe_engine.people.tokens import Tokens
from aiwe_engine.protocols import Method, Scope
from aiwe_engine.rates.limits import Rates
from aiwe_engine.rates.subjects import address
from aiwe_engine.settings import Settings
from aiwe_engine.types import ANONYMOUS, Caller, Invocation, Json, Request, User, Visit
from aiwe_engine.visits import Visits, know_device

_ADMIN = "admin"
_REGISTERED = "auth.register"  # in the place of a route, for the counters of registrations
_LONGEST_WAIT = 30.0  # seconds of one invocation that do not count
_MOST_TOLD = 1_000  # versions of which it is known what was told
# Who is not signed in by the app: what they are told who want to log out of it.
_ELSEWHERE: dict[str, tuple[str, str]] = {
    "api_key": ("Who comes with an API key", "To end the key, call Auth.revokeApiKey(id)."),
    "jupyter": ("Who comes by Jupyter's login", "Log out of Jupyter."),
}
_READ, _WRITE = Method(), Method(write=True, outside=True)
_PRIVATE = Method(write=True, outside=True, private=True)


class Auth:
    """The host half of `Auth`; `js/auth.ts` is the other.

    Args:
        accounts: what happens with accounts.
        visits: the sessions of visitors.
        settings_of: tells the settings of an app.
        log: where a program is told what it may not have meant.
        tokens: one that somebody came with ends with their logout.
        rates: counts registrations.
    """

    name = "auth"
    methods: Mapping[str, Method] = {
        "register": _PRIVATE,
        "login": _PRIVATE,
        "logout": _WRITE,
        "changePassword": _PRIVATE,
        "setRoles": _WRITE,
        "users": _READ,
    }

    def __init__(
        self,
        accounts: Accounts,
        visits: Visits,
        settings_of: Callable[[str], Settings],
        log: Log,
        tokens: Tokens,
        rates: Rates,
    ) -> None:
        self._accounts, self._visits, self._settings_of = accounts, visits, settings_of
        self._rates = rates
        self._log, self._tokens = log, tokens
        self._told: set[tuple[str, ...]] = set()
        self._do: dict[str, Callable[[Invocation, list[Any]], Awaitable[Any]]] = {
            "register": self._register,
            "login": self._login,
            "logout": self._logout,
            "changePassword": self._change_password,
            "setRoles": self._set_roles,
            "users": self._users,
        }

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Any:
        """Runs one method of `Auth`."""
        return await self._do[method](invocation, [*args, *[None] * 3])

    async def _register(self, invocation: Invocation, args: list[Any]) -> Json | User:
        username = _text("register", "a username", args[0])
        password = _text("register", "a password", args[1])
        profile = args[2] if args[2] is not None else {}
        if not isinstance(profile, dict):
            raise _invalid("register", "an object as its profile", profile)
        scope = _scope(invocation)
        with _deadline_off(invocation):
            person, left = await self._accounts.register(
                scope,
                username,
                password,
                profile,
                address=_origin(invocation).address,
                admit=lambda: self._admit(invocation),
            )
        self._tell_left(invocation, left)
        return person.user("session")

    async def _admit(self, invocation: Invocation) -> None:
        """Counts an account that is to be made for the address that asks; where no request asks, none is.

        Raises:
            RequestError: `rate_limited`, with Retry-After.
        """
        settings = self._settings_of(invocation.app)
        rule = settings.auth_registrations
        if rule and invocation.request is not None:
            place = (invocation.app, invocation.env, _REGISTERED)
            asked = Request("", "", client=invocation.request.client)
            await self._rates.admit(place, (rule,), "", asked)

    async def _users(self, invocation: Invocation, args: list[Any]) -> Any:
        users, cursor = await self._accounts.query(_scope(invocation), args[0], args[1])
        return users if cursor is None else {"page": users, "cursor": cursor}

    def _tell_once(self, invocation: Invocation, what: str, text: str) -> None:
        """Warns the author, once for each version of the app."""
        key = (*_owner(invocation), what)
        if key not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(key)
            self._log.program(invocation, "warn", text, _owner(invocation))

    def _tell_not_kept(self, invocation: Invocation) -> None:
        text = (
            "Auth.login was called where browsers keep no cookies: the next request will not know who signed "
            "in. Open the app at an address of its own."
        )
        self._tell_once(invocation, "kept", text)

    def _tell_unguarded(self, invocation: Invocation) -> None:
        """Says in dev that somebody gives roles who is no administrator."""
        user, request = invocation.user, invocation.request
        if (
            invocation.env != "dev"
            or request is None
            or (user is not None and _ADMIN in user.roles)
        ):
            return
        who = f"{user.username}, who has not the role admin" if user is not None else "a stranger"
        text = (
            f"Auth.setRoles was called for {who} ({request.method} {request.path}). Who gives roles can give "
            'them to themselves: guard the route with .require("admin").'
        )
        self._tell_once(invocation, f"roles {request.path}", text)

    def _tell_left(self, invocation: Invocation, left: list[str]) -> None:
        """Says in dev which fields of a profile were not taken over."""
        if left and invocation.env == "dev":
            names = ", ".join(name[:40] for name in left[:10])
            text = (
                f"Auth.register left out of the profile: {names}. Who registers writes their profile: it gives "
                "no rights, and holds no password. Auth.setRoles gives roles."
            )
            self._log.program(invocation, "warn", text, _owner(invocation))

    async def _login(self, invocation: Invocation, args: list[Any]) -> Any:
        username = _text("login", "a username", args[0])
        password = _text("login", "a password", args[1])
        if invocation.request is None:
            raise _no_request("login")
        scope, settings = _scope(invocation), self._settings_of(invocation.app)
        if cross_site(invocation.request, settings):
            raise refuse_crossing()  # a page that signs people in as somebody else would read what they do
        visit = _visit(invocation)
        origin = _origin(invocation)
        with _deadline_off(invocation):
            person = await self._accounts.check(scope, username, password, origin)
        know_device(visit, await self._accounts.remember(scope, person.id, origin))
        if not visit.kept:
            self._tell_not_kept(invocation)
        fresh = visit.user not in {None, person.id}
        if fresh:
            await self._visits.end(scope, visit)  # what was another person's is not theirs
        ends = await self._visits.sign_in(
            scope, settings, visit, person.id, person.epoch, "session"
        )
        user = person.user("session")
        _become(invocation, user)
        return {"user": user, "expiresAt": _iso(ends), "fresh": fresh}

    async def _logout(self, invocation: Invocation, args: list[Any]) -> None:  # noqa: ARG002
        if invocation.request is None:
            raise _no_request("logout")
        user = invocation.user
        if user is not None and user.via in _ELSEWHERE:
            raise _no_logout(*_ELSEWHERE[user.via])
        _become(invocation, None)
        if user is not None and user.via == "jwt":
            await self._tokens.revoke(_scope(invocation), user.claims)
            if invocation.visit is None or invocation.visit.key is None:
                return  # there is no session beside it
        await self._visits.end(_scope(invocation), _visit(invocation))

    async def _change_password(self, invocation: Invocation, args: list[Any]) -> None:
        current = _text("changePassword", "the current password", args[0])
        following = _text("changePassword", "the next password", args[1])
        user = invocation.user
        if user is None:
            raise not_authenticated()
        scope, settings = _scope(invocation), self._settings_of(invocation.app)
        with _deadline_off(invocation):
            person = await self._accounts.change_password(
                scope, user.id, current, following, _origin(invocation)
            )
        visit = _visit(invocation)
        if visit.user == person.id:
            await self._visits.sign_in(scope, settings, visit, person.id, person.epoch, visit.via)

    async def _set_roles(self, invocation: Invocation, args: list[Any]) -> User:
        person_id = _text("setRoles", "a user's id", args[0])
        roles = args[1]
        if not isinstance(roles, list) or not all(isinstance(one, str) for one in roles):
            raise _invalid("setRoles", "a list of names of roles", roles)
        self._tell_unguarded(invocation)
        person = await self._accounts.set_roles(_scope(invocation), person_id, roles)
        return person.user("session")


def not_authenticated() -> RequestError:
    """The refusal of somebody whom nobody knows."""
    return RequestError(
        "This is for people who are signed in.",
        code="not_authenticated",
        status=401,
        hint="Sign in first: Auth.login(username, password) begins a session.",
    )


@contextmanager
def _deadline_off(invocation: Invocation) -> Iterator[None]:
    """Puts a deadline off while passwords are compared: how long others wait before is not the handler's doing."""
    room, began = max(0.0, _LONGEST_WAIT - invocation.waited), time.monotonic()
    if invocation.deadline is not None:
        invocation.deadline += room
    try:
        yield
    finally:
        waited = min(room, time.monotonic() - began)
        invocation.waited += waited
        if invocation.deadline is not None:
            invocation.deadline -= room - waited


def _become(invocation: Invocation, user: User | None) -> None:
    """Makes somebody, or nobody, the one for whom an invocation works."""
    invocation.user = user
    invocation.caller = Caller(user.id, user.tenant) if user is not None else ANONYMOUS


def _scope(invocation: Invocation) -> Scope:
    return Scope(invocation.app, invocation.env)


def _owner(invocation: Invocation) -> tuple[str, str, str]:
    return invocation.app, invocation.env, invocation.version


def _visit(invocation: Invocation) -> Visit:
    """The visit of a request, which has one where its program may sign somebody in."""
    request = invocation.request
    if invocation.visit is None:
        assert request is not None
        invocation.visit = Visit(kept=request.keeps_cookies, secure=request.scheme == "https")
    return invocation.visit


def _origin(invocation: Invocation) -> Origin:
    request, visit = invocation.request, invocation.visit
    client = request.client if request is not None else ""
    return Origin(address(client), visit.device if visit is not None else None)


def _iso(seconds: float) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _text(method: str, wanted: str, given: Any) -> str:
    if isinstance(given, str):
        return given
    raise _invalid(method, wanted, given)


def _invalid(method: str, wanted: str, given: Any) -> RequestError:
    got = {type(None): "nothing", list: "a list", dict: "an object", bool: "true or false"}
    return RequestError(
        f"Auth.{method} needs {wanted}.",
        code="invalid_argument",
        status=400,
        hint=f"It got {got.get(type(given), 'a number' if isinstance(given, int | float) else 'a text')} there. "
        "Check what the request brought, or describe the route's input.",
    )


def _no_logout(who: str, hint: str) -> RequestError:
    return RequestError(
        f"{who} is not signed in, and cannot log out.", code="cannot_log_out", hint=hint
    )


def _no_request(method: str) -> ProgramError:
    return ProgramError(
        f"Auth.{method} was called where no request is answered, so there is no browser to tell.",
        code="no_request",
        status=400,
        hint="Call it in a handler; in a notebook, a %%http cell sends the request.",
    )
