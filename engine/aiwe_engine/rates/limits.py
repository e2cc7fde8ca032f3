"""Counting a request against the rules of its route, and what the caller is told of it.

The window moves: there are never more than N calls in the last minute, so nobody doubles a limit
around the turn of one. A call counts only where every rule has room for it; one that is refused
costs nothing. Counters belong to an app, an environment, a route and a subject, not to a version:
they outlive a deployment.

Who is signed in counts as the person they are, whatever address they come from; an API key of this app
counts as itself where a rule says `per key`. Any other key is only a claim, and the program's to check: a
rule without `per` counts that key *and* the address, so that nobody gets further by making keys up; a rule
`per key` counts it, and allows one address what ten keys may do.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit`, `RateLimit-Policy`)
and, for clients that know only these, `RateLimit-Limit`, `-Remaining` and `-Reset` of its earlier
editions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from aiwe_engine.errors import RequestError
from aiwe_engine.rates import subjects
from aiwe_engine.rates.rule import Rule, parse
from aiwe_engine.types import Request, User

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter

    from aiwe_engine.rates.windows import Windows

Header = tuple[str, str]
Place = tuple[str, str, str]

KEYS_OF_AN_ADDRESS = 10
_MOST_PLANS = 4096
_EVERY_ROUTE = "*"  # in the place of a route's name, which has a method in it


class RateLimited(RequestError):
    """The caller has called as often as it may; the headers say when it may again."""

    code = "rate_limited"
    status = 429


@dataclass(frozen=True, slots=True)
class _Clause:
    """One rule, ready to be counted."""

    rule: Rule
    name: str  # in the headers
    amount: str
    place: str  # what its counters belong to, before the subject
    item: RateLimitItem
    of_keys: RateLimitItem  # for all keys of one address together


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the requests of one route are counted against."""

    clauses: tuple[_Clause, ...]
    asks_key: bool
    policy: str  # the value of RateLimit-Policy


class _State(NamedTuple):
    """How a counter stands."""

    left: int  # calls
    wait: int  # seconds until its oldest call is forgotten
    clause: _Clause


class Rates:
    """The counters of one engine.

    Args:
        subjects: how many there may be.
        clock: seconds since the epoch; one that is never set back where none is given.
    """

    def __init__(self, subjects: int, clock: Callable[[], float] | None = None) -> None:
        self._subjects = subjects
        self._clock = clock or steady()
        self._windows: Windows | None = None
        self._plans: dict[tuple[Any, ...], _Plan] = {}
        self._limiter: MovingWindowRateLimiter

    def __len__(self) -> int:
        return len(self._windows) if self._windows is not None else 0

    async def admit(
        self,
        place: Place,
        own: Sequence[str],
        general: str,
        request: Request,
        user: User | None = None,
    ) -> list[Header]:
        """Counts a request; the headers for its answer.

        Args:
            place: app, environment, and a name of the route that stays from version to version.
            own: the rules of the route.
            general: the rules of the app for all its routes together; empty where it has none.
            request: that is counted.
            user: who sends it, where that is known.

        Raises:
            RateLimited: a rule has no room for it; nothing was counted.
        """
        if self._windows is None:
            self._start()
        key = (place, general, *own)
        plan = self._plans.get(key) or self._planned(key, place, general, own)
        counters = _counters(plan, request, user)
        limiter, clock = self._limiter, self._clock
        states = []
        for clause, item, subject in counters:
            reset, left = await limiter.get_window_stats(item, subject)
            states.append(_State(left, max(1, math.ceil(reset - clock())), clause))
        nearest = states[0] if len(states) == 1 else min(states, key=_left)
        if nearest.left < 1:
            raise _refusal(plan, max((state for state in states if state.left < 1), key=_wait))
        for clause, item, subject in counters:
            if not await limiter.hit(item, subject):
                # Another engine was quicker, on a storage that they share.
                raise _refusal(plan, _State(0, 1, clause))
        return _headers(plan, nearest, nearest.left - 1)

    @staticmethod
    def warm() -> None:
        """Imports the library ahead of the first request; costs a tenth of a second of any thread.

        By the one module that imports it: two threads that come to it by different ways would wait
        for each other.
        """
        import aiwe_engine.rates.windows  # noqa: F401

    def _start(self) -> None:
        from aiwe_engine.rates.windows import Windows, limiter

        self._windows = Windows(self._subjects, self._clock)
        self._limiter = limiter(self._windows)

    def _planned(
        self, key: tuple[Any, ...], place: Place, general: str, own: Sequence[str]
    ) -> _Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[key] = _plan(place, general, own)
        return plan


_left = attrgetter("left")
_wait = attrgetter("wait")


def steady() -> Callable[[], float]:
    """A clock of seconds since the epoch that is never set back."""
    since = time.time() - time.monotonic()
    return lambda: since + time.monotonic()


def _plan(place: Place, general: str, own: Sequence[str]) -> _Plan:
    app, env, route = place
    clauses = [
        _clause(rule, str(rule), f"{app}/{env}/{route}") for text in own for rule in parse(text)
    ]
    if general:
        whole = f"{app}/{env}/{_EVERY_ROUTE}"
        clauses += [_clause(rule, f"{rule}, all routes", whole) for rule in parse(general)]
    policy = ", ".join(f'"{c.name}";q={c.rule.amount};w={c.rule.seconds}' for c in clauses)
    asks_key = any(clause.rule.per in ("", "key") for clause in clauses)
    return _Plan(tuple(clauses), asks_key, policy)


def _clause(rule: Rule, name: str, place: str) -> _Clause:
    from aiwe_engine.rates.windows import item

    window = f"{rule.every} {rule.unit}"
    return _Clause(
        rule,
        name,
        str(rule.amount),
        f"{place} per {rule.per}",
        item(f"{rule.amount} per {window}"),
        of_keys=item(f"{rule.amount * KEYS_OF_AN_ADDRESS} per {window}"),
    )


def _counters(
    plan: _Plan, request: Request, user: User | None
) -> list[tuple[_Clause, RateLimitItem, str]]:
    """What a request adds to, each with its limit; the head of this file says why these."""
    address = subjects.address(request.client)
    if user is not None:
        known = {"address": address, "key": subjects.proven(user)}
        person = subjects.person(user)
        return [
            (clause, clause.item, f"{clause.place} {known.get(clause.rule.per, person)}")
            for clause in plan.clauses
        ]
    key = subjects.key(request.headers) if plan.asks_key else None
    if key is None:
        return [(clause, clause.item, f"{clause.place} {address}") for clause in plan.clauses]
    counters = []
    for clause in plan.clauses:
        per = clause.rule.per
        limit = clause.of_keys if per == "key" else clause.item
        counters.append((clause, limit, f"{clause.place} {address}"))
        if per in ("", "key"):
            counters.append((clause, clause.item, f"{clause.place} #{key}"))
    return counters


def _headers(plan: _Plan, state: _State, left: int) -> list[Header]:
    clause = state.clause
    wait, remaining = str(state.wait), str(left)
    return [
        ("ratelimit-policy", plan.policy),
        ("ratelimit", f'"{clause.name}";r={remaining};t={wait}'),
        ("ratelimit-limit", clause.amount),
        ("ratelimit-remaining", remaining),
        ("ratelimit-reset", wait),
    ]


def _refusal(plan: _Plan, state: _State) -> RateLimited:
    rule, wait = state.clause.rule, state.wait
    span = f"{rule.every} {rule.unit}s" if rule.every > 1 else f"one {rule.unit}"
    seconds = "1 second" if wait == 1 else f"{wait} seconds"
    error = RateLimited(
        f"Too many requests: the limit is {rule.amount:,} in {span}.",
        hint=f"Wait {seconds} (Retry-After), then go on more slowly; "
        "RateLimit-Remaining says how many requests are left.",
        details={
            "retry_after": wait
        },  # a header of it is made again where it comes out of a program
    )
    error.headers = [("retry-after", str(wait)), *_headers(plan, state, 0)]
    return error
