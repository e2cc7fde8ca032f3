"""A worker process as its host sees it: started, spoken to over a socket, ended.

What comes back on the socket is hostile ground: frames for isolates that this host did not make
there are dropped, and what cannot be parsed ends the worker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

import orjson

from aiwe_engine import wire
from aiwe_engine.errors import EngineError
from aiwe_engine.settings import Settings

FRAME = 4  # times an isolate's heap: what it sends was text in there, of up to 2 bytes for each
START_LIMIT = 15.0  # seconds a worker may take to become ready
STATUS_LIMIT = 0.05  # seconds that everything waits to learn how a process ended
ENDS = {  # V8 ends a process when it finds no memory, and hardly ever else
    int(signal.SIGTRAP): "oom",
    int(signal.SIGABRT): "oom",
    int(signal.SIGKILL): "killed",
    int(signal.SIGTERM): "killed",
}
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[3]);"
    "from aiwe_engine.runtime.worker import main; main(int(sys.argv[1]), sys.argv[2])"
)


class Resident(Protocol):
    """What a worker process tells of one isolate: implemented by `isolate.Isolate`."""

    @property
    def busy(self) -> bool:
        """Whether something is under way there."""
        ...

    def received(self, op: int, number: int, body: bytes) -> None:
        """Takes one frame."""
        ...

    def lost(self, reason: str) -> None:
        """Learns that the process ended."""
        ...


def process_limits(settings: Settings) -> dict[str, int | str]:
    """The limits that a process is started with: others need another process."""
    return {
        "worker_memory": settings.worker_memory,
        "stack_size": settings.stack_size,
        "heap_limit": settings.heap_limit,
        "buffer_limit": settings.buffer_limit,
        "confinement": settings.confinement,
    }


class WorkerProcess(asyncio.Protocol):
    """One child process and the isolates in it."""

    def __init__(self, settings: Settings) -> None:
        self.limits = process_limits(settings)
        self.loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self.residents: dict[int, Resident] = {}
        self.ended = False
        self.used = self.loop.time()  # when something last went there or came from there
        self.confined: dict[str, Any] = {}  # what binds the process: `confinement.Confined`
        self.on_end: Callable[[WorkerProcess], None] | None = None
        self._last = 0
        self._leaving = False
        self._reader = wire.FrameReader(FRAME * settings.heap_limit)
        self._outgoing: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self._child: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts the process and waits until its V8 is up.

        Raises:
            EngineError: `worker_lost`, when it does not come up.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._child = self._spawn(theirs)  # vfork: a millisecond or two
            await self.loop.create_connection(lambda: self, sock=ours)
        except BaseException:
            ours.close()
            self.kill()
            raise
        try:
            async with asyncio.timeout(START_LIMIT):
                await self.ready
        except TimeoutError:
            self.kill()
            message = f"A worker process did not start within {START_LIMIT:.0f} s."
            raise EngineError(message, code="worker_lost") from None

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        descriptor = str(theirs.fileno())
        arguments = [
            descriptor,
            orjson.dumps(self.limits).decode(),
            orjson.dumps(sys.path).decode(),
        ]
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT, *arguments],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
            cwd="/" if os.name == "posix" else None,
        )

    @property
    def pid(self) -> int:
        """The process id, 0 before it is started."""
        return self._child.pid if self._child is not None else 0

    def admit(self, resident: Resident) -> int:
        """A number for a new isolate, under which it is told what the worker sends."""
        self._last += 1
        self.residents[self._last] = resident
        return self._last

    def send(self, op: int, isolate: int, number: int = 0, body: bytes = b"") -> None:
        """Queues one frame; everything queued in one pass of the loop leaves together."""
        if not self._outgoing:
            self.loop.call_soon(self._flush)
        self._outgoing.append(wire.frame(op, isolate, number, body))

    def _flush(self) -> None:
        if self._transport is not None and not self.ended:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()
        self.used = self.loop.time()

    @property
    def busy(self) -> bool:
        """Whether an isolate in it has something under way."""
        return any(resident.busy for resident in self.residents.values())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Passes each frame to the isolate it is about."""
        self.used = self.loop.time()
        try:
            for op, isolate, number, body in self._reader.feed(data):
                if op == wire.READY:
                    self._take_report(orjson.loads(body))
                elif (resident := self.residents.get(isolate)) is not None:
                    resident.received(op, number, body)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            self.kill()  # not our protocol: whatever this is, it is not our worker any more

    def _take_report(self, report: dict[str, Any]) -> None:
        """The worker is up, and tells what binds it; nothing of a program is in it yet."""
        if self.ready.done():
            return
        self.confined = report
        if self.limits["confinement"] == "require" and report["missing"]:
            self.ready.set_exception(_unconfined(report["missing"]))
            self.kill()
        else:
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The worker is gone."""
        self._end(self._cause())

    def _cause(self) -> str:
        """Why a process has ended by itself: a reason of `loss.Loss`."""
        if self.ended or self._child is None:
            return "crash"
        self._child.kill()  # one that is ending already keeps its own status
        try:
            status = self._child.wait(STATUS_LIMIT)
        except subprocess.TimeoutExpired:
            return "crash"
        return ENDS.get(-status, "crash")

    def _end(self, reason: str) -> None:
        if self.ended:
            return
        self.ended = True
        if not self.ready.done():
            error = EngineError("A worker process ended while it started.", code="worker_lost")
            self.ready.set_exception(error)
            self.ready.exception()  # looked at: nobody may be waiting
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.kill()
            self.loop.run_in_executor(None, self._child.wait)
        residents, self.residents = self.residents, {}
        for resident in residents.values():
            resident.lost(reason)
        if self.on_end is not None:
            self.on_end(self)

    def kill(self) -> None:
        """Ends the process at once; its isolates are told that it crashed."""
        if self._transport is not None:
            self._transport.abort()
        self._end("crash")

    def dismiss(self, isolate: int) -> None:
        """Ends one isolate."""
        if self.residents.pop(isolate, None) is not None and not self.ended:
            self.send(wire.DISPOSE, isolate)
            self._end_if_left()

    def leave(self) -> None:
        """Ends the process as soon as no isolate lives in it."""
        self._leaving = True
        self._end_if_left()

    def _end_if_left(self) -> None:
        if self._leaving and not self.residents:
            self.kill()


def _unconfined(missing: list[str]) -> EngineError:
    return EngineError(
        f'Workers cannot be confined as runtime.confinement = "require" wants it: {"; ".join(missing)}.',
        code="confinement_missing",
        hint="Run on Linux 5.13 or newer with Landlock and seccomp, or set runtime.confinement to auto.",
    )
