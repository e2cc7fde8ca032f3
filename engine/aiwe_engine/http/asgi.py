"""The apps' face: one ASGI 3 application that serves every app of an engine.

It decides which app a request is for, hands a `Request` to the engine and writes the `Response` down.
What it does not do: routing, reading bodies, running handlers (the engine's), and connections (the
listener's). This is the hot path: a request without a body costs no task, no timer and no call of
`receive`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.http.arrival import (
    BASE,
    KNOWN,
    LEFT,
    UNKNOWN,
    UNREADABLE,
    Arrival,
    Message,
    Receive,
    Send,
)
from aiwe_engine.http.cookies import NO_COOKIES, check_cookies, own_cookies
from aiwe_engine.http.origin import Hosts
from aiwe_engine.http.place import Place, find_place
from aiwe_engine.http.refusal import JSON, refuse
from aiwe_engine.http.security import sandboxed
from aiwe_engine.http.serving import Serving
from aiwe_engine.http.writing import write
from aiwe_engine.types import Request, Response

#: What a page may do that shares its origin with other apps: everything but be of that origin.
SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"

_LOG = logging.getLogger("aiwe.http")
_NONE: dict[str, Any] = {}
_FORWARDED = "aiwe.forwarded"  # in the scope of a request whose proxy has been heard


class AppsFace:
    """The ASGI application for apps.

    Args:
        serving: the engine that answers.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._configure()
        self._public = serving.env != "dev"
        self._random = random.Random(secrets.randbits(128))  # noqa: S311 - names, not secrets

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await decline(scope, receive, send)
            return
        if self._settings is not self._serving.settings:
            self._configure()
        if self._proxies is not None and _FORWARDED not in scope:
            await self._proxies(cast(Any, scope), cast(Any, receive), cast(Any, send))
            return
        request, hosts, length = self._request(scope)
        arrival = None
        if length:
            request.arrival = arrival = Arrival(receive, length, request.headers, self._settings)
        extensions = scope.get("extensions", _NONE)
        request.keeps_cookies = NO_COOKIES not in extensions
        if LEFT in extensions:
            extensions[LEFT](lambda: request.left() if request.left else None)
        response = await self._response(request, hosts)
        if arrival is not None:
            if not arrival.finished and response.stream is None:
                with contextlib.suppress(asyncio.CancelledError):  # it ends with its answer
                    await arrival.close()
            if arrival.gone:
                if response.stream is not None:
                    await response.stream.close()
                return
            response.close = response.close or not arrival.finished
        await write(send, request, response, scope)

    async def _response(self, request: Request, hosts: list[bytes]) -> Response:
        """The answer to a request, whatever happens."""
        place = response = None
        try:
            place = find_place(self._serving, self._hosts.named(hosts), request)
            response = self._at_once(place, request)
            if response is None:
                response = await self._serving.handle(place.app, request, public=self._public)
                if place.confined:
                    check_cookies(response)
        except asyncio.CancelledError:
            # The server's grace time is over; this task ends with its answer.
            response = refuse(stopping(), request, public=self._public)
            response.close = True
        except AiweError as error:
            if response is not None and response.stream is not None:
                await response.stream.close()
            response = refuse(error, request, public=self._public)
        except Exception:  # noqa: BLE001 - whatever it was, the caller is told and the log knows
            _LOG.exception("request %s failed", request.id)
            failure = EngineError("The engine failed.", code="internal_error", status=500)
            response = refuse(failure, request, public=self._public)
        if place is not None and place.sandboxed:
            response.headers = sandboxed(response.headers, SANDBOX)
        return response

    def _configure(self) -> None:
        """Settings may change while requests are answered."""
        settings = self._settings = self._serving.settings
        self._hosts = Hosts(settings.allowed_hosts, settings.host)
        trusted = list(settings.trusted_proxies)
        self._proxies = ProxyHeadersMiddleware(self._forwarded, trusted) if trusted else None

    async def _forwarded(self, scope: Any, receive: Any, send: Any) -> None:
        """A request in whose scope now stands what a proxy that is trusted said of its client."""
        scope[_FORWARDED] = True
        await self(scope, receive, send)

    def _at_once(self, place: Place, request: Request) -> Response | None:
        """The answer where no app is asked; else the request becomes what the app may see of it."""
        if place.answer is not None:
            return place.answer
        if request.path == "/health" and request.method in {"GET", "HEAD"}:
            return Response(200, [JSON, ("cache-control", "no-store")], b'{"status":"ok"}')
        if place.sandboxed:
            request.headers = [pair for pair in request.headers if pair[0] != "cookie"]
            request.keeps_cookies = False
        return None

    def _request(self, scope: Message) -> tuple[Request, list[bytes], int]:
        """The request so far, its Host headers, and its body's length (0: none)."""
        headers = []
        hosts = []
        length = 0
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"content-length":
                length = int(value) if value.isdigit() else UNKNOWN
            elif name == b"transfer-encoding":
                alone = value.lower() == b"chunked" and not length
                length = UNKNOWN if alone else UNREADABLE
            elif name == b"cookie":
                mine = own_cookies(value.decode("latin-1"))
                if mine:
                    headers.append(("cookie", mine))
                continue
            headers.append((name.decode("latin-1"), value.decode("latin-1")))
        client = scope.get("client")
        request = Request(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            b"",
            client[0] if client else "",
            scope["scheme"],
            f"{self._random.getrandbits(80):020x}",
            scope.get(BASE, ""),
            known=scope.get(KNOWN),
        )
        return request, hosts, length


def stopping() -> EngineError:
    """What a request is told that was not done when the engine had to end."""
    return EngineError(
        "The engine is stopping.", code="stopping", hint="Send the request again in a moment."
    )


async def decline(scope: Message, receive: Receive, send: Send) -> None:
    """Answers what is not HTTP: the server's lifespan is acknowledged, a WebSocket refused."""
    if scope["type"] != "lifespan":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
