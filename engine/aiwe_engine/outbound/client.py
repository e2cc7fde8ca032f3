"""Requests to other servers, as the Fetch standard has them: redirects, retries, limits, one pool.

`Outbound.send` gives the head of an answer and its body as a `ByteSource`. What JavaScript sees of it is
made in `capabilities/fetch.py`; what may be reached is decided in `guard.py`, for each hop anew.
"""

from __future__ import annotations

import asyncio
import io
import sys
from dataclasses import dataclass

from aiwe_engine.errors import AiweError
from aiwe_engine.outbound import errors, failures, headers
from aiwe_engine.outbound.body import Download, Upload
from aiwe_engine.outbound.clock import Clock
from aiwe_engine.outbound.exchange import Answer, Carried, Outgoing
from aiwe_engine.outbound.guard import Lookup, SystemLookup
from aiwe_engine.outbound.headers import Pairs
from aiwe_engine.outbound.target import Target, follow, read_target
from aiwe_engine.outbound.way import Rules, Way, rules
from aiwe_engine.settings import MB, Settings
from aiwe_engine.types import ByteSource

_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_BODILESS = frozenset([204, 205, 304])


@dataclass(slots=True)
class _Hop:
    """One request of a chain of redirects."""

    target: Target
    method: str
    headers: Pairs
    body: bytes | ByteSource | None
    carried: Carried


class Outbound:
    """Sends requests; one for each engine.

    Args:
        lookup: the addresses of a name; the system's where not given.
    """

    def __init__(self, lookup: Lookup | None = None) -> None:
        self._system = SystemLookup() if lookup is None else None
        self._lookup: Lookup = lookup or self._system  # type: ignore[assignment]
        self._ways: dict[Rules, Way] = {}

    async def send(self, request: Outgoing, settings: Settings) -> Answer:
        """Sends a request, and again where it asks for that; returns when the answer's head is there.

        Args:
            request: what to send.
            settings: what is allowed, and the limits.

        Raises:
            AiweError: a code that begins with `fetch_`; see `errors`.
        """
        clock = Clock(request.timeout, settings.fetch_timeout)
        first = _first(request, settings)
        retry = request.retry
        attempt = 0
        while True:
            attempt += 1
            answer: Answer | None = None
            after: str | None = None
            try:
                answer = await self._follow(first, request.redirect, settings, clock)
            except AiweError as error:
                if attempt > retry.attempts or not retry.passing(error.code):
                    raise
                wait = retry.wait(attempt)
                if not clock.has(wait):
                    raise
            else:
                if attempt > retry.attempts or answer.status not in retry.statuses:
                    return answer
                after = dict(answer.headers).get("retry-after")
                wait = retry.wait(attempt, after)
                if not clock.has(wait):
                    return answer
                if answer.body is not None:
                    await answer.body.close()
            await asyncio.sleep(wait)

    async def _follow(self, hop: _Hop, mode: str, settings: Settings, clock: Clock) -> Answer:
        redirects = 0
        while True:
            answer = await self._exchange(hop, settings, clock)
            answer.redirected = redirects > 0
            location = dict(answer.headers).get("location")
            if answer.status not in _REDIRECTS or location is None or mode == "manual":
                return answer
            if answer.body is not None:
                await answer.body.close()
            if mode == "error":
                raise errors.redirected(hop.target.place)
            redirects += 1
            if redirects > settings.fetch_redirects:
                raise errors.too_many_redirects(hop.target.place, settings.fetch_redirects)
            hop = _next(hop, answer.status, location)

    async def _exchange(self, hop: _Hop, settings: Settings, clock: Clock) -> Answer:
        """One request and the head of its answer."""
        place = hop.target.place
        upload, data = _payload(hop, settings)
        try:
            async with asyncio.timeout_at(clock.until()) as timer:
                if upload is not None:
                    upload.timer, upload.clock = timer, clock
                response = await self._way(settings).request(
                    hop.target, hop.method, hop.headers, data
                )
        except BaseException as error:
            if upload is not None:
                await upload.close()
                if upload.error is not None:
                    raise upload.error from error
            ours = (
                None if isinstance(error, AiweError) else failures.of(error, place, clock.seconds)
            )
            if ours is None:
                raise
            raise ours from error
        if response.status < 200:
            response.close()
            raise errors.invalid_answer(place, f"{response.status} {response.reason}")
        has_body = hop.method != "HEAD" and response.status not in _BODILESS
        body = Download(response, place, settings.fetch_response_limit, clock, upload)
        return Answer(
            response.status,
            response.reason or "",
            hop.target.text,
            redirected=False,
            headers=headers.incoming(response.raw_headers, has_body=has_body),
            body=body if has_body else None,
        )

    def _way(self, settings: Settings) -> Way:
        key = rules(settings)
        way = self._ways.get(key)
        if way is None:
            way = self._ways[key] = Way(key, self._lookup)
        return way

    async def close(self) -> None:
        """Closes every connection; what is under way fails."""
        ways = list(self._ways.values())
        self._ways.clear()
        for way in ways:
            await way.close()
        if self._system is not None:
            self._system.close()


def _first(request: Outgoing, settings: Settings) -> _Hop:
    pairs = headers.outgoing(request.headers)
    body = request.body
    if isinstance(body, bytes):
        if len(body) > settings.fetch_request_limit and not request.carried.measured:
            raise errors.body_too_large(settings.fetch_request_limit)
        declared = headers.declared_length(pairs)
        if declared not in (None, len(body)):
            raise errors.body_length(declared or 0)
        pairs = headers.without(pairs, headers.LENGTH)
    elif body is None:  # the next request on the connection would be taken for what was announced
        if declared := headers.declared_length(pairs):
            raise errors.body_length(declared)
    elif request.retry.attempts:
        raise errors.bad_option(
            "A stream can be sent once, so the request cannot be tried again.",
            "Leave out the option retry, or read the body whole first: body: await req.bytes().",
        )
    target = read_target(request.url, measured=request.carried.measured)
    return _Hop(target, request.method, pairs, body, request.carried)


def _payload(hop: _Hop, settings: Settings) -> tuple[Upload | None, object]:
    """The body as aiohttp takes it, and what watches over it where it is a stream."""
    body = hop.body
    if body is None:
        return None, None
    if isinstance(body, bytes):
        return None, body if len(body) < MB else io.BytesIO(body)
    limit = sys.maxsize if hop.carried.measured else settings.fetch_request_limit
    upload = Upload(body, limit, headers.declared_length(hop.headers))
    return upload, upload.pieces()


def _next(hop: _Hop, status: int, location: str) -> _Hop:
    """The request that a redirect asks for: https://fetch.spec.whatwg.org/#http-redirect-fetch."""
    target = follow(hop.target, location)
    method, pairs, body = hop.method, hop.headers, hop.body
    if (status in (301, 302) and method == "POST") or (
        status == 303 and method not in ("GET", "HEAD")
    ):
        method, body, pairs = "GET", None, headers.without_body(pairs)
    elif body is not None and not isinstance(body, bytes):
        raise errors.cannot_resend(hop.target.place)
    if target.origin != hop.target.origin:
        if (body is not None and hop.carried.body) or hop.carried.tells(location):
            raise errors.secret_redirected(hop.target.place)
        pairs = headers.without(headers.for_another(pairs), hop.carried.headers)
    return _Hop(target, method, pairs, body, hop.carried)
