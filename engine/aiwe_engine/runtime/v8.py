"""One V8 isolate through mini-racer, and the flags under which V8 runs.

mini-racer's own `setTimeout` runs callbacks where nothing can stop them, so the isolate is made of
its context alone and timers come from the worker. The names with an underscore are mini-racer's
private ones: its version is pinned, and the runtime's tests cover each of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from math import ceil
from typing import Any

import orjson
import py_mini_racer
from py_mini_racer import JSEvalException, JSOOMException
from py_mini_racer._mini_racer import _make_context

from aiwe_engine import bundles

Evaluation = Callable[[], Awaitable[str]]

PIECE = 1 << 20  # characters of an inbox that one script holds
CONTROL_WORDS = 16
POOL = 4096
RUNNING, STEP, REQUEST, CUT, LENGTH, AT, TAKEN, CALL, TOTAL = range(9)
# What an isolate asks for: runtime/js/bell.ts
RANDOM, MORE, LAST, ASK, WAITING, NEXT = range(1, 7)
BOOTSTRAP = """let __aiwe_cur = null;
globalThis.__aiwe_checkpoint = () => { %PerformMicrotaskCheckpoint() };"""


def _called(function: str, text: str) -> str:
    return f"{function}({orjson.dumps(text).decode()})"


class IsolateLost(Exception):
    """The isolate cannot go on: `reason` is oom, stuck or threw."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def package_of_v8() -> str:
    """The folder that holds V8's library and data."""
    return os.path.dirname(py_mini_racer.__file__)  # noqa: PTH120 - start-up time


def start_v8(limits: dict[str, Any]) -> None:
    """Initialises V8 for this process: natives for the checkpoint, no code from strings.

    mini-racer ends what has more than the heap limit when V8 has looked for garbage, garbage that is
    left included. V8 is told of a limit not far above, so that it looks everywhere in time, and keeps
    no text of turns for a second evaluation.
    """
    megabytes = limits["heap_limit"] / 2**20
    py_mini_racer.init_mini_racer(
        flags=(
            *py_mini_racer.DEFAULT_V8_FLAGS,
            "--allow-natives-syntax",
            "--disallow-code-generation-from-strings",
            f"--stack-size={limits['stack_size']}",
            f"--max-old-space-size={ceil(megabytes * 1.25)}",
            f"--max-semi-space-size={min(max(1, int(megabytes / 16)), 16)}",
            "--no-detect-ineffective-gcs-near-heap-limit",
            "--no-compilation-cache",
        )
    )


class V8Isolate:
    """An isolate with the core installed. Evaluations run one at a time, on V8's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: dict[str, Any]) -> None:
        self.timers: dict[int, asyncio.TimerHandle] = {}
        self._stack = ExitStack()
        self._context = self._stack.enter_context(_make_context(loop))
        self._context.set_hard_memory_limit(limits["heap_limit"])
        self._words = memoryview(b"")
        self._pool = self._area = memoryview(b"")
        self._text = bytearray()
        self._reply = memoryview(b"")  # what is left of the answer that the isolate waits for
        self.on_text: Callable[[str], None] | None = None  # takes what leaves before its turn ends

    @classmethod
    async def make(cls, loop: asyncio.AbstractEventLoop, limits: dict[str, Any]) -> V8Isolate:
        """A fresh isolate with the core evaluated, not yet booted."""
        self = cls(loop, limits)
        await self._run(BOOTSTRAP)
        await self._run(bundles.read("core.js") + "\n//# sourceURL=aiwe:core")
        context: Any = self._context
        shared: memoryview = await context.eval_cancelable("__aiwe_shared")
        self._words = shared[: CONTROL_WORDS * 4].cast("i")
        self._pool = shared[CONTROL_WORDS * 4 : CONTROL_WORDS * 4 + POOL]
        self._area = shared[CONTROL_WORDS * 4 + POOL :]
        ring = self._stack.enter_context(context._register_js_notification(self._answer))  # noqa: SLF001
        context.eval("(ring) => { globalThis.__aiwe_ring = ring; }")(ring)
        return self

    def _answer(self, _: object) -> None:
        """The isolate rang and waits: no V8 value may be touched in here."""
        request = self._words[REQUEST]
        if request == RANDOM:
            self._pool[:] = os.urandom(POOL)
        elif request in {MORE, LAST, ASK}:
            self._take(request)
            if request == ASK:
                return
        elif request == NEXT:
            self._give()
        elif request == WAITING:
            return  # a ring from before a cut: the answer is not there yet
        self._words[REQUEST] = 0

    def _take(self, request: int) -> None:
        """The next piece of a text from the isolate; the first discards what a cut left behind."""
        words = self._words
        if words[AT] == 0:
            self._text.clear()
        self._text += self._area[: words[LENGTH]]
        if request == MORE:
            return
        text, self._text = self._text.decode("utf-8", "replace"), bytearray()
        words[TAKEN] = (words[TAKEN] + 1) & 0x7FFFFFFF
        if request == ASK:
            words[REQUEST] = WAITING
        if self.on_text is not None:
            self.on_text(text)

    @property
    def waits(self) -> bool:
        """Whether the isolate stands still until a host call is answered."""
        return bool(self._words) and self._words[REQUEST] == WAITING

    def reply(self, call: int, body: bytes) -> bool:
        """Answers the host call that the isolate waits for; False: it does not wait for this one."""
        words = self._words
        if not self.waits or words[CALL] & 0xFFFFFFFF != call:
            return False
        self._reply = memoryview(body)
        words[TOTAL] = len(body)
        self._give()
        words[REQUEST] = 0
        return True

    def _give(self) -> None:
        """Puts the next piece of the answer where the isolate looks for it."""
        piece = self._reply[: len(self._area)]
        self._area[: len(piece)] = piece
        self._words[LENGTH] = len(piece)
        self._reply = self._reply[len(piece) :]

    def boot(self, config: dict[str, Any]) -> Evaluation:
        """Loads the platform parts that the program names, then fixes the isolate's settings."""
        parts = [bundles.read(f"part-{name}.js") for name in config["parts"]]
        settings = orjson.dumps(orjson.dumps(config["settings"]).decode()).decode()

        async def evaluate() -> str:
            for part in parts:
                await self._run(part)
            return await self._run(f"__aiwe_boot({settings})")

        return evaluate

    def define(self, code: str) -> Evaluation:
        """Evaluates compiled text, which only defines."""
        return lambda: self._run(code)

    def turn(self, inbox: bytes) -> Evaluation:
        """Runs one turn over an inbox, a JSON array."""
        if len(inbox) > PIECE:
            return lambda: self._long_turn(inbox.decode())
        code = _called("__aiwe_turn", inbox.decode())
        return lambda: self._run(code)

    async def _long_turn(self, text: str) -> str:
        """Hands a text over in pieces: as the text of one script it would take its size three times."""
        for at in range(0, len(text), PIECE):
            await self._run(_called("__aiwe_gather", text[at : at + PIECE]))
        await self._run("__aiwe_gather()")
        return await self._run("__aiwe_turn('')")

    def resume(self) -> Evaluation:
        """Goes on after a turn that was cut, without what the guilty one left behind."""

        async def go_on() -> str:
            await self._run("0")  # V8 may not have let go yet: the next line would wait for it
            self._context.low_memory_notification()
            return await self._run("__aiwe_resume()")

        return go_on

    async def _run(self, code: str) -> str:
        try:
            value = await self._context.eval_cancelable(code)
        except JSOOMException as error:
            raise IsolateLost("oom", "out of memory") from error
        except JSEvalException as error:
            raise IsolateLost("threw", str(error)) from error
        return value if isinstance(value, str) else ""

    def step(self) -> int:
        """Counts messages begun: while it stands still, one invocation is running."""
        return int(self._words[STEP]) if self._words else -1

    def mark_cut(self) -> None:
        """Leaves word in the isolate that what it runs now is being cut."""
        self._words[CUT] = 1

    def running(self) -> int:
        """The number of the invocation that is running, 0 for none."""
        return int(self._words[RUNNING]) if self._words else 0

    def close(self) -> None:
        """Frees the isolate and forgets its timers."""
        for timer in self.timers.values():
            timer.cancel()
        self._words = self._pool = self._area = memoryview(b"")
        self._stack.close()
