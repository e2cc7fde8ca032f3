"""The last thing that happens to every answer of an app, errors included, before it leaves.

Here an answer gets its entity tag, becomes a 304 for who has it already, is compressed, and says
what browsers should know: security headers for pages, CORS where it is configured. Each of these
has a file of its own; this one knows their order. It is on the hot path: what an answer does not
need costs it a look at a dictionary.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping

from aiwe_engine.http.compression import (
    IDENTITY,
    OFF_LOOP,
    Compressed,
    apart,
    compress,
    compressible,
    negotiate,
)
from aiwe_engine.http.conditions import entity_tag, is_known, parse_date, weakened
from aiwe_engine.http.cookies import cookie_flaw
from aiwe_engine.http.cors import Cors
from aiwe_engine.http.policy import amended, blocked
from aiwe_engine.http.security import POLICY, Security, is_document
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

Tell = Callable[[str, Request], None]

_READING = frozenset({"GET", "HEAD"})
# No body to compress, or a part of one whose positions would change.
_LEFT_ALONE = frozenset({204, 205, 206, 304})
_NO_STORE = re.compile(r"\bno-store\b", re.IGNORECASE)
_NO_TRANSFORM = re.compile(r"\bno-transform\b", re.IGNORECASE)
# What speaks of a body that a 304 does not have.
_OF_A_BODY = frozenset(
    {
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "content-disposition",
    }
)
_OF_THE_PLAIN = frozenset({"accept-ranges", "content-length", "etag"})
_TOLD = 1000  # warnings remembered, so that each is given once


class Finish:
    """Finishes the answers of one app.

    Args:
        settings: that app's.
        dev: whether a notebook may show its pages.
        tell: takes a line for the author's log, of what a page may not load; None: nobody is told.

    Raises:
        EngineError: `invalid_setting`, as `Cors`.
    """

    def __init__(self, settings: Settings, *, dev: bool, tell: Tell | None = None) -> None:
        self.settings = settings
        self._codings = settings.compression
        self._least = settings.compress_min
        self._security = Security(settings, dev=dev)
        self._cors = Cors(settings) if settings.cors_origins else None
        self._hsts = settings.security_hsts > 0
        self._tell = tell
        self._told: set[str] = set()

    def preflight(self, request: Request) -> Response | None:
        """The answer to a CORS preflight; None where this is none, or no origin is configured.

        Raises:
            RequestError: `origin_not_allowed`.
        """
        if request.method != "OPTIONS" or self._cors is None:
            return None
        asked = dict(request.headers)
        if "origin" not in asked or "access-control-request-method" not in asked:
            return None
        return self._cors.preflight(
            asked["origin"], asked.get("access-control-request-headers", "")
        )

    async def __call__(self, request: Request, response: Response, route: str = "") -> Response:
        """The answer as it leaves.

        Args:
            request: what is answered.
            response: the answer so far; it is changed.
            route: the pattern of the route, for what is told of it.
        """
        given = as_mapping(response.headers)
        asked = as_mapping(request.headers)
        kind = given.get("content-type", "")
        if kind and is_document(kind):
            self._page(request, response, given, route)
        if self._tell is not None and "set-cookie" in given:
            self._look_at_cookies(request, response, route)
        if self._hsts:
            response.headers += self._security.transport(request.scheme, given)
        if self._cors is not None:
            self._share(response, given, asked.get("origin", ""))
        coding = self._coding(response, kind, given, asked)
        if request.method in _READING and response.status == 200:
            tag = given.get("etag", "")
            if not tag and response.stream is None and not _says(_NO_STORE, given):
                body = response.body
                tag = entity_tag(body) if len(body) <= OFF_LOOP else await apart(entity_tag, body)
                response.headers.append(("etag", tag))
            if ("if-none-match" in asked or "if-modified-since" in asked) and _has_it(
                asked, tag, given
            ):
                return await _not_modified(response)
        if coding:
            await _encode(response, coding)
        return response

    def _coding(
        self, response: Response, kind: str, given: Mapping[str, str], asked: Mapping[str, str]
    ) -> str:
        """The coding that this answer gets; who could have got another is told so by Vary."""
        accepted = asked.get("accept-encoding", "")
        small = response.stream is None and len(response.body) < self._least
        if (small and "q=0" not in accepted) or not self._codings:
            return IDENTITY
        if (
            response.status in _LEFT_ALONE
            or "content-encoding" in given
            or _says(_NO_TRANSFORM, given)
        ):
            return IDENTITY
        coding, must = negotiate(accepted, self._codings)
        if (small or not compressible(kind)) and not (must and (response.body or response.stream)):
            return IDENTITY
        add_vary(response.headers, "accept-encoding")
        return coding

    def _share(self, response: Response, given: Mapping[str, str], origin: str) -> None:
        """CORS, unless the program speaks of it itself."""
        if self._cors is None or "access-control-allow-origin" in given:
            return
        for name, value in self._cors.headers(origin):
            if name == "vary":
                add_vary(response.headers, value)
            elif name not in given:
                response.headers.append((name, value))

    def _page(
        self,
        request: Request,
        response: Response,
        given: Mapping[str, str],
        route: str,
    ) -> None:
        response.headers += self._security.page(given)
        policy = next((value for name, value in response.headers if name == POLICY), "")
        if self._tell is None or not policy or not response.body or response.status != 200:
            return
        own = f"{request.scheme}://{dict(request.headers).get('host', '')}"
        missing = blocked(response.body, policy, own)
        if not missing:
            return
        # What dev adds to our own policy is not to be copied into the configuration.
        base = policy if POLICY in given else self.settings.security_csp
        what = ", ".join(f"{origin} ({name})" for name, all_ in missing.items() for origin in all_)
        self._say(
            request,
            route,
            f"browsers will not load {what}, because the page's Content-Security-Policy forbids "
            f"it. Serve the file yourself, or let it in: set security.csp, or the answer's header "
            f'{POLICY}, to "{amended(base, missing)}".',
        )

    def _look_at_cookies(self, request: Request, response: Response, route: str) -> None:
        """Tells of cookies that no browser keeps."""
        for name, value in response.headers:
            flaw = cookie_flaw(value) if name == "set-cookie" else None
            if flaw:
                cookie = value.partition("=")[0][:60]
                self._say(request, route, f'browsers will drop the cookie "{cookie}": {flaw}.')

    def _say(self, request: Request, route: str, text: str) -> None:
        """Tells the author something of a route, once."""
        line = f"{request.method} {route or request.path}: {text}"
        if self._tell is not None and line not in self._told and len(self._told) < _TOLD:
            self._told.add(line)
            self._tell(line, request)


def _has_it(asked: Mapping[str, str], tag: str, given: Mapping[str, str]) -> bool:
    """Whether the client has the answer already.

    If-Match is not looked at: the handler has run, and what is left to decide is what to send.
    """
    none_match, since = asked.get("if-none-match"), asked.get("if-modified-since")
    modified = given.get("last-modified")
    return is_known(none_match, since, tag, parse_date(modified) if modified else None)


async def _not_modified(response: Response) -> Response:
    """The answer without its body, for a client that has it."""
    if response.stream is not None:
        await response.stream.close()
    headers = [pair for pair in response.headers if pair[0] not in _OF_A_BODY]
    return Response(304, headers)


async def _encode(response: Response, coding: str) -> None:
    headers = [pair for pair in response.headers if pair[0] not in _OF_THE_PLAIN]
    headers += [(name, weakened(tag)) for name, tag in response.headers if name == "etag"]
    response.headers = [*headers, ("content-encoding", coding)]
    if response.stream is not None:
        response.stream = Compressed(coding, response.stream)
    else:
        body = response.body
        response.body = await apart(functools.partial(compress, coding), body)


def as_mapping(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Headers by name; what came in several lines is one list, as RFC 9110 has it."""
    found = dict(headers)
    if len(found) != len(headers):
        found = {}
        for name, value in headers:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def add_vary(headers: list[tuple[str, str]], names: str) -> None:
    """Says that an answer depends on these request headers too."""
    for at, (name, value) in enumerate(headers):
        if name == "vary":
            said = {one.strip() for one in value.lower().split(",")}
            more = [one for one in names.split(", ") if one not in said]
            if more and "*" not in said:
                headers[at] = (name, ", ".join([value, *more]) if value else ", ".join(more))
            return
    headers.append(("vary", names))


def _says(what: re.Pattern[str], given: Mapping[str, str]) -> bool:
    control = given.get("cache-control")
    return control is not None and what.search(control) is not None
