"""Landlock: no files, no TCP, no signals and no abstract sockets beyond one's own process.

It binds the thread that asks for it and the threads it starts later on. So it is asked for twice:
before V8 starts its threads, when libraries and V8's own data must still be read, and for good
afterwards. https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on every machine
VERSION = 1  # flag of CREATE_RULESET: tells the version instead
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
NO_NEW_PRIVILEGES = 38
_RIGHTS = (
    (1, 13),
    (2, 14),
    (3, 15),
    (5, 16),
)  # rights on files: from this version on, so many bits


def version(libc: ctypes.CDLL) -> int:
    """The version of Landlock that the kernel has; 0: none, or it is switched off."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)))


def restrict(libc: ctypes.CDLL, readable: Iterable[str] = ()) -> int:
    """Gives up what this kernel's Landlock can take away from this thread.

    Args:
        libc: the C library, made with `use_errno`.
        readable: files and folders that may still be read.

    Returns:
        The version of Landlock that binds now.

    Raises:
        OSError: the kernel refused.
    """
    known = version(libc)
    if not known:
        raise OSError(ctypes.get_errno(), "the kernel has no Landlock")
    files = (1 << max(bits for since, bits in _RIGHTS if since <= known)) - 1
    network = 0b11 if known >= 4 else 0  # bind and connect of TCP
    scope = 0b11 if known >= 6 else 0  # abstract Unix sockets, signals
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    attributes = struct.pack("=QQQ", files, network, scope)[:size]
    ruleset = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock made no rules")
    try:
        for path in readable:
            with suppress(FileNotFoundError):
                _allow_reading(libc, ruleset, path)
        if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(RESTRICT_SELF, ruleset, 0):
            raise OSError(ctypes.get_errno(), "Landlock could not be entered")
    finally:
        os.close(ruleset)
    return known


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    rights = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE  # noqa: PTH112 - start-up time
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        if libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), f"Landlock took no rule for {path}")
    finally:
        os.close(descriptor)
