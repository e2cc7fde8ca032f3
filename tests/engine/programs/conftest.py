"""What the tests of programs share: one compiler, and bare V8 to run what it makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from py_mini_racer import MiniRacer

from aiwe_engine import bundles
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.settings import Settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def compiler() -> AsyncIterator[Compiler]:
    async with Compiler(Settings()) as compiler:
        yield compiler


class Isolate:
    """Bare V8 with the engine's core, driven by hand."""

    def __init__(self, racer: MiniRacer) -> None:
        self._racer = racer
        self.run("let __aiwe_cur = null; globalThis.__aiwe_checkpoint = () => {}")
        self.run("globalThis.__aiwe_ring = () => {}")
        self.run(bundles.read("core.js"))
        self.run("__aiwe_boot('{}')")
        self.run("var loaded, outcome; globalThis.hand_to_test = (name, body) => { loaded = body }")

    def run(self, script: str) -> None:
        self._racer.eval(f"{script}\n;0")

    def read(self, expression: str) -> Any:
        text = self._racer.eval(f"JSON.stringify({expression})")
        return None if not isinstance(text, str) else orjson.loads(text)

    def load(self, code: str) -> Any:
        """Defines a cell and runs it for nobody; its outcome, when it does not wait."""
        self.run(code.replace("__aiwe_enter", "hand_to_test", 1))
        self.run("outcome = { waits: true }")
        self.run("""loaded().then((value) => { outcome = { value, type: typeof value } },
            (error) => { outcome = { error: String(error), stack: error?.stack } })""")
        return self.read("outcome")


@pytest.fixture
def isolate() -> Iterator[Isolate]:
    with MiniRacer() as racer:
        yield Isolate(racer)
