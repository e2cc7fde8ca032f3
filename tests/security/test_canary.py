"""Twenty secrets are used in every way there is, and are looked for in everything that leaves."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request
from aiwe_engine.vault.vault import Change
from tests.engine.fetch.conftest import whole
from tests.engine.outbound.servers import Server, serving
from tests.engine.vault.encodings import SECRETS, written
from tests.security import stand_in
from tests.security.search import Search

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

VALUES = {name: value for name, value in SECRETS.items() if name != "bytes"}  # must be UTF-8
VALUES["Cyrillic"] = "длинный пароль №1".encode()
VALUES["a key as PEM"] = b"\n".join(SECRETS["a key as PEM"].splitlines()[:3])  # long enough
IN_LINES = {"in_headers", "failed", "limited", "redirect", "nowhere", "wrong_header"}
IDS = {f"s{number}": value for number, value in enumerate(VALUES.values())}
FEW = [*IDS][::4]  # where what happens is the same for each
SEARCH = Search(IDS)

CARELESS = (Path(__file__).parent / "careless.js").read_text(encoding="utf-8")
HOSTILE = (Path(__file__).parent / "hostile.js").read_text(encoding="utf-8")


@dataclass
class Left:
    """All that has left the engine, by where it did."""

    pieces: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, face: str, what: Any) -> Any:
        data = what if isinstance(what, bytes) else json.dumps(what, default=str).encode()
        self.pieces.append((face, data))
        return what

    def leaks(self) -> dict[str, list[str]]:
        """Face → names of the values that are in what left there since it was asked last."""
        joined: dict[str, bytearray] = {}
        for face, data in self.pieces:
            joined.setdefault(face, bytearray()).extend(data + b"\n\n")
        self.pieces = []
        found = {face: sorted(SEARCH.found(bytes(data))) for face, data in joined.items()}
        return {face: names for face, names in found.items() if names}


@dataclass
class Scene:
    """An engine with the secrets, the server that may have them, and a stranger who may not."""

    engine: Engine
    server: Server
    stranger: Server
    folder: Path
    left: Left = field(default_factory=Left)

    async def serve(self, name: str, text: str) -> None:
        for word, server in {"SERVER": self.server, "STRANGER": self.stranger}.items():
            text = text.replace(word, server.url(""))
        path = self.folder / f"{name}.js"
        path.write_text(text, encoding="utf-8")
        await self.engine.load(path)

    async def ask(self, app: str, path: str, *, public: bool = False) -> None:
        """Asks an app as a visitor does; all of the answer has left."""
        where, _, query = path.partition("?")
        request = Request("GET", where, query, [("host", "x")], id="r")
        response = await whole(await self.engine.handle(app, request, public=public))
        self.left.add(f"{app} {path.split('/')[1]}: headers", response.headers)
        self.left.add(f"{app} {path.split('/')[1]}: body", response.body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("canary")
    async with AsyncExitStack() as stack:
        stranger = await stack.enter_async_context(serving({"*": stand_in.forms}))
        routes = {f"/{way}": reply for way, reply in stand_in.WAYS.items()}
        routes["/away"] = stand_in.away(stranger.url("/taken"))
        server = await stack.enter_async_context(serving(routes))
        settings = Settings(
            deadline=20.0,
            cpu_limit=10.0,
            spare_workers=0,
            log_lines=20_000,
            log_rate=1 << 30,
            log_memory=1 << 30,
            fetch_allow_private=("127.0.0.1:*",),
            fetch_timeout=2.0,
        )
        engine = Engine(settings, root=folder, data=folder / ".aiwe")
        engine = await stack.enter_async_context(engine)
        one = Scene(engine, server, stranger, folder)
        for name, value in IDS.items():
            change = Change(value, (server.place,), ("url", "body"), "a canary")
            await engine.vault.put(name, change, by="test")
            narrow = Change(value, (server.place,), (), "only in headers")
            await engine.vault.put(f"narrow-{name}", narrow, by="test")
        await one.serve("careless", CARELESS)
        await one.serve("hostile", HOSTILE)
        yield one


# ── the search itself ──


def plants() -> Iterator[tuple[str, str, bytes]]:
    for name, value in IDS.items():
        for form, text in written(value):
            yield name, form, text


async def test_the_search_finds_each_value_in_every_form() -> None:
    around = b'<a href="?x=1&amp;y">{"q": "\\u00fc %b end"} 50%% + 1'
    missed = [
        (name, form) for name, form, text in plants() if name not in SEARCH.found(around % text)
    ]
    assert missed == []
    assert len({form for _, form, _ in plants()}) > 60


async def test_the_search_finds_nothing_where_nothing_is() -> None:
    clean = json.dumps({"error": {"code": "secret_not_found", "hint": "Grüße % + &amp; \\u0041"}})
    assert SEARCH.found(clean.encode() * 50) == set()
    assert SEARCH.found(base64.b64encode(bytes(range(256)) * 9)) == set()


# ── what is done with the secrets ──


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
