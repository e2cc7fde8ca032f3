"""Assets through the management API: listed, uploaded as they come, deleted, and by nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from tests.engine.assets.test_serving import notebook
from tests.engine.http.fake import Answer, call
from tests.engine.http.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "t0ken-of-this-engine"
BEARER = [("authorization", f"Bearer {TOKEN}")]
LIMIT = 200_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ManagementFace]:
    root = tmp_path_factory.mktemp("managed")
    (root / "shop.ipynb").write_bytes(notebook("%%asset cell.txt\nx", 'app.get("/", () => 1);'))
    settings = Settings(assets_limit=LIMIT, body_limit=100, spare_workers=0)
    async with Engine(settings, root=root, data=root / ".aiwe") as engine:
        await engine.load(root / "shop.ipynb")
        yield ManagementFace(engine, settings, TOKEN)


async def ask(face: ManagementFace, line: str, **more: Any) -> Answer:
    method, target = line.split(" ")
    headers = [*BEARER, *more.pop("headers", [])]
    url = f"/aiwe/api/assets/{target}"
    return await call(face, url, method, host="127.0.0.1:9", headers=headers, **more)


async def paths(face: ManagementFace) -> list[str]:
    return [asset["path"] for asset in (await ask(face, "GET shop")).json["assets"]]


async def test_an_upload_may_be_larger_than_any_other_body(face: ManagementFace) -> None:
    chunked = [("transfer-encoding", "chunked")]
    pieces = [b"1" * 60_000, b"2" * 60_000, b"3" * 60_000]
    whole = await ask(face, "PUT shop/whole.bin", body=b"x" * LIMIT)
    parts = await ask(face, "PUT shop/parts.bin", pieces=pieces, headers=chunked)
    empty = await ask(face, "PUT shop/empty.txt")
    assert [answer.json["size"] for answer in (whole, parts, empty)] == [LIMIT, 180_000, 0]
    assert await paths(face) == ["cell.txt", "empty.txt", "parts.bin", "whole.bin"]
    for name in ("whole.bin", "parts.bin", "empty.txt"):
        assert (await ask(face, f"DELETE shop/{name}")).status == 204
    assert await paths(face) == ["cell.txt"]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("PUT shop/.env", 400, "invalid_asset_path"),
        ("PUT shop/%2e%2e%2fsecret", 400, "invalid_asset_path"),
        ("PUT nowhere/a.txt", 404, "no_such_app"),
        ("PUT ..%2fshop/a.txt", 404, "no_such_app"),
        ("GET nowhere", 404, "no_such_app"),
        ("DELETE shop/none.txt", 404, "asset_not_found"),
        ("DELETE shop/cell.txt", 409, "asset_read_only"),
        ("POST shop/a.txt", 405, "method_not_allowed"),
    ],
)
async def test_what_cannot_be_done_is_told(
    face: ManagementFace, line: str, status: int, code: str
) -> None:
    body = b"x" if line.startswith("PUT") else None
    answer = await ask(face, line, body=body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert await paths(face) == ["cell.txt"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_without_the_token_reaches_assets(face: ManagementFace, method: str) -> None:
    url = "/aiwe/api/assets/shop" + ("" if method == "GET" else "/a.txt")
    answer = await call(face, url, method, host="127.0.0.1:9")
    assert answer.status == 401
    foreign = [*BEARER, ("origin", "http://shop.localhost:8890")]
    refused = await call(face, url, method, host="127.0.0.1:9", headers=foreign)
    assert refused.status == 403


@pytest.mark.parametrize("known", [True, False], ids=["with a length", "chunked"])
async def test_an_upload_over_the_limit_is_told_once_and_ends_the_connection_or_the_body(
    face: ManagementFace, *, known: bool
) -> None:
    size = LIMIT + 1
    listener = Listener(face, bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    head = f"PUT /aiwe/api/assets/shop/l.bin HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
    head += f"authorization: Bearer {TOKEN}\r\n"
    try:
        async with Wire(port) as wire:
            if known:
                wire.send(head + f"content-length: {size}\r\n\r\n")
                wire.send(b"x" * size)
            else:
                wire.send(head + "transfer-encoding: chunked\r\n\r\n")
                wire.send(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n0\r\n\r\n")
            status, _, body = await wire.answer()
    finally:
        await listener.close(0)
    assert (status, b"asset_too_large" in body) == (413, True)
    assert await paths(face) == ["cell.txt"]
