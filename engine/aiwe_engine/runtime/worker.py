"""The worker process: V8 isolates and nothing else.

It has no network, no files, no secrets: one socket to its host. For each isolate it gathers what
has arrived and runs one evaluation per turn. A turn that uses more CPU than its limit is cut; one
that does not come back after that ends the process, and the host starts another.

This module is the process's main program. It imports as little as it can, since every worker pays
for it in start-up time and memory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import monotonic, process_time
from typing import Any, cast

import orjson

from aiwe_engine import bundles, wire
from aiwe_engine.confinement.process import confine, narrow
from aiwe_engine.runtime.v8 import Evaluation, IsolateLost, V8Isolate, package_of_v8, start_v8

TICK = 0.02  # seconds between two looks at the turns that run
TIMER = 1  # number of a message that is the worker's own; the host's have 0
WARM_DELAY = 0.2  # seconds of rest before the next isolate is made ready
PAGE = resource.getpagesize()
WEIGH_EVERY = 0.1  # seconds between two looks at the memory of the process


class Tenant:
    """One isolate at work: its queue of frames and the task that drains it."""

    def __init__(self, worker: Worker, number: int, config: dict[str, Any]) -> None:
        self.worker, self.number, self.config = worker, number, config
        self.cpu_limit: float = config["cpu_limit"]
        self.queue: list[tuple[int, int, bytes]] = []
        self.arrived = asyncio.Event()
        self.isolate: V8Isolate | None = None
        self.evaluating = False
        self.consumed = 0  # messages of the host in the turn that runs
        self.step = -1
        self.cpu_start = self.wall_start = 0.0
        self.wait_cpu = self.wait_wall = 0.0  # when the isolate began to wait for its host
        self.at_rest = -1  # the step at which the isolate stands until the turn begins
        self.cut_wanted = False  # as soon as it has begun
        self.cut_at = 0.0  # when the step that is running was cut
        self.cutting = False  # the task is being cancelled for that
        self.was_cut = False  # something of the turn that runs was stopped already
        self.task = worker.loop.create_task(self._work())

    def put(self, op: int, number: int, body: bytes) -> None:
        """Queues one frame."""
        self.queue.append((op, number, body))
        self.arrived.set()

    async def _work(self) -> None:
        try:
            self.isolate = await self.worker.take_isolate()
            self.isolate.on_text = self._pass_on
            await self._evaluate(self.isolate.boot(self.config))
            while True:
                if not self.queue:
                    self.arrived.clear()
                    await self.arrived.wait()
                await self._next()
        except IsolateLost as lost:
            self._report(lost)
        except asyncio.CancelledError:
            if self.isolate is not None:
                self.isolate.close()

    async def _next(self) -> None:
        op, number, body = self.queue[0]
        if op == wire.MESSAGE:
            queue = self.queue
            count = 1
            while count < len(queue) and queue[count][0] == wire.MESSAGE:
                count += 1
            bodies = [b for _, _, b in queue[:count]]
            self.consumed = sum(number != TIMER for _, number, _ in queue[:count])
            del queue[:count]
            await self._turn(bodies)
            self.consumed = 0
            return
        del self.queue[0]
        if op == wire.DEFINE:
            await self._define(number, body.decode())
        elif op == wire.LIMIT:
            self.cpu_limit = number / 1000

    async def _turn(self, bodies: list[bytes]) -> None:
        assert self.isolate is not None
        turn = self.isolate.turn(b"[" + b",".join(bodies) + b"]")
        text = await self._evaluate(turn, is_turn=True)
        self._hand_over(text, self.consumed)
        self.worker.weigh(self)

    async def _define(self, number: int, code: str) -> None:
        assert self.isolate is not None
        try:
            await self._evaluate(self.isolate.define(code))
        except IsolateLost as lost:
            if lost.reason != "threw":
                raise
            self.worker.send(wire.DEFINED, self.number, number, str(lost).encode())
        else:
            self.worker.send(wire.DEFINED, self.number, number)

    def _hand_over(self, text: str, consumed: int) -> None:
        wishes, _, outbox = text.partition("\n")
        if wishes:
            self.worker.grant(self, orjson.loads(f"[{wishes}]"))
        self.worker.send(wire.OUTBOX, self.number, consumed, outbox.encode())

    def _pass_on(self, text: str) -> None:
        """Takes what leaves an isolate before its turn ends."""
        self._hand_over(text, 0)
        if self.isolate is not None and self.isolate.waits:
            self.wait_cpu, self.wait_wall = process_time(), monotonic()

    def reply(self, call: int, body: bytes) -> None:
        """Answers the host call that the isolate waits for: the time it took is not the turn's."""
        if self.isolate is not None and self.isolate.reply(call, body):
            self.cpu_start += process_time() - self.wait_cpu
            self.wall_start += monotonic() - self.wait_wall

    async def _evaluate(self, evaluation: Evaluation, *, is_turn: bool = False) -> str:
        """Runs one evaluation under the CPU limit; a turn that is cut is resumed with the blame given.

        A turn begins with its first step: until then V8 reads its text, which is no program's doing, and there is
        nothing to resume.
        """
        assert self.isolate is not None
        self.evaluating, self.step, self.cut_at, self.was_cut = True, -1, 0.0, False
        self.at_rest = self.isolate.step() if is_turn else -1
        self.cut_wanted = False
        self.worker.watch()
        try:
            while True:
                try:
                    return await evaluation()
                except asyncio.CancelledError:
                    if not self.cutting:
                        raise
                    self.cutting, self.was_cut = False, True
                    self.task.uncancel()
                    if not is_turn:
                        raise IsolateLost("stuck", "a definition was cut") from None
                    evaluation = self.isolate.resume()
        finally:
            self.evaluating = False

    def check(self, cpu: float, wall: float) -> None:
        """Cuts the turn when one step of it has used up its CPU time."""
        if not self.evaluating or self.isolate is None:
            return
        step = self.isolate.step()
        if step == self.at_rest:
            return
        if step != self.step:
            self.step, self.cpu_start, self.wall_start, self.cut_at = step, cpu, wall, 0.0
        if self.cut_wanted:
            self.cut()
        elif self.cut_at:
            if wall - self.cut_at > self.config["kill_grace"]:
                self.give_up()
        elif self.isolate.waits:
            return
        elif cpu - self.cpu_start >= self.cpu_limit and wall - self.wall_start >= self.cpu_limit:
            self.cut()

    def give_up(self) -> None:
        """V8 does not come back: names the guilty invocation and ends the process."""
        assert self.isolate is not None
        report = self._told("stuck", "")
        self.worker.last_words(wire.frame(wire.FAILED, self.number, 0, report))

    def _told(self, reason: str, message: str) -> bytes:
        """Why this isolate is lost, who was running, and how many messages the turn had."""
        running = self.isolate.running() if self.isolate is not None else 0
        if reason == "oom" and self.was_cut:
            running = (
                0  # it may have met the heap that another one had filled before it was stopped
            )
        report = {"reason": reason, "message": message, "running": running, "turn": self.consumed}
        return orjson.dumps(report)

    def cut(self) -> None:
        """Stops what is being evaluated now; the invocation that was running is blamed."""
        if not self.evaluating or self.cut_at or self.isolate is None:
            return
        if self.isolate.step() == self.at_rest:
            self.cut_wanted = True
        else:
            self.cut_at, self.cutting, self.cut_wanted = monotonic(), True, False
            self.isolate.mark_cut()
            self.task.cancel()

    def _report(self, lost: IsolateLost) -> None:
        self.worker.send(wire.FAILED, self.number, 0, self._told(lost.reason, str(lost)))
        self.worker.tenants.pop(self.number, None)


class Worker(asyncio.Protocol):
    """The process: its socket, its tenants, the watch over their turns."""

    transport: asyncio.WriteTransport

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: dict[str, Any]) -> None:
        self.loop, self.limits = loop, limits
        self.tenants: dict[int, Tenant] = {}
        self.reader = wire.FrameReader()
        self.warm: V8Isolate | None = None
        self.watching = False
        self.weighed = 0.0
        self.base_memory = 0
        self.memory = Memory()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The host is there."""
        self.transport = cast(asyncio.WriteTransport, transport)
        self.loop.create_task(self._become_ready())

    async def _become_ready(self) -> None:
        report = confine().to_json() if self.limits["confinement"] != "off" else {}
        self.warm = await V8Isolate.make(self.loop, self.limits)
        self.base_memory = self.memory.resident()
        gc.freeze()  # what was made at the start stays: no turn waits for it to be looked at
        self.send(wire.READY, body=orjson.dumps(report))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The host is gone: nothing is left to do."""
        os._exit(0)

    def data_received(self, data: bytes) -> None:
        """Passes each frame to its tenant."""
        for op, isolate, number, body in self.reader.feed(data):
            if op == wire.CREATE:
                self.tenants[isolate] = Tenant(self, isolate, orjson.loads(body))
            elif (tenant := self.tenants.get(isolate)) is None:
                continue
            elif op == wire.DISPOSE:
                del self.tenants[isolate]
                tenant.task.cancel()
            elif op == wire.CUT:
                tenant.cut()
            elif op == wire.REPLY:
                tenant.reply(number, body)
            else:
                tenant.put(op, number, body)

    def send(self, op: int, isolate: int = 0, number: int = 0, body: bytes = b"") -> None:
        """Writes one frame to the host."""
        self.transport.write(wire.frame(op, isolate, number, body))

    def last_words(self, words: bytes) -> None:
        """Tells the host something past the event loop, and ends the process."""
        connection = self.transport.get_extra_info("socket")
        with suppress(OSError):
            os.set_blocking(connection.fileno(), True)
            os.write(connection.fileno(), words)
        os._exit(70)

    async def take_isolate(self) -> V8Isolate:
        """A fresh isolate: the warm one, if there is one."""
        isolate, self.warm = self.warm, None
        self.loop.call_later(WARM_DELAY, self._warm_up)
        return isolate or await V8Isolate.make(self.loop, self.limits)

    def _warm_up(self) -> None:
        if self.warm is None:
            self.loop.create_task(self._make_warm())

    async def _make_warm(self) -> None:
        isolate = await V8Isolate.make(self.loop, self.limits)
        if self.warm is None:
            self.warm = isolate
        else:
            isolate.close()

    def grant(self, tenant: Tenant, wishes: list[list[Any]]) -> None:
        """Timers: set or cleared by an isolate, delivered in the inbox of a later turn."""
        assert tenant.isolate is not None
        timers = tenant.isolate.timers
        for wish in wishes:
            if wish[0] == "t":
                delay = min(max(float(wish[2]), 0.0), 2**31) / 1000
                timers[wish[1]] = self.loop.call_later(delay, self._due, tenant, wish[1])
            elif (handle := timers.pop(wish[1], None)) is not None:
                handle.cancel()

    def _due(self, tenant: Tenant, timer: int) -> None:
        assert tenant.isolate is not None
        tenant.isolate.timers.pop(timer, None)
        tenant.put(wire.MESSAGE, TIMER, b'["t",%d]' % timer)

    def watch(self) -> None:
        """Looks at the running turns from now on, until none runs."""
        if not self.watching:
            self.watching = True
            self.loop.call_later(TICK, self._look)

    def _look(self) -> None:
        cpu, wall = process_time(), monotonic()
        active = False
        for tenant in list(self.tenants.values()):
            active = active or tenant.evaluating
            tenant.check(cpu, wall)
        self.watching = active
        if active:
            self.loop.call_later(TICK, self._look)

    def weigh(self, tenant: Tenant) -> None:
        """Tells the host of an isolate that holds too much memory outside V8's heap."""
        now = monotonic()
        if now - self.weighed < WEIGH_EVERY:
            return
        self.weighed = now
        allowed = self.limits["heap_limit"] + self.limits["buffer_limit"]
        if self.memory.resident() - self.base_memory > allowed:
            self.send(wire.HEAVY, tenant.number)


class Memory:
    """What the system tells of this process's memory, in a file that is opened while one can."""

    def __init__(self) -> None:
        self._descriptor = -1
        with suppress(OSError):
            self._descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def resident(self) -> int:
        """Bytes of memory this process holds; 0 where the system does not say."""
        if self._descriptor < 0:
            return 0
        return int(os.pread(self._descriptor, 200, 0).split()[1]) * PAGE


def _limit_resources(limits: dict[str, Any]) -> None:
    memory = limits["worker_memory"]
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the host


def main(descriptor: int, text: str) -> None:
    """Runs the worker on an open socket until its host goes away."""
    limits = orjson.loads(text)
    _limit_resources(limits)
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    with suppress(ImportError):
        from uvloop import run
    bundles.read_all()  # no file can be read later
    if limits["confinement"] != "off":
        narrow([package_of_v8()])
    start_v8(limits)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket(fileno=descriptor)
        await loop.create_connection(lambda: Worker(loop, limits), sock=connection)
        await asyncio.Event().wait()

    run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
