"""An engine that keeps twenty secrets, programs that are careless or hostile with them, and all that leaves it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request
from aiwe_engine.vault.vault import Change
from tests.engine.fetch.conftest import whole
from tests.engine.outbound.servers import Server, serving
from tests.engine.vault.encodings import SECRETS, written
from tests.security import stand_in
from tests.security.search import Search

VALUES = {name: value for name, value in SECRETS.items() if name != "bytes"}  # must be UTF-8
VALUES["Cyrillic"] = "длинный пароль №1".encode()
VALUES["a key as PEM"] = b"\n".join(SECRETS["a key as PEM"].splitlines()[:3])  # long enough
IDS = {f"s{number}": value for number, value in enumerate(VALUES.values())}
FEW = [*IDS][::4]  # where what happens is the same for each
SEARCH = Search(IDS)

CARELESS = (Path(__file__).parent / "careless.js").read_text(encoding="utf-8")
HOSTILE = (Path(__file__).parent / "hostile.js").read_text(encoding="utf-8")


# What somebody sends in JSON is a level deeper in an answer: these would be three levels deep.
_DEEP = {"HTML in JSON", "UTF-8 taken for latin-1, in JSON"}


def known(name: str) -> list[str]:
    """A value as somebody who knows it may send it, in every form."""
    forms = [form for way, form in written(IDS[name]) if way not in _DEEP]
    return [IDS[name].decode(), *(form.decode("utf-8", "replace") for form in forms)]


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


@contextlib.asynccontextmanager
async def open_scene(folder: Path) -> AsyncIterator[Scene]:
    """The engine, with the programs served."""
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
