"""A transport that gathers small writes, and knows how much of them the client has taken."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Any

from aiwe_engine.settings import KB

_GATHERED = 64 * KB  # what is written in one pass of the loop and may wait for its end

_INT = struct.Struct("i")


class Cork:
    """A transport that gathers what is written in one pass of the loop into one system call.

    uvicorn writes the head and the body of an answer apart, which is a third of an answer's cost.
    What is large goes out at once, so that the transport can say when it has too much.
    """

    __slots__ = ("_loop", "_pieces", "_size", "_transport", "_written", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0
        self._written = 0
        self.is_closing = transport.is_closing  # asked with every answer

    def write(self, data: bytes) -> None:
        """Keeps a piece until the loop's next pass."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _GATHERED:
            self._flush()
        elif len(self._pieces) == 1:
            self._loop.call_soon(self._flush)

    def finish(self, data: bytes) -> None:
        """Writes the last piece of an answer, and what was kept before it: nothing is to be waited for."""
        self._pieces.append(data)
        self._size += len(data)
        self._flush()

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._written += self._size
        self._size = 0
        if pieces and not self.is_closing():  # the client may have left meanwhile
            self._transport.write(b"".join(pieces))

    @property
    def waiting(self) -> int:
        """Bytes that this process keeps because the client takes them slowly, or not at all."""
        return self._transport.get_write_buffer_size()

    def taken(self) -> int:
        """Bytes that have reached the client's machine: neither here nor in this system's buffers.

        Those hold megabytes, so that what leaves this process comes in leaps with long rests.
        """
        sock = self._transport.get_extra_info("socket")
        try:
            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
            (queued,) = _INT.unpack(answer)
        except (AttributeError, OSError):  # no socket of that kind
            queued = 0
        return self._written - self.waiting - int(queued)

    def write_eof(self) -> None:
        """Says that nothing more comes, once everything is written; what arrives is still read."""
        self._flush()
        if not self.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Closes the connection once everything is written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
