"""Frames between a host and its workers: a fixed header and a body, over a stream socket.

    length u32 | op u8 | isolate u32 | number u32 | body

Little-endian; `length` counts the body alone. The body is JSON text or source text in UTF-8. The
isolate and the number stand in the header so that a worker passes messages on without reading them.
What is said inside messages stands in `runtime/js/turn.ts`. A REPLY is the answer to the host call of
its number, for an isolate that stands still until it has it; it goes past the queue of messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

HEADER = Struct("<IBII")

# host → worker
MESSAGE, CREATE, DISPOSE, DEFINE, LIMIT, CUT, REPLY = range(7)
# worker → host
OUTBOX, FAILED, READY, DEFINED, HEAVY = range(16, 21)


def frame(op: int, isolate: int = 0, number: int = 0, body: bytes = b"") -> bytes:
    """One frame, ready to be written."""
    return HEADER.pack(len(body), op, isolate, number) + body


class FrameReader:
    """Cuts a byte stream into frames, whatever the pieces in which it arrives.

    Args:
        most: bytes that the body of a frame may have.
    """

    __slots__ = ("_buffer", "_most")

    def __init__(self, most: int = 2**32 - 1) -> None:
        self._buffer = bytearray()
        self._most = most

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """The frames that `data` completes, as (op, isolate, number, body).

        Raises:
            ValueError: one is to be larger than any may be.
        """
        buffer = self._buffer
        buffer += data
        at, size = 0, len(buffer)
        while size - at >= HEADER.size:
            length, op, isolate, number = HEADER.unpack_from(buffer, at)
            if length > self._most:
                raise ValueError("a frame that is too large")
            end = at + HEADER.size + length
            if size < end:
                break
            yield op, isolate, number, bytes(buffer[at + HEADER.size : end])
            at = end
        del buffer[:at]
