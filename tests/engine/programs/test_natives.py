"""Natives: V8 runs with `--allow-natives-syntax`, and no text of a program reaches a native.

Every hostile text is either refused, or its compiled script is run by V8 twice: without the flag, where
a native anywhere in it is a syntax error, and with the flag, where `%AbortJS` would end the process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import orjson
import pytest

from aiwe_engine.errors import ProgramError
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.types import Source

F = "%AbortJS('native')"
REFUSED = [
    F,
    f"f({F})",
    f"1, {F}",
    f"const a = {F}",
    f"() => {F}",
    f"`${{{F}}}`",
    f"[{F}]",
    f"({{ a: {F} }})",
    f"({{ [{F}]: 1 }})",
    f"class A {{ x = {F} }}",
    f"class A {{ static {{ {F} }} }}",
    f"(a = {F}) => a",
    f"const {{ a = {F} }} = {{}}",
    f"if (1) {F}",
    f"await {F}",
    f"async () => {{ await {F} }}",
    f"async () => await {F}",
    f"async (x = 1) => {{ for await (const a of {F}) ; }}",
    f"function* g() {{ yield {F} }}",
    f"function* g() {{ yield* {F} }}",
    f"async function* g() {{ yield {F}; await {F} }}",
    f"return {F}",
    f"() => {{ return {F} }}",
    f"throw {F}",
    f"typeof {F}",
    f"void {F}",
    f"new {F}",
    f"a = {F}",
    f"a, {F}",
    f"a ? {F} : 1",
    f"a ?? {F}",
    f"a % {F}",
    f"1 % % b({F})",
    f"... {F}",
    "% AbortJS('native')",
    "%/* */AbortJS('native')",
    "%\nAbortJS('native')",
    "%\\u0041bortJS('native')",
    "\\u0025AbortJS('native')",
    "% // <!--\nAbortJS('native')",
    f"a => {F}",
    f"async a => {F}",
    f"async (a) => {F}",
    f";{F}",
    f"{{}}{F}",
    f"function f() {{}}{F}",
    f"label: {F}",
    f"do {F}; while (0)",
    f"for (;;{F}) break",
    f"switch ({F}) {{}}",
    f"import({F})",
    f"delete {F}",
    f"super.x; {F}",
    f"<p>{{{F}}}</p>",
    f"<p a={{{F}}}/>",
    f"const a: number = {F}",
    f"{F} as any",
    f"enum A {{ B = {F} }}",
    f"/a/g\n/{F}",
    f"<!-- \n{F}",
    f"x\n--> {F}",
    "<!-- a\n1",
    "x\n--> a comment in a script",
    "/* */ --> a comment in a script",
    "x <!-- a comment",
]

# accepted: the percent sign is a remainder, or part of a text
HARMLESS = [
    f"async\nfunction f() {{ await {F} }}",
    f"'use strict'\n{F}",
    f"let x = async\n{F}",
    "function f(await) { return await % AbortJS('native') }",
    "function f() { return yield % AbortJS('native') }\nvar yield = 1",
    "var await2 = 1; function g(await) { return await %AbortJS('native') }",
    "function* g() { function h(yield_) { return yield_ %AbortJS('native') } }",
    "a %AbortJS('native')",
    "a\n%AbortJS('native')",
    "a++\n%AbortJS('native')",
    "(a)%AbortJS('native')",
    "f()%AbortJS('native')",
    "a[0]%AbortJS('native')",
    "`x`%AbortJS('native')",
    "'x'%AbortJS('native')",
    "/x/%AbortJS('native')",
    "/x/g%AbortJS('native')",
    "1%AbortJS('native')",
    "1.%AbortJS('native')",
    "this%AbortJS('native')",
    "null%AbortJS('native')",
    "async%AbortJS('native')",
    "let of = 1; of%AbortJS('native')",
    "async () => { (await a)%AbortJS('native') }",
    "async () => { await a%AbortJS('native') }",
    "function* g() { (yield)%AbortJS('native') }",
    "function* g() { yield a%AbortJS('native') }",
    "(() => {})%AbortJS('native')",
    "(function () {})%AbortJS('native')",
    "({})%AbortJS('native')",
    "a /b% AbortJS('native')/ c",
    "a = b / c %AbortJS('native') / d",
    "if (1) /%AbortJS('native')/.test(a)",
    "a++ / 2 %AbortJS('native') / 1",
    "x = {} / 1 %AbortJS('native') / 1",
    "x = /[/]%AbortJS('native')/.source",
    "x = /[/\\]%AbortJS('native')]/.source",
    "'%AbortJS(1)' + \"%AbortJS(2)\" + `%AbortJS(3)` + `a${'%AbortJS(4)'}%AbortJS(5)`",
    "String.raw`%AbortJS(1)`",
    "// %AbortJS(1)\n/* %AbortJS(2) */",
    "#!/usr/bin/env node %AbortJS(1)\n1",
    "a %= AbortJS",
    "a %=AbortJS('native')",
    "a % async",
    "a % typeof AbortJS",
    "a % new AbortJS('native')",
    "a % (AbortJS)('native')",
    "a % AbortJS`native`",
    "a % b++ % --b",
    "a % b ** c",
    "(-a) ** b % AbortJS",
    "a %\u2028AbortJS('native')",
    "a %/*\n*/AbortJS('native')",
    "a % \\u0041bortJS('native')",
    "class A { static x = 5 %AbortJS('native') }",
    "class A { static { 1 %AbortJS('native') } }",
    "a ? b : c %AbortJS('native')",
    "async (a) => a %AbortJS('native')",
    "async a => a\n%AbortJS('native')",
    "(async () => a)\n%AbortJS('native')",
    "a?.b %AbortJS('native')",
    "const t = <p>%AbortJS('native')</p>\nfunction h() {}",
    "const n: number = 5; (n as number) %AbortJS('native')",
    "a! %AbortJS('native')",
    "x = a < b > c %AbortJS('native')",
]

RUN = """
import json, os, sys
import py_mini_racer
from py_mini_racer import MiniRacer, init_mini_racer
natives = sys.argv[1] == "natives"
flags = [*py_mini_racer.DEFAULT_V8_FLAGS, "--disallow-code-generation-from-strings"]
init_mini_racer(flags=(*flags, *(["--allow-natives-syntax"] if natives else [])))
outcomes = []
for code in json.load(sys.stdin):
    with MiniRacer() as racer:
        racer.eval("var a = 7, b = 2, c = 3, AbortJS = () => 2, body; var __aiwe_cur = null; 0")
        racer.eval("var __aiwe_await = (x) => x, __aiwe_enter = (name, f) => { body = f }; 0")
        try:
            racer.eval(code)
            racer.eval("body(), 0")
            outcomes.append("ran")
        except Exception as error:
            outcomes.append(str(error).split("\\n")[0])
json.dump(outcomes, sys.stdout)
sys.stdout.flush()
os._exit(0)
"""


async def compiled(texts: Sequence[str], compiler: Compiler) -> dict[str, str]:
    """The scripts of those that the compiler accepts."""
    scripts = {}
    for text in texts:
        with suppress(ProgramError):
            piece = await compiler.compile_one(Source("cell-a.js", text, cell="a"))
            scripts[text] = piece.code
    return scripts


def run(scripts: dict[str, str], mode: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, mode],
        input=orjson.dumps(list(scripts.values())),
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, f"a native ran: {done.stderr.decode()[-500:]}"
    return dict(zip(scripts, orjson.loads(done.stdout), strict=True))


@pytest.mark.asyncio(loop_scope="session")
async def test_natives_are_refused(compiler: Compiler) -> None:
    assert list(await compiled(REFUSED, compiler)) == []


@pytest.mark.asyncio(loop_scope="session")
async def test_a_native_is_named_with_its_place(compiler: Compiler) -> None:
    with pytest.raises(ProgramError) as caught:
        await compiler.compile_one(Source("cell-a.js", f"const a = 1\nf({F})", cell="a"))
    error = caught.value
    assert (error.code, error.where and (error.where.line, error.where.column)) == (
        "natives_syntax",
        (2, 3),
    )
    assert error.hint


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("mode", ["plain", "natives"])
async def test_what_is_accepted_holds_no_native(mode: str, compiler: Compiler) -> None:
    scripts = await compiled(HARMLESS, compiler)
    assert [text for text in HARMLESS if text not in scripts] == []
    outcomes = run(scripts, mode)
    assert {text: said for text, said in outcomes.items() if "SyntaxError" in said} == {}


def test_the_flag_is_what_makes_a_native_run() -> None:
    bare = {"x": "body = () => %HaveSameMap({}, {})"}
    assert run(bare, "natives") == {"x": "ran"}
    assert "SyntaxError" in run(bare, "plain")["x"]
