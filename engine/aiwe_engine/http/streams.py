"""How many streamed answers an app has open.

Each holds a connection, and often an invocation that waits for its next piece. So an app has a number
of places; one is taken by an answer that streams and given back when its last piece is read, when it
breaks off, or when its client leaves.
"""

from __future__ import annotations

from aiwe_engine.errors import EngineError
from aiwe_engine.types import ByteSource

_AGAIN = "5"  # seconds: when to come back


class OpenStreams:
    """The places of every app."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def hold(self, app: str, limit: int, source: ByteSource) -> ByteSource:
        """A stream that has a place until it ends.

        Args:
            app: whose answer it is.
            limit: how many it may have open.
            source: what is streamed.

        Raises:
            EngineError: `too_many_streams` (503); the source is as it was.
        """
        taken = self._open.get(app, 0)
        if taken >= limit:
            raise EngineError(
                f"The app streams {taken:,} answers already, which is as many as it may",
                code="too_many_streams",
                status=503,
                hint="Try again when some have ended. Let streams end that nobody needs, or raise the "
                "setting limits.streams.",
                headers=[("retry-after", _AGAIN)],
            )
        self._open[app] = taken + 1
        return _Placed(self, app, source)

    def give_back(self, app: str) -> None:
        """A place is free again."""
        self._open[app] -= 1
        if not self._open[app]:
            del self._open[app]


class _Placed:
    """A source that has a place."""

    def __init__(self, streams: OpenStreams, app: str, source: ByteSource) -> None:
        self._streams, self._app, self._source = streams, app, source
        self._over = False

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: as the source.
        """
        try:
            piece = await self._source.read()
        except BaseException:
            self._end()
            raise
        if not piece:
            self._end()
        return piece

    async def close(self) -> None:
        """Says that nobody wants the rest."""
        self._end()
        await self._source.close()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._streams.give_back(self._app)
