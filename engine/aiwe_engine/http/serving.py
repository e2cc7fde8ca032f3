"""What the apps' face asks of the engine behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response


class Serving(Protocol):
    """An engine, as far as answering requests to its apps goes."""

    @property
    def settings(self) -> Settings:
        """The limits, timeouts and hosts that apply."""
        ...

    @property
    def env(self) -> str:
        """The one environment that this engine serves."""
        ...

    def app_names(self) -> Collection[str]:
        """The apps that are live."""
        ...

    async def handle(self, app: str, request: Request, *, public: bool = True) -> Response:
        """Answer one request to an app. Never raises: an error is an answer in the error shape."""
        ...
