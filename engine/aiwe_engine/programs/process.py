"""A V8 process of the engine's own, that runs one of its bundles and never anything of a user's.

It is started on first use, answers one job at a time, is killed when a job takes too long, replaced
when it has grown too large, and ended when nobody has asked for a while.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

WORKER = Path(__file__).with_name("worker.py")
LENGTH = struct.Struct("<I")
EXIT_TIME = 2.0


class ProcessLost(Exception):
    """The process did not answer: it took too long (`timed_out`) or ended."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("timed out" if timed_out else "ended")
        self.timed_out = timed_out


class BundleProcess:
    """Runs `bundles` in a process; `ask` has their `answer` function do a job.

    Args:
        bundles: JavaScript files, the last of which defines `answer(text)`.
        memory: RLIMIT_DATA of the process.
        heavy: resident bytes from which on the process is replaced after a job.
        idle: seconds after the last job when the process is ended.
        confined: whether the process gives up files, network and other processes.
        introduction: makes the job that a process gets before all others.
    """

    def __init__(
        self,
        bundles: Sequence[Path],
        *,
        memory: int,
        heavy: int,
        idle: float,
        confined: bool,
        introduction: Callable[[], Any] | None = None,
    ) -> None:
        self._introduction = introduction
        self._bundles = [str(bundle) for bundle in bundles]
        self._memory, self._heavy, self.idle = memory, heavy, idle
        self._confined = confined
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._ending: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process is not None else None

    async def ask(self, job: Any, timeout: float) -> Any:
        """The answer to a job, both JSON values.

        Raises:
            ProcessLost: no answer within `timeout` seconds, or the process ended.
        """
        async with self._lock:
            if self._ending is not None:
                self._ending.cancel()
            try:
                async with asyncio.timeout(timeout):
                    answer, resident = await self._exchange(orjson.dumps(job))
            except TimeoutError:
                self._end()
                raise ProcessLost(timed_out=True) from None
            except (OSError, EOFError):
                self._end()
                raise ProcessLost(timed_out=False) from None
            except BaseException:  # cancelled half-way: the next answer would be this job's
                self._end()
                raise
            if resident > self._heavy:
                self._end()
            else:
                loop = asyncio.get_running_loop()
                self._ending = loop.call_later(self.idle, self._end)
            return orjson.loads(answer)

    async def _exchange(self, job: bytes) -> tuple[bytes, int]:
        if self._streams is None:
            self._streams = await self._start()
            if self._introduction is not None:
                await self._exchange(orjson.dumps(self._introduction()))
        reader, writer = self._streams
        writer.write(LENGTH.pack(len(job)) + job)
        await writer.drain()
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        answer, _, resident = (await reader.readexactly(length)).rpartition(b"\n")
        return answer, int(resident)

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        site = find_spec("py_mini_racer")
        if site is None or site.origin is None:
            message = "mini-racer is not installed"
            raise ModuleNotFoundError(message)
        argv = [sys.executable, "-I", "-S", str(WORKER), str(theirs.fileno()), str(self._memory)]
        engine = str(WORKER.parents[2]) if self._confined else ""
        argv += [str(Path(site.origin).parents[1]), engine, *self._bundles]
        with theirs:
            self._process = subprocess.Popen(
                argv, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, env={}
            )
        return await asyncio.open_connection(sock=ours)

    def _end(self) -> None:
        process, streams = self._process, self._streams
        self._process = self._streams = None
        if streams is not None:
            streams[1].close()
        if process is not None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(EXIT_TIME)

    async def close(self) -> None:
        """Ends the process. It may be asked again: then a new one is started."""
        if self._ending is not None:
            self._ending.cancel()
        self._end()
