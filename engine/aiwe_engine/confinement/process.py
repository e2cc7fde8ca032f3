"""Confining the process one is in: what it gives up, in two steps around V8's start.

    narrow([package])     # before V8 starts its threads: what must still be read
    report = confine()    # before the first isolate: nothing is left

Everything that is needed later must have been opened or read by then. What the kernel does not have
is told in the report; whoever wants it all compares `report.missing`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from aiwe_engine.confinement import landlock, seccomp

#: What Python, the loader and V8 read while they start.
SYSTEM = (
    os.path.dirname(os.__file__),  # noqa: PTH120 - start-up time
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/proc/self",
)


@dataclass(frozen=True, slots=True)
class Confined:
    """What binds a process.

    Attributes:
        landlock: the version of the kernel's Landlock, 0 for none.
        seccomp: whether system calls are filtered.
        missing: what could not be applied and why, a sentence each.
    """

    landlock: int
    seccomp: bool
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As the worker tells its host, and the host whoever asks."""
        return {"landlock": self.landlock, "seccomp": self.seccomp, "missing": list(self.missing)}


def narrow(readable: Iterable[str]) -> None:
    """Leaves this thread, and those it starts, reading what is named and the system's libraries."""
    if sys.platform == "linux":
        with suppress(OSError):  # told by `confine`, which fails as well
            landlock.restrict(_libc(), [*SYSTEM, *readable])
        with suppress(OSError, KeyError):
            seccomp.install(_libc(), seccomp.early())


def confine() -> Confined:
    """Takes from this process every file, every connection but those it has, and all other processes."""
    if sys.platform != "linux":
        return Confined(
            0, seccomp=False, missing=(f"{sys.platform} has neither Landlock nor seccomp",)
        )
    libc = _libc()
    missing = []
    version, filtered = 0, False
    with suppress(OSError):  # glibc loads it when a thread ends early
        ctypes.CDLL("libgcc_s.so.1")
    try:
        version = landlock.restrict(libc)
    except OSError as error:
        missing.append(f"Landlock: {error}")
    try:
        seccomp.restrict(libc)
        filtered = True
    except OSError as error:
        missing.append(f"seccomp: {error}")
    except KeyError as error:
        missing.append(f"seccomp: there is no list of system calls for {error}")
    return Confined(version, filtered, tuple(missing))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
