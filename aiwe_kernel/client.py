"""The management routes of an engine as Python functions (`docs/management.md`).

Every failure is a `CellError`, so that a magic, a cell and a widget show it alike. Connections
are not kept between requests: on loopback a new one costs 0.1 ms, and an old one may belong to an
engine that was restarted meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote

import httpx

from aiwe_kernel.discover import Engine
from aiwe_kernel.errors import CellError, cell_error, unreachable

Event = dict[str, Any]
#: Says where the engine is; given what did not answer or did not know the token, once more.
Locate = Callable[[Engine | None], Awaitable[Engine]]

_CONNECT = 5.0
_ANSWER = 15.0
_LIMITS = httpx.Limits(max_keepalive_connections=0)
_QUESTION = 60.0  # what a query may take is the engine's to say


class Verified(httpx.AsyncBaseTransport):
    """HTTPS, whose certificates are loaded when an engine is reached by it, which most are not."""

    def __init__(self) -> None:
        self._inner: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request to a server that proves its name."""
        if self._inner is None:
            self._inner = httpx.AsyncHTTPTransport(limits=_LIMITS)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._inner is not None:
            await self._inner.aclose()


class EngineClient:
    """Talks to one engine.

    Args:
        locate: says where the engine is; asked again, with the one that failed, when it does not answer there.
    """

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._http = httpx.AsyncClient(
            trust_env=False,  # a proxy has no business between a kernel and its engine
            transport=Verified(),
            # There are no certificates on loopback, so none are loaded.
            mounts={"http://": httpx.AsyncHTTPTransport(verify=False, limits=_LIMITS)},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def status(self) -> Event:
        """What the engine says of itself."""
        return dict(await self._json("GET", "/status"))

    async def apps(self) -> list[Event]:
        """What is live."""
        answer = await self._json("GET", "/apps")
        return list(answer.get("apps", []))

    async def assets(self, app: str) -> list[Event]:
        """The files below /assets/ of an app."""
        answer = await self._json("GET", f"/assets/{app}")
        return list(answer.get("assets", []))

    async def collections(self, app: str, *, latest: bool = False) -> list[Event]:
        """The collections of an app, with how many documents each has."""
        query = {"latest": "true"} if latest else None
        answer = await self._json("GET", f"/data/{app}", query=query, timeout=_QUESTION)
        return list(answer["collections"])

    async def page(self, app: str, collection: str, where: Event, options: Event) -> Event:
        """Documents that a filter finds, how many it finds in all, and the next page's cursor."""
        query = {name: _text(value) for name, value in ({"where": where} | options).items()}
        path = f"/data/{app}/{_segment(collection)}"
        return dict(await self._json("GET", path, query=query, timeout=_QUESTION))

    async def document(self, app: str, collection: str, doc_id: str) -> Event:
        """One document."""
        path = f"/data/{app}/{_segment(collection)}/{_segment(doc_id)}"
        return dict(await self._json("GET", path))

    async def sql(self, app: str, texts: list[str], values: list[Any]) -> Event:
        """What a SELECT finds: columns, their types, rows."""
        body = {"texts": texts, "values": values}
        return dict(await self._json("POST", f"/data/{app}/sql", body, timeout=_QUESTION))

    async def secrets(self, app: str) -> list[Event]:
        """The secrets that an app may use; values are in no answer."""
        answer = await self._json("GET", "/editor/api/secrets", query={"app": app})
        return list(answer["secrets"])

    async def logs(self, app: str | None, after: int = 0, limit: int = 200) -> list[Event]:
        """Log lines with a `seq` above `after`, oldest first."""
        query = {"after": after, "limit": limit, **({"app": app} if app else {})}
        answer = await self._json("GET", "/logs", query=query)
        return list(answer.get("lines", []))

    async def live(self, app: str, expression: str) -> Event:
        """The value of an expression in the isolate that serves, as a mime bundle."""
        answer = await self._json("POST", "/live", {"app": app, "expression": expression}, None)
        return dict(answer.get("data", {}))

    async def interrupt(self, session: str) -> bool:
        """End what the session runs."""
        answer = await self._json("POST", "/cells/interrupt", {"session": session}, timeout=3.0)
        return bool(answer.get("interrupted"))

    async def end_session(self, session: str) -> None:
        """Drop the session's variables; what is live stays."""
        await self._json("DELETE", f"/sessions/{session}", timeout=3.0)

    async def introduce(self, session: str, path: str | None) -> str:
        """A token for the kernel of a session."""
        body = {"session": session, **({"path": path} if path else {})}
        return str((await self._json("POST", "/kernels", body))["token"])

    async def leave(self, session: str) -> None:
        """Make the kernel's own token void."""
        await self._json("DELETE", f"/kernels/{session}", timeout=3.0)

    async def language(self, operation: str, arguments: Event) -> Any:
        """One of complete, hover, diagnostics, complete_check."""
        return await self._json("POST", f"/language/{operation}", arguments)

    async def run_cell(
        self, session: str, source: str, *, cell: str | None = None, path: str | None = None
    ) -> AsyncGenerator[Event]:
        """Run one cell; its events as they arrive, `done` the last.

        Raises:
            CellError: `engine_unreachable` where the engine went away meanwhile.
        """
        body: Event = {"session": session, "source": source}
        body |= {k: v for k, v in (("cell", cell), ("path", path)) if v}
        done = False
        async with self._open("POST", "/cells/run", body, timeout=None) as (response, engine):
            async for line in _lines(response):
                event: Event = json.loads(line)
                done = event.get("type") == "done"
                yield event
            if not done:
                raise unreachable(engine.url, engine.how, "it ended while the cell ran")

    async def events(self, app: str | None) -> AsyncIterator[tuple[str, Event]]:
        """The engine's events (deploy, data, log, status), as they happen: name and data.

        An empty name comes once the engine listens, and with each of its signs of life.
        """
        query = {"app": app} if app else {}
        async with self._open("GET", "/events", query=query, timeout=60.0) as (response, _):
            yield "", {}
            name = ""
            async for line in _lines(response):
                if line.startswith(b"event:"):
                    name = line[6:].strip().decode()
                elif line.startswith(b"data:"):
                    yield name, json.loads(line[5:])
                elif line.startswith(b":"):
                    yield "", {}

    async def _json(
        self,
        method: str,
        path: str,
        body: Event | None = None,
        timeout: float | None = _ANSWER,
        *,
        query: Event | None = None,
    ) -> Any:
        async with self._open(method, path, body, query=query, timeout=timeout) as (response, _):
            content = await response.aread()
        return json.loads(content) if content else {}

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        body: Event | None = None,
        *,
        query: Event | None = None,
        timeout: float | None,
    ) -> AsyncIterator[tuple[httpx.Response, Engine]]:
        engine = await self._locate(None)
        sent = (method, path, body, query, timeout)
        try:
            response = await self._send(engine, *sent)
            if response.status_code == httpx.codes.UNAUTHORIZED:  # a new engine, which knows no one
                await response.aclose()
                engine, response = await self._send_again(engine, *sent)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            engine, response = await self._send_again(engine, *sent)
        except httpx.TransportError as error:
            await self._locate(engine)  # which may know what became of it
            raise unreachable(engine.url, engine.how, error) from None
        try:
            if response.is_error:
                await response.aread()
                raise _refused(response)
            yield response, engine
        except httpx.TransportError as error:
            await self._locate(engine)
            raise unreachable(engine.url, engine.how, error) from None
        finally:
            await response.aclose()

    async def _send_again(self, failed: Engine, *sent: Any) -> tuple[Engine, httpx.Response]:
        """Sends what was not taken to where the engine is now."""
        engine = await self._locate(failed)
        try:
            return engine, await self._send(engine, *sent)
        except httpx.TransportError as error:
            raise unreachable(engine.url, engine.how, error) from None

    async def _send(
        self,
        engine: Engine,
        method: str,
        path: str,
        body: Event | None,
        query: Event | None,
        timeout: float | None,
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {engine.token}"}
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body)
        place = path if path.startswith("/editor/") else f"/aiwe/api{path}"
        request = self._http.build_request(
            method,
            f"{engine.url}{place}",
            params=query,
            content=content,
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=_CONNECT),
        )
        return await self._http.send(request, stream=True)


async def ask_token(found: Engine, session: str, path: str | None) -> str:
    """A token for one kernel, made by whoever may have one made.

    Args:
        found: an engine, with a token that allows it.
        session: the kernel's id.
        path: of its notebook.

    Raises:
        CellError: no engine answers, or it refuses.
    """

    async def locate(_failed: Engine | None) -> Engine:
        return found

    async with EngineClient(locate) as client:
        return await client.introduce(session, path)


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    # Not httpx's aiter_lines: that splits at U+2028 too, which JSON leaves in its strings.
    pieces: list[bytes] = []
    async for chunk in response.aiter_raw():
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        for piece in others:
            if line := b"".join(pieces).strip():
                yield line
            pieces = [piece]
    if line := b"".join(pieces).strip():
        yield line


def _segment(text: str) -> str:
    """A text as one segment of a path; not even dots mean anything in it."""
    return quote(text, safe="").replace(".", "%2E")


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _refused(response: httpx.Response) -> CellError:
    try:
        error = dict(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        error = {
            "code": f"http_{response.status_code}",
            "message": f"The engine answered {response.status_code} to {response.request.url.path}",
        }
    if response.status_code == httpx.codes.UNAUTHORIZED:
        error.setdefault("hint", "AIWE_TOKEN_FILE names the engine.json that has its token.")
    return cell_error({"name": "EngineError", **error})
