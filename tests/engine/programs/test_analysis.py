"""What the compiler finds out about a piece: names, what it declares, what it is told about."""

from __future__ import annotations

import pytest

from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.types import Compiled, Source

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def compile_text(compiler: Compiler, text: str) -> Compiled:
    return await compiler.compile_one(Source("cell-a.js", text, cell="a"))


# text: its free identifiers
NAMES: dict[str, set[str]] = {
    "fetch(new URL('/', base))": {"fetch", "URL", "base"},
    "const fetch = 1; fetch": set(),
    "function f(URL) { return URL + Blob }": {"Blob"},
    "const { a = b, [c]: d, ...e } = f": {"b", "c", "f"},
    "(x, { y = z }, ...rest) => x + y + rest.length": {"z"},
    "let a; { let b; a + b + c }": {"c"},
    "try { a() } catch (e) { e } finally { b() }": {"a", "b"},
    "try {} catch { e }": {"e"},
    "for (const x of xs) x; x": {"xs", "x"},
    "for (let i = 0; i < n; i++) i": {"n"},
    "for (a of b) c": {"a", "b", "c"},
    "switch (a) { case b: let c; c; default: c }": {"a", "b"},
    "label: for (;;) { break label }": set(),
    "({ a, b: c, [d]: e, f() { return g } })": {"a", "c", "d", "e", "g"},
    "class A extends B { [c] = d; static e = f; #g = A; h(i) { return i + j } static { k } }": {
        "B",
        "c",
        "d",
        "f",
        "j",
        "k",
    },
    "const f = function g() { return g + arguments.length + h }": {"h"},
    "typeof Blob === 'function' && new Blob()": {"Blob"},
    "a?.b; a.c`${d}`": {"a", "d"},
    "globalThis.URL.parse('x')": {"URL"},
    "self['Blob']": {"Blob"},
    "globalThis[name]": {"globalThis", "name", "*"},
    "const g = globalThis": {"globalThis", "*"},
    "this.Blob": {"*"},
    "(() => this)()": {"*"},
    "(function () { return this })()": set(),
    "import('./x.js'); export_": {"export_"},
    "async function f() { for await (const a of b) await a }": {"b"},
    "const t: Task = get<Task>(x as Task)": {"get", "x"},
    "function f() { { function g() {} } g() }": {"g"},
    "var a = 1; if (a) { var b = 2 } b": set(),
}


@pytest.mark.parametrize("text", NAMES)
async def test_free_names(text: str, compiler: Compiler) -> None:
    piece = await compile_text(compiler, text)
    assert {name for name in piece.names if not name.startswith(".")} == NAMES[text]


async def test_properties_are_named_with_a_dot(compiler: Compiler) -> None:
    piece = await compile_text(compiler, "const { text: t } = await req.blob(); t['stream']")
    assert {name for name in piece.names if name.startswith(".")} == {".text", ".blob", ".stream"}


# text: what it declares, and with which names; what it uses while it loads
USES: dict[str, tuple[dict[str, set[str]], set[str]]] = {
    "function f() { return app.get(a) }": ({"f": {"app.get", "a"}}, set()),
    "const f = () => g()\nf()": ({"f": {"g"}}, {"f"}),
    "const a = b(c)": ({"a": {"b", "c"}}, {"b", "c"}),
    "const { a, b } = load(c)": ({"a": {"load", "c"}, "b": {"load", "c"}}, {"load", "c"}),
    "[1].forEach((x) => app.get(x, handler))": ({}, {"app.get", "handler"}),
    "app.get('/', (req) => list(req))": ({}, {"app.get", "list"}),
    "const a = app; a.get": ({"a": {"app"}}, {"app", "a"}),
    "messages.send('x', 1)": ({}, {"messages.send"}),
    "globalThis.helper = () => one": ({"helper": {"helper", "one"}}, {"helper"}),
    "shared = two": ({"shared": {"shared", "two"}}, {"shared", "two"}),
    "class A { static b = c; d = e; f() { return g } }": ({"A": {"c", "e", "g"}}, {"c"}),
    "for (var i of xs) { var y = i }": ({"y": set()}, {"xs", "i"}),
    "new Promise((done) => done(x))": ({}, {"Promise", "x"}),
}


@pytest.mark.parametrize("text", USES)
async def test_what_a_piece_declares_and_uses_while_it_loads(text: str, compiler: Compiler) -> None:
    piece = await compile_text(compiler, text)
    declares, eager = USES[text]
    assert {name: set(uses) for name, uses in piece.declares.items()} == declares
    assert set(piece.eager) == eager


WARNED = {
    "let n = 0\napp.get('/', () => { n++ })": "cell-a.js:2:22",
    "let n = 0\nconst up = () => (n += 1)": "cell-a.js:2:19",
    "let [n] = [0]\nfunction f() { [n] = [1] }": "cell-a.js:2:17",
    "function f() { undeclared = 1 }": "cell-a.js:1:16",
}
NOT_WARNED = [
    "let n = 0; n++",
    "let n = 0; [1].forEach(() => { n++ })",
    "let cache; const get = async () => (cache ??= await load())",
    "let cache; function get() { if (!cache) cache = load(); return cache }",
    "let cache; function get() { return cache || (cache = load()) }",
    "let db; function init() { db = 1 }",
    "let db; async function initTools() { db = await 1 }",
    "function f() { let n = 0; n++; for (let i = 0; i < 1; i++) n = i }",
    "function f(n) { n = 1; return () => { n++ } }",
    "(() => { globalThis.x = 1 })()",
    "let n = 0; (() => { n = 1 })()",
    "const o = {}; function f() { o.x = 1 }",
]


@pytest.mark.parametrize("text", WARNED)
async def test_a_store_in_module_state_is_told(text: str, compiler: Compiler) -> None:
    (warning,) = (await compile_text(compiler, text)).warnings
    assert warning.startswith(WARNED[text])
    assert "DataRepository" in warning


@pytest.mark.parametrize("text", NOT_WARNED)
async def test_caches_and_initialisers_are_no_store(text: str, compiler: Compiler) -> None:
    assert (await compile_text(compiler, text)).warnings == ()


DIRECTIVES = {
    "// @scratch\n1": "scratch",
    "1\n  //@deploy  ": "deploy",
    "const a: number = 1 // @scratch": "scratch",
    "'// @scratch'": None,
    "/* @scratch */ 1": None,
    "// @scratch it\n1": None,
    "": None,
}


@pytest.mark.parametrize("text", DIRECTIVES)
async def test_directives(text: str, compiler: Compiler) -> None:
    assert (await compile_text(compiler, text)).directive == DIRECTIVES[text]
