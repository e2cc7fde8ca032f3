"""One run of one JavaScript cell: the engine's events become the cell's outputs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from IPython.display import publish_display_data

from aiwe_kernel.client import EngineClient
from aiwe_kernel.deployment import deployment_data
from aiwe_kernel.errors import CellError, cell_error, interrupted

_FLUSH = 0.05  # a line shows within this time; a flood is sent in fewer, larger messages
_INTERRUPT = 6.0  # the engine kills a stuck worker after `kill_grace`; then it is cut off here
_AGAIN = 0.5


class Result:
    """The value of a cell's last expression: a mime bundle made where the value lives."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = dict(data)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude  # IPython filters by itself
        return self._data

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", ""))


class CellRun:
    """Play it once. `interrupt` may be called from the same loop while it plays."""

    def __init__(
        self,
        client: EngineClient,
        session: str,
        source: str,
        cell: str | None,
        path: str | None,
        *,
        timed: bool = False,
    ) -> None:
        self._client = client
        self._session = session
        self._source = source
        self._cell = cell
        self._path = path
        self._timed = timed
        self._streams = _Streams()
        self._task: asyncio.Task[Any] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self.interrupted = False
        self.app: str | None = None

    async def play(self, counts: Mapping[str, int]) -> Result | None:
        """Run the cell to its end, show its outputs, return its value.

        Raises:
            CellError: the cell's error, or `interrupted`, or `engine_unreachable`.
        """
        self._task = asyncio.current_task()
        began = time.perf_counter()
        try:
            result, error = await self._follow()
        except asyncio.CancelledError:
            if not self.interrupted:  # a signal came past us: the engine does not know yet
                await self._ask()
            raise interrupted() from None
        except CellError:
            if self.interrupted:
                raise interrupted() from None
            raise
        finally:
            if self._stopping:
                self._stopping.cancel()
            self._streams.flush()
        if error is not None:
            raise cell_error(error, counts) from None
        if self._timed:
            sys.stdout.write(f"Wall time: {_duration(time.perf_counter() - began)}\n")
        return result

    def interrupt(self) -> None:
        """Ask the engine to end the cell, and stop waiting for it should that not help."""
        self.interrupted = True
        self._stopping = asyncio.ensure_future(self._stop())

    async def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _INTERRUPT
        while loop.time() < deadline:  # the engine may not have begun with the cell yet
            await self._ask()
            await asyncio.sleep(_AGAIN)
        if self._task:
            self._task.cancel()

    async def _ask(self) -> None:
        with contextlib.suppress(CellError):
            await self._client.interrupt(self._session)

    async def _follow(self) -> tuple[Result | None, dict[str, Any] | None]:
        result, error = None, None
        events = self._client.run_cell(
            self._session, self._source, cell=self._cell, path=self._path
        )
        async with contextlib.aclosing(events):
            async for event in events:
                match event:
                    case {"type": "stdout" | "stderr" as name, "text": text}:
                        self._streams.write(name, text)
                    case {"type": "display", "data": data} if data:
                        publish_display_data(data)
                    case {"type": "result", "data": data} if data:
                        result = Result(data)
                    case {"type": "deployment", "deployment": deployment}:
                        self.app = deployment.get("app")
                        publish_display_data(deployment_data(deployment))
                    case {"type": "error", "error": failure}:
                        error = failure
                    case _:  # done, and what engines to come may add
                        pass
        return result, error


class _Streams:
    """stdout and stderr in the order in which the program wrote to them."""

    def __init__(self) -> None:
        self._last: TextIO | None = None
        self._flushed = 0.0

    def write(self, name: str, text: str) -> None:
        stream: TextIO = getattr(sys, name)
        if self._last is not None and stream is not self._last:
            self.flush()
        stream.write(text)
        self._last = stream
        if time.monotonic() - self._flushed > _FLUSH:
            self.flush()

    def flush(self) -> None:
        if self._last is not None:
            self._last.flush()
        self._last, self._flushed = None, time.monotonic()


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
