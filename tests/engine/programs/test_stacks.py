"""Stacks: every frame of an error points to the author's own line and column."""

from __future__ import annotations

import pytest

from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.programs.source_map import locate
from aiwe_engine.programs.stack import author_stack, excerpt, frames
from aiwe_engine.types import Source
from tests.engine.programs.conftest import Isolate

in_session = pytest.mark.asyncio(loop_scope="session")

# «1», «2» … stand before the places of the frames, innermost first
THROWS: dict[str, str] = {
    "a throw": "throw «1»new Error('x')",
    "a throw behind other text": "const a = 1, { b } = { b: 2 }; if (a) throw «1»new Error('x')",
    "a call of what is none": "const a = 1\nlet b\n  «1»nothing.call(b)",
    "frames of functions": "function inner() { throw «1»new Error('x') }\nfunction outer() {\n  return «2»inner() + 1\n}\n«3»outer()",
    "functions below what calls them": "\n\n«3»outer()\nfunction outer() {\n  return «2»inner() + 1\n}\nfunction inner() { throw «1»new Error('x') }",
    "types before the place": "const id = <T,>(value: T): T => value\nfunction f(a: number, b?: string): void { const c = id<number>(a); throw «1»new Error(String(c)) }\nlet x: number = 3; «2»f(x as number)",
    "an interface before the place": "interface Task {\n  title: string\n}\nconst t: Task = { title: 'a' }\n  const u = (t as any).title.«1»missing()",
    "JSX before the place": "const h = (...all: any[]) => all;\nconst page = <p class='x'>{1}</p>; throw «1»new Error('x')",
    "an await before the place": "const wait = async (n: number) => n\nconst f = async () => { const a = await wait(1); throw «1»new Error('x') }\nawait f()",
    "an await on the line of the place": "const f = async (n) => n\n;[await f(1), await f(2)].«1»missing()",
    "a remainder on the line of the place": "const a = 5, b = 3\nconst c = (a % b) + a % b; throw «1»new Error('x')",
    "a class method": "class Shop {\n  open() { throw «1»new Error('x') }\n}\nnew Shop().«2»open()",
    "an arrow with an expression body": "const f = async () => 1, g = (s) => s.«1»missing()\n«2»g('a')",
    "inside for await": "for await (const x of [1]) { throw «1»new Error('x') }",
    "inside a generator": "function* g() { yield 1; throw «1»new Error('x') }\nconst it = g(); it.next(); it.«2»next()",
    "after a catch with a pattern": "try { throw { a: 1 } } catch ({ a }) { await 0; throw «1»new Error('x') }",
    "a line of its own after a template": "const t = `a\n${1}\nb`; throw «1»new Error('x')",
}


@in_session
@pytest.mark.parametrize("name", THROWS)
async def test_frames_point_into_the_authors_text(
    name: str, compiler: Compiler, isolate: Isolate
) -> None:
    text, places = unmark(THROWS[name])
    piece = await compiler.compile_one(Source("cell-a.js", text, cell="a"))
    outcome = isolate.load(piece.code)
    found = frames(outcome["stack"], {"cell-a.js": piece})
    assert [(frame.line, frame.column) for frame in found][: len(places)] == places


def unmark(text: str) -> tuple[str, list[tuple[int, int]]]:
    places = {}
    while (at := text.find("«")) >= 0:
        before = text[:at]
        places[int(text[at + 1])] = (before.count("\n") + 1, at - before.rfind("\n"))
        text = before + text[at + 3 :]
    return text, [places[number] for number in sorted(places)]


@in_session
async def test_a_stack_is_told_in_names_of_the_program(
    compiler: Compiler, isolate: Isolate
) -> None:
    text = "function add(task) { return task.title.length }\nawait (async () => { await 0; add({}) })()"
    piece = await compiler.compile_one(Source("cell-my tasks.js", text, cell="my tasks"))
    outcome = isolate.load(piece.code)
    stack = author_stack(outcome["stack"], {"cell-my tasks.js": piece})
    assert stack == (
        "TypeError: Cannot read properties of undefined (reading 'length')\n"
        "    at add (cell-my tasks.js:1:40)\n"
        "    at cell-my tasks.js:2:31\n"
        "    at cell-my tasks.js:2:1"
    )


@in_session
async def test_frames_of_the_engine_are_left_out(compiler: Compiler) -> None:
    piece = await compiler.compile_one(Source("cell-a.js", "const a = 1", cell="a"))
    stack = "Error: x\n    at <anonymous>:3:7\n    at __aiwe_await (<anonymous>:1:2)\n    at f (core.js:1:1)"
    assert frames(stack, {"cell-a.js": piece}) == []


@in_session
async def test_positions_of_other_text_lead_nowhere(compiler: Compiler) -> None:
    piece = await compiler.compile_one(Source("cell-a.js", "const a = 1", cell="a"))
    assert locate(piece, 99, 1) is None
    assert locate(piece, 0, 1) is None


EXCERPTS = {
    (1, 1): "> 1 | one\n    | ^\n  2 | \ttwo\n  3 |",
    (2, 3): "  1 | one\n> 2 | \ttwo\n    | \t ^\n  3 |\n  4 | four",
    (5, 1): "",
    (0, 1): "",
}


@pytest.mark.parametrize("place", EXCERPTS)
def test_an_excerpt_shows_the_place(place: tuple[int, int]) -> None:
    assert excerpt("one\r\n\ttwo\n\nfour", *place) == EXCERPTS[place]
