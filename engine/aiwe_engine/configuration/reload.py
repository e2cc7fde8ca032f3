"""Another configuration for an engine that runs: read when a signal asks for it.

With a mistake in it nothing changes, and every mistake is told. What only a restart can change is
named and stays as it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.configuration.mistakes import InvalidConfiguration

Read = Callable[[], Configuration]
Configure = Callable[[Configuration], Awaitable[list[str]]]
Say = Callable[[str, str], None]


class Reload:
    """Reads the configuration again, whenever it is asked to.

    Args:
        configuration: what holds.
        read: reads it.
        say: takes a level and a line for whoever runs the engine.
        end: told when the terminal is gone in which this process was started: a shell says so by
            the same signal.
    """

    def __init__(
        self, configuration: Configuration, read: Read, *, say: Say, end: Callable[[], None]
    ) -> None:
        self._holds, self._read, self._say, self._end = configuration, read, say, end
        self._asked = asyncio.Event()
        self._terminal = os.isatty(0)

    def ask(self) -> None:
        """SIGHUP has come."""
        if self._terminal and not os.isatty(0):
            self._end()
        else:
            self._asked.set()

    async def follow(self, configure: Configure) -> None:
        """Hands over each configuration that is asked for, if it has no mistake; never ends.

        Args:
            configure: takes a configuration and tells what of it waits for a restart.
        """
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                fresh = self._read()
            except InvalidConfiguration as error:
                self._say("error", f"{error.message} What holds stays as it was.")
                for mistake in error.mistakes:
                    self._say("error", str(mistake))
            except OSError as error:
                self._say("error", f"The configuration cannot be read: {error}.")
            else:
                self._tell(fresh, await configure(fresh))

    def _tell(self, fresh: Configuration, waiting: list[str]) -> None:
        changed = [name for name in fresh.differences(self._holds) if name not in waiting]
        self._holds, _ = fresh.keeping(self._holds.settings)
        self._say("info", f"Configuration read again; changed: {', '.join(changed) or 'nothing'}.")
        for warning in fresh.warnings:
            self._say("warn", str(warning))
        if waiting:
            self._say("warn", f"Only a restart changes {', '.join(waiting)}.")
