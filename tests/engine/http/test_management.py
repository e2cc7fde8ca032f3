"""The management routes: who is let in, what is translated, and streams that end."""

import asyncio
import json
from pathlib import Path

import pytest

from aiwe_engine.errors import ProgramError
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.managers.tokens import Tokens
from aiwe_engine.settings import Settings
from aiwe_engine.types import Deployment, LogLine, Principal, Program, Response, Route, Where
from tests.engine.http.fake import call
from tests.engine.http.wire import Wire

TOKEN = "t0ken-of-this-engine"
BEARER = [("authorization", f"Bearer {TOKEN}")]
JSON = [*BEARER, ("content-type", "application/json")]
LINE = LogLine(1.5, "shop", "dev", "v1", "warn", "low", "r1", Where(cell="c1", line=3))
ROUTE = Route("GET", "/a/:id", "GET /a/:id", Where(file="shop.js", line=7), {"summary": "One"})
LIVE = Deployment(
    "shop",
    "dev",
    "v1",
    Program("p", (), ()),
    (ROUTE,),
    "http://shop.localhost:8890/",
    "shop.ipynb",
    ("careful",),
)


class FakeManagement:
    """Remembers what it was asked."""

    managed_data = None  # tests/engine/http/test_managed_data.py has a real one
    transfers = None  # tests/engine/cli/test_data.py has a real one
    vault = rotate = None  # tests/engine/http/test_secrets.py has real ones
    people = None  # tests/engine/cli/test_users.py has real ones
    env = "dev"

    def __init__(self):
        self.tokens = Tokens(Path("/nowhere"))
        self.audit = self
        self.asked = []
        self.interrupted = asyncio.Event()
        self.response = Response(200, [("content-type", "text/plain")], b"hello")

    def note(self, deed):
        """Not looked at here: tests/engine/managers/test_audit.py has a real one."""

    async def hider(self):
        """Nothing to hide: tests/security has real secrets."""

    async def app_of(self, session, path, app=""):
        return app or "shop"

    def status(self):
        return {"version": "1", "pid": 7}

    def deployments(self):
        return [LIVE]

    def logs(self, app, *, after=0, limit=200):
        self.asked.append(("logs", app, after, limit))
        return [(5, LINE)]

    async def events(self):
        yield {"type": "status", "pid": 7}
        yield {"type": "deploy", "app": "blog", "version": "v2"}
        yield {"type": "log", "seq": 5, "line": LINE}

    async def run_cell(self, cell):
        self.asked.append(cell)
        if cell.text == "refuse":
            raise ProgramError("Two apps.", code="duplicate_app", hint="Rename one.")
        if cell.text == "crash":
            raise RuntimeError("s3cret")
        yield {"type": "stdout", "text": "1\u2028\n"}
        if cell.text == "forever":
            try:
                await asyncio.Event().wait()
            finally:
                self.interrupted.set()
        yield {"type": "done", "ok": True}

    async def interrupt(self, session):
        return session == "s"

    async def end_session(self, session):
        self.asked.append(("end", session))

    async def arrange(self, app, path, cells, *, saved):
        self.asked.append(("arrange", app, path, cells, saved))

    async def live(self, app, expression):
        if app != "shop":
            raise ProgramError("no", code="no_such_app", status=404)
        return {"data": {"text/plain": expression}}

    async def language(self, operation, arguments):
        return {"operation": operation, **arguments}

    async def handle(self, app, request, *, public=True):
        self.asked.append((app, request, public))
        return self.response


@pytest.fixture
def engine():
    return FakeManagement()


async def ask(engine, line, body=None, *, headers=None, host="127.0.0.1:9", raw=None, scope=()):
    method, target = line.split(" ")
    face = ManagementFace(engine, Settings(body_limit=2000), TOKEN)
    if headers is None:
        headers = BEARER if body is None and raw is None else JSON
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    return await call(
        face, f"/aiwe/api{target}", method, host=host, headers=headers, body=data, scope=scope
    )


GUARDED = [
    ([], "127.0.0.1:9", 401, "unauthorized"),
    ([("authorization", "Bearer wrong")], "127.0.0.1:9", 401, "unauthorized"),
    ([("authorization", f"Bearer {TOKEN}x")], "127.0.0.1:9", 401, "unauthorized"),
    ([("authorization", f"token {TOKEN}")], "127.0.0.1:9", 401, "unauthorized"),
    ([("authorization", "Bearer ")], "127.0.0.1:9", 401, "unauthorized"),
    ([("cookie", f"token={TOKEN}")], "127.0.0.1:9", 401, "unauthorized"),
    (BEARER, "evil.example", 421, "host_not_allowed"),
    (BEARER, "127.0.0.1.evil.example", 421, "host_not_allowed"),
    (BEARER, "shop.localhost:9", 421, "host_not_allowed"),
    (BEARER, None, 421, "host_not_allowed"),
    ([*BEARER, ("host", "evil.example")], "127.0.0.1:9", 421, "host_not_allowed"),
    ([*BEARER, ("origin", "http://evil.example")], "127.0.0.1:9", 403, "origin_refused"),
    ([*BEARER, ("origin", "http://shop.localhost:8890")], "127.0.0.1:9", 403, "origin_refused"),
    ([*BEARER, ("origin", "http://127.0.0.1:8890")], "127.0.0.1:9", 403, "origin_refused"),
    ([*BEARER, ("origin", "null")], "127.0.0.1:9", 403, "origin_refused"),
    ([*BEARER, ("sec-fetch-site", "cross-site")], "127.0.0.1:9", 403, "origin_refused"),
    ([*BEARER, ("origin", "http://127.0.0.1:9")], "127.0.0.1:9", 200, None),
    (BEARER, "localhost:9", 200, None),
    (BEARER, "[::1]:9", 200, None),
]


@pytest.mark.parametrize(("headers", "host", "status", "code"), GUARDED)
async def test_only_who_has_the_token_and_is_no_page_gets_in(engine, headers, host, status, code):
    answer = await ask(engine, "GET /logs", headers=headers, host=host)
    assert answer.status == status
    if code:
        assert answer.error["code"] == code
        assert answer.error["hint"]
        assert TOKEN.encode() not in answer.body
        assert engine.asked == []


async def test_who_was_identified_before_needs_no_token(engine):
    scope = {"aiwe.principal": Principal("ada", frozenset({"admin"}))}
    answer = await ask(engine, "GET /status", headers=[], host="hub.example.org", scope=scope)
    assert answer.json == {"version": "1", "pid": 7}
    forged = await ask(engine, "GET /status", headers=[], scope={"aiwe.principal": "ada"})
    assert forged.status == 401


async def test_apps_are_listed_with_their_routes(engine):
    answer = await ask(engine, "GET /apps")
    assert answer.json == {
        "apps": [
            {
                "app": "shop",
                "env": "dev",
                "version": "v1",
                "url": "http://shop.localhost:8890/",
                "path": "shop.ipynb",
                "routes": [
                    {
                        "method": "GET",
                        "path": "/a/:id",
                        "url": "http://shop.localhost:8890/a/:id",
                        "where": {"file": "shop.js", "line": 7},
                        "summary": "One",
                    }
                ],
                "warnings": ["careful"],
            }
        ]
    }


async def test_logs_are_asked_for_and_shown(engine):
    answer = await ask(engine, "GET /logs?app=shop&after=4&limit=10")
    assert engine.asked == [("logs", "shop", 4, 10)]
    assert answer.json["lines"] == [
        {
            "seq": 5,
            "time": 1.5,
            "app": "shop",
            "env": "dev",
            "version": "v1",
            "level": "warn",
            "text": "low",
            "request_id": "r1",
            "where": {"cell": "c1", "line": 3},
        }
    ]


CALLS = [
    ("POST /cells/interrupt", {"session": "s"}, {"interrupted": True}),
    ("POST /cells/interrupt", {"session": "other"}, {"interrupted": False}),
    ("POST /live", {"app": "shop", "expression": "1+1"}, {"data": {"text/plain": "1+1"}}),
    (
        "POST /language/hover",
        {"cell": "c", "position": 3},
        {"operation": "hover", "cell": "c", "position": 3},
    ),
]


@pytest.mark.parametrize(("line", "body", "expected"), CALLS)
async def test_a_question_is_passed_on(engine, line, body, expected):
    answer = await ask(engine, line, body)
    assert (answer.status, answer.json) == (200, expected)


async def test_what_has_no_answer_is_204(engine):
    assert (await ask(engine, "DELETE /sessions/a%2Fb")).status == 204
    arranged = {"app": "shop", "path": "shop.ipynb", "cells": ["a", "b"], "saved": True}
    assert (await ask(engine, "PUT /documents", arranged)).status == 204
    assert engine.asked == [("end", "a/b"), ("arrange", "shop", "shop.ipynb", ["a", "b"], True)]


REFUSED = [
    ("GET /nothing", None, 404, "no_such_route"),
    ("GET /../status", None, 404, "no_such_route"),
    ("POST /status", {}, 405, "method_not_allowed"),
    ("GET /logs?after=x", None, 400, "invalid_input"),
    ("GET /logs?limit=1001", None, 400, "invalid_input"),
    ("GET /logs?limit=-1", None, 400, "invalid_input"),
    ("GET /logs?limit=%D9%A1", None, 400, "invalid_input"),
    ("POST /cells/run", {}, 400, "invalid_input"),
    ("POST /cells/run", {"session": "s"}, 400, "invalid_input"),
    ("POST /cells/run", {"session": 7, "source": ""}, 400, "invalid_input"),
    ("POST /cells/run", {"session": "s", "source": "", "cell": []}, 400, "invalid_input"),
    ("POST /cells/interrupt", None, 400, "invalid_input"),
    ("PUT /documents", {"app": "a", "cells": "abc", "saved": True}, 400, "invalid_input"),
    ("PUT /documents", {"app": "a", "cells": [1], "saved": True}, 400, "invalid_input"),
    ("PUT /documents", {"app": "a", "cells": [], "saved": 1}, 400, "invalid_input"),
    ("POST /language/eval", {}, 400, "invalid_input"),
    (
        "POST /try",
        {"app": "shop", "method": "GET", "path": "/", "headers": {"a": 1}},
        400,
        "invalid_input",
    ),
    (
        "POST /try",
        {"app": "shop", "method": "GET", "path": "/", "headers": 7},
        400,
        "invalid_input",
    ),
    ("POST /live", {"app": "none", "expression": "1"}, 404, "no_such_app"),
    ("POST /live", {"app": "shop", "expression": "x" * 3000}, 413, "body_too_large"),
]


@pytest.mark.parametrize(("line", "body", "status", "code"), REFUSED)
async def test_a_wrong_question_is_refused_in_the_error_shape(engine, line, body, status, code):
    answer = await ask(engine, line, body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.header("content-type") == "application/json"
    assert engine.asked == []


@pytest.mark.parametrize(
    ("content_type", "raw", "code"),
    [
        ("text/plain", b'{"session": "s"}', "json_only"),
        ("application/x-www-form-urlencoded", b"session=s", "json_only"),
        ("application/json", b"{", "invalid_json"),
        ("application/json", b'"s"', "invalid_input"),
        ("application/json", b'{"session": NaN}', "invalid_json"),
    ],
)
async def test_a_body_is_a_json_object(engine, content_type, raw, code):
    answer = await ask(
        engine, "POST /cells/interrupt", headers=[*BEARER, ("content-type", content_type)], raw=raw
    )
    assert answer.error["code"] == code


async def test_errors_are_json_for_a_browser_too(engine):
    answer = await ask(engine, "GET /nothing", headers=[*BEARER, ("accept", "text/html")])
    assert answer.error["code"] == "no_such_route"


async def test_a_trial_is_a_request_to_the_app(engine):
    body = {
        "app": "shop",
        "method": "post",
        "path": "/a b?x=ü",
        "headers": {"X-One": "1"},
        "body": {"a": 1},
    }
    answer = await ask(engine, "POST /try", body)
    ((app, request, public),) = engine.asked
    assert (app, public, request.method, request.path, request.query) == (
        "shop",
        False,
        "POST",
        "/a%20b",
        "x=%C3%BC",
    )
    assert dict(request.headers) == {
        "x-one": "1",
        "content-type": "application/json",
        "host": "shop.localhost:8890",
    }
    assert request.body == b'{"a":1}'
    assert request.id
    assert answer.json["milliseconds"] >= 0
    assert (answer.json["body"], answer.json["encoding"]) == ("hello", "text")
    assert answer.json["headers"] == [["content-type", "text/plain"]]


async def test_a_trial_of_bytes_comes_back_in_base64(engine):
    engine.response = Response(200, [], b"\xff\x00")
    answer = await ask(engine, "POST /try", {"app": "shop", "method": "GET", "path": "/"})
    assert (answer.json["body"], answer.json["encoding"]) == ("/wA=", "base64")


async def stream(engine, line, body=None, *, until):
    """The pieces of an answer that goes on, over a real socket."""
    listener = Listener(ManagementFace(engine, Settings(), TOKEN), bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    method, target = line.split(" ")
    data = b"" if body is None else json.dumps(body).encode()
    try:
        async with Wire(port) as wire:
            wire.send(
                f"{method} /aiwe/api{target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            wire.send(data)
            head = (await wire.reader.readuntil(b"\r\n\r\n")).decode()
            text = b""
            while until not in text:
                text += await wire.reader.read(1000)
        if body and body.get("source") == "forever":
            async with asyncio.timeout(5):
                await engine.interrupted.wait()
    finally:
        await listener.close(0)
    return head, text.decode()


async def test_events_are_sent_as_they_happen_and_only_of_one_app(engine):
    head, text = await stream(engine, "GET /events?app=shop", until=b"0\r\n\r\n")
    assert "content-type: text/event-stream" in head
    assert "event: status\ndata: " in text
    assert "event: log\ndata: " in text
    assert '"seq":5' in text
    assert "event: deploy" not in text


async def test_a_silent_stream_is_kept_alive(engine, monkeypatch):
    monkeypatch.setattr("aiwe_engine.http.management.BEAT", 0.01)

    async def never():
        await asyncio.Event().wait()
        yield {}

    engine.events = never
    _, text = await stream(engine, "GET /events", until=b": still here\n\n")
    assert "data:" not in text


async def test_a_run_is_a_line_for_each_event(engine):
    answer = await run(
        engine, {"session": "s", "source": "ok", "cell": "c1", "path": "a.ipynb", "app": "shop"}
    )
    assert answer == [{"type": "stdout", "text": "1\u2028\n"}, {"type": "done", "ok": True}]
    (cell,) = engine.asked
    assert (cell.session, cell.text, cell.cell, cell.path, cell.app) == (
        "s",
        "ok",
        "c1",
        "a.ipynb",
        "shop",
    )
    assert not cell.anonymous


async def run(engine, body):
    _, text = await stream(engine, "POST /cells/run", body, until=b"0\r\n\r\n")
    return [json.loads(line) for line in text.split("\n") if line.startswith("{")]


async def test_a_cell_without_an_id_is_anonymous(engine):
    await run(engine, {"session": "s", "source": "ok"})
    await run(engine, {"session": "s", "source": "ok"})
    first, second = engine.asked
    assert first.anonymous
    assert first.cell != second.cell


@pytest.mark.parametrize(
    ("source", "code"), [("refuse", "duplicate_app"), ("crash", "internal_error")]
)
async def test_a_run_that_fails_ends_with_an_error_and_done(engine, source, code):
    error, done = await run(engine, {"session": "s", "source": source})
    assert (error["type"], error["error"]["code"], done) == (
        "error",
        code,
        {"type": "done", "ok": False},
    )
    assert "s3cret" not in json.dumps(error)


async def test_a_client_that_leaves_ends_the_run(engine):
    await stream(engine, "POST /cells/run", {"session": "s", "source": "forever"}, until=b"stdout")
    assert engine.interrupted.is_set()
