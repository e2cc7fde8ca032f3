"""What goes in and out of an engine that runs, by its management API: who watches, and who leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from tests.engine.http.fake import Answer, call

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "t0ken"
LINES = b"".join(b'{"id":"%d","text":"%b"}\n' % (n, b"x" * 500) for n in range(5000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    root = tmp_path_factory.mktemp("transfers")
    async with Engine(Settings(spare_workers=0), root=root, data=root / ".aiwe") as running:
        yield running


async def ask(engine: Engine, method: str, path: str, **more: Any) -> Answer:
    face = ManagementFace(engine, engine.settings, TOKEN)
    headers = [("authorization", f"Bearer {TOKEN}")]
    url = f"/aiwe/api/transfer/{path}"
    return await call(face, url, method, host="127.0.0.1:9", headers=headers, **more)


async def test_whoever_watches_hears_of_imports_and_resets(engine: Engine) -> None:
    events = engine.events()
    await anext(events)
    place = "import?app=shop&env=dev&collection=watched"
    assert (await ask(engine, "POST", place, body=b"{}\n")).json["created"] == 1
    async with asyncio.timeout(10):
        event = await anext(events)
        assert (event["type"], event["app"]) == ("data", "shop")
        assert list(event["collections"]) == ["watched"]
        body = json.dumps({"env": "dev", "app": "shop"}).encode()
        kind = [("content-type", "application/json")]
        face = ManagementFace(engine, engine.settings, TOKEN)
        headers = [("authorization", f"Bearer {TOKEN}"), *kind]
        answer = await call(
            face, "/aiwe/api/transfer/reset", "POST", host="127.0.0.1:9", headers=headers, body=body
        )
        assert answer.json["deleted"]["documents"] == {"shop": {"watched": 1}}
        assert list((await anext(events))["collections"]) == ["watched"]
    await events.aclose()  # type: ignore[attr-defined]


async def test_an_export_that_nobody_takes_any_more_holds_nothing(engine: Engine) -> None:
    await ask(engine, "POST", "import?app=shop&env=dev&collection=long", body=LINES)
    exporting = engine.transfers.export("shop", "dev", ["long"])
    await anext(exporting)
    await anext(exporting)
    await exporting.aclose()
    answer = await ask(engine, "GET", "export?app=shop&env=dev&collections=long,watched")
    assert answer.status == 200
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert {line["collection"] for line in lines} <= {"long", "watched"}
    assert sum(line["collection"] == "long" for line in lines) == 5000


async def test_a_backup_that_nobody_takes_any_more_leaves_nothing_behind(engine: Engine) -> None:
    making = engine.transfers.backup()
    await anext(making)
    folder = engine.data / "files" / "incoming"
    assert len(list(folder.iterdir())) == 1
    await making.aclose()
    assert list(folder.iterdir()) == []
