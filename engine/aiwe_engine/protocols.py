"""The seams of the engine: what a layer asks of the ones below it, without naming them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal, Protocol

from aiwe_engine.types import (
    ByteSource,
    Cell,
    Deployment,
    Invocation,
    Json,
    LogLine,
    Request,
    Response,
)


class Openable(Protocol):
    """A file that can be opened for reading, as a `Path` can."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """The file, at its beginning.

        Raises:
            OSError: it is gone, or no longer the one that was meant.
        """
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """What the gate must know of one host call.

    Attributes:
        write: it changes the world, which forbids a second run of the invocation.
        recorded: while a program loads, its result is kept for other isolates of the version; a
            write always is.
        free: it moves bytes of what another call began, and counts as no call of its own.
    """

    write: bool = False
    recorded: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data: every store call is confined to one of these."""

    app: str
    env: str


class Capability(Protocol):
    """One thing a program may ask of the host. The JavaScript half has the same name."""

    name: str
    methods: Mapping[str, Method]

    def call(self, invocation: Invocation, method: str, args: list[Any]) -> Awaitable[Any]:
        """Do it; returns a JSON value or `orjson.Fragment`.

        Called in the order in which the program issued its calls: a write must take its place in
        the queue before the first suspension.

        Raises:
            AiweError: with a code and a hint; it becomes an Error in the program.
        """
        ...


class Store(Protocol):
    """Where documents live. Acknowledged is durable; all calls are confined to a scope.

    Documents travel as JSON text (bytes) with the engine's fields inside: id, version, createdAt,
    updatedAt. Raises AiweError with the codes of `DataRepository` in aiwe.d.ts.
    """

    async def create(
        self, scope: Scope, collection: str, docs: list[dict[str, Any]]
    ) -> list[bytes]: ...
    async def get(self, scope: Scope, collection: str, doc_id: str) -> bytes | None: ...
    async def query(
        self, scope: Scope, collection: str, where: dict[str, Any], options: dict[str, Any]
    ) -> list[bytes]: ...
    async def count(self, scope: Scope, collection: str, where: dict[str, Any]) -> int: ...
    async def update(
        self,
        scope: Scope,
        collection: str,
        doc_id: str,
        patch: dict[str, Any],
        if_version: int | None,
    ) -> bytes: ...
    async def replace(
        self,
        scope: Scope,
        collection: str,
        doc_id: str,
        doc: dict[str, Any],
        if_version: int | None,
    ) -> bytes: ...
    async def upsert(self, scope: Scope, collection: str, doc: dict[str, Any]) -> bytes: ...
    async def modify(
        self, scope: Scope, collection: str, doc_id: str, change: dict[str, Any]
    ) -> bytes: ...
    async def delete(self, scope: Scope, collection: str, doc_id: str) -> bool: ...
    async def delete_many(self, scope: Scope, collection: str, where: dict[str, Any]) -> int: ...
    async def collections(self, scope: Scope) -> list[str]: ...
    async def close(self) -> None: ...


class Management(Protocol):
    """What people, kernels and the lab may ask of an engine (the `/aiwe/api` routes)."""

    def status(self) -> dict[str, Json]: ...
    def deployments(self) -> list[Deployment]: ...
    def logs(
        self, app: str | None, *, after: int = 0, limit: int = 200
    ) -> list[tuple[int, LogLine]]: ...
    def events(self) -> AsyncIterator[dict[str, Json]]:
        """What happens, as it happens: {"type": "deploy"|"assets"|"log"|"status", …}."""
        ...

    def run_cell(self, cell: Cell) -> AsyncIterator[dict[str, Json]]:
        """Events of one run, the last one `done`: see docs/management.md.

        Closing the iterator before its end interrupts the run.
        """
        ...

    async def interrupt(self, session: str) -> bool: ...
    async def end_session(self, session: str) -> None: ...
    async def arrange(self, app: str, path: str | None, cells: list[str], *, saved: bool) -> None:
        """The notebook's cells in document order; with `saved`, cells not named leave the draft."""
        ...

    async def assets(self, app: str) -> list[dict[str, Json]]: ...
    async def put_asset(
        self, app: str, path: str, content: ByteSource, size: int | None
    ) -> dict[str, Json]: ...
    async def delete_asset(self, app: str, path: str) -> bool: ...
    async def live(self, app: str, expression: str) -> dict[str, Json]: ...
    async def language(self, operation: str, arguments: dict[str, Any]) -> Json: ...
    async def handle(self, app: str, request: Request, *, public: bool = True) -> Response:
        """Answer one request to an app. Never raises: an error is an answer in the error shape."""
        ...
