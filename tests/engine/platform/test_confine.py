"""What an isolate that serves many must not offer: waiting for ever, and callbacks between turns."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.platform.alone import alone

EMPTY_MODULE = "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])"


@pytest.mark.parametrize("call", ["wait", "waitAsync"])
async def test_atomics_do_not_wait(call: str) -> None:
    async with alone() as isolate:
        name, message = await isolate.json(
            f"""(() => {{ try {{ Atomics.{call}(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 10) }} catch (e) {{ return [e.name, e.message] }} }})()"""
        )
        assert name == "TypeError"
        assert "not available" in message


async def test_the_embedders_timers_are_out_of_reach() -> None:
    async with alone() as isolate:
        assert await isolate.json("[typeof __timer_manager, setTimeout(() => {}, 5) > 0]") == [
            "undefined",
            True,
        ]
        with pytest.raises(Exception, match="not available"):
            await isolate.run("new __TimerManager().setTimeout(() => {}, 1)")


async def test_a_finalization_registry_never_calls_back() -> None:
    async with alone() as isolate:
        await isolate.run(
            """globalThis.hits = 0;
            const registry = new FinalizationRegistry(() => { hits++; });
            (() => { for (let i = 0; i < 500; i++) registry.register({ big: new Array(1000).fill(i) }, i); })();
            for (let i = 0; i < 200; i++) new Array(1e5).fill(i);
            0"""
        )
        await asyncio.sleep(0.05)
        assert await isolate.json("hits") == 0


@pytest.mark.parametrize(
    ("call", "gives"),
    [
        (f"WebAssembly.compile({EMPTY_MODULE})", "[object WebAssembly.Module]"),
        (
            f"WebAssembly.instantiate({EMPTY_MODULE}).then((r) => r.instance)",
            "[object WebAssembly.Instance]",
        ),
        (
            f"WebAssembly.instantiate(new WebAssembly.Module({EMPTY_MODULE}))",
            "[object WebAssembly.Instance]",
        ),
        ("WebAssembly.compile(new Uint8Array(3)).catch((e) => e.name)", "CompileError"),
    ],
)
async def test_webassembly_is_compiled_within_the_turn(call: str, gives: str) -> None:
    async with alone() as isolate:
        await isolate.run(f"globalThis.out = null; {call}.then((v) => {{ out = String(v); }}); 0")
        assert await isolate.run("out") == gives  # settled by the microtasks of that one evaluation


@pytest.mark.parametrize("code", ["eval('1')", "new Function('return 1')()", "setTimeout('1', 1)"])
async def test_code_in_strings_is_never_run(code: str) -> None:
    async with alone() as isolate:
        name = await isolate.json(f"(() => {{ try {{ {code} }} catch (e) {{ return e.name }} }})()")
        assert name in ("EvalError", "TypeError")
