"""What people, kernels and the lab are told of an engine tells no value, though programs and data know some."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request
from tests.security.canary import FEW, IDS, Scene, known

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

TOKEN = "t0ken"
KNOWN = """
const told = [];
app.post("/known", async (req) => {
  const { name, forms } = await req.json();
  told.push(...forms);
  await DataRepository.create("known", { id: name, forms, [forms[0]]: forms[0], numbers: [...new TextEncoder().encode(forms[0])] });
  console.log(name, forms);
  return name;
}).describe({ summary: "Takes what somebody knows" });
"""
CELLS = (
    'const key = Secrets.get("ID"); key',
    'const r = await fetch("SERVER/forms", { method: "POST", body: Secrets.get("ID") }); const text = await r.text(); text',
    "console.log(text); console.error({ text }); display({ text }); [text]",
    "throw Object.assign(new Error(text), { details: { text } })",
    'await fetch("SERVER/in_headers", { headers: { "x-key": Secrets.get("ID") } })',
    'await fetch("SERVER/nowhere", { method: "POST", body: Secrets.get("ID") })',
    '({ [Symbol.for("aiwe.display")]: () => ({ "text/html": "<p>" + text, "text/plain": text }) })',
    "app.get('/of-cell', { summary: text.slice(0, 500) }, () => text)",
)


class Face:
    """The management of a scene's engine, as it is reached over HTTP; all that comes has left."""

    def __init__(self, scene: Scene, http: aiohttp.ClientSession, port: int) -> None:
        self.scene, self._http, self._base = scene, http, f"http://127.0.0.1:{port}"

    async def ask(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body)
        kind = {} if body is None else {"content-type": "application/json"}
        async with self._http.request(method, self._base + path, data=data, headers=kind) as answer:
            content = await answer.read()
            where = f"{method} {path[:60]}"
            self.scene.left.add(f"{where}: headers", [*answer.headers.items()])
            self.scene.left.add(where, content)
            if answer.content_type == "application/json":
                json.loads(content)  # what is redacted is still JSON
            return content

    async def follow(self, path: str) -> None:
        async with self._http.get(self._base + path) as answer:
            async for piece in answer.content.iter_any():
                self.scene.left.add(f"following {path}", piece)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(scene: Scene) -> AsyncIterator[Face]:
    await scene.serve("known", KNOWN)
    management = ManagementFace(scene.engine, Settings(), TOKEN)
    listener = Listener(management, bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Face(scene, http, port)
    await listener.close(0)


async def test_cells_tell_no_value(face: Face) -> None:
    for number, name in enumerate(FEW):
        for at, text in enumerate(CELLS):
            source = text.replace("ID", name).replace("SERVER", face.scene.server.url(""))
            asked = {"session": f"s{number}", "app": f"book{number}", "cell": f"c{at}"}
            told = await face.ask("POST", "/aiwe/api/cells/run", {**asked, "source": source})
            assert b'"done"' in told
            assert b"[redacted]" in told or at > 4, told[:500]
        for expression in ("text", "[text]", "({ text })", f'Secrets.get("{name}")'):
            asked = {"app": f"book{number}", "expression": expression}
            await face.ask("POST", "/aiwe/api/live", asked)
        await face.ask(
            "POST", "/aiwe/api/try", {"app": f"book{number}", "method": "GET", "path": "/of-cell"}
        )
    assert face.scene.left.leaks() == {}


async def test_no_answer_tells_a_value_that_data_and_logs_know(face: Face) -> None:
    following = asyncio.create_task(face.follow("/aiwe/api/events"))
    for name in IDS:
        body = json.dumps({"name": name, "forms": known(name)}).encode()
        headers = [("host", "x"), ("content-type", "application/json")]
        request = Request("POST", "/known", "", headers, body, id="r")
        response = await face.scene.engine.handle("known", request)
        assert response.status == 200, response.body
    for name in FEW:
        await face.ask(
            "POST",
            "/aiwe/api/try",
            {"app": "careless", "method": "GET", "path": f"/json/forms/{name}"},
        )
        await face.ask(
            "POST", "/aiwe/api/try", {"app": "hostile", "method": "GET", "path": f"/reads/{name}"}
        )
    for path in (
        "status", "apps", "logs?limit=1000", "assets/known", "data/known", "data/known/known?limit=100",
        "people/known", "secrets/audit", "tokens", "audit", "transfer/collections",
        "transfer/export?app=known&env=dev&collections=known", *(f"data/known/known/{name}" for name in IDS),
    ):  # fmt: skip
        told = await face.ask("GET", f"/aiwe/api/{path}")
        assert b'"error"' not in told[:20], told[:300]
    rows = {"texts": ["SELECT * FROM known"]}
    assert b"[redacted]" in await face.ask("POST", "/aiwe/api/data/known/sql", rows)
    await face.ask("GET", "/editor/api/secrets")
    for name, value in IDS.items():
        await face.ask("GET", f"/editor/api/secrets/{name}/usage")
        typed = {"description": value.decode()[:60]} if len(value) <= 60 else {"description": "x"}
        await face.ask("PUT", f"/editor/api/secrets/{name}", typed)
        shown = quote(value.decode()[:300], safe="")
        for path in (
            f"/editor/api/secrets/{shown}",
            f"/aiwe/api/{shown}",
            f"/aiwe/api/data/known/{shown}",
        ):
            await face.ask("GET", path)
        wrong = {"operation": value.decode(), "app": value.decode(), "expression": value.decode()}
        for path in ("live", "try", f"language/{shown}", "language/complete", "data/known/sql"):
            await face.ask("POST", f"/aiwe/api/{path}", wrong)
    for app in ("careless", "known"):
        face.scene.left.add("openapi", await face.scene.engine.openapi(app))
        await face.scene.ask(app, "/openapi.json")
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert face.scene.left.leaks() == {}


async def test_a_backup_holds_secrets_sealed_alone(face: Face) -> None:
    archive = await face.ask("GET", "/aiwe/api/transfer/backup")
    assert face.scene.left.leaks() == {}
    with zipfile.ZipFile(BytesIO(archive)) as members:
        assert members.testzip() is None
