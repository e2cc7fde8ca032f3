"""The compiler as a service: programs, modules, its process and its cache."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aiwe_engine.errors import EngineError, ProgramError
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.settings import Settings
from aiwe_engine.types import Source
from tests.engine.programs.conftest import Isolate

CELL = Source("cell-a.js", "const a = 1", cell="a")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_program_is_named_by_its_content() -> None:
    async with Compiler(Settings()) as compiler:
        one = await compiler.compile([CELL])
        same = await compiler.compile([CELL])
        other = await compiler.compile([Source("cell-a.js", "const a = 2", cell="a")])
        two = await compiler.compile([CELL, Source("cell-b.js", "a", cell="b")])
    assert one.id == same.id
    assert len({one.id, other.id, two.id}) == 3
    assert len(one.id) == 12
    assert int(one.id, 16) >= 0


async def test_the_process_starts_on_first_use_and_ends_with_the_compiler() -> None:
    compiler = Compiler(Settings())
    before = compiler.process.pid
    await compiler.compile_one(CELL)
    pid = compiler.process.pid
    assert before is None
    assert pid is not None
    await compiler.close()
    assert gone(pid)
    await compiler.compile_one(Source("cell-a.js", "const again = 1", cell="a"))
    assert compiler.process.pid not in {None, pid}
    await compiler.close()


@pytest.mark.binds("compile_idle")
async def test_an_idle_process_is_ended() -> None:
    async with Compiler(Settings(compile_idle=0.01)) as compiler:
        await compiler.compile_one(CELL)
        async with asyncio.timeout(5):
            while compiler.process.pid is not None:
                await asyncio.sleep(0.01)


async def test_a_process_that_grew_is_replaced() -> None:
    async with Compiler(Settings()) as compiler:
        compiler.process._heavy = 1
        await compiler.compile_one(CELL)
        assert compiler.process.pid is None


async def test_a_piece_that_takes_too_long_is_given_up() -> None:
    long = "a + " * 20_000
    async with Compiler(Settings(), time_limit=5.0) as compiler:
        await compiler.compile_one(CELL)
        compiler._time_limit = 0.001
        with pytest.raises(ProgramError) as caught:
            await compiler.compile_one(Source("cell-b.js", f"{long}a", cell="b"))
        assert caught.value.code == "compile_timeout"
        assert caught.value.hint
        compiler._time_limit = 5.0
        assert (await compiler.compile_one(CELL)).name == "cell-a.js"


async def test_a_process_that_was_killed_is_told_and_replaced() -> None:
    async with Compiler(Settings()) as compiler:
        await compiler.compile_one(CELL)
        assert compiler.process._process is not None
        compiler.process._process.kill()
        with pytest.raises(EngineError) as caught:
            await compiler.compile_one(Source("cell-b.js", "const b = 1", cell="b"))
        assert caught.value.code == "compile_failed"
        piece = await compiler.compile_one(Source("cell-b.js", "const b = 1", cell="b"))
        assert piece.name == "cell-b.js"


@pytest.mark.parametrize("opening", ["[", "(", "{ a: {", "`${", "a => b(", "!", "- -"])
async def test_deep_nesting_is_an_error_and_no_crash(opening: str) -> None:
    async with Compiler(Settings()) as compiler:
        with pytest.raises(ProgramError) as caught:
            await compiler.compile_one(Source("cell-a.js", opening * 50_000, cell="a"))
        assert caught.value.hint
        assert (await compiler.compile_one(CELL)).name == "cell-a.js"


async def test_known_programs_need_no_process(tmp_path: Path) -> None:
    async with Compiler(Settings(), cache=tmp_path / "cache") as compiler:
        first = await compiler.compile([CELL])
    async with Compiler(Settings(), cache=tmp_path / "cache") as compiler:
        assert await compiler.compile([CELL]) == first
        assert compiler.process.pid is None


@pytest.mark.binds("compile_cache")
async def test_the_cache_on_disk_is_bounded_and_what_was_used_last_stays(tmp_path: Path) -> None:
    settings = replace(Settings(), compile_cache=3000)
    async with Compiler(settings, cache=tmp_path) as compiler:
        for n in range(8):
            await compiler.compile([Source(f"{n}.js", f"const n = {n};" + "//".ljust(600, "x"))])
        for age, path in enumerate(sorted(tmp_path.iterdir())):
            os.utime(path, (age, age))
        used = min(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(used)
        compiler.trim()
        assert 0 < sum(path.stat().st_size for path in tmp_path.iterdir()) <= 3000
        assert used.exists()


async def test_a_broken_cache_costs_time_only(tmp_path: Path) -> None:
    async with Compiler(Settings(), cache=tmp_path) as compiler:
        first = await compiler.compile([CELL])
    for path in tmp_path.iterdir():
        path.write_bytes(b"{")
    async with Compiler(Settings(), cache=tmp_path) as compiler:
        assert await compiler.compile([CELL]) == first
    (tmp_path / "file").write_bytes(b"")
    async with Compiler(Settings(), cache=tmp_path / "file") as compiler:
        assert await compiler.compile([CELL]) == first


async def test_many_pieces_at_once() -> None:
    async with Compiler(Settings()) as compiler:
        sources = [Source(f"cell-{i}.js", f"const a{i} = {i}", cell=str(i)) for i in range(50)]
        pieces = await asyncio.gather(*(compiler.compile_one(source) for source in sources))
    assert [piece.name for piece in pieces] == [source.name for source in sources]


async def test_a_question_that_is_given_up_does_not_answer_the_next() -> None:
    async with Compiler(Settings()) as compiler:
        task = asyncio.create_task(compiler.compile_one(CELL))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        piece = await compiler.compile_one(Source("cell-b.js", "const b = 1", cell="b"))
    assert piece.name == "cell-b.js"


MODULES = {
    "lib.js": "import other, { up as raise } from './other.ts'\nexport let n = 1\nexport const add = () => { n = raise(n) }\nexport default class Box { n = other }",
    "other.ts": "export const up = (n: number): number => n + 1\nexport default 5 as number",
    "setup.js": "globalThis.ready = true",
}
MAIN = """import Box, { n as start, add } from './lib.js'
import * as everything from './lib.js'
import './setup.js'
add()
const later = await import('./other.ts')
;[start, everything.n, new Box().n, later.up(1), ready, await import('fs').catch((error) => error.message)]"""

LOADER = """
var factories = {}, made = {};
var load = async (name) => {
  if (!factories[name]) throw new Error(`no ${name}`);
  if (!made[name]) {
    made[name] = {};
    for (const other of imports[name]) await load(other);
    await factories[name](made[name], (wanted) => made[wanted]);
  }
  return made[name];
};
"""


async def test_modules_import_each_other(isolate: Isolate) -> None:
    sources = [Source("cell-a.js", MAIN, cell="a")]
    sources += [Source(name, text) for name, text in MODULES.items()]
    async with Compiler(Settings()) as compiler:
        program = await compiler.compile(sources)
    pieces = {piece.name: piece for piece in program.pieces}
    assert [piece.module for piece in program.pieces] == [False, True, True, True]
    isolate.run(LOADER)
    isolate.run("var imports = {}")
    for name in MODULES:
        isolate.run(f"imports['{name}'] = {list(pieces[name].imports)}")
        code = pieces[name].code.replace("__aiwe_define(", "((n, f) => { factories[n] = f })(", 1)
        isolate.run(code)
    isolate.load(pieces["cell-a.js"].code.replace("__aiwe_import", "load"))
    expected = [1, 2, 5, 2, True, "no fs"]
    assert isolate.read("outcome") == {"value": expected, "type": "object"}


LANGUAGES = {
    "a.ts": ("const f = <T>(x: T) => x; f<number>(1)", None),
    "a.tsx": ("const x = <p>{1 as number}</p>", None),
    "a.jsx": ("const x = <p>1</p>", None),
    "a.js": ("const x = a < b > (c)", None),
    "a.mjs": ("const x = 1", None),
    "b.js": ("const x: number = 1", "syntax_error"),
    "b.ts": ("const x = <p>1</p>", "syntax_error"),
}


@pytest.mark.parametrize("name", LANGUAGES)
async def test_a_files_name_says_what_it_may_hold(name: str) -> None:
    text, code = LANGUAGES[name]
    async with Compiler(Settings()) as compiler:
        if code is None:
            piece = await compiler.compile_one(Source(name, text))
            assert piece.module is name.endswith(".mjs")
            return
        with pytest.raises(ProgramError) as caught:
            await compiler.compile_one(Source(name, text))
        assert caught.value.code == code
