"""seccomp: a list of the system calls that are left; every other one is refused in the kernel.

The filter is classic BPF, made here since it needs no more than loads, comparisons and returns.
It binds all threads of the process, those that V8 has started already too.
https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from aiwe_engine.confinement.calls import CALLS, NEWEST, UNKNOWN, Only, conditional
from aiwe_engine.confinement.landlock import NO_NEW_PRIVILEGES

#: machine → (its audit number, the number of the call `seccomp`, the column of the tables)
MACHINES = {
    "x86_64": (0xC000003E, 317, 0),
    "aarch64": (0xC00000B7, 277, 1),
}
SET_MODE_FILTER, ALL_THREADS = 1, 1
KILL_PROCESS, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # words of 32 bits, compared with a constant
NUMBER, MACHINE, ARGUMENTS = 0, 4, 16  # offsets in the kernel's description of a call
X32 = 0x40000000  # the calls of x86_64 with pointers of 32 bits have this in their numbers


def _word(code: int, constant: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, constant)


def _answer(code: int) -> bytes:
    return _word(RETURN, code)


def program(machine: str, process: int) -> bytes:
    """The filter for a process of this machine.

    Raises:
        KeyError: there is none for this machine.
    """
    audit, _, column = MACHINES[machine]
    words = [_word(LOAD, MACHINE), _word(EQUAL, audit, 1, 0), _answer(KILL_PROCESS)]
    words.append(_word(LOAD, NUMBER))
    if machine == "x86_64":
        words += [_word(AT_LEAST, X32, 0, 1), _answer(KILL_PROCESS)]
    for numbers in CALLS.values():
        number = numbers[column]
        if number is not None:
            words += [_word(EQUAL, number, 0, 1), _answer(ALLOW)]
    for pair, conditions in conditional(process).values():
        check = _conditions(conditions)
        words += [_word(EQUAL, pair[column], 0, len(check)), *check]
    for pair in UNKNOWN.values():
        words += [_word(EQUAL, pair[column], 0, 1), _answer(ERRNO | errno.ENOSYS)]
    words += [_word(AT_LEAST, NEWEST + 1, 0, 1), _answer(ERRNO | errno.ENOSYS)]
    words.append(_answer(ERRNO | errno.EPERM))
    return b"".join(words)


def _conditions(conditions: tuple[Only, ...]) -> list[bytes]:
    """Answers a call by its arguments: allowed where every condition holds, else refused."""
    checks: list[bytes] = []
    for condition in conditions:
        low = ARGUMENTS + 8 * condition.argument
        halves = [(low, condition.values)]
        if condition.whole:
            halves.append((low + 4, (0,)))
        for offset, values in halves:
            checks.append(_word(LOAD, offset))
            for at, value in enumerate(values):
                checks.append(_word(EQUAL, value, len(values) - at, 0))
            checks.append(_answer(ERRNO | errno.EPERM))
    return [*checks, _answer(ALLOW)]


def early() -> bytes:
    """The filter for the time before: libuv is told that there is no io_uring.

    One that was made with the event loop would pass the later filter by: it opens files on its own.
    """
    words = [_word(LOAD, NUMBER), _word(EQUAL, UNKNOWN["io_uring_setup"][0], 0, 1)]
    return b"".join([*words, _answer(ERRNO | errno.ENOSYS), _answer(ALLOW)])


def restrict(libc: ctypes.CDLL) -> None:
    """Leaves all threads of this process with the calls of the table, for good.

    Raises:
        OSError: the kernel refused.
        KeyError: there is no table for this machine.
    """
    install(libc, program(os.uname().machine, os.getpid()))


def install(libc: ctypes.CDLL, code: bytes) -> None:
    """Puts a filter before every system call of all threads; those that stand there stay.

    Raises:
        OSError: the kernel refused.
        KeyError: the number of the call is not known for this machine.
    """
    text = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("@HP", len(code) // 8, ctypes.addressof(text))
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs could not be set")
    number = MACHINES[os.uname().machine][1]
    refused = libc.syscall(number, SET_MODE_FILTER, ALL_THREADS, described)
    if refused:
        code_of = ctypes.get_errno() if refused < 0 else errno.ESRCH
        raise OSError(code_of, "the kernel took no seccomp filter")
