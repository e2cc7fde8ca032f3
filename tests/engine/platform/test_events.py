"""Events, abort signals, timers and microtasks."""

from __future__ import annotations

import pytest

from tests.engine.platform.alone import alone

EVENTS = [
    (
        "(() => { const out = []; const t = new EventTarget(); t.addEventListener('a', (e) => out.push(e.type, e.target === t, e.eventPhase)); t.dispatchEvent(new Event('a')); return out; })()",
        ["a", True, 2],
    ),
    (
        "(() => { let n = 0; const t = new EventTarget(); const f = () => n++; t.addEventListener('a', f); t.addEventListener('a', f); t.dispatchEvent(new Event('a')); t.removeEventListener('a', f); t.dispatchEvent(new Event('a')); return n; })()",
        1,
    ),
    (
        "(() => { let n = 0; const t = new EventTarget(); t.addEventListener('a', () => n++, { once: true }); t.dispatchEvent(new Event('a')); t.dispatchEvent(new Event('a')); return n; })()",
        1,
    ),
    (
        "(() => { let self; const t = new EventTarget(); const o = { handleEvent() { self = this === o; } }; t.addEventListener('a', o); t.dispatchEvent(new Event('a')); return self; })()",
        True,
    ),
    (
        "(() => { const t = new EventTarget(); t.addEventListener('a', (e) => e.preventDefault()); return [t.dispatchEvent(new Event('a', { cancelable: true })), t.dispatchEvent(new Event('a'))]; })()",
        [False, True],
    ),
    (
        "(() => { const out = []; const t = new EventTarget(); t.addEventListener('a', (e) => { out.push(1); e.stopImmediatePropagation(); }); t.addEventListener('a', () => out.push(2)); t.dispatchEvent(new Event('a')); return out; })()",
        [1],
    ),
    (
        "(() => { let n = 0; const c = new AbortController(); const t = new EventTarget(); t.addEventListener('a', () => n++, { signal: c.signal }); t.dispatchEvent(new Event('a')); c.abort(); t.dispatchEvent(new Event('a')); return n; })()",
        1,
    ),
    ("new CustomEvent('a', { detail: { x: 1 } }).detail", {"x": 1}),
    (
        "(() => { class Mine extends Event { constructor() { super('mine'); this.more = 1; } } let got; const t = new EventTarget(); t.addEventListener('mine', (e) => { got = e.more; }); t.dispatchEvent(new Mine()); return got; })()",
        1,
    ),
    (
        "(() => { try { new EventTarget().dispatchEvent({ type: 'a' }) } catch (e) { return e.name } })()",
        "TypeError",
    ),
    # abort
    (
        "(() => { const c = new AbortController(); let on; c.signal.onabort = (e) => { on = e.isTrusted; }; c.abort(); return [c.signal.aborted, c.signal.reason.name, on]; })()",
        [True, "AbortError", True],
    ),
    (
        "(() => { const c = new AbortController(); c.abort('why'); try { c.signal.throwIfAborted() } catch (e) { return e } })()",
        "why",
    ),
    (
        "(() => { const a = new AbortController(), b = new AbortController(); const any = AbortSignal.any([a.signal, b.signal]); b.abort('b'); return [any.aborted, any.reason, a.signal.aborted]; })()",
        [True, "b", False],
    ),
    ("AbortSignal.abort().reason.code", 20),
    ("(() => { try { new AbortSignal() } catch (e) { return e.name } })()", "TypeError"),
    # exceptions
    (
        "(() => { const e = new DOMException('m', 'DataCloneError'); return [e.name, e.message, e.code, e instanceof Error, DOMException.ABORT_ERR, Object.prototype.toString.call(e)]; })()",
        ["DataCloneError", "m", 25, True, 20, "[object DOMException]"],
    ),
    ("String(new DOMException('m', 'AbortError'))", "AbortError: m"),
]


@pytest.mark.parametrize(("expression", "gives"), EVENTS, ids=range(len(EVENTS)))
async def test_events_and_signals(expression: str, gives: object) -> None:
    async with alone() as isolate:
        assert await isolate.json(expression) == gives


async def test_a_listener_that_throws_is_reported_and_the_next_one_runs() -> None:
    async with alone() as isolate:
        await isolate.run(
            """globalThis.ran = 0;
            const target = new EventTarget();
            target.addEventListener('a', () => { throw new Error('lost'); });
            target.addEventListener('a', () => { ran++; });
            target.dispatchEvent(new Event('a'));
            0"""
        )
        assert await isolate.json("[ran, T.reported]") == [1, ["Error: lost"]]


async def test_listeners_and_microtasks_are_bound_when_they_are_given() -> None:
    async with alone("ReadableStream") as isolate:
        bound = "T.bound.length"
        for code in [
            "new EventTarget().addEventListener('a', () => {})",
            "new AbortController().signal.onabort = () => {}",
            "queueMicrotask(() => {})",
            "new ReadableStream({ start() {} })",
        ]:
            before = await isolate.json(bound)
            await isolate.run(f"{code}; 0")
            assert await isolate.json(bound) > before, code


async def test_timers_run_when_their_time_has_come() -> None:
    async with alone() as isolate:
        await isolate.run(
            """globalThis.out = [];
            setTimeout((a, b) => out.push(a + b), 20, 'x', 'y');
            setTimeout(() => out.push('first'), 10);
            clearTimeout(setTimeout(() => out.push('never'), 5));
            const every = setInterval(() => { if (out.push('tick') > 3) clearInterval(every); }, 15);
            setTimeout(() => { throw new Error('late'); });
            clearTimeout(undefined); clearTimeout('x');
            0"""
        )
        while await isolate.run("T.pump()"):
            pass
        assert await isolate.json("[out, T.reported]") == [
            ["first", "tick", "xy", "tick"],
            ["Error: late"],
        ]


async def test_a_timeout_signal_aborts() -> None:
    async with alone() as isolate:
        await isolate.run("globalThis.signal = AbortSignal.timeout(50); 0")
        assert not await isolate.json("signal.aborted")
        await isolate.run("T.pump()")
        assert await isolate.json("[signal.aborted, signal.reason.name]") == [True, "TimeoutError"]


@pytest.mark.parametrize(
    "call", ["setTimeout('alert(1)')", "setInterval(null, 5)", "queueMicrotask(5)"]
)
async def test_a_timer_takes_a_function(call: str) -> None:
    async with alone() as isolate:
        assert (
            await isolate.json(f"(() => {{ try {{ {call} }} catch (e) {{ return e.name }} }})()")
            == "TypeError"
        )


async def test_microtasks_keep_their_order_and_report_their_errors() -> None:
    async with alone() as isolate:
        await isolate.run(
            """globalThis.out = [];
            queueMicrotask(() => { out.push(1); queueMicrotask(() => out.push(3)); throw new Error('micro'); });
            Promise.resolve().then(() => out.push(2));
            reportError('told');
            0"""
        )
        assert await isolate.json("[out, T.reported]") == [[1, 2, 3], ["told", "Error: micro"]]
