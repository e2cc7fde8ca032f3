"""Async context: in every form of suspension, code knows whose invocation it runs for.

Each form is a cell with a function `run(me)`, called for three invocations that interleave. It calls
`note(owner)` wherever it runs; `gate(name)` is a promise that the test settles in turns of its own.
What is noted must be the owner: another's would be a leak between requests. `note.loosely` admits
nobody as well, for code that cannot be attributed and so must fail closed.
"""

from __future__ import annotations

import pytest

from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.types import Source
from tests.engine.programs.conftest import Isolate

pytestmark = pytest.mark.asyncio(loop_scope="session")

HARNESS = """
var notes = [], gates = {}, people = {}, cells = {};
for (const id of ["A", "B", "C"]) people[id] = {id, n: 1, done: false, timers: null, waiting: 0};
var who = () => __aiwe_cur === null ? null : __aiwe_cur.id;
function note(owner) { notes.push([owner, who(), false]); }
note.loosely = (owner) => { notes.push([owner, who(), true]); };
function gate(name) {
  const found = gates[name] ??= Promise.withResolvers();
  return found.promise;
}
function settle(name) {
  const key = name.replace("!", "");
  const { resolve, reject } = gates[key] ??= Promise.withResolvers();
  name.endsWith("!") ? reject(new Error(key)) : resolve(key);
}
function as(id, work) {
  __aiwe_cur = people[id];
  try { work(id); } finally {
    const left = who();
    __aiwe_cur = null;
    if (left !== id) throw new Error(`${id}'s call came back as ${left}`);
  }
}
"""

# name: (cell, gates in the order in which they are settled; "name!" rejects)
ONCE = "xB xA xC yA yC yB"
FORMS: dict[str, tuple[str, str]] = {
    "a shared promise": (
        "let cache; async function run(me) { note(me); await (cache ??= gate('x')); note(me) }",
        "x",
    ),
    "a shared rejection": (
        """let cache
        async function run(me) {
          try { await (cache ??= gate('x')) } catch { note(me) } finally { note(me) }
          note(me)
        }""",
        "x!",
    ),
    "a catch whose pattern runs code": (
        """async function run(me) {
          try { await gate('x' + me) } catch ({ name = 1, lost = note(me) }) { note(me) }
        }""",
        "xB! xC! xA!",
    ),
    "a rejection that passes through a finally": (
        """async function inner(me) { try { await gate('x' + me) } finally { note(me); await gate('y' + me); note(me) } }
        async function run(me) { try { await inner(me) } catch (error) { note(me) } }""",
        "xA! xB! xC! yC yA yB",
    ),
    "a return out of try and finally": (
        """async function inner(me) { try { await gate('x' + me); return me } finally { note(me) } }
        async function run(me) { note(await inner(me)) }""",
        "xC xA xB",
    ),
    "a return out of nested finally blocks that await": (
        """async function inner(me) {
          try { try { await 0; return gate('x' + me) } finally { await gate('y' + me); note(me) } } finally { note(me) }
        }
        async function run(me) { await inner(me); note(me) }""",
        "yA yB xB yC xC xA",
    ),
    "loops of awaits": (
        """async function run(me) {
          for (let step = 0; step < 3; step++) { await gate('x' + me); note(me); await null; note(me) }
        }""",
        ONCE,
    ),
    "awaits inside expressions": (
        """const add = (...all) => all.length
        async function run(me) {
          const text = `${await gate('x' + me)} ${(note(me), await gate('y' + me))}`
          note(me)
          add(await 1, (note(me), await gate('y' + me)), note(me))
          const { a = (await 0, note(me)) } = {}
          note(me)
        }""",
        ONCE,
    ),
    "nested async arrows": (
        """const run = async (me) => {
          const inner = async (step) => (await gate('x' + me), note(me), await step())
          await inner(async () => { await gate('y' + me); note(me) })
          note(me)
        }""",
        ONCE,
    ),
    "arrows with an expression body": (
        """const wait = async (me) => await gate('x' + me)
        const pass = async (me) => wait(me)
        const object = async (me) => ({ value: await pass(me) })
        const run = async (me) => (await object(me), note(me))""",
        "xC xB xA",
    ),
    "functions in parameter defaults": (
        """async function run(me, wait = async () => { await gate('x' + me); note(me) }) {
          await wait(); note(me)
        }""",
        "xB xC xA",
    ),
    "class methods of every kind": (
        """class Waiter {
          static async plain(me) { await gate('x' + me); note(me) }
          field = async (me) => { await gate('y' + me); note(me) }
          async #hidden(me) { await gate('y' + me); note(me) }
          async method(me) { await this.#hidden(me); await this.field(me); note(me) }
          get waiting() { return (async () => { await 0; note(this.me) })() }
          constructor(me) { this.me = me }
        }
        async function run(me) {
          const waiter = new Waiter(me)
          await Waiter.plain(me); note(me); await waiter.method(me); await waiter.waiting; note(me)
        }""",
        ONCE,
    ),
    "object methods and strict functions": (
        """const tools = { async wait(me) { "use strict"; await gate('x' + me); note(me) }, async *[Symbol.asyncIterator]() { yield 1 } }
        async function run(me) { await tools.wait(me); for await (const one of tools) note(me); note(me) }""",
        "xA xC xB",
    ),
    "then callbacks": (
        """async function run(me) {
          gate('x').then(() => { note(me); return gate('y' + me) }).then(() => note(me))
          gate('x').then(async () => { await gate('y' + me); note(me) })
        }""",
        "x yB yA yC",
    ),
    "catch and finally callbacks": (
        """function run(me) {
          gate('x').finally(() => note(me)).catch(() => { note(me); throw me }).then(null, (error) => note(error))
        }""",
        "x!",
    ),
    "combinators": (
        """const part = async (me, name) => { await gate(name + me); note(me); return name }
        async function run(me) {
          await Promise.all([part(me, 'x'), part(me, 'y')]); note(me)
          await Promise.race([part(me, 'x'), gate('never')]); note(me)
          await Promise.allSettled([part(me, 'x'), gate('lost')]); note(me)
          await Promise.any([gate('lost'), part(me, 'y')]); note(me)
        }""",
        f"lost! {ONCE}",
    ),
    "shared combinators": (
        """let all; async function run(me) { await (all ??= Promise.all([gate('x'), gate('y')])); note(me) }""",
        "y x",
    ),
    "queueMicrotask": (
        """async function run(me) {
          queueMicrotask(() => note(me)); await gate('x' + me); queueMicrotask(() => note(me)); note(me)
        }""",
        "xB xA xC",
    ),
    "a listener": (
        """const bell = new EventTarget()
        async function run(me) {
          bell.addEventListener('ring', () => note(me))
          await gate('x' + me)
          bell.dispatchEvent(new Event('ring')); note(me)
        }""",
        "xC xA xB",
    ),
    "a timer": (
        """async function run(me) { setTimeout(() => note(me), 5); await gate('x' + me); setTimeout(async () => { await 0; note(me) }, 5) }""",
        "timers xB xA xC timers",
    ),
    "an awaited thenable": (
        """async function run(me) {
          await { then(done) { note(me); done() } }; note(me)
          await gate('x' + me)
          await { then(done) { note(me); gate('y' + me).then(done) } }; note(me)
        }""",
        ONCE,
    ),
    "an awaited thenable that throws": (
        "async function run(me) { try { await { then() { note(me); throw 1 } } } catch { note(me) } note(me) }",
        "",
    ),
    "a returned thenable": (
        """const thenable = (me) => ({ then(done) { note(me); done() } })
        const give = async (me) => thenable(me)
        async function late(me) { await gate('x' + me); return thenable(me) }
        async function run(me) { await give(me); note(me); await late(me); note(me); gate('y' + me).then(() => thenable(me)) }""",
        ONCE,
    ),
    "a thenable in Promise.resolve and in a constructor": (
        """async function run(me) {
          await Promise.resolve({ then(done) { note(me); done() } }); note(me)
          await new Promise((resolve) => resolve({ then(done) { note.loosely(me); done() } })); note(me)
        }""",
        "",
    ),
    "a subclass of Promise": (
        """class Mine extends Promise { then(...callbacks) { note.loosely(this.me ?? who()); return super.then(...callbacks) } }
        async function run(me) {
          const mine = new Mine((done) => gate('x' + me).then(done)); mine.me = me
          await mine; note(me)
        }""",
        "xB xC xA",
    ),
    "a generator of one's own": (
        """function* steps(me) { for (let step = 0; step < 3; step++) { note(me); yield step; note(me) } }
        async function run(me) { for (const step of steps(me)) { note(me); await gate('x' + me); note(me) } note(me) }""",
        ONCE,
    ),
    "a shared generator": (
        """let owner, shared
        function* steps() { owner = who(); note(owner); while (true) { yield 1; note(owner) } }
        async function run(me) { shared ??= steps(); shared.next(); note(me); await gate('x' + me); shared.next(); note(me) }""",
        "xB xC xA",
    ),
    "throw and return into a shared generator": (
        """let owner
        function* steps() { owner = who(); while (true) { try { yield 1; note(owner) } catch { note(owner) } finally { note(owner) } } }
        const shared = steps()
        async function run(me) {
          shared.next(); note(me); shared.throw(me); note(me)
          await gate('x' + me); shared.throw(me); note(me); shared.next(); note(me)
          if (me === 'B') { shared.return(); note(me) }
        }""",
        "xA xC xB",
    ),
    "a generator that is left by an error": (
        """function* steps() { yield 1; throw 2 }
        function* plain() { yield 1 }
        const started = (items) => (items.next(), items)
        const shared = [started(steps()), started(plain()), started(plain())]
        async function run(me) {
          try { shared[0].next() } catch { note(me) }
          try { shared[1].throw(me) } catch { note(me) }
          shared[2].return(me); note(me)
          await gate('x' + me); note(me)
        }""",
        "xB xA xC",
    ),
    "yield* of an iterator made by hand": (
        """let owner
        const inner = { [Symbol.iterator]() { return this }, next() { note(owner); return { done: false, value: 1 } }, throw() { note(owner); return { done: false } } }
        function* steps() { owner = who(); yield 0; yield* inner }
        const shared = steps()
        async function run(me) { shared.next(); note(me); await gate('x' + me); shared.next(); note(me); shared.throw(1); note(me) }""",
        "xC xB xA",
    ),
    "yield* of a generator": (
        """function* inner(me) { note(me); const sent = yield 1; note(me); return sent }
        function* steps(me) { note(me); note((yield* inner(me), me)); yield 2; note(me) }
        async function run(me) { for (const step of steps(me)) { note(me); await gate('x' + me); note(me) } }""",
        "xA xB xC",
    ),
    "an async generator of one's own": (
        """async function* steps(me) { for (let step = 0; step < 3; step++) { note(me); yield gate('x' + me); note(me); await gate('y' + me); note(me) } return gate('y' + me) }
        async function run(me) { for await (const step of steps(me)) { note(me); await 0; note(me) } note(me) }""",
        ONCE,
    ),
    "a shared async generator": (
        """let owner, shared
        async function* steps() { owner = who(); while (true) { note(owner); await gate('x'); note(owner); yield 1; note(owner) } }
        async function run(me) {
          shared ??= steps()
          const first = shared.next(), second = shared.next(); note(me)
          await first; note(me); await second; note(me)
          await gate('y' + me); await shared.next(); note(me)
        }""",
        "x yB yA yC",
    ),
    "throw and return into a shared async generator": (
        """let owner
        async function* steps() {
          owner = who()
          try { while (true) { try { yield 1; note(owner) } catch { note(owner); await gate('y'); note(owner) } finally { note(owner) } } }
          finally { note(owner); await 0; note(owner) }
        }
        const shared = steps()
        async function run(me) {
          const first = shared.next(), thrown = shared.throw(me); note(me); await first; await thrown; note(me)
          await gate('x' + me); const end = shared.return(gate('x' + me)); note(me); await end; note(me)
        }""",
        "y xB xA xC",
    ),
    "yield* in an async generator": (
        """async function* inner(me) { note(me); yield 1; await gate('x' + me); note(me); yield 2; note(me) }
        async function* steps(me) { note(me); yield* inner(me); note(me); yield* [3, gate('y' + me)]; note(me) }
        async function run(me) { for await (const step of steps(me)) note(me); note(me) }""",
        ONCE,
    ),
    "for await that is left early": (
        """async function* steps(me) { try { while (true) { yield 1; note(me) } } finally { note(me); await gate('y' + me); note(me) } }
        async function find(me) { for await (const step of steps(me)) { await gate('x' + me); return step } }
        async function run(me) { await find(me); note(me); for await (const step of steps(me)) break; note(me) }""",
        ONCE,
    ),
    "for await that is continued from within": (
        """async function* steps(me) { yield 1; await gate('x' + me); yield 2 }
        async function run(me) {
          outer: for (const turn of [1, 2]) {
            inner: for await (const step of steps(me)) { note(me); if (step === 2) continue outer; else continue inner }
            note('nobody comes here')
          }
          note(me)
          try { for await (const step of steps(me)) throw me } catch { note(me) }
        }""",
        ONCE,
    ),
    "for await over a synchronous iterable of promises": (
        """async function run(me) {
          for await (const value of [gate('x' + me), gate('y' + me), 3, { then(done) { note(me); done() } }]) note(me)
          note(me)
        }""",
        ONCE,
    ),
    "for await over an iterator made by hand": (
        """const items = (me) => ({ [Symbol.asyncIterator]() { note(me); let left = 3; return {
          next() { note(me); return gate('x' + me).then(() => ({ done: left-- === 0, value: me })) },
          return() { note(me); return { then(done) { note(me); gate('y' + me).then(() => done({})) } } } } } })
        async function run(me) {
          for await (const { length, lost = note(me) } of items(me)) note(me)
          note(me)
          for await (const value of items(me)) break
          note(me)
        }""",
        ONCE,
    ),
    "for await that assigns": (
        """async function run(me) {
          const kept = { set value(one) { note(me) } }
          for await (kept.value of [gate('x' + me), gate('y' + me)]);
          note(me)
          var text; for await (text of [1]) note(me)
        }""",
        ONCE,
    ),
    "a rejected for await": (
        """async function run(me) {
          try { for await (const value of [gate('x' + me), gate('y' + me)]) note(me) } catch { note(me) } finally { note(me) }
        }""",
        "xB! xA xC yC yA!",
    ),
    "await using": (
        """const hold = (me, name) => ({ async [Symbol.asyncDispose]() { note(me); await gate(name + me); note(me) } })
        const close = (me) => ({ [Symbol.dispose]() { note(me) } })
        async function inner(me) { await using last = null, first = hold(me, 'x'); using two = close(me); note(me); return await 1 }
        async function run(me) {
          await inner(me); note(me)
          try { await using one = hold(me, 'y'); throw me } catch (error) { note(error) }
          note(me)
        }""",
        ONCE,
    ),
    "await using in a piece": (
        """await using held = { async [Symbol.asyncDispose]() { await 0 } }
        async function run(me) { await 0; note(me) }""",
        "",
    ),
    "Array.fromAsync": (
        """async function* steps(me) { yield gate('x' + me); note(me); yield 2 }
        async function run(me) {
          await Array.fromAsync(steps(me), async (step) => { note(me); await gate('y' + me); note(me) }); note(me)
          await Array.fromAsync([gate('y' + me), 2], () => note(me)); note(me)
        }""",
        ONCE,
    ),
    "top-level await in a piece": (
        "await gate('start'); const early = who(); async function run(me) { await 0; note(me) }",
        "start",
    ),
    "an error that nobody catches": (
        """async function lost(me) { await gate('x' + me); throw new Error(me) }
        async function run(me) { lost(me); await gate('x' + me); note(me); queueMicrotask(() => note(me)) }""",
        "xA xB xC",
    ),
    "what an invocation leaves behind": (
        """async function stray(me) { await gate('x' + me); new Promise((done) => done({ then() { note.loosely(me) } })) }
        async function run(me) { stray(me); await 0; note(me) }""",
        "xA xB xC",
    ),
    "labels, switches and conditions": (
        """async function run(me) {
          let turns = 0
          again: while (true) {
            switch (await gate('x' + me)) { case 'never': break; default: note(me); if (turns++ < 2) continue again }
            break
          }
          const either = (await gate('y' + me)) ? (await 1, note(me), 1) : await 2
          note(me); do await 0; while (turns-- > 0)
          note(me); if (me) await 0; else await 1
          note(me)
        }""",
        ONCE,
    ),
    "statements without semicolons": (
        """async function run(me) {
          const say = note
          say(me)
          await gate('x' + me)
          say(me)
          await gate('y' + me); say(me)
        }""",
        ONCE,
    ),
}


@pytest.mark.parametrize("form", FORMS)
async def test_code_runs_for_its_own_invocation(
    form: str, compiler: Compiler, isolate: Isolate
) -> None:
    cell, gates = FORMS[form]
    piece = await compiler.compile_one(Source("cell-a.js", cell, cell="a"))
    isolate.run(HARNESS)
    isolate.load(piece.code)
    isolate.run("settle('start')")
    for name in "ABC":
        isolate.run(f"as('{name}', run)")
    for name in gates.split():
        settle(isolate, name)
        assert isolate.read("who()") is None, f"somebody is left current after {name}"
    noted = isolate.read("notes")
    assert len(noted) >= 3
    wrong = [note for note in noted if note[1] != note[0] and not (note[2] and note[1] is None)]
    assert wrong == []


def settle(isolate: Isolate, name: str) -> None:
    if name != "timers":
        isolate.run(f"settle('{name}')")
        return
    for timer in range(1, 20):
        isolate.run(f"""__aiwe_turn('[["t",{timer}]]')""")
