"""Passwords as they are kept: argon2id at OWASP's parameters, made by a process that gives way to all others.

A hash costs 25 ms of CPU and 19 MiB on purpose. So it is made elsewhere (`hasher`), a few at a time: many
logins at once wait for each other and not others for them. What may wait is bounded. Whether a password may
be chosen at all is `policy`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiwe_engine.errors import EngineError

LONGEST = 1024  # bytes; a longer one is nobody's
FORM = "$argon2id$v=19$m=19456,t=2,p=1$"  # what a hash begins with that is made now
IDLE = 60.0  # seconds without work after which the process ends
_HASHER = Path(__file__).with_name("hasher.py")
_EXIT = 2.0


class Passwords:
    """Makes hashes of passwords and compares them.

    Args:
        queue: tells how many may wait or be worked on at a time.
    """

    def __init__(self, queue: Callable[[], int]) -> None:
        self._queue = queue
        self._last = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._theirs: Counter[str] = Counter()  # of those, by the address that they come from
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait or are worked on."""
        return len(self._asked)

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process is not None else None

    async def hash(self, password: str, address: str = "") -> str:
        """What is kept of a password: a text that says how it was made, with its own salt.

        Args:
            password: whatever it is.
            address: of who asks; one has half of the places at most. Empty: it is not counted.

        Raises:
            EngineError: `busy` (503): too many wait already.
        """
        return str(await self._ask(None, prepared(password), address))

    async def matches(self, kept: str | None, password: str, address: str = "") -> bool:
        """Whether a password is the one that was kept; where none was, it takes as long to say no.

        Args:
            kept: what `hash` gave.
            password: whatever somebody says it is.
            address: as of `hash`.

        Raises:
            EngineError: `busy` (503): too many wait already.
        """
        given = prepared(password)
        if kept is None or len(given) > LONGEST:
            kept, given = "", b""
        return bool(await self._ask(kept, given, address))

    def is_dated(self, kept: str) -> bool:
        """Whether it was made by other parameters than are used now."""
        return not kept.startswith(FORM)

    def close(self) -> None:
        """Ends the process; what waits for it fails. It may be asked again: then a new one is started."""
        if self._ending is not None:
            self._ending.cancel()
        if self._reading is not None:
            self._reading.cancel()
        self._end()

    async def _ask(self, kept: str | None, given: bytes, address: str) -> Any:
        most = self._queue()
        if len(self._asked) >= most or (address and self._theirs[address] >= (most + 1) // 2):
            raise _busy()
        self._theirs[address] += 1
        self._last += 1
        number = self._last
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            await self._write([number, kept, b64encode(given).decode()])
            return await future
        except OSError:
            raise _busy() from None  # the process is gone; the next one asks another
        finally:
            del self._asked[number]
            self._theirs[address] -= 1
            if not self._theirs[address]:
                del self._theirs[address]
            if not future.done() or future.cancelled():
                self._drop(number)
            self._rest()

    async def _write(self, job: list[Any]) -> None:
        async with self._starting:
            if self._ending is not None:
                self._ending.cancel()
            if self._writer is None:
                self._writer = await self._start()
            self._writer.write(json.dumps(job).encode() + b"\n")

    def _drop(self, number: int) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps([number]).encode() + b"\n")

    async def _start(self) -> asyncio.StreamWriter:
        site = find_spec("argon2")
        if site is None or site.origin is None:
            message = "argon2-cffi is not installed"
            raise ModuleNotFoundError(message)
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-I", "-S", str(_HASHER), str(theirs.fileno())]
        argv.append(str(Path(site.origin).parents[1]))
        with theirs:
            self._process = subprocess.Popen(
                argv, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, env={}
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(reader))
        return writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                number, result = json.loads(line)
                future = self._asked.get(number)
                if future is not None and not future.done():
                    future.set_result(result)
        self._end()

    def _rest(self) -> None:
        """Ends the process after a while in which nobody asks."""
        if self._ending is not None:
            self._ending.cancel()
        if self._process is not None and not self._asked:
            self._ending = asyncio.get_running_loop().call_later(IDLE, self.close)

    def _end(self) -> None:
        process, writer = self._process, self._writer
        self._process = self._writer = None
        for future in self._asked.values():
            if not future.done():
                future.set_exception(_busy())
        if writer is not None:
            writer.close()
        if process is not None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT)


def prepared(password: str) -> bytes:
    """The bytes that are hashed: NFKC, so that every keyboard writes the same.

    What is too long in any form stays as it is: NFKC of a long text of accents takes minutes.
    """
    if len(password) > LONGEST:
        return password.encode("utf-8", "surrogatepass")
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _busy() -> EngineError:
    return EngineError(
        "Too many people sign in at this moment.",
        code="busy",
        status=503,
        hint="Try again in a few seconds. The setting auth.password_queue says how many may wait.",
        details={"retry_after": 2},
    )
