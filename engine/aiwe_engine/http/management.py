"""The management routes of docs/management.md, as one ASGI application.

Never on an app's origin: inside Jupyter behind its authentication, elsewhere on a loopback listener
of its own behind `Guard`. This file only translates; what is asked is done by the engine.
"""

from __future__ import annotations

import base64
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import orjson

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.http.access import Access
from aiwe_engine.http.arrival import UNKNOWN, Arrival, ClientGone, Message, Receive, Send, whole
from aiwe_engine.http.asgi import decline
from aiwe_engine.http.ask import Ask, invalid, query_of, read_body
from aiwe_engine.http.assets import not_found
from aiwe_engine.http.call import About, Answered, Received, Streamed, declared, deed
from aiwe_engine.http.data import DataRoutes
from aiwe_engine.http.guard import Guard
from aiwe_engine.http.hiding import hide
from aiwe_engine.http.people import PeopleRoutes
from aiwe_engine.http.refusal import JSON, refuse
from aiwe_engine.http.secrets import PATH as SECRETS
from aiwe_engine.http.secrets import SecretRoutes
from aiwe_engine.http.sending import Joined
from aiwe_engine.http.streaming import stream, whole_body
from aiwe_engine.http.tokens import TokenRoutes
from aiwe_engine.http.transfers import TransferRoutes
from aiwe_engine.http.writing import write
from aiwe_engine.managers.audit import Audit
from aiwe_engine.managers.tokens import Tokens
from aiwe_engine.permissions import require
from aiwe_engine.protocols import Management
from aiwe_engine.routing.table import RouteTable
from aiwe_engine.settings import MB, Settings
from aiwe_engine.types import (
    ByteSource,
    Cell,
    Deployment,
    Json,
    LogLine,
    Request,
    Response,
    Route,
    Where,
)
from aiwe_engine.vault.redactor import Redactor

API = "/aiwe/api"
MOST_LINES = 1000
MOST_SHOWN = 10 * MB  # of the body of an answer that a person tries
BEAT = 15.0  # seconds of silence on an event stream
MOST_UPLOADED = 1 << 60  # who takes a body as it comes has limits of its own
LANGUAGE = frozenset({"complete", "hover", "diagnostics", "complete_check"})

_LOG = logging.getLogger("aiwe.http")
_EVENTS, _HERE = b"text/event-stream", b": still here\n\n"
_LINES = b"application/x-ndjson"
_NO_STORE = ("cache-control", "no-store")
_PATH = "/%:@!$&'()*+,;=~-._"  # what may stand in a path beside letters and digits


class Managed(Management, Protocol):
    """An engine, and who may manage it."""

    @property
    def tokens(self) -> Tokens:
        """Of people, assistants and kernels."""
        ...

    @property
    def audit(self) -> Audit:
        """Told of what is done."""
        ...

    async def hider(self) -> Redactor | None:
        """What takes the value of every secret out of what leaves; None where there is none."""
        ...


class ManagementFace:
    """The ASGI application for management.

    Args:
        management: the engine.
        settings: for the body's limits.
        token: of who owns the engine; others have tokens of their own, or stand in the scope.
        launcher: with what kernels get theirs, and can do nothing else.
    """

    def __init__(
        self, management: Managed, settings: Settings, token: str, launcher: str | None = None
    ) -> None:
        self._management = management
        self._settings = settings
        self._guard = Guard(token, launcher, management.tokens)
        self._access = Access(management)
        about = About
        self.calls = declared(
            {
                "GET /status": Answered("read", about.NOTHING, self._status),
                "GET /apps": Answered("read", about.LIST, self._apps),
                "GET /logs": Answered("read", about.QUERY, self._logs),
                "GET /events": Streamed("read", about.QUERY, self._events, _EVENTS, _HERE),
                "POST /language/:operation": Answered(
                    "read", about.NOTHING, self._language, quiet=True
                ),
                "POST /cells/run": Streamed("develop", about.SESSION, self._run, _LINES),
                "POST /cells/interrupt": Answered("develop", about.SESSION, self._interrupt),
                "DELETE /sessions/:session": Answered("develop", about.SESSION, self._end_session),
                "PUT /documents": Answered("develop", about.DOCUMENT, self._arrange),
                "POST /live": Answered("develop", about.BODY, self._live),
                "POST /try": Answered("test", about.BODY, self._try),
                "GET /assets/:app": Answered("read", about.PATH, self._assets),
                "PUT /assets/:app/*path": Received("assets", about.PATH, self._put_asset),
                "DELETE /assets/:app/*path": Answered("assets", about.PATH, self._delete_asset),
                **DataRoutes(management.managed_data).calls,
                **TransferRoutes(management.transfers).calls,
                **(SecretRoutes(management.vault, management.rotate).calls),
                **PeopleRoutes(management.people, management.env).calls,
                **TokenRoutes(management.tokens, management.audit).calls,
            }
        )
        lines = [key.split(" ") for key in self.calls]
        self._table = RouteTable(Route(one, _whole(path), f"{one} {path}") for one, path in lines)

    def configure(self, settings: Settings) -> None:
        """Other limits of bodies."""
        self._settings = settings

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await decline(scope, receive, send)
            return
        # Without its headers: an error is never a page here.
        request = Request(scope["method"], scope["raw_path"].decode("latin-1"))
        request.id = secrets.token_hex(10)
        try:
            who = self._guard.identify(scope)
            match = self._table.match(request.method, request.path)
        except AiweError as error:
            await self._write(send, request, refuse(error, request, public=False), scope)
            return
        ask = Ask(match.params, query_of(scope), who=who)
        outcome = "lost"
        try:
            outcome = await self._answer(match.route.handler, ask, request, scope, receive, send)
        except ClientGone:
            pass
        finally:
            self._note(match.route.handler, ask, request, outcome)

    async def _answer(
        self,
        line: str,
        ask: Ask,
        request: Request,
        scope: Message,
        receive: Receive,
        send: Send,
    ) -> str:
        """Answers a call that there is; "done", or the code of its error."""
        call, outcome = self.calls[line], "done"
        try:
            require(ask.who, call.permission)
            await self._access.admit(call, ask)
            if isinstance(call, Received):
                return await self._receive(call, ask, request, scope, receive, send)
            await self._read(ask, scope, receive)
            await self._access.confine(call, ask)
            if isinstance(call, Streamed):
                beat = (BEAT, call.silence) if call.silence else None
                head = _streaming(call.kind, request)
                pieces, still = self._hidden(call.streamer(ask)), self._still(ask)
                await stream(receive, send, pieces, head, beat=beat, goes_on=still)
                return outcome
            assert isinstance(call, Answered)
            response = await call.handler(ask)
        except AiweError as error:
            outcome, response = error.code, refuse(error, request, public=False)
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the caller is told and the log knows
            _LOG.exception("management request %s failed", request.id)
            failure = EngineError("The engine failed.", code="internal_error", status=500)
            outcome, response = failure.code, refuse(failure, request, public=False)
        await self._write(send, request, response, scope)
        return outcome

    async def _write(
        self, send: Send, request: Request, response: Response, scope: Message
    ) -> None:
        """Sends an answer, of which nothing tells a value. An archive is packed: it stays as it is."""
        if ("content-type", "application/zip") not in response.headers:
            hide(response, await self._management.hider())
        await write(send, request, response, scope)

    async def _hidden(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Lines and events without values; none goes on in the next piece."""
        try:
            async for piece in pieces:
                redactor = await self._management.hider()
                yield piece if redactor is None else redactor.data(piece)
        finally:
            await _close(pieces)

    def _still(self, ask: Ask) -> Callable[[], bool]:
        """Tells whether the token of who asks holds: a stream, or a run, ends with it."""
        tokens, token = self._management.tokens, ask.who.token
        return lambda: token is None or tokens.valid(token)

    def _note(self, line: str, ask: Ask, request: Request, outcome: str) -> None:
        """Writes into the audit what changes something, or would have."""
        call = self.calls[line]
        if call.quiet or request.method == "GET":
            return
        self._management.audit.note(deed(line, call, ask, request.path, outcome, request.id))

    def _arrival(self, scope: Message, receive: Receive) -> Arrival | None:
        """The body of a request that has one."""
        headers = dict(scope["headers"])
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return None
        size = headers.get(b"content-length", b"")
        length = int(size) if size.isdigit() else UNKNOWN
        expect = [("expect", headers.get(b"expect", b"").decode("latin-1").lower())]
        return Arrival(receive, length, expect, self._settings) if length else None

    async def _read(self, ask: Ask, scope: Message, receive: Receive) -> None:
        arrival = self._arrival(scope, receive)
        body = b""
        if arrival is not None:
            try:
                body = await whole(arrival)
            except AiweError:
                await arrival.close()
                raise
        kind = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        ask.body = read_body(kind, body)

    async def _receive(
        self,
        call: Received,
        ask: Ask,
        request: Request,
        scope: Message,
        receive: Receive,
        send: Send,
    ) -> str:
        """Answers a request whose body is taken as it comes, never here whole."""
        arrival = self._arrival(scope, receive)
        size: int | None = 0
        if arrival is not None:
            arrival.limit = MOST_UPLOADED
            size = None if arrival.length == UNKNOWN else arrival.length
        outcome = "done"
        try:
            response = await call.receiver(ask, arrival or Joined(()), size)
        except AiweError as error:
            outcome, response = error.code, refuse(error, request, public=False)
        if arrival is not None and not arrival.finished:
            await arrival.close()
            response.close = not arrival.finished
        if arrival is None or not arrival.gone:
            await self._write(send, request, response, scope)
        return outcome

    # ── answers ──

    async def _status(self, _: Ask) -> Response:
        return _json(self._management.status())

    async def _apps(self, ask: Ask) -> Response:
        app = ask.query.get("app")
        live = [one for one in self._management.deployments() if app in {None, one.app}]
        return _json({"apps": [_deployment(one) for one in live]})

    async def _logs(self, ask: Ask) -> Response:
        after = ask.number("after", 0, most=2**53)
        limit = ask.number("limit", 200, most=MOST_LINES)
        lines = self._management.logs(ask.query.get("app"), after=after, limit=limit)
        return _json({"lines": [_line(seq, line) for seq, line in lines]})

    async def _interrupt(self, ask: Ask) -> Response:
        return _json({"interrupted": await self._management.interrupt(ask.need("session", str))})

    async def _end_session(self, ask: Ask) -> Response:
        session = ask.params["session"]
        if ask.who.session is None:  # a kernel that begins anew goes on with its token
            self._management.tokens.end_kernel(session)
        await self._management.end_session(session)
        return Response(204)

    async def _arrange(self, ask: Ask) -> Response:
        await self._management.arrange(
            ask.need("app", str),
            ask.maybe("path", str),
            ask.texts("cells"),
            saved=ask.need("saved", bool),
        )
        return Response(204)

    async def _assets(self, ask: Ask) -> Response:
        return _json({"assets": await self._management.assets(ask.params["app"])})

    async def _delete_asset(self, ask: Ask) -> Response:
        app, path = ask.params["app"], ask.params["path"]
        if not await self._management.delete_asset(app, path):
            raise not_found(path)
        return Response(204)

    async def _put_asset(self, ask: Ask, content: ByteSource, size: int | None) -> Response:
        app, path = ask.params["app"], ask.params["path"]
        return _json(await self._management.put_asset(app, path, content, size))

    async def _live(self, ask: Ask) -> Response:
        app, expression = ask.need("app", str), ask.need("expression", str)
        return _json(await self._management.live(app, expression))

    async def _language(self, ask: Ask) -> Response:
        operation = ask.params["operation"]
        if operation not in LANGUAGE:
            raise invalid("operation", f"must be one of {', '.join(sorted(LANGUAGE))}")
        return _json(await self._management.language(operation, ask.body))

    async def _try(self, ask: Ask) -> Response:
        app = ask.need("app", str)
        request = self._trial(app, ask)
        began = time.perf_counter()
        response = await self._management.handle(app, request, public=False)
        whole = await whole_body(response, MOST_SHOWN)
        milliseconds = (time.perf_counter() - began) * 1000
        try:
            body, encoding = whole.decode(), "text"
        except UnicodeDecodeError:
            body, encoding = base64.b64encode(whole).decode(), "base64"
        return _json(
            {
                "status": response.status,
                "headers": response.headers,
                "body": body,
                "encoding": encoding,
                "milliseconds": round(milliseconds, 3),
            }
        )

    def _trial(self, app: str, ask: Ask) -> Request:
        """The request that a person wants to see answered."""
        path, _, query = ask.need("path", str).partition("?")
        given = ask.body.get("headers") or {}
        pairs = list(given.items()) if isinstance(given, dict) else given
        body = ask.body.get("body")
        try:
            headers = [(str.lower(name), str.strip(value)) for name, value in pairs]
        except (TypeError, ValueError):
            raise invalid("headers", "must be pairs of strings") from None
        if not isinstance(body, str | None):
            body = orjson.dumps(body).decode()
            if "content-type" not in dict(headers):
                headers.append(("content-type", "application/json"))
        url = next((d.url for d in self._management.deployments() if d.app == app), "")
        if "host" not in dict(headers):
            headers.append(("host", urlsplit(url).netloc or f"{app}.localhost"))
        return Request(
            ask.need("method", str).upper(),
            quote(path if path.startswith("/") else f"/{path}", safe=_PATH),
            quote(query, safe=_PATH + "?"),
            headers,
            (body or "").encode(),
            "127.0.0.1",
            id=secrets.token_hex(10),
        )

    # ── streams ──

    async def _events(self, ask: Ask) -> AsyncIterator[bytes]:
        app = ask.query.get("app")
        events = self._management.events()
        try:
            async for event in events:
                line: object = event.get("line")
                if isinstance(line, LogLine):
                    event = {"type": "log", **_line(event["seq"], line)}  # noqa: PLW2901
                if app is None or event.get("app", app) == app:
                    yield b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), _dump(event))
        finally:
            await _close(events)

    def _run(self, ask: Ask) -> AsyncIterator[bytes]:
        cell = ask.maybe("cell", str)
        return self._ran(
            Cell(
                session=ask.need("session", str),
                app=ask.maybe("app", str) or "",
                cell=cell or f"anonymous-{secrets.token_hex(4)}",
                text=ask.need("source", str),
                path=ask.maybe("path", str),
                anonymous=cell is None,
            )
        )

    async def _ran(self, cell: Cell) -> AsyncIterator[bytes]:
        """The events of a run as lines; whatever happens, the last one is `done`."""
        events = self._management.run_cell(cell)
        try:
            async for event in events:
                yield _dump(event) + b"\n"
        except AiweError as error:
            yield _broken_off(error)
        except Exception:  # noqa: BLE001 - the caller is told and the log knows
            _LOG.exception("a run in session %s failed", cell.session)
            yield _broken_off(EngineError("The engine failed.", code="internal_error"))
        finally:
            await _close(events)


def _whole(path: str) -> str:
    """A path of the API; that of secrets stands beside it."""
    return path if path.startswith(SECRETS) else API + path


def _broken_off(error: AiweError) -> bytes:
    """The last two lines of a run that did not begin, or did not end by itself."""
    shape = {"name": error.name, **error.to_json()["error"]}
    failed = _dump({"type": "error", "error": shape})
    return failed + b"\n" + _dump({"type": "done", "ok": False}) + b"\n"


def _deployment(one: Deployment) -> dict[str, Any]:
    base = one.url.rstrip("/")
    routes = [
        {
            "method": route.method,
            "path": route.path,
            "url": base + route.path,
            "where": _where(route.where),
            "summary": route.info.get("summary"),
        }
        for route in one.routes
    ]
    return {
        "app": one.app,
        "env": one.env,
        "version": one.version,
        "url": one.url,
        "path": one.path,
        "routes": routes,
        "warnings": one.warnings,
    }


def _line(seq: Json, line: LogLine) -> dict[str, Any]:
    return {"seq": seq, **asdict(line), "where": _where(line.where)}


def _where(where: Where | None) -> dict[str, Any] | None:
    found = (
        {key: value for key, value in asdict(where).items() if value is not None} if where else {}
    )
    return found or None


def _dump(value: object) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _json(value: object) -> Response:
    return Response(200, [JSON, _NO_STORE], _dump(value))


def _streaming(kind: bytes, request: Request) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", kind),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request.id.encode()),
    ]


async def _close(events: AsyncIterator[Any]) -> None:
    """Ends what makes the events: closing a run's iterator interrupts the run."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
