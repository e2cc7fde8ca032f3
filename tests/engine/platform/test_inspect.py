"""How values look in a log line: as node shows them, and never more than can be read."""

from __future__ import annotations

import pytest

from tests.engine.platform.alone import alone

LOOKS = [
    ("'text'", "'text'"),
    ('"it\'s"', '"it\'s"'),
    ("'a\\nb\\u0000'", "'a\\nb\\x00'"),
    ("-0", "-0"),
    ("10n", "10n"),
    ("Symbol('s')", "Symbol(s)"),
    ("undefined", "undefined"),
    ("null", "null"),
    (
        "{ a: 1, 'b-c': [1, 2], [Symbol('s')]: null }",
        "{ a: 1, 'b-c': [ 1, 2 ], [Symbol(s)]: null }",
    ),
    ("{ a: { b: { c: { d: 1 } } } }", "{ a: { b: { c: [Object] } } }"),
    ("[1, 2, [3, [4, [5]]]]", "[ 1, 2, [ 3, [ 4, [Array] ] ] ]"),
    ("[, 1, , , 2]", "[ <1 empty item>, 1, <2 empty items>, 2 ]"),
    ("Object.assign([1], { extra: true })", "[ 1, extra: true ]"),
    (
        "new Map([[{ a: 1 }, 'x'], ['y', new Set([1])]])",
        "Map(2) { { a: 1 } => 'x', 'y' => Set(1) { 1 } }",
    ),
    ("new WeakMap()", "WeakMap { <items unknown> }"),
    ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    ("new Date(NaN)", "Invalid Date"),
    ("/x/gi", "/x/gi"),
    ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
    ("new ArrayBuffer(2)", "ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }"),
    ("(function named() {})", "[Function: named]"),
    ("() => 1", "[Function (anonymous)]"),
    ("async () => 1", "[AsyncFunction (anonymous)]"),
    ("class A extends Array {}", "[class A extends Array]"),
    ("new (class Point { x = 1; get sum() { return 3; } })()", "Point { x: 1 }"),
    ("Object.create(null)", "[Object: null prototype] {}"),
    (
        "{ get a() { throw 1; }, set b(v) {}, get c() { throw 1; }, set c(v) {} }",
        "{ a: [Getter], b: [Setter], c: [Getter/Setter] }",
    ),
    (
        "[new Number(3), new String('abc'), Object(10n)]",
        "[ [Number: 3], [String: 'abc'], [BigInt: 10n] ]",
    ),
    ("Promise.resolve(1)", "Promise {}"),
    (
        "(() => { const o = { name: 'o' }; o.self = o; return [o]; })()",
        "[ <ref *1> { name: 'o', self: [Circular *1] } ]",
    ),
    ("new Proxy({ a: 1 }, {})", "{ a: 1 }"),
    (
        "new Proxy({}, { ownKeys() { throw new Error('trap'); } })",
        "[an object that cannot be shown]",
    ),
    (
        "Array.from({ length: 10 }, (_, i) => 'item' + i)",
        "[\n  'item0', 'item1',\n  'item2', 'item3',\n  'item4', 'item5',\n  'item6', 'item7',\n  'item8', 'item9'\n]",
    ),
    (
        "{ users: [{ id: 1, name: 'Ada Lovelace', mail: 'ada@example.org' }], next: null, total: 1234567 }",
        "{\n  users: [ { id: 1, name: 'Ada Lovelace', mail: 'ada@example.org' } ],\n  next: null,\n  total: 1234567\n}",
    ),
    (
        "Response.json({ a: 1 })",
        "Response {\n  status: 200,\n  statusText: '',\n  headers: Headers { 'content-type': 'application/json' },\n  body: '{\"a\":1}',\n  bodyUsed: false,\n  ok: true\n}",
    ),
    ("new AbortController().signal", "AbortSignal { aborted: false }"),
    ("{ [Symbol.for('nodejs.util.inspect.custom')]() { return 'my own look'; } }", "my own look"),
]


@pytest.mark.parametrize(("value", "looks"), LOOKS, ids=[row[0][:50] for row in LOOKS])
async def test_a_value_looks_as_in_node(value: str, looks: str) -> None:
    async with alone() as isolate:
        assert await isolate.run(f"T.inspect(({value}))") == looks


async def test_an_error_shows_its_stack_its_properties_and_its_cause() -> None:
    async with alone() as isolate:
        text = await isolate.run(
            """(() => {
                const error = new TypeError('outer', { cause: new Error('inner') });
                error.code = 'my_code';
                error.message = 'changed';
                return T.inspect({ error });
            })()"""
        )
        first, *rest = text.split("\n")
        assert first == "{"
        assert rest[0] == "  error: TypeError: changed"
        assert rest[1].startswith("      at ")
        assert "code: 'my_code'" in text
        assert "[cause]: Error: inner" in text


BOMBS = [
    "new Array(1e9)",
    "'x'.repeat(5e7)",
    "Array.from({ length: 1e5 }, (_, i) => ({ i, more: [i, i, i] }))",
    "Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => ['key' + i, { i }]))",
    "new Map(Array.from({ length: 1e5 }, (_, i) => [i, i]))",
    "(() => { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o; })()",
    "(() => { const a = []; for (let i = 0; i < 200; i++) a.push(a, { a }); return a; })()",
    "new Proxy({}, { getPrototypeOf() { return new Proxy({}, this); }, get() { return undefined; } })",
    "new Proxy({}, { get(t, k, self) { return self; }, getOwnPropertyDescriptor() { return { value: {}, configurable: true, enumerable: true }; }, ownKeys() { return ['a', 'b']; } })",
    "globalThis",
]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("options", ["{}", "{ depth: null }"])
async def test_showing_a_value_never_runs_away(bomb: str, options: str) -> None:
    async with alone() as isolate:
        assert await isolate.run(f"T.inspect(({bomb}), {options}).length") < 250_000


FORMATS = [
    ("'%s is %d', 'x', 42", "x is 42"),
    ("'%i %f', '42.5px', '1.5'", "42 1.5"),
    ("'%j', { a: 1 }", '{"a":1}'),
    ("'%O', { a: { b: 1 } }", "{ a: { b: 1 } }"),
    ("'%c red', 'color: red'", " red"),
    ("'100%% %s'", "100%% %s"),
    ("'100%% of %s', 'it'", "100% of it"),
    ("'a', 'b', { c: 'd' }", "a b { c: 'd' }"),
    ("'%s', null, undefined", "null undefined"),
    ("'%s', { a: { b: 1 } }", "{ a: [Object] }"),
    ("'%d %s', 10n, Symbol('s')", "10n Symbol(s)"),
    ("", ""),
    ("5, '%s'", "5 %s"),
]


@pytest.mark.parametrize(("arguments", "line"), FORMATS)
async def test_console_log_formats_its_arguments(arguments: str, line: str) -> None:
    async with alone() as isolate:
        await isolate.run(f"console.log({arguments}); 0")
        assert await isolate.json("T.logged") == [["info", line]]


PRINTS = [
    ("console.debug('x')", [["debug", "x"]]),
    ("console.info('x')", [["info", "x"]]),
    ("console.warn('x')", [["warn", "x"]]),
    ("console.error('x')", [["error", "x"]]),
    ("console.assert(1 === 1, 'fine')", []),
    ("console.assert(false, 'no %s', 'way')", [["error", "Assertion failed: no way"]]),
    ("console.assert(false, { a: 1 })", [["error", "Assertion failed { a: 1 }"]]),
    (
        "console.group('g'); console.log('a\\nb'); console.group(); console.log('c'); console.groupEnd(); console.groupEnd(); console.log('d')",
        [["info", "g"], ["info", "  a\n  b"], ["info", "    c"], ["info", "d"]],
    ),
    (
        "console.count(); console.count('x'); console.count(); console.countReset(); console.count()",
        [["info", "default: 1"], ["info", "x: 1"], ["info", "default: 2"], ["info", "default: 1"]],
    ),
    ("console.countReset('none')", [["warn", 'The counter "none" does not exist.']]),
    (
        "console.time('t'); console.timeLog('t', 'on'); console.timeEnd('t'); console.timeEnd('t')",
        [
            ["info", "t: 0.000 ms on"],
            ["info", "t: 0.000 ms"],
            ["warn", 'The timer "t" does not exist.'],
        ],
    ),
    ("console.dir({ a: { b: 1 } }, { depth: 0 })", [["info", "{ a: [Object] }"]]),
    (
        "console.table([{ a: 1, b: 'x' }, { a: 2 }])",
        [
            [
                "info",
                "┌─────────┬───┬─────┐\n│ (index) │ a │ b   │\n├─────────┼───┼─────┤\n│ 0       │ 1 │ 'x' │\n│ 1       │ 2 │     │\n└─────────┴───┴─────┘",
            ]
        ],
    ),
    ("console.table('x')", [["info", "x"]]),
    ("const { log } = console; log('detached')", [["info", "detached"]]),
]


@pytest.mark.parametrize(("code", "lines"), PRINTS, ids=[row[0][:50] for row in PRINTS])
async def test_the_console_prints(code: str, lines: list[list[str]]) -> None:
    async with alone() as isolate:
        await isolate.run(f"{code}; 0")
        assert await isolate.json("T.logged") == lines


async def test_console_trace_shows_where_it_was_called() -> None:
    async with alone() as isolate:
        await isolate.run(
            "function here() { console.trace('x'); } here(); 0\n//# sourceURL=cell-7.js"
        )
        [[level, text]] = await isolate.json("T.logged")
        assert level == "info"
        assert text.startswith("Trace: x\n    at here (cell-7.js:1:")


async def test_groups_of_two_invocations_do_not_mix() -> None:
    async with alone() as isolate:
        await isolate.run(
            """const one = {}, two = {};
            T.I.current = () => one; console.group('one');
            T.I.current = () => two; console.log('two');
            T.I.current = () => one; console.log('still one');
            0"""
        )
        assert await isolate.json("T.logged") == [
            ["info", "one"],
            ["info", "two"],
            ["info", "  still one"],
        ]
