"""Cells: what running one means for the names it declares and the value it gives."""

from __future__ import annotations

import pytest

from aiwe_engine.errors import ProgramError
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.types import Source
from tests.engine.programs.conftest import Isolate

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNDEFINED = {"type": "undefined"}


def value(of: object, kind: str = "") -> dict[str, object]:
    kinds = {str: "string", int: "number", bool: "boolean", float: "number"}
    return {"value": of, "type": kind or kinds.get(type(of), "object")}


# name: (cells run one after the other in one isolate, outcome of the last)
CELLS: dict[str, tuple[list[str], object]] = {
    "the last expression is the value": (["1\n2 + 3"], value(5)),
    "a semicolon does not hide the value": (["'a' + 'b';"], value("ab")),
    "a trailing comment does not hide the value": (
        ["40 + 2 // the answer\n/* really */"],
        value(42),
    ),
    "a comment before the semicolon": (["7 // seven\n;"], value(7)),
    "a parenthesised sequence": (["(1, 2)"], value(2)),
    "a declaration has no value": (["const a = 1"], UNDEFINED),
    "a statement has no value": (["if (true) { 5 }"], UNDEFINED),
    "an empty cell": ([""], UNDEFINED),
    "a cell of comments": (["// nothing\n/* here */"], UNDEFINED),
    "one string is a value, not a directive": (['"hello"'], value("hello")),
    "an object literal": (["{ a: 1, b: [2] }"], value({"a": 1, "b": [2]})),
    "an object literal with a comment": (["// it\n{ a: 1 }  "], value({"a": 1})),
    "an empty object": (["{}"], value({})),
    "a block stays a block": (["{ const inner = 1; globalThis.seen = inner }", "seen"], value(1)),
    "an object after a statement is a block": (["let a = 1; { a }"], UNDEFINED),
    "an assignment is a value": (["let a; a = 5"], value(5)),
    "top-level await": (["const a = await Promise.resolve(4)\na * 2"], value(8)),
    "the value may be awaited": (["await (async () => 6)()"], value(6)),
    "a promise is awaited": (["(async () => 6)()"], value(6)),
    "for await at top level": (["let n = 0; for await (const x of [1, 2]) n += x\nn"], value(3)),
    "names are shared between cells": (
        ["const a = 1; let b = 2; var c = 3; class D {}", "[a, b, c, typeof D]"],
        value([1, 2, 3, "function"]),
    ),
    "a cell can run again": (["const a = 1", "const a = 2", "a"], value(2)),
    "const may become let, class a function": (
        ["const a = 1; class B {}", "let a = 2; function B() {}; a"],
        value(2),
    ),
    "let without a value starts again": (["let a = 1", "let a\na"], UNDEFINED),
    "var without a value keeps it": (["var a = 1", "var a\na"], value(1)),
    "let before a bracket": (["let a\n[globalThis.first] = [3]\nfirst"], value(3)),
    "a declaration after a line without semicolon": (
        ["const a = () => 1\nconst [b] = [2]\nconst {c} = {c: 3}\na() + b + c"],
        value(6),
    ),
    "destructuring": (
        [
            "const { a, b: { c = 5, ...d }, ...e } = { a: 1, b: { x: 2 }, y: 3 }, [f, , g = 7, ...h] = [1, 2]\n;[a, c, d, e, f, g, h]"
        ],
        value([1, 5, {"x": 2}, {"y": 3}, 1, 7, []]),
    ),
    "destructuring in a loop": (
        ["let out = []\nfor (const [k, v] of Object.entries({ a: 1 })) out.push(k, v)\nout"],
        value(["a", 1]),
    ),
    "functions are hoisted": (
        ["const early = twice(2)\nfunction twice(n) { return n * 2 }\nearly"],
        value(4),
    ),
    "functions call each other": (
        [
            "function even(n) { return n === 0 || odd(n - 1) }\nfunction odd(n) { return n !== 0 && even(n - 1) }\neven(4)"
        ],
        value(True),
    ),
    "the last of two functions wins": (
        ["function f() { return 1 }\nfunction f() { return 2 }\nf()"],
        value(2),
    ),
    "the last of two functions wins below other text": (
        ["1\nfunction f() { return 1 }\nfunction f() { return 2 }\nf()"],
        value(2),
    ),
    "a function can be replaced by another cell": (
        [
            "function f() { return 1 }\nfunction g() { return f() }",
            "function f() { return 2 }",
            "g()",
        ],
        value(2),
    ),
    "a function can assign itself": (
        ["function f() { f = () => 2; return 1 }\nf() + f()"],
        value(3),
    ),
    "functions keep their names": (
        [
            "function f() {}; async function* g() {}; const h = () => 1; class K {}\n[f, g, h, K].map((x) => x.name)"
        ],
        value(["f", "g", "h", "K"]),
    ),
    "classes keep their own name inside": (
        ["class A { static make() { return new A() } }\nA.make() instanceof A"],
        value(True),
    ),
    "a class after a line without semicolon": (
        ["const a = 1\nclass B { x = a }\n(new B()).x"],
        value(1),
    ),
    "functions see names declared later": (
        ["function f() { return later }\nconst later = 3\nf()"],
        value(3),
    ),
    "loop variables stay local": (
        [
            "for (const i of [1, 2]) {}\nfor (let j = 0; j < 2; j++) {}\nfor (var k = 0; k < 2; k++) {}",
            "[typeof i, typeof j, typeof k]",
        ],
        value(["undefined"] * 3),
    ),
    "a loop variable that is declared elsewhere": (
        ["var i = 9\nfor (var i = 0; i < 3; i++) {}", "i"],
        value(3),
    ),
    "var in blocks belongs to the program": (
        [
            "if (true) { var a = 1 }\ntry { var b = 2; throw 0 } catch { var [c] = [3] }\nswitch (1) { case 1: var d = 4 }",
            "[a, b, c, d]",
        ],
        value([1, 2, 3, 4]),
    ),
    "var without a block": (
        [
            "if (true) var a = 1; else var b = 2\nwhile (true) { var { c } = { c: 3 }; break }",
            "[a, b, c]",
        ],
        value([1, None, 3]),
    ),
    "let in blocks is the block's": (
        ["if (true) { let a = 1; const b = 2 }", "[typeof a, typeof b]"],
        value(["undefined"] * 2),
    ),
    "labels": (["let n = 0\nouter: for (;;) { for (;;) { n++; break outer } }\nn"], value(1)),
    "using is disposed of at the end of the cell": (
        [
            "let log = []\nusing one = { [Symbol.dispose]() { log.push('closed') } }\nlog.push('open')",
            "log",
        ],
        value(["open", "closed"]),
    ),
    "use strict holds": (
        ["'use strict'\nfunction f() { return this === undefined }\nf()"],
        value(True),
    ),
    "sloppy mode is the default": (
        ["function f() { return this === globalThis }\nf()"],
        value(True),
    ),
    "this is the global object": (["this === globalThis"], value(True)),
    "a name of the platform may be taken": (
        ["function fetch() { return 'mine' }\nconst performance = 2", "fetch() + performance"],
        value("mine2"),
    ),
    "names with escapes": (["const caf\\u00e9 = 1", "café"], value(1)),
    "generators and iterators": (
        ["function* g() { yield 1; yield* [2, 3] }\n[...g()]"],
        value([1, 2, 3]),
    ),
    "a regular expression and a division": (
        ["const a = 8, g = 2\nconst re = /%d/g.source;\n[a /2/ g, re, `${a % g}%`]"],
        value([2, "%d", "0%"]),
    ),
    "remainders of every operand": (
        [
            "const o = { p: 5, q: { r: 4 } }, f = (n) => n\nlet n = 17;\n[17 % n, n % o.p, n % o.q.r, n % f(4), n % n++, n % -o.p, n % (o.p), 9 % `4`, n %= 4]"
        ],
        value([0, 2, 1, 1, 0, 3, 3, 1, 2]),
    ),
    "types are taken out": (
        [
            "interface T { a: number }\ntype U = T | null\nenum Colour { Red = 1, Blue }\nconst x = { a: 1 } as T satisfies T\nfunction id<V>(v: V): V { return v }\nid<number>(x!.a) + Colour.Blue"
        ],
        value(3),
    ),
    "generic calls that are valid JavaScript": (
        ["const get = (...all) => all.length\nconst task = 1, id = 2\nget<string>(task, id)"],
        value(2),
    ),
    "a comparison that is no generic call": (
        ["const a = 1, b = 2\nconst c = a < b\nc"],
        value(True),
    ),
    "parameter properties and abstract classes": (
        [
            "abstract class A { constructor(readonly x: number, private y = 2) {} sum() { return this.x + this.y } }\nclass B extends A {}\nnew B(1).sum()"
        ],
        value(3),
    ),
    "JSX calls h": (
        [
            "const h = (tag, attributes, ...children) => ({ tag, ...attributes, children });\n<p class='x'>{1 + 1}<b/></p>"
        ],
        value({"tag": "p", "class": "x", "children": [2, {"tag": "b", "children": []}]}),
    ),
    "windows line ends": (["const a = 1\r\nconst b = `x\r\ny`;\r\n[a, b]"], value([1, "x\ny"])),
    "an error reaches the caller": (
        ["throw new TypeError('no')"],
        {"error": "TypeError: no", "stack": ...},
    ),
    "a lone surrogate": (["'\\ud800'.length"], value(1)),
    "html-like text in strings": (["'<!-- -->'"], value("<!-- -->")),
}


@pytest.mark.parametrize("name", CELLS)
async def test_a_cell(name: str, compiler: Compiler, isolate: Isolate) -> None:
    cells, expected = CELLS[name]
    for index, text in enumerate(cells):
        piece = await compiler.compile_one(Source(f"cell-{index}.js", text, cell=str(index)))
        outcome = isolate.load(piece.code)
        if isinstance(outcome, dict) and "stack" in outcome:
            outcome["stack"] = ...
    assert outcome == expected


# text: (code, part of the message, line, column)
REFUSED: dict[str, tuple[str, str, int, int]] = {
    "const a = (1": ("syntax_error", "end of input", 1, 13),
    "const a = 1\nconst a = 2": ("syntax_error", "'a' has already been declared", 2, 7),
    "let a; function a() {}": ("syntax_error", "already been declared", 1, 17),
    "function f() {\n  let x = 1\n  let x = 2\n}": ("syntax_error", "'x' has already", 3, 7),
    "if (1) {\n  foo(]\n}": ("syntax_error", 'Unexpected "]"', 2, 7),
    "const x: number = 1\nconst y: = 2": ("syntax_error", "Unexpected", 2, 10),
    "const x: string = 'a'; foo(": ("syntax_error", "Unexpected", 1, 28),
    "  return 5": ("syntax_error", "'return' stands outside", 1, 3),
    "export const a = 1": ("syntax_error", "'export' stands in a cell", 1, 1),
    "const a = 1\na = 2": ("syntax_error", "constant variable 'a'", 2, 1),
    "const a = 1; function f() { a++ }": ("syntax_error", "constant variable 'a'", 1, 29),
    "import.meta.url": ("syntax_error", "'import.meta'", 1, 1),
    "function f() { await 1 }": ("syntax_error", "not async", 1, 16),
    "let s = 'abc": ("syntax_error", "Unterminated string", 1, 9),
    "let s = `abc": ("syntax_error", "Unterminated template", 1, 10),
    "/* open": ("syntax_error", "Unterminated comment", 1, 1),
    "let r = /a(/": ("syntax_error", "Invalid regular expression", 1, 10),
    "1 +\n  __aiwe_cur": ("reserved_name", "__aiwe_", 2, 3),
    "const { __aiwe_x } = {}": ("reserved_name", "__aiwe_", 1, 9),
    "\\u005f_aiwe_cur = 1": ("reserved_name", "__aiwe_", 1, 1),
    "a.__aiwe_t": ("reserved_name", "__aiwe_", 1, 3),
    "}; evil(); async () => {": ("syntax_error", 'Unexpected "}"', 1, 1),
    "})": ("syntax_error", 'Unexpected "}"', 1, 1),
    "for (await using x of y) {}": ("syntax_error", "head of a loop", 1, 6),
    "import x from 'fs'": ("module_not_found", "not part of this program", 1, 15),
    "a\nimport { b } from './nowhere.js'": ("module_not_found", "not part of this program", 2, 19),
    "import x from '../up.js'": ("module_outside", "outside of the program's folder", 1, 15),
}


@pytest.mark.parametrize("text", REFUSED)
async def test_a_cell_is_refused_at_its_place(text: str, compiler: Compiler) -> None:
    code, message, line, column = REFUSED[text]
    with pytest.raises(ProgramError) as caught:
        await compiler.compile_one(Source("cell-a.js", text, cell="a", file="shop.ipynb"))
    error = caught.value
    assert error.where is not None
    assert (error.code, error.where.line, error.where.column) == (code, line, column)
    assert message in error.message
    assert error.hint
    assert (error.where.cell, error.where.file) == ("a", "shop.ipynb")
    assert error.excerpt is not None
    assert "^" in error.excerpt


async def test_a_caret_stands_below_the_place(compiler: Compiler) -> None:
    text = "const a = 1\nconst b: number = a +* 2\nb"
    with pytest.raises(ProgramError) as caught:
        await compiler.compile_one(Source("cell-a.js", text, cell="a"))
    assert caught.value.excerpt == (
        "  1 | const a = 1\n> 2 | const b: number = a +* 2\n    |                      ^\n  3 | b"
    )
