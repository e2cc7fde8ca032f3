"""Every role against every call of the management API, over HTTP, on an engine with one app."""

import asyncio
import json
import socket

import aiohttp
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.call import About, Answered, Received, declared
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.permissions import LAUNCHER, PERMISSIONS, ROLES, may
from aiwe_engine.settings import Settings
from aiwe_engine.types import Cell, Principal

#: The permission of every call: written down here once more, so that no call gets another unseen.
EXPECTED = {
    "GET /status": "read",
    "GET /apps": "read",
    "GET /logs": "read",
    "GET /events": "read",
    "POST /language/:operation": "read",
    "GET /assets/:app": "read",
    "PUT /assets/:app/*path": "assets",
    "DELETE /assets/:app/*path": "assets",
    "POST /try": "test",
    "POST /cells/run": "develop",
    "POST /cells/interrupt": "develop",
    "DELETE /sessions/:session": "develop",
    "PUT /documents": "develop",
    "POST /live": "develop",
    "GET /data/:app": "data.read",
    "GET /data/:app/:collection": "data.read",
    "GET /data/:app/:collection/:id": "data.read",
    "POST /data/:app/sql": "data.read",
    "GET /transfer/collections": "data.read",
    "GET /transfer/export": "data.read",
    "POST /transfer/import": "data.write",
    "GET /people/:app": "people.read",
    "GET /people/:app/:who": "people.read",
    "PUT /people/:app/:who/roles": "people.write",
    "PUT /people/:app/:who/password": "people.write",
    "PUT /people/:app/:who/disabled": "people.write",
    "DELETE /people/:app/:who/sessions": "people.write",
    "DELETE /people/:app/:who": "people.write",
    "POST /people/:app/keys": "people.write",
    "GET /editor/api/secrets": "secrets.read",
    "POST /editor/api/secrets": "secrets.write",
    "GET /editor/api/secrets/:id": "secrets.read",
    "PUT /editor/api/secrets/:id": "secrets.write",
    "DELETE /editor/api/secrets/:id": "secrets.write",
    "GET /editor/api/secrets/:id/usage": "secrets.read",
    "GET /secrets/audit": "secrets.read",
    "POST /secrets/rotate": "admin",
    "GET /transfer/backup": "admin",
    "POST /transfer/reset": "admin",
    "GET /tokens": "tokens",
    "POST /tokens": "tokens",
    "DELETE /tokens/:id": "tokens",
    "POST /kernels": "kernels",
    "DELETE /kernels/:session": "kernels",
    "GET /audit": "admin",
}
#: What each role may do, in the same way.
GRANTED = {
    "viewer": "read",
    "tester": "read test data.read",
    "designer": "read assets",
    "developer": "read test assets develop kernels data.read data.write "
    "secrets.read secrets.write people.read",
    "admin": " ".join(PERMISSIONS),
    LAUNCHER: "kernels",
    "unheard of": "",
}
#: What is asked, where the call alone would not be told from another one or would go on for long.
BODIES = {"POST /try": {"app": "shop", "method": "GET", "path": "/"}}


def test_the_calls_are_those_that_are_expected(face):
    assert {line: call.permission for line, call in face.calls.items()} == EXPECTED


def test_the_roles_are_those_that_are_expected():
    assert set(GRANTED) - {LAUNCHER, "unheard of"} == set(ROLES)
    for role, granted in GRANTED.items():
        who = Principal("ada", frozenset({role}))
        assert {one for one in PERMISSIONS if may(who, one)} == set(granted.split()), role


def test_nobody_without_a_role_may_do_anything():
    assert not any(may(Principal("ada"), permission) for permission in PERMISSIONS)


def test_a_route_without_a_permission_is_not_made():
    async def bare(ask):
        raise AssertionError

    with pytest.raises(TypeError, match="GET /x does not say which permission it needs"):
        declared({"GET /x": bare})
    with pytest.raises(ValueError, match="'everything'"):
        Answered("everything", About.NOTHING, bare)
    with pytest.raises(ValueError, match="cannot stand in that body"):
        Received("assets", About.BODY, bare)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(tmp_path_factory):
    root = tmp_path_factory.mktemp("roles")
    async with Engine(Settings(), root=root, data=root / ".aiwe") as engine:
        text = 'app.get("/", () => "hi"); await DataRepository.create("tasks", { id: "t" })'
        cell = Cell(session="s", app="shop", cell="c", text=text)
        assert [event async for event in engine.run_cell(cell)][-1]["ok"]
        yield ManagementFace(engine, Settings(), "t0ken")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(face):
    """Where the management answers; who asks is whoever the header `x-role` says."""

    async def told(scope, receive, send):
        role = dict(scope["headers"])[b"x-role"].decode()
        who = Principal("ada", frozenset({role}))
        await face({**scope, "aiwe.principal": who}, receive, send)

    listener = Listener(told, bind("127.0.0.1", 0), Settings())
    _, number = await listener.start()
    yield number
    await listener.close(0)


async def asked(port, line, role):
    """Status and code of a call's answer; of one that goes on, of its head."""
    method, path = line.split(" ")
    for name, value in {
        ":app": "shop",
        ":collection": "tasks",
        ":id": "t",
        "*path": "a.txt",
    }.items():
        path = path.replace(name, value)
    path = path.replace(":session", "nobody").replace(":operation", "complete_check")
    body = None if method == "GET" else json.dumps(BODIES.get(line, {}))
    headers = {"x-role": role} | ({"content-type": "application/json"} if body else {})
    async with aiohttp.ClientSession() as http:
        base = "" if path.startswith("/editor/") else "/aiwe/api"
        url = f"http://127.0.0.1:{port}{base}{path}"
        async with http.request(method, url, data=body, headers=headers) as answer:
            if answer.status < 400:
                return answer.status, None
            return answer.status, (await answer.json())["error"]


@pytest.mark.parametrize("role", GRANTED)
@pytest.mark.parametrize("line", EXPECTED)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_call_is_answered_for_whoever_has_its_permission(port, line, role):
    status, error = await asked(port, line, role)
    permission = EXPECTED[line]
    if permission in GRANTED[role].split():
        assert status not in {401, 403}
        return
    assert (status, error["code"]) == (403, "not_permitted")
    having = [one for one in ROLES if permission in GRANTED[one].split()]
    assert error["details"] == {"permission": permission, "roles": having}
    assert error["message"].startswith(f'This needs the permission "{permission}": ')
    assert f"one of the roles {', '.join(having)}" in error["hint"]


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_of_a_body_is_read_for_who_may_not_send_it(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        head = "POST /aiwe/api/cells/run HTTP/1.1\r\nHost: x\r\nX-Role: viewer\r\nContent-Length: 9\r\n\r\n"
        client.sendall(head.encode())
        answer = await asyncio.to_thread(client.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 403 ")
