"""An engine whose handlers are Python functions, and a client that speaks ASGI to it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from aiwe_engine.errors import AiweError
from aiwe_engine.files.store import FileStore
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.finish import Finish
from aiwe_engine.http.intake import take_in
from aiwe_engine.http.payload import answer, payload
from aiwe_engine.http.refusal import refuse
from aiwe_engine.routing.table import RouteTable
from aiwe_engine.settings import Settings
from aiwe_engine.types import Route


class FakeEngine:
    """Serves apps of Python handlers: {"shop": {"GET /": lambda payload: [200, [], "hi", "text"]}}."""

    def __init__(self, apps, env="dev", settings=None):
        self.settings = settings or Settings()
        self.env = env
        self.requests = []
        self.finish = Finish(self.settings, dev=env == "dev")
        self.apps = {
            name: (
                RouteTable([Route(*key.split(" "), key) for key in routes], hints=env == "dev"),
                routes,
            )
            for name, routes in apps.items()
        }

    def app_names(self):
        return self.apps.keys()

    async def handle(self, app, request, *, public=True):
        table, handlers = self.apps[app]
        try:
            match = table.match(request.method, request.path)
            await take_in(request, match.route, self.settings, FileStore(Path(os.devnull)))
            self.requests.append((app, request))
            value = json.loads(dumps(payload(request, match, self.settings)))
            raw = handlers[match.route.handler](value)
            if hasattr(raw, "__await__"):
                raw = await raw
            response = answer(raw, limit=self.settings.response_limit)
        except AiweError as error:
            response = refuse(error, request, public=public)
        return await self.finish(request, response)


def dumps(value):
    import orjson

    return orjson.dumps(value)


def echo(value):
    return [200, [["content-type", "application/json"]], json.dumps(value), "text"]


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    messages: list[dict] = field(default_factory=list)

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


async def ask(
    engine, target, method="GET", *, host="shop.localhost:8890", headers=(), body=None, pieces=None
):
    """One request through the apps' face; `pieces` are the parts of a body, None a client that leaves."""
    return await call(
        AppsFace(engine), target, method, host=host, headers=headers, body=body, pieces=pieces
    )


async def call(
    face,
    target,
    method="GET",
    *,
    host="shop.localhost:8890",
    headers=(),
    body=None,
    pieces=None,
    scope=(),
):
    path, _, query = target.partition("?")
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if host is not None:
        raw.insert(0, (b"host", host.encode("latin-1")))
    if body is not None:
        raw.append((b"content-length", str(len(body)).encode()))
        pieces = [body] if pieces is None else pieces
    queue = list(pieces or [])
    asked = 0

    async def receive():
        nonlocal asked
        asked += 1
        if not queue:
            raise AssertionError("the body was asked for once too often")
        piece = queue.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        if callable(piece):
            piece = await piece()
        return {"type": "http.request", "body": piece, "more_body": bool(queue)}

    messages = []

    async def send(message):
        messages.append(message)

    await face(
        {
            "type": "http",
            "method": method,
            "raw_path": path.encode("latin-1"),
            "path": path,
            "query_string": query.encode("latin-1"),
            "headers": raw,
            "client": ("127.0.0.1", 50000),
            "scheme": "http",
            **dict(scope),
        },
        receive,
        send,
    )
    if not messages:
        return None
    start = messages[0]
    return Answer(
        start["status"],
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]],
        b"".join(message["body"] for message in messages[1:]),
        messages,
    )
