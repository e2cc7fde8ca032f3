"""The management routes of `docs/management.md` without an engine behind them.

For what a real engine does not do on demand: die in the middle of a cell, refuse a token, answer
nonsense. A cell's text chooses its events; `seen` holds what was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any, Self

from tornado import httpserver, iostream, netutil, web

TOKEN = "fake-token"
DONE = {"type": "done", "ok": True}
FAILED = {"type": "done", "ok": False}

Event = dict[str, Any]


def deployment(*routes: tuple[str, str, str], **more: Any) -> Event:
    """The event of a cell that went live: (method, path, change) a route."""
    base = "http://demo.localhost:8890"
    listed = [{"method": m, "path": p, "url": base + p, "change": c} for m, p, c in routes]
    live = {"app": "demo", "env": "dev", "version": "v1", "url": base, "routes": listed}
    return {"type": "deployment", "deployment": live | {"scratch": False, "warnings": []} | more}


class FakeEngine:
    """A server on a free port, in a thread. `cells` says what a cell's text answers with."""

    def __init__(self) -> None:
        self.cells: dict[str, list[Event]] = {}
        self.answers: dict[str, Any] = {
            "GET /status": {"env": "dev", "version": "0", "apps_url": "-"},
            "POST /kernels": lambda _: {"token": self.kernel_token},
        }
        self.seen: list[tuple[str, Any]] = []
        self.lines: list[Event] = []
        self.token = TOKEN
        self.kernel_token = "kernel-token"  # what a kernel gets for TOKEN
        self.tokens: list[str] = []  # those that came, in their order
        self._interrupts: dict[str, asyncio.Event] = {}
        self._bell = asyncio.Condition()
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    @property
    def environ(self) -> dict[str, str]:
        return {"AIWE_URL": self.url, "AIWE_TOKEN": TOKEN}

    def asked(self, what: str) -> list[Any]:
        return [body for name, body in self.seen if name == what]

    def log(self, **line: Any) -> None:
        """Write a log line and ring the bell of `events`."""
        number = len(self.lines) + 1
        self.lines.append({"seq": number, "time": 0.0, "app": "demo", "level": "info", **line})
        asyncio.run_coroutine_threadsafe(self._ring(), self._loop).result(5)

    async def _ring(self) -> None:
        async with self._bell:
            self._bell.notify_all()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        routes = [
            (r"/aiwe/api/cells/run", RunCell, {"engine": self}),
            (r"/aiwe/api/events", Events, {"engine": self}),
            (r"/aiwe/api(/.*)", Answer, {"engine": self}),
            (r"(/editor/api/.*)", Answer, {"engine": self}),
        ]
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        server = httpserver.HTTPServer(web.Application(routes, log_function=lambda _: None))
        server.add_sockets(sockets)
        self._ready.set()
        await self._end.wait()
        server.stop()
        await server.close_all_connections()

    def interruption(self, session: str) -> asyncio.Event:
        return self._interrupts.setdefault(session, asyncio.Event())


class Handler(web.RequestHandler):
    def initialize(self, engine: FakeEngine) -> None:
        self.engine = engine

    def prepare(self) -> None:
        given = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.engine.tokens.append(given)
        if given not in {self.engine.token, self.engine.kernel_token}:
            self.set_status(401)
            self.finish({"error": {"code": "unauthorized", "message": "The token is wrong."}})

    def body(self) -> Any:
        return json.loads(self.request.body) if self.request.body else None


class RunCell(Handler):
    async def post(self) -> None:
        body = self.body()
        self.engine.seen.append(("run", body))
        stop = self.engine.interruption(body["session"])
        stop.clear()
        self.set_header("Content-Type", "application/x-ndjson")
        for event in self.engine.cells.get(body["source"].strip(), [DONE]):
            match event["type"]:
                case "wait":
                    await stop.wait()
                case "deaf":
                    await asyncio.sleep(60)
                case "die":
                    self.request.connection.stream.close()
                    return
                case _:
                    self.write(json.dumps(event, ensure_ascii=False) + "\n")
                    with contextlib.suppress(iostream.StreamClosedError):  # nobody listens
                        await self.flush()


class Events(Handler):
    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        told = len(self.engine.lines)
        self.write(": here\n\n")
        while True:
            await self.flush()
            async with self.engine._bell:
                await self.engine._bell.wait_for(lambda told=told: len(self.engine.lines) > told)
            told = len(self.engine.lines)
            self.write("event: log\ndata: {}\n\n")


class Answer(Handler):
    def _answer(self, path: str) -> None:
        body = self.body()
        name = f"{self.request.method} {path}"
        self.engine.seen.append((name, body))
        if path == "/cells/interrupt":
            self.engine.interruption(body["session"]).set()
            self.finish({"interrupted": True})
        elif path == "/logs":
            after = int(self.get_argument("after", "0"))
            self.finish({"lines": [line for line in self.engine.lines if line["seq"] > after]})
        elif self.request.method == "DELETE":
            self.set_status(204)
        else:
            answer = self.engine.answers.get(name, {"apps": []})
            answer = answer(body) if isinstance(answer, Callable) else answer
            if isinstance(answer, dict) and "error" in answer:
                self.set_status(answer.get("status", 200))
            self.finish(json.dumps(answer))

    get = post = delete = _answer
