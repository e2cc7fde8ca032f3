"""System calls by number: what a confined process may still ask of the kernel.

What 800 workers called after they were confined, seen by strace while the tests of runtime, data, fetch,
streams and the platform ran on x86_64 with glibc and uvloop; and, with the reason beside it, what they
call elsewhere. The numbers of aarch64 are those of the kernel's headers; nothing has run there yet.
Everything that is not named here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

#: name → (number on x86_64, number on aarch64); None: that machine has no such call.
#: The most frequent come first, since the filter is read from its top.
CALLS: dict[str, tuple[int | None, int | None]] = {
    "futex": (202, 98),
    "mprotect": (10, 226),
    "epoll_pwait": (281, 22),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "write": (1, 64),
    "read": (0, 63),
    "madvise": (28, 233),
    "clock_gettime": (228, 113),
    "rt_sigprocmask": (14, 135),
    # asyncio without uvloop, and the compile worker
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "epoll_wait": (232, None),
    # libuv, where a piece was not taken whole
    "writev": (20, 66),
    "epoll_ctl": (233, 21),
    "getrandom": (318, 278),
    "pread64": (17, 67),
    "mremap": (25, 216),
    "brk": (12, 214),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    # V8's code on processors with protection keys
    "pkey_mprotect": (329, 288),
    # locks of V8 that spin; musl has no clock_nanosleep in its usleep
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    # clocks, where the kernel does not give them without a call
    "gettimeofday": (96, 169),
    "time": (201, None),
    # threads that begin and end
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "exit": (60, 93),
    "exit_group": (231, 94),
    # V8's handler of traps in WebAssembly, and what a signal interrupted
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "restart_syscall": (219, 128),
    # what a process has open may be given up
    "close": (3, 57),
    # not seen here: other versions of libc, CPython, libuv and V8 wait and look at themselves by these,
    # and a worker that dies of an update costs more than what they could tell
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_pwait2": (441, 441),
    "readv": (19, 65),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "clock_getres": (229, 114),
    "getcpu": (309, 168),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "sigaltstack": (131, 132),
    "membarrier": (324, 283),
    "set_tid_address": (218, 96),
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
FIONBIO = 0x5421


def conditional(process: int) -> dict[str, tuple[tuple[int, int], tuple[Only, ...]]]:
    """Calls that are harmless with these arguments and not with others.

    Args:
        process: the id of the process that is confined.
    """
    mine = (process,)
    return {
        # the last words of a worker; others could have signals sent to other processes
        "ioctl": ((16, 29), (Only(1, (FIONBIO,)),)),
        "prctl": ((157, 167), (Only(0, (PR_SET_NAME, PR_SET_VMA)),)),
        # what ends a process by itself, or a thread of it
        "tgkill": ((234, 131), (Only(0, mine),)),
        # threads, never processes: threads share memory, files and signals
        "clone": ((56, 220), (Only(0, (_THREAD, _THREAD | 0x400000)),)),
    }


#: Answered with "no such call", after which libraries take another way.
UNKNOWN: dict[str, tuple[int, int]] = {"clone3": (435, 435), "io_uring_setup": (425, 425)}
#: The calls after this one were not known when this was written: libraries must take them for missing.
NEWEST = 470
