"""Twenty secrets are used in every way there is, and are looked for in everything that leaves."""

from __future__ import annotations

import asyncio
import gzip
import zipfile
from io import BytesIO

import pytest

from tests.security import stand_in
from tests.security.canary import FEW, IDS, SEARCH, Left, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

IN_LINES = {"in_headers", "failed", "limited", "redirect", "nowhere", "wrong_header"}


async def test_a_careless_program_gets_nothing_back(scene: Scene) -> None:
    for name in IDS:
        for way in stand_in.WAYS:
            if way not in {"silent", "huge"}:
                kind = "header" if way in IN_LINES else "body"
                await scene.ask("careless", f"/json/{way}/{name}?as={kind}")
        for kind in ("url", "form", "basic", "stream"):
            await scene.ask("careless", f"/json/plain/{name}?as={kind}")
    await scene.ask("careless", "/json/huge/s0")
    await asyncio.gather(*(scene.ask("careless", f"/json/silent/{name}") for name in IDS))
    assert scene.left.leaks() == {}
    sent = b"\n".join(piece for seen in scene.server.seen for piece in stand_in.sent(seen))
    assert SEARCH.found(sent) == set(IDS)  # it was there to be found


async def test_a_careless_program_answers_and_keeps_nothing(scene: Scene) -> None:
    for name in IDS:
        for face in ("text", "html", "pass", "redirect", "cookie", "stream", "thrown", "kept"):
            await scene.ask("careless", f"/{face}/forms/{name}")
        await scene.ask("careless", f"/thrown/forms/{name}", public=True)
    assert scene.left.leaks() == {}


async def test_a_hostile_program_gets_nothing(scene: Scene) -> None:
    before = len(scene.server.seen)
    for name in FEW:
        for attack in ("asks", "encodes", "carries", "guesses", "misplaces", "reads", "aborts"):
            await scene.ask("hostile", f"/{attack}/{name}")
    assert scene.left.leaks() == {}
    assert len(scene.server.seen) > before
    taken = Left([("the stranger", b"\n".join(stand_in.sent(one))) for one in scene.stranger.seen])
    assert len(scene.stranger.seen) >= len(FEW)  # redirected there, with nothing
    assert taken.leaks() == {}


async def test_nothing_is_in_what_is_kept(scene: Scene) -> None:
    kept = [one.name for one in await scene.engine.transfers.collections() if one.app == "careless"]
    assert kept == ["kept"]
    export = [text async for _, text in scene.engine.transfers.export("careless", "dev", kept)]
    scene.left.add("export", b"".join(export))
    archive = b"".join([piece async for piece in scene.engine.transfers.backup()])
    with zipfile.ZipFile(BytesIO(archive)) as members:
        for name in members.namelist():
            scene.left.add(f"backup: {name}", members.read(name))
    await scene.engine.vault.audit.flush()
    files = [path for path in scene.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("data.duckdb") for path in files)
    for path in files:
        data = path.read_bytes()
        scene.left.add(f"file {path.name}", data)
        if data[:2] == b"\x1f\x8b":
            scene.left.add(f"unpacked {path.name}", gzip.decompress(data))
    assert scene.left.leaks() == {}
