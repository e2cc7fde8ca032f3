"""`body`: bytes that stream between a program and its host.

Other calls begin a stream and give it a number (the body of a request, an upload, the answer of a fetch);
here its pieces are moved. A number means something to the invocation it was given to alone.
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from aiwe_engine.channel import ANSWER, REQUEST
from aiwe_engine.errors import AiweError, ProgramError, RequestError
from aiwe_engine.protocols import Method
from aiwe_engine.settings import Settings
from aiwe_engine.types import Invocation

_FREE = Method(free=True)
_NONE = 2**53  # the number of no body


class Body:
    """The host half of `runtime/js/bodies.ts`.

    What stands in `Invocation.bodies` is a `ByteSource`, which a program reads, or a `Channel`, which it
    writes.

    Args:
        settings_of: the settings of an app, for the times that a stream may take.
    """

    name = "body"
    methods: Mapping[str, Method] = dict.fromkeys(("read", "write", "end", "fail", "cancel"), _FREE)

    def __init__(self, settings_of: Callable[[str], Settings]) -> None:
        self._settings_of = settings_of

    async def call(self, invocation: Invocation, method: str, args: list[Any]) -> Any:
        """Moves one piece.

        Raises:
            AiweError: `no_such_body`, or what broke the stream.
        """
        number: int = args[0] if args and isinstance(args[0], int) else _NONE
        body = invocation.bodies.get(number)
        if body is None:
            raise _unknown()
        if method == "read":
            return await self._read(invocation, number, body)
        if method == "write":
            await self._write(invocation, number, body, args[1])
        elif method == "cancel":
            del invocation.bodies[number]
            await body.close()
        elif method == "end":
            _channel(body).end()
        else:
            message = str(args[1])[:1000] if len(args) > 1 else "The stream broke off."
            _channel(body).fail(RequestError(message, code="stream_failed"))
        return None

    async def _read(self, invocation: Invocation, number: int, body: Any) -> str | None:
        """A piece as base64 text, None at the end."""
        if number == REQUEST:
            invocation.wrote = True  # what was read cannot be read again
            invocation.deadline = None  # a slow client has times of its own
        try:
            piece: bytes = await body.read()
        finally:
            if number == REQUEST:
                self._renew(invocation)
        return binascii.b2a_base64(piece, newline=False).decode() if piece else None

    async def _write(self, invocation: Invocation, number: int, body: Any, text: Any) -> None:
        try:
            piece = binascii.a2b_base64(text, strict_mode=True)
        except (ValueError, TypeError):
            raise _unknown() from None
        await _channel(body).write(piece)
        if number == ANSWER:
            self._renew(invocation)

    def _renew(self, invocation: Invocation) -> None:
        """Counts the invocation's time anew: a stream made progress."""
        settings = self._settings_of(invocation.app)
        answering = ANSWER in invocation.bodies
        seconds = settings.stream_timeout if answering else settings.deadline
        invocation.deadline = asyncio.get_running_loop().time() + seconds


def _channel(body: Any) -> Any:
    if not hasattr(body, "write"):
        raise _unknown()
    return body


def _unknown() -> AiweError:
    return ProgramError(
        "This stream is not there, or not yours to use.",
        code="no_such_body",
        hint="A stream belongs to the request that began it and ends with its answer. Read it there.",
    )
