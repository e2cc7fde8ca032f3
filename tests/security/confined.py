"""A process that confines itself as a worker does, then tries what an attacker in it would try.

    python -I -S confined.py SYS_PATH_AS_JSON

Prints a line of JSON: attempt → the name of the error, or "allowed". It is the test's own program:
nothing of it is in the engine.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    import asyncio
    import mmap
    import resource
    import signal
    import socket
    import subprocess

    from aiwe_engine import bundles
    from aiwe_engine.confinement.process import confine, narrow
    from aiwe_engine.runtime.v8 import V8Isolate, package_of_v8, start_v8

    bundles.read_all()
    narrow([package_of_v8()])
    size = {"heap_limit": 256 << 20, "stack_size": 500}
    start_v8(size)
    loop = asyncio.new_event_loop()

    def isolate() -> V8Isolate:
        return loop.run_until_complete(V8Isolate.make(loop, size))

    def run(place: V8Isolate, code: str) -> str:
        return loop.run_until_complete(place.define(f"String({code})")())

    before = isolate()
    left, right = socket.socketpair()
    x86 = os.uname().machine == "x86_64"
    report = confine().to_json()
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()

    def call(number: int, *arguments: object) -> None:
        ctypes.set_errno(0)
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "")

    attempts = {
        "open a file": lambda: Path("/etc/passwd").read_bytes(),
        "write a file": lambda: os.open("/tmp/escaped", os.O_CREAT | os.O_WRONLY),
        "list a folder": lambda: list(Path("/").iterdir()),
        "ask whether a file is there": lambda: Path("/etc/passwd").stat(),
        "delete a file": lambda: Path("/tmp/nothing").unlink(),
        "link a file": lambda: Path("/tmp/link").symlink_to("/etc/passwd"),
        "change the mode of a file": lambda: Path("/tmp").chmod(0o777),
        "a TCP socket": socket.socket,
        "a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "a netlink socket": lambda: socket.socket(socket.AF_NETLINK),
        "a pair of sockets": socket.socketpair,
        "connect what is there": lambda: left.connect("/run/x"),
        "listen": left.listen,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "a child": lambda: subprocess.Popen(["/bin/true"]),
        "fork": os.fork,
        "kill the parent": lambda: os.kill(parent, signal.SIGTERM),
        "a signal 0 to the parent": lambda: os.kill(parent, 0),
        "a thread's signal to the parent": lambda: call(234 if x86 else 131, parent, parent, 15),
        "a queued signal": lambda: call(129 if x86 else 138, parent, 15, b"\0" * 128),
        "signals by the owner of a socket": lambda: __import__("fcntl").fcntl(left, 8, parent),
        "limits of the parent": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (0, 0)),
        "limits of one's own": lambda: call(302 if x86 else 261, 0, 4, b"\0" * 16, 0),
        "priority of the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "ptrace": lambda: call(101 if x86 else 117, 16, parent, 0, 0),
        "read the parent's memory": lambda: call(310 if x86 else 270, parent, 0, 0, 0, 0, 0),
        "write the parent's memory": lambda: call(311 if x86 else 271, parent, 0, 0, 0, 0, 0),
        "a handle of the parent": lambda: os.pidfd_open(parent),
        "memory as a file": lambda: os.memfd_create("x"),
        "io_uring": lambda: call(425, 1, 0),
        "bpf": lambda: call(321 if x86 else 280, 0, 0, 0),
        "keys of the kernel": lambda: call(250 if x86 else 219, 0, 0, 0, 0, 0),
        "page faults": lambda: call(323 if x86 else 282, 0),
        "performance counters": lambda: call(298 if x86 else 241, 0, 0, 0, 0, 0),
        "mount": lambda: call(165 if x86 else 40, 0, 0, 0, 0, 0),
        "a namespace": lambda: call(272 if x86 else 97, 0x10000000),
        "chroot": lambda: os.chroot("/"),
        "another user": lambda: os.setuid(65534),
        "dump the process": lambda: _prctl(libc, 4, 1),
        "undo seccomp": lambda: _prctl(libc, 22, 0),
        "a call of a kernel to come": lambda: call(1000),
    }
    told = {name: _outcome(attempt) for name, attempt in attempts.items()}
    # What must go on.
    thread = threading.Thread(target=lambda: told.update({"thread": "allowed"}))
    thread.start()
    thread.join()
    left.send(b"x")
    told["the socket to the host"] = "allowed" if right.recv(1) == b"x" else "lost"
    mmap.mmap(-1, 1 << 20).close()
    told["an isolate from before"] = run(before, "1 + 1")
    fresh = isolate()
    told["a new isolate"] = run(fresh, "2 + 2")
    told["a hot loop"] = run(
        fresh, "(() => { let s = 0; for (let i = 0; i < 2e7; i++) s += i % 7; return s; })()"
    )
    told["allocations"] = run(
        fresh,
        "(() => { const a = []; for (let i = 0; i < 1e6; i++) a.push({ i }); return a.length; })()",
    )
    told["a large buffer"] = run(fresh, "new Uint8Array(2e8).fill(1).length")
    sys.stdout.write(json.dumps({"report": report, "told": told}) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "")


def _outcome(attempt) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return "allowed"


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    main()
