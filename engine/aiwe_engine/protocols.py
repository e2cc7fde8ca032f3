"""The seams of the engine: what a layer asks of the ones below it, without naming them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import IO, Any, Literal, Protocol, TypeAlias

from aiwe_engine.types import (
    ByteSource,
    Caller,
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
        outside: what it does would neither be undone with a transaction nor be done once by it: it is
            refused while one is open.
        free: it moves bytes of what another call began, and counts as no call of its own.
        private: its arguments are kept and shown to nobody.
    """

    write: bool = False
    recorded: bool = False
    outside: bool = False
    free: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data: every call of a store is confined to one of these.

    Attributes:
        app: name of the app.
        env: its environment.
        caller: who asks, which binds in collections that declare `tenant` or `owner`; None: the app
            itself (while it loads, in jobs and cells) or a person who manages it.
    """

    app: str
    env: str
    caller: Caller | None = None

    @property
    def own(self) -> Scope:
        """Where the engine keeps what it keeps for an app: no app has a name with a tilde in it."""
        return Scope(f"~{self.app}", self.env)


@dataclass(frozen=True, slots=True)
class Table:
    """What a SQL statement found: column names, their types in the database's words, rows of JSON values.

    A value may be an `orjson.Fragment`.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Cipher(Protocol):
    """Seals what must not be read where it is stored.

    A document that holds what is sealed has it in a field `sealed`, and what it was sealed with in a field
    `context`: so it is sealed anew when keys rotate. Who opens it says the context itself.
    """

    def seal(self, plain: bytes, context: str) -> str:
        """Plain bytes, sealed; the context is bound to them.

        Raises:
            EngineError: the key cannot be used: `vault_key_invalid`, `vault_key_exposed`, `vault_key_unreadable`.
        """
        ...

    def open(self, sealed: str, context: str) -> bytes:
        """What was sealed with this context.

        Raises:
            EngineError: `vault_key_wrong`, `vault_damaged`, or as `seal`.
        """
        ...


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


class Room(Protocol):
    """Where what is stored must fit in."""

    def admit(self) -> None:
        """Lets a writer go on.

        Raises:
            EngineError: `storage_full` (507).
        """
        ...

    def took(self, size: int) -> None:
        """Counts bytes that were written. On any thread."""
        ...


class Page(list[bytes]):
    """The documents that a query found.

    Attributes:
        cursor: what the next page is asked for with; None: this one is the last.
    """

    cursor: str | None = None


class Documents(Protocol):
    """The data calls of one scope, as `DataRepository` of aiwe.d.ts has them.

    Documents travel as JSON text (bytes) with the engine's fields inside: id, version, createdAt,
    updatedAt. Raises AiweError with the codes of the contract. What is written takes its place before
    the first suspension, so that writes happen in the order in which they were issued.
    """

    async def create(self, collection: str, docs: list[dict[str, Any]]) -> list[bytes]: ...
    async def get(self, collection: str, doc_id: str) -> bytes | None: ...
    async def query(
        self, collection: str, where: dict[str, Any], options: dict[str, Any]
    ) -> Page: ...
    async def count(self, collection: str, where: dict[str, Any]) -> int: ...
    async def update(
        self, collection: str, doc_id: str, patch: dict[str, Any], if_version: int | None
    ) -> bytes: ...
    async def replace(
        self, collection: str, doc_id: str, doc: dict[str, Any], if_version: int | None
    ) -> bytes: ...
    async def upsert(self, collection: str, doc: dict[str, Any]) -> bytes: ...
    async def modify(self, collection: str, doc_id: str, change: dict[str, Any]) -> bytes: ...
    async def delete(self, collection: str, doc_id: str) -> bool: ...
    async def delete_many(self, collection: str, where: dict[str, Any]) -> int: ...
    async def collections(self) -> list[str]: ...
    async def definition(self, collection: str) -> dict[str, Json] | None:
        """What is declared of a collection, as `Store.define` takes it; None: nothing is."""
        ...

    async def sql(self, texts: list[str], values: list[Any]) -> Table:
        """What a SELECT finds.

        Args:
            texts: the pieces of its text, one more than values.
            values: what stands between them: JSON values, and datetimes with their zone.

        Raises:
            RequestError: `invalid_sql`, `unknown_collection`, `query_too_slow`, `query_too_large`,
                `result_too_large`; details have the line and column where it is known.
        """
        ...


class Transaction(Documents, Protocol):
    """Data calls that happen together, as if nothing else happened meanwhile, or not at all.

    One call at a time. Nobody else sees what it writes before the commit; its own calls do.
    """

    async def commit(self) -> None:
        """All of it happens, durably.

        Raises:
            RequestError: `transaction_conflict` (409), or what a rule of a collection says; nothing has
                happened then.
        """
        ...

    async def rollback(self) -> bool:
        """Nothing of it happens.

        Returns False where what it has read does not hold any more: an error of the work may come of
        that, so the work is to be run again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """One collection in a store: how many documents it has, and what is declared of it, if anything."""

    app: str
    env: str
    name: str
    documents: int
    definition: Json = field(default=None, compare=False)


class Snapshot(Protocol):
    """All that a store held at one instant, whatever is written meanwhile."""

    @property
    def collections(self) -> tuple[Held, ...]:
        """By app, environment and name."""
        ...

    @property
    def migrations(self) -> tuple[dict[str, Json], ...]:
        """What `define` has recorded: app, env, collection, version, time (ISO 8601), changes."""
        ...

    def read(self, held: Held, *, in_order: bool = False) -> AsyncIterator[list[bytes]]:
        """The documents of a collection in portions; one read at a time.

        Args:
            held: one of `collections`.
            in_order: of their creation, then of their ids; else as it is fastest.

        Raises:
            EngineError: the database failed, or was closed meanwhile.
        """
        ...


#: What becomes of a document whose id is taken: nothing is stored at all, it is left out, it replaces.
Taken: TypeAlias = Literal["fail", "skip", "replace"]


@dataclass(slots=True)
class Loaded:
    """What became of documents that were loaded."""

    created: int = 0
    replaced: int = 0
    skipped: int = 0


class Store(Protocol):
    """Where documents live. Acknowledged is durable."""

    async def begin(self, scope: Scope, losses: int = 0) -> Transaction:
        """A transaction on the data of one scope; it must be committed or rolled back.

        Args:
            scope: whose data.
            losses: how often its work has lost against others; they may be made to wait for it.
        """
        ...

    def within(self, scope: Scope) -> Documents:
        """The data of one scope, and no other."""
        ...

    async def define(
        self, scope: Scope, collection: str, definition: Json, version: str
    ) -> list[str]:
        """Declares a collection, for this version of the app.

        Returns:
            The changes that were made, in words; none where it was declared so before.

        Raises:
            RequestError: `invalid_collection`, `invalid_definition`; `not_unique` where stored
                documents share a key that is to be unique: then nothing is changed.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """What is stored now, of every app and environment. Writes go on."""
        ...

    async def load(
        self,
        scope: Scope,
        collection: str,
        portions: Iterable[list[tuple[str, bytes]]],
        taken: Taken = "fail",
    ) -> Loaded:
        """Stores documents as they are, with their ids, versions and times; all of them or none.

        Args:
            scope: whose they become.
            collection: where; it is made if need be.
            portions: each document with the place that it came from, in words for a person. They
                are taken on a thread, which they may block, and need not fit into memory together.
            taken: what becomes of those whose id is there already.

        Raises:
            RequestError: `already_exists` with the first ids in `details`; or what the collection's
                definition refuses, with its place.
        """
        ...

    async def fill(
        self,
        collections: Iterable[tuple[Held, Iterable[list[tuple[str, bytes]]]]],
        migrations: Iterable[dict[str, Json]],
    ) -> None:
        """Makes what a snapshot has read the contents of a store that holds nothing.

        Args:
            collections: with their documents, as `load` takes them, one after the other.
            migrations: those of the snapshot.
        """
        ...

    async def clear(self, scope: Scope) -> dict[str, int]:
        """Deletes every document of a scope; how many, by collection. Definitions stay."""
        ...

    async def close(self) -> None: ...


class DataManagement(Protocol):
    """What whoever manages an app may ask of its data: see docs/management.md."""

    async def collections(self, app: str, *, latest: bool) -> list[dict[str, Json]]: ...
    async def page(
        self, app: str, collection: str, where: Json, options: dict[str, Json]
    ) -> dict[str, Json]: ...
    async def document(self, app: str, collection: str, doc_id: str) -> bytes: ...
    async def sql(self, app: str, texts: list[str], values: list[Any]) -> Table: ...


class Transfers(Protocol):
    """What goes in and out of an engine as a whole: see docs/management.md.

    A generator's first piece is empty: it says that there is nothing to refuse, and it has begun.
    """

    async def collections(self) -> list[Held]:
        """Those of every app and environment, without what the engine keeps for itself."""
        ...

    def export(self, app: str, env: str, names: list[str]) -> AsyncGenerator[tuple[str, bytes]]:
        """Documents as lines, with the collection that they are of; all as they are at one instant.

        Raises:
            RequestError: `no_such_collection`.
        """
        ...

    async def load(
        self, scope: Scope, collection: str, source: ByteSource, *, name: str, taken: Taken
    ) -> Loaded:
        """Stores the documents of NDJSON, all or none. `name` is what messages call it.

        Raises:
            AiweError: a line is no document, an id is taken, or the disk is full.
        """
        ...

    def backup(self) -> AsyncGenerator[bytes]:
        """An archive of everything that the engine could not make again."""
        ...

    async def reset(self, env: str, app: str | None) -> dict[str, Json]:
        """Deletes documents, accounts, visitors' sessions and kept files of an environment, or of one app there.

        Returns:
            `{documents: {app: {collection: n}}, sessions: n, accounts: n, files: n}`, how many there were.
        """
        ...


class People(Protocol):
    """The accounts of an app's users, as whoever manages it may see and change them: docs/people.md.

    `who` is a username, whatever its capitals, or an id. What is given back holds id, username, email,
    roles, tenant, claims, disabled, password (whether there is one), identities and createdAt.

    Raises AiweError: `no_such_user`, `invalid_role`, `password_too_weak`.
    """

    async def everybody(self, scope: Scope) -> list[dict[str, Json]]: ...
    async def person(self, scope: Scope, who: str) -> dict[str, Json]: ...
    async def set_roles(self, scope: Scope, who: str, roles: list[str]) -> dict[str, Json]: ...
    async def disable(self, scope: Scope, who: str, *, disabled: bool) -> dict[str, Json]: ...
    async def sign_out(self, scope: Scope, who: str) -> dict[str, Json]: ...
    async def set_password(self, scope: Scope, who: str, password: str) -> dict[str, Json]: ...
    async def remove(self, scope: Scope, who: str) -> dict[str, Json]: ...
    async def rotate_keys(self, scope: Scope, *, revoke: bool) -> dict[str, Json]:
        """Makes another key for the app's tokens: `{kid}`; with `revoke` the older ones are void."""
        ...


class Management(Protocol):
    """What people, kernels and the lab may ask of an engine (the `/aiwe/api` routes)."""

    @property
    def managed_data(self) -> DataManagement: ...
    @property
    def transfers(self) -> Transfers: ...
    @property
    def people(self) -> People: ...
    @property
    def vault(self) -> Any:
        """The `vault.Vault`."""
        ...

    async def rotate(self, forget: bool) -> Any:
        """Seals everything under a new key; a `vault.rotation.Rotated`."""
        ...

    @property
    def env(self) -> str: ...

    def status(self) -> dict[str, Json]: ...
    def deployments(self) -> list[Deployment]: ...
    def logs(
        self, app: str | None, *, after: int = 0, limit: int = 200
    ) -> list[tuple[int, LogLine]]: ...
    def events(self) -> AsyncIterator[dict[str, Json]]:
        """What happens, as it happens: {"type": "deploy"|"assets"|"data"|"log"|"status", …}."""
        ...

    def run_cell(self, cell: Cell) -> AsyncIterator[dict[str, Json]]:
        """Events of one run, the last one `done`: see docs/management.md.

        Closing the iterator before its end interrupts the run.
        """
        ...

    async def interrupt(self, session: str) -> bool: ...
    async def end_session(self, session: str) -> None: ...
    async def app_of(self, session: str | None, path: str | None, app: str = "") -> str:
        """The app that a session's notebook is or will be: its own, or that of a notebook's path.

        Args:
            session: a kernel's id; None for that of the path alone.
            path: of the notebook, for who knows it better than nobody.
            app: the name that it will have where it has none yet.
        """
        ...

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
