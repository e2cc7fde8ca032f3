"""A V8 process that answers jobs with a bundle: the compiler, or the language service.

Run as a file, not as a module, so that starting it imports nothing of the engine:

    python -I -S worker.py FD MEMORY SITE ENGINE BUNDLE…

Frames on the socket FD, both ways: length u32, little-endian, and UTF-8 text. A frame from the host
is the JSON argument of the bundle's `answer`, a frame to the host its result followed by a newline and
the process's memory in bytes. Whoever uses it kills it when an answer takes too long.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

LENGTH = struct.Struct("<I")


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """`size` bytes, or fewer where the other side is gone."""
    pieces: list[bytes] = []
    while size > 0:
        piece = connection.recv(min(size, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def memory_file() -> int:
    """What the system tells of this process's memory, opened while files can be; -1: nothing."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def resident(descriptor: int) -> int:
    """Bytes of memory that this process holds."""
    if descriptor < 0:
        return 0
    return int(os.pread(descriptor, 200, 0).split()[1]) * 4096


def limit_memory(size: int) -> None:
    """Bounds the process's data, where the system can: a bomb then costs a job and not the machine."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    except (ImportError, OSError, ValueError):
        return


def main(descriptor: int, memory: int, site: str, engine: str, bundles: list[str]) -> None:
    """Loads the bundles into an isolate and answers until the host hangs up."""
    sys.path.append(site)
    limit_memory(memory)
    from py_mini_racer import MiniRacer

    connection = socket.socket(fileno=descriptor)
    weight = memory_file()
    texts = [Path(bundle).read_text(encoding="utf-8") for bundle in bundles]
    isolate = MiniRacer()
    if engine:
        sys.path.append(engine)
        from aiwe_engine.confinement.process import confine

        confine()  # the runtime's workers tell what is missing: it is the same kernel
    for text in texts:
        isolate.eval(text + "\n;0")
    while len(header := read_exactly(connection, LENGTH.size)) == LENGTH.size:
        job = read_exactly(connection, LENGTH.unpack(header)[0]).decode()
        answer = str(isolate.eval(f"answer({quote(job)})"))
        body = f"{answer}\n{resident(weight)}".encode()
        connection.sendall(LENGTH.pack(len(body)) + body)
    os._exit(0)  # V8's threads may keep an orderly end from coming


def quote(text: str) -> str:
    """A JavaScript string literal of a JSON text; in strings of ES2019 U+2028 may stand as it is."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    )
    return f'"{escaped}"'


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
