"""The process in which passwords are hashed and compared, by threads that give way to everything else.

Run as a file, so that starting it imports nothing of the engine:

    python -I -S hasher.py FD SITE

A process and not threads of the engine: a thread of low priority that holds the interpreter's lock, and does
not get a core, would hold up everybody. Lines of JSON on the socket FD: in `[id, kept, password]` (kept null:
make a hash; "": compare with nobody's) or `[id]` (nobody wants it any more), out `[id, result]`. Passwords are
in base64. It ends when the other side is gone.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LOWEST, SHARE = 19, 10  # niceness: of threads that take what is left, and of those that get a tenth
THREADS = 2  # of each kind
PATIENCE = 1.0  # seconds for which a job waits for what is left


class Jobs:
    """What is to be done, in the order in which it came.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: OrderedDict[int, tuple[float, list[Any]]] = OrderedDict()
        self._news = threading.Condition()

    def add(self, job: list[Any]) -> None:
        """Puts a job at the end, or takes one out that nobody wants any more."""
        with self._news:
            if len(job) == 1:
                self._waiting.pop(job[0], None)
            else:
                self._waiting[job[0]] = self._clock(), job
            self._news.notify_all()

    def take(self, *, after: float) -> list[Any]:
        """The next job, once it has waited so many seconds."""
        with self._news:
            while True:
                left = self._left(after)
                if left is not None and left <= 0:
                    _, (_, job) = self._waiting.popitem(last=False)
                    return job
                self._news.wait(left)

    def _left(self, after: float) -> float | None:
        """Seconds until the first job may be taken; None: there is none."""
        for came, _ in self._waiting.values():
            return came + after - self._clock()
        return None


class Hasher:
    """Does the jobs.

    Args:
        send: takes the bytes of an answer.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        from argon2 import PasswordHasher, Type

        # OWASP's parameters; `passwords.FORM` names the same.
        self._argon2 = PasswordHasher(
            time_cost=2,
            memory_cost=19 * 1024,
            parallelism=1,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )
        self._nobody = self._argon2.hash(os.urandom(16))
        self._send, self._sending = send, threading.Lock()
        self.jobs = Jobs()

    def start(self) -> None:
        """Begins to work."""
        for nice, after in [(LOWEST, 0.0), (SHARE, PATIENCE)] * THREADS:
            threading.Thread(target=self._work, args=(nice, after), daemon=True).start()

    def _work(self, nice: int, after: float) -> None:
        give_way(nice)
        while True:
            number, kept, given = self.jobs.take(after=after)
            line = json.dumps([number, self._result(kept, b64decode(given))]).encode() + b"\n"
            with self._sending:
                self._send(line)

    def _result(self, kept: str | None, given: bytes) -> str | bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        if kept is None:
            return self._argon2.hash(given)
        with suppress(VerificationError, InvalidHashError):
            return self._argon2.verify(kept or self._nobody, given) and kept != ""
        return False


def give_way(nice: int) -> None:
    """Puts the calling thread behind others, where the system knows threads' priorities."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def main(fd: int, site: str) -> None:
    """Works until the other side is gone."""
    sys.path.append(site)
    give_way(SHARE)
    with socket.socket(fileno=fd) as connection:
        hasher = Hasher(connection.sendall)
        hasher.start()
        with connection.makefile("rb") as lines:
            for line in lines:
                hasher.jobs.add(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
