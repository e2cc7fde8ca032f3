"""Tokens: what is kept of them, when they are void, and that one of an app reaches no other."""

import asyncio
import json
import stat

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.call import About
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.managers.tokens import FILE, Tokens
from aiwe_engine.permissions import ROLES
from aiwe_engine.settings import Settings
from aiwe_engine.types import Cell
from tests.engine.http.fake import call


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(tmp_path_factory):
    root = tmp_path_factory.mktemp("tokens")
    async with Engine(Settings(log_audit=4096), root=root, data=root / ".aiwe") as engine:
        for app in ("mine", "other"):
            cell = Cell(session=f"{app}-session", app=app, cell="c", text='app.get("/", () => 1)')
            assert [event async for event in engine.run_cell(cell)][-1]["ok"]
        yield ManagementFace(engine, Settings(), "t0ken")


async def ask(face, token, method, path, body=None):
    headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
    data = None if body is None else json.dumps(body).encode()
    target = path if path.startswith("/editor/") else f"/aiwe/api{path}"
    return await call(face, target, method, host="127.0.0.1:9", headers=headers, body=data)


def place_of(line, app):
    """A call of the API that is about an app: path and body."""
    _, path = line.split(" ")
    for name, value in {":app": app, ":session": f"{app}-session", "*path": "a"}.items():
        path = path.replace(name, value)
    path = path.replace(":collection", "c").replace(":id", "d")
    query = "?env=dev&collections=c&collection=c&limit=1"
    return path + query, {"app": app, "session": f"{app}-session", "path": f"{app}.ipynb"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", ["bound", "kernel"])
async def test_a_token_of_one_app_reaches_no_other(face, kind):
    tokens = face._management.tokens
    if kind == "bound":
        _, token = tokens.create("admin", app="mine")
    else:
        token = tokens.for_kernel("mine-session", None, None)
    for line, one in face.calls.items():
        method = line.split(" ")[0]
        if kind == "kernel" and one.permission not in ROLES["developer"]:
            continue
        path, body = place_of(line, "other")
        if one.about is About.QUERY or (one.about is About.LIST and kind == "bound"):
            path += "&app=other"
        elif one.about in {About.NOTHING, About.LIST}:
            continue
        answer = await ask(face, token, method, path, None if method == "GET" else body)
        assert answer.status == 403, line
        assert answer.error["code"] in {"app_not_yours", "session_not_yours"}, line
        assert answer.error["hint"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_of_one_app_is_good_for_that_one(face):
    _, token = face._management.tokens.create("developer", app="mine")
    listed = await ask(face, token, "GET", "/apps")
    assert [one["app"] for one in listed.json["apps"]] == ["mine"]
    assert (await ask(face, token, "GET", "/data/mine")).status == 200
    live = await ask(face, token, "POST", "/live", {"app": "mine", "expression": "1+1"})
    assert live.status == 200
    made = await ask(face, token, "POST", "/kernels", {"session": "mine-session"})
    assert (await ask(face, made.json["token"], "GET", "/data/other")).status == 403


@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_is_shown_once_and_void_when_it_is_revoked(face):
    made = await ask(face, "t0ken", "POST", "/tokens", {"role": "viewer", "name": "Ada"})
    token = made.json["token"]
    assert (made.status, made.json["role"], made.json["app"]) == (201, "viewer", None)
    listed = await ask(face, "t0ken", "GET", "/tokens")
    assert token.encode() not in listed.body
    assert b"sha256" not in listed.body
    kept = face._management.data / FILE
    assert token not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (await ask(face, token, "GET", "/apps")).status == 200
    assert (await ask(face, token[:-1] + "A", "GET", "/apps")).status in {
        401,
        200 * (token[-1] == "A"),
    }
    gone = await ask(face, "t0ken", "DELETE", f"/tokens/{made.json['id']}")
    assert gone.status == 204
    assert (await ask(face, token, "GET", "/apps")).status == 401
    again = await ask(face, "t0ken", "DELETE", f"/tokens/{made.json['id']}")
    assert (again.status, again.error["code"]) == (404, "no_such_token")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"role": "king"}, "no_such_role"),
        ({"role": "launcher"}, "no_such_role"),
        ({}, "invalid_input"),
        ({"role": "viewer", "app": "A b"}, "invalid_input"),
        ({"role": "viewer", "name": "a\nb"}, "invalid_input"),
        ({"role": "viewer", "expires": 0}, "invalid_input"),
        ({"role": "viewer", "expires": True}, "invalid_input"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_token_that_makes_no_sense_is_not_made(face, body, code):
    before = face._management.tokens.everything()
    answer = await ask(face, "t0ken", "POST", "/tokens", body)
    assert (answer.status, answer.error["code"]) == (400, code)
    assert face._management.tokens.everything() == before


def test_tokens_outlive_the_engine_and_expire(tmp_path):
    now = [1000.0]
    tokens = Tokens(tmp_path, lambda: now[0])
    _, token = tokens.create("tester", name="CI", expires=60)
    kernel = tokens.for_kernel("s", None, None)
    again = Tokens(tmp_path, lambda: now[0])
    assert again.find(token).roles == {"tester"}
    assert again.find(kernel) is None
    now[0] += 60
    assert again.find(token) is None


def test_a_kernel_has_one_token_and_none_when_it_has_ended(tmp_path):
    tokens = Tokens(tmp_path)
    first = tokens.for_kernel("s", "a.ipynb", None)
    second = tokens.for_kernel("s", "a.ipynb", None)
    assert tokens.find(first) is None
    assert tokens.find(second).session == "s"
    tokens.end_kernel("s")
    assert tokens.find(second) is None


@pytest.mark.parametrize("how", ["revoked", "a kernel that has ended"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_silent_stream_ends_with_its_token(face, how):
    tokens, opened = face._management.tokens, asyncio.Event()
    if how == "revoked":
        kept, token = tokens.create("viewer")
    else:
        token = tokens.for_kernel("mine-session", None, "mine")

    async def waits():
        opened.set()
        await asyncio.Event().wait()

    headers = [("authorization", f"Bearer {token}")]
    reading = asyncio.create_task(
        call(face, "/aiwe/api/events", host="127.0.0.1:9", headers=headers, pieces=[waits])
    )
    await opened.wait()
    if how == "revoked":
        tokens.revoke(kept.id)
    else:
        tokens.end_kernel("mine-session")
    async with asyncio.timeout(5):
        answer = await reading
    assert answer.status == 200
    assert answer.messages[-1] == {"type": "http.response.body", "body": b""}


@pytest.mark.binds("log_audit")
@pytest.mark.asyncio(loop_scope="module")
async def test_what_changes_something_is_written_down_without_its_body(face):
    body = {"app": "mine", "expression": "'s3cr3t'"}
    await ask(face, "t0ken", "POST", "/live", body)
    await ask(face, "t0ken", "POST", "/live", {**body, "app": "none"})
    await ask(face, "t0ken", "GET", "/apps")
    entries = (await ask(face, "t0ken", "GET", "/audit?limit=2")).json["entries"]
    assert [(one["call"], one["app"], one["outcome"]) for one in entries] == [
        ("POST /live", "mine", "done"),
        ("POST /live", "none", "no_such_app"),
    ]
    assert {one["who"] for one in entries} == {"owner"}
    assert "s3cr3t" not in json.dumps(entries)
    folder = face._management.data
    assert stat.S_IMODE((folder / "management.jsonl").stat().st_mode) == 0o600
    for _ in range(40):
        await ask(face, "t0ken", "POST", "/live", body)
    sizes = [
        (folder / name).stat().st_size for name in ("management.jsonl", "management.old.jsonl")
    ]
    assert max(sizes) <= 4096
