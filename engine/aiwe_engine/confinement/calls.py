"""System calls by number: what a confined process may still ask of the kernel.

Written from what glibc, CPython, libuv and V8 are known to call, and checked by the tests of the
runtime, which run confined, on x86_64 with uvloop. The numbers of aarch64 have not run anywhere
yet. Everything that is not named here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

#: name → (number on x86_64, number on aarch64); None: that machine has no such call.
#: The most frequent come first, since the filter is read from its top.
CALLS: dict[str, tuple[int | None, int | None]] = {
    "futex": (202, 98),
    "read": (0, 63),
    "write": (1, 64),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "epoll_ctl": (233, 21),
    "clock_gettime": (228, 113),
    "getrandom": (318, 278),
    "madvise": (28, 233),
    "mprotect": (10, 226),
    "pkey_mprotect": (329, 288),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "recvmsg": (47, 212),
    "sendmsg": (46, 211),
    "sched_yield": (24, 124),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getcpu": (309, 168),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "close": (3, 57),
    "shutdown": (48, 210),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "getsockopt": (55, 209),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "exit": (60, 93),
    "exit_group": (231, 94),
}


@dataclass(frozen=True, slots=True)
class Only:
    """A call is allowed where its `argument` is one of `values`; `whole`: in all its 64 bits.

    The kernel takes most arguments for 32 bits, and callers leave what they like in the others.
    """

    argument: int
    values: tuple[int, ...]
    whole: bool = False


_THREAD = 0x3D0F00  # the flags of glibc's and musl's pthread_create, without the two that vary
PR_SET_NAME, PR_SET_VMA = 15, 0x53564D41
FIONCLEX, FIOCLEX, FIONBIO, FIONREAD = 0x5450, 0x5451, 0x5421, 0x541B
F_GETFD, F_SETFD, F_GETFL, F_SETFL = 1, 2, 3, 4


def conditional(process: int) -> dict[str, tuple[tuple[int, int], tuple[Only, ...]]]:
    """Calls that are harmless with these arguments and not with others.

    Args:
        process: the id of the process that is confined.
    """
    mine = (process,)
    return {
        # fcntl could have signals sent to others (F_SETOWN, F_SETSIG), ioctl too
        "fcntl": ((72, 25), (Only(1, (F_GETFD, F_SETFD, F_GETFL, F_SETFL)),)),
        "ioctl": ((16, 29), (Only(1, (FIONCLEX, FIOCLEX, FIONBIO, FIONREAD)),)),
        "prctl": ((157, 167), (Only(0, (PR_SET_NAME, PR_SET_VMA)),)),
        # only what is one's own, and only to be read
        "prlimit64": ((302, 261), (Only(0, (0, process)), Only(2, (0,), whole=True))),
        # what ends a process by itself, or a thread of it
        "tgkill": ((234, 131), (Only(0, mine),)),
        # threads, never processes: threads share memory, files and signals
        "clone": ((56, 220), (Only(0, (_THREAD, _THREAD | 0x400000)),)),
    }


#: Answered with "no such call", after which libraries take another way.
UNKNOWN: dict[str, tuple[int, int]] = {"clone3": (435, 435), "io_uring_setup": (425, 425)}
#: The calls after this one were not known when this was written: libraries must take them for missing.
NEWEST = 470
