"""Passwords as they are kept: argon2id at OWASP's parameters, in threads that give way to everything else.

A hash costs 25 ms of CPU and 19 MiB on purpose. So it is made off the event loop, a few at a time, by
threads of low priority: many logins at once wait for each other and not others for them. What may wait is
bounded. Whether a password may be chosen at all is `policy`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from aiwe_engine.errors import EngineError

LONGEST = 1024  # bytes; a longer one is nobody's
NICE = 19
THREADS = 2
_HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
_Made = TypeVar("_Made")


class Passwords:
    """Makes hashes of passwords and compares them.

    Args:
        queue: tells how many may wait or be worked on at a time.

    Attributes:
        waiting: how many do.
    """

    def __init__(self, queue: Callable[[], int]) -> None:
        self._queue = queue
        self.waiting = 0
        self._threads: ThreadPoolExecutor | None = None
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is kept of a password: a text that says how it was made, with its own salt.

        Raises:
            EngineError: `busy` (503): too many wait already.
        """
        given = prepared(password)
        return await self._run(lambda: _HASHER.hash(given))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one that was kept; where none was, it takes as long to say no.

        Raises:
            EngineError: `busy` (503): too many wait already.
        """
        given = prepared(password)
        return await self._run(lambda: self._verify(kept, given))

    def is_dated(self, kept: str) -> bool:
        """Whether it was made by other parameters than are used now."""
        return _HASHER.check_needs_rehash(kept)

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, kept: str | None, given: bytes) -> bool:
        known = kept is not None and len(given) <= LONGEST
        if not known:
            if self._nobody is None:
                self._nobody = _HASHER.hash(os.urandom(16))
            kept, given = self._nobody, b""
        assert kept is not None
        with contextlib.suppress(VerificationError, InvalidHashError):
            return _HASHER.verify(kept, given) and known
        return False

    async def _run(self, work: Callable[[], _Made]) -> _Made:
        if self.waiting >= self._queue():
            raise _busy()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "passwords", initializer=_give_way)
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self.waiting -= 1


def prepared(password: str) -> bytes:
    """The bytes that are hashed: NFKC, so that every keyboard writes the same."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _give_way() -> None:
    """Puts the calling thread behind all others, where the system knows threads' priorities."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _busy() -> EngineError:
    return EngineError(
        "Too many people sign in at this moment.",
        code="busy",
        status=503,
        hint="Try again in a few seconds. The setting auth.password_queue says how many may wait.",
        details={"retry_after": 2},
    )
