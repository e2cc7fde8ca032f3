"""Which cells of a notebook are part of the app."""

from __future__ import annotations

import pytest

from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.programs.parts import is_initialiser, select
from aiwe_engine.types import Source

pytestmark = pytest.mark.asyncio(loop_scope="session")

# name: (cells, which of them are part of the app by their text)
NOTEBOOKS: dict[str, tuple[list[str], set[int]]] = {
    "a cell that registers": (["app.get('/', () => 1)", "1 + 1"], {0}),
    "what a deployed cell uses": (
        ["const n = 2", "const m = 3", "app.get('/', () => n)"],
        {0, 2},
    ),
    "what is used by what is used": (
        ["const a = 1", "const b = () => a", "const c = () => b()", "app.get('/', () => c())"],
        {0, 1, 2, 3},
    ),
    "a helper that registers": (
        [
            "const route = (path) => app.get(path, () => 1)",
            "route('/a')",
            "const other = () => route",
        ],
        {0, 1},
    ),
    "reading the app registers nothing": (["app.name + app.env", "messages.send('x', 1)"], set()),
    "the app by another name": (["const { get } = app", "get('/', () => 1)"], {0, 1}),
    "everything that registers": (
        [
            "register('/', f)",
            "action('a', {}, f)",
            "registerMCPTool('a')",
            "registerWebStream('/s')",
            "schedule('every 1s', 'a', f)",
            "messages.on('a', f)",
            "test('a', f)",
            "Presence.register('/p')",
            "DataRepository.define('a', {})",
            "DataRepository.list('a')",
            "registerGraphQLQuery('a', 'b', f)",
        ],
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 10},
    ),
    "a function of one's own of such a name": (
        ["function register(x) { return x }", "register(1)"],
        set(),
    ),
    "initialisers": (
        ["function init() {}", "async function initTools() {}", "function initial() {}"],
        {0, 1},
    ),
    "scratch by hand": (
        [
            "// @scratch\napp.get('/', () => 1)",
            "// @scratch\nconst n = 1",
            "app.get('/b', () => n)",
        ],
        {2},
    ),
    "deployed by hand": (["// @deploy\n1 + a", "const a = 1"], {0, 1}),
    "a name that a later cell assigns": (["total = 0", "app.get('/', () => total)"], {0, 1}),
    "all declarations of a name": (["let a = 1", "let a = 2", "app.get('/', () => a)"], {0, 1, 2}),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
async def test_parts_by_their_text(name: str, compiler: Compiler) -> None:
    cells, expected = NOTEBOOKS[name]
    sources = [Source(f"cell-{i}.js", text, cell=str(i)) for i, text in enumerate(cells)]
    program = await compiler.compile(sources)
    assert {int(piece.name[5:-3]) for piece in select(program.pieces)} == expected


async def test_what_registered_when_it_ran_counts(compiler: Compiler) -> None:
    texts = ["const mount = helpers.mount", "mount('/')", "app.get", "1"]
    sources = [Source(f"cell-{i}.js", text, cell=str(i)) for i, text in enumerate(texts)]
    pieces = (await compiler.compile(sources)).pieces
    assert [piece.name for piece in select(pieces, {"cell-1.js"})] == ["cell-0.js", "cell-1.js"]
    assert select(pieces, set()) == ()


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("init", True),
        ("initMCP", True),
        ("init_db", True),
        ("init2", True),
        ("initial", False),
        ("reinit", False),
        ("initialise", False),
    ],
)
async def test_initialisers_are_known_by_their_name(name: str, is_one: bool) -> None:
    assert is_initialiser(name) is is_one
