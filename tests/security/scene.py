"""An app that is attacked, and a bank beside it in the same engine that nobody may reach from there.

Everything goes over a real socket. After each attack the bank is looked at: it answers, and what it keeps is
as it was. Its canaries must stand in no answer that an attacker gets.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from tests.engine.http.wire import listening

CANARY = "canary-7f3a9c1e"
BANK = f"""
DataRepository.define("accounts", {{ index: [["owner"]] }});
app.get("/", () => "the bank is open");
app.post("/open", async (req) => {{ req.session.set("iban", "{CANARY}-session"); return "opened"; }});
app.post("/account", async () => {{
  await DataRepository.upsert("accounts", {{ id: "account-one", owner: "ada", iban: "{CANARY}" }});
  await Assets.write("statement.txt", "{CANARY} statement");
  return "kept";
}});
app.get("/books", () => DataRepository.list("accounts"));
"""
#: What no answer to somebody outside may hold: another app's data, and what the engine is made of.
LEAKS = re.compile(
    rb"canary-7f3a9c1e|Traceback|site-packages|/aiwe_engine/|File \"/|internal_error|root:x:0"
    rb"|psycopg|duckdb\.|DuckDB Error|Catalog Error|Binder Error|Parser Error|SQLSTATE",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of its error."""
        try:
            found = self.json
        except ValueError:
            return None
        return found["error"]["code"] if isinstance(found, dict) and "error" in found else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


def read(raw: bytes) -> Reply:
    """The one answer in these bytes."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = [(k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
    if ("transfer-encoding", "chunked") in pairs:
        body = _unchunked(body)
    return Reply(int(lines[0].split(" ")[1]), pairs, body, raw)


def _unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
    return body


@dataclass
class Scene:
    """The engine with its listener."""

    engine: Engine
    port: int
    folder: Path

    async def bytes(self, data: bytes, seconds: float = 20) -> bytes:
        """All that is said to these bytes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            async with asyncio.timeout(seconds):
                while piece := await reader.read(1 << 16):
                    answer += piece
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return answer

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        app: str = "shop",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Asks an app as a stranger does. A body that is no bytes is sent as JSON."""
        given = {"host": f"{app}.localhost:{self.port}", "connection": "close", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = orjson.dumps(body)
            given.setdefault("content-type", "application/json")
        if body is not None:
            given.setdefault("content-length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        return read(await self.bytes(head + (body or b"")))

    async def serve(self, name: str, program: str) -> None:
        path = self.folder / f"{name}.js"
        path.write_text(program, encoding="utf-8")
        await self.engine.load(path)

    async def unharmed(self) -> None:
        """The bank answers, and keeps what it kept."""
        opened = await self.ask("GET", "/", app="bank")
        assert (opened.status, opened.body) == (200, b"the bank is open")
        books = (await self.ask("GET", "/books", app="bank")).json
        assert [(one["id"], one["iban"], one["version"]) for one in books] == [
            ("account-one", CANARY, 1)
        ]


@asynccontextmanager
async def scene(
    folder: Path, settings: Mapping[str, Any], *, env: str = "production"
) -> AsyncIterator[Scene]:
    """An engine in which the bank is open."""
    told = replace(Settings(spare_workers=0), **settings)
    async with (
        Engine(told, env=env, root=folder, data=folder / ".aiwe") as engine,
        listening(engine) as (_, port),
    ):
        engine.apps_url = f"http://127.0.0.1:{port}/"
        one = Scene(engine, port, folder)
        await one.serve("bank", BANK)
        assert (await one.ask("POST", "/account", app="bank")).body == b"kept"
        yield one
