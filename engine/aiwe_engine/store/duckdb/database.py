"""The open DuckDB file: its settings, its connections and the catalog of collections.

Each collection of an app and environment is a table of its own, `documents_N`; the catalog says
which. DuckDB costs half a second and 45 MB to import, so that happens in `open`, which runs on
the first thread that needs a connection, never on the event loop.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, TypeAlias

import orjson

from aiwe_engine.errors import AiweError, EngineError, RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.store.definitions import PLAIN, Definition, parse
from aiwe_engine.store.duckdb import fields
from aiwe_engine.store.duckdb.columns import Column
from aiwe_engine.store.duckdb.fields import Fields
from aiwe_engine.store.rows import CATALOG, Place

if TYPE_CHECKING:
    import duckdb

    Connection: TypeAlias = duckdb.DuckDBPyConnection

LOG_LIMIT = 16 * MB  # then it is moved into the file
_SESSION = "SET enable_progress_bar = false; SET TimeZone = 'UTC'"
# For what authors write: a name that is not of the statement itself is that of nothing stored here.
_CONFINED = "; SET search_path = 'system.main'"
_BLOCK = 64 * 1024  # a quarter of the default: a small collection costs 130 KB, not 520
_UNDOING = (
    "Failed to rollback transaction. Cannot continue operation.\nOriginal Error: Out of Memory"
)
_CATALOG = """
CREATE TABLE IF NOT EXISTS collections (
    number INTEGER PRIMARY KEY, app VARCHAR, env VARCHAR, name VARCHAR, UNIQUE (app, env, name)
);
CREATE TABLE IF NOT EXISTS definitions (number INTEGER, definition VARCHAR);
CREATE TABLE IF NOT EXISTS columns (
    number INTEGER, field VARCHAR, kind VARCHAR, name VARCHAR, exact BOOLEAN, live BOOLEAN
);
CREATE TABLE IF NOT EXISTS migrations (
    app VARCHAR, env VARCHAR, collection VARCHAR, version VARCHAR, time TIMESTAMP, changes JSON
);
"""


class Database:
    """One database file, opened when it is first needed, and again after it failed."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.fields = Fields()
        self._settings = settings
        self._lock = Lock()
        self._root: Connection | None = None
        self._cursors: list[Connection] = []
        self._home = ""
        self._opened = 0  # how often
        self._checkpoint_at = LOG_LIMIT  # bytes of the log
        self._wide = False  # it may use more memory for now
        self._mine = local()
        self._tables: dict[Place, int] = {}
        self._definitions: dict[Place, Definition] = {}
        self._changes: dict[Place, int] = {}  # how often a collection was changed
        self._declared: dict[Place, str] = {}  # definitions that nobody has asked for yet
        self._columns: dict[Place, tuple[Column, ...]] = {}
        self._known = False  # the catalog was read
        self._ending = False
        self._closed = False

    def open(self) -> None:
        """Opens the file if it is not open. Blocks.

        Raises:
            EngineError: `data_in_use`, `store_unavailable`, `store_closed`.
        """
        with self._lock:
            self._ensure()

    def connection(self, *, confined: bool = False) -> Connection:
        """The calling thread's own connection; opens the file if need be, as `open` does.

        Args:
            confined: tables are found by their whole names only, which begin with `home`. A thread
                asks for the same kind each time.
        """
        mine = self._mine
        if getattr(mine, "opened", None) != self._opened or self._root is None:
            with self._lock:
                mine.connection = self._ensure().cursor()
                mine.connection.execute(_SESSION + (_CONFINED if confined else ""))
                mine.opened = self._opened
                self._cursors.append(mine.connection)
        connection: Connection = mine.connection
        return connection

    def release(self) -> None:
        """Closes the connection of the calling thread, which is about to end."""
        mine: Connection | None = self._mine.__dict__.pop("connection", None)
        self._mine.__dict__.clear()
        with self._lock:
            if mine in self._cursors:
                self._cursors.remove(mine)
        if mine is not None:
            mine.close()

    @property
    def home(self) -> str:
        """What the whole name of a table begins with."""
        return self._home

    @property
    def memory(self) -> int:
        """Bytes of memory that the database may use."""
        return self._settings.database_memory

    def widen(self, more: int) -> None:
        """Lets the database use so many bytes more of memory, until its log is in its file. For the writer.

        Raises:
            EngineError: `too_large_at_once`.
        """
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if self.memory + more > physical // 2:
            raise EngineError(
                "These documents are too large to be stored all at once",
                code="too_large_at_once",
                status=413,
                hint="Store them in several parts: together they would need over half of the memory.",
            )
        self._checkpoint_at, self._wide = 0, True
        self._allow(self.memory + more)

    def _allow(self, memory: int) -> None:
        self.connection().execute(f"SET memory_limit = '{memory:d}B'")

    @property
    def is_open(self) -> bool:
        """Whether the catalog can be asked."""
        return self._root is not None

    def table(self, scope: Scope, collection: str) -> int | None:
        """The number of a collection's table; None where it has none yet."""
        return self._tables.get((scope.app, scope.env, collection))

    @property
    def is_known(self) -> bool:
        """Whether the catalog was ever read: what it says of definitions stays true."""
        return self._known

    def definition(self, place: Place) -> Definition:
        """What is declared of a collection."""
        definition = self._definitions.get(place)
        if definition is None:
            text = self._declared.get(place)
            if text is None:
                return PLAIN
            definition = self._definitions[place] = parse(place[2], orjson.loads(text))
        return definition

    def columns(self, place: Place) -> tuple[Column, ...]:
        """The columns of a collection's table beside the documents."""
        return self._columns.get(place, ())

    def declare(
        self, place: Place, number: int, definition: Definition, columns: tuple[Column, ...]
    ) -> None:
        """Takes up what a transaction has declared of a collection."""
        self._definitions[place] = definition
        self._columns[place] = columns
        if place not in self._tables:
            self.add({place: number})

    def collections(self, scope: Scope) -> list[str]:
        """The names of a scope's collections."""
        places = self._tables.copy()
        return sorted(name for app, env, name in places if (app, env) == (scope.app, scope.env))

    def numbers(self) -> list[int]:
        """Those of all tables of documents."""
        return sorted(self._tables.values())

    def next_number(self) -> int:
        """A number for a new table. For the writer alone."""
        return max(self._tables.values(), default=0) + 1

    def add(self, tables: dict[Place, int]) -> None:
        """Takes up tables that a transaction has made."""
        self._tables.update(tables)
        self.count_change({(app, env, CATALOG) for app, env, _ in tables})

    def changes(self, place: Place) -> int:
        """How often a collection was changed since the engine began; never goes back."""
        return self._changes.get(place, 0)

    def count_change(self, places: Iterable[Place]) -> None:
        """Counts a change of collections: for the writer, once it can be seen and before it is told."""
        for place in places:
            self._changes[place] = self._changes.get(place, 0) + 1

    def spare(self) -> int:
        """Bytes of the file that are free. What is deleted from now on is freed at once."""
        self._checkpoint_at = 0
        try:
            query = "SELECT sum(free_blocks * block_size)::BIGINT FROM pragma_database_size()"
            return int((self.connection().execute(query).fetchone() or (0,))[0] or 0)
        except Exception as error:  # noqa: BLE001  then nothing is known to be free
            self.failure(error)
            return 0

    def checkpoint(self) -> None:
        """Moves the log into the file when it has grown. For the writer, after it has told its callers.

        DuckDB would do so within a commit: the callers would wait for it, and hear of its failure
        although their writes are durable.
        """
        log = self.path.with_name(self.path.name + ".wal")
        try:
            size = log.stat().st_size if log.exists() else 0
            if size > self._checkpoint_at:
                self._checkpoint_at = size + LOG_LIMIT  # where it fails, it is not tried at once
                if not self._wide:  # it cannot go on from one that ran out of memory
                    self._allow(self.memory + 2 * size)
                self.connection().execute("CHECKPOINT")
                self._checkpoint_at = LOG_LIMIT
                self._allow(self.memory)
                self._wide = False
        except Exception as error:  # noqa: BLE001  the log is whole: nobody need hear of it
            self.failure(error)

    def failure(self, error: Exception) -> AiweError:
        """What a failed statement means to whoever called; lets go of a database that is broken."""
        import duckdb

        if isinstance(error, duckdb.InterruptException) and self._ending:
            return closed()
        if isinstance(error, duckdb.FatalException):
            with self._lock:
                self._let_go()
        told = unavailable(error, self.path)
        if told is not error:
            told.__cause__ = error
        return told

    def blames_a_change(self, error: Exception) -> bool:
        """Whether a group may have failed for what one of its changes holds."""
        import duckdb

        kinds = (duckdb.DataError, duckdb.IntegrityError, duckdb.OutOfMemoryException)
        # A group without room to be undone breaks the database, but nothing of it is stored.
        return isinstance(error, kinds) or _UNDOING in str(error)

    def is_out_of_memory(self, error: Exception) -> bool:
        """Whether a statement failed for memory alone."""
        import duckdb

        return isinstance(error, duckdb.OutOfMemoryException)

    def check_open(self) -> None:
        """For whoever runs many statements, of which `interrupt` may meet none.

        Raises:
            EngineError: `store_closed`.
        """
        if self._ending:
            raise closed()

    def interrupt(self) -> None:
        """Ends the statements that are under way, since the store is to be closed."""
        with self._lock:
            self._ending = True
            for cursor in self._cursors:
                cursor.interrupt()

    def close(self) -> None:
        """Lets the file go, after a checkpoint. No connection may be in use any more."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _ensure(self) -> Connection:
        if self._closed:
            raise closed()
        if self._root is None:
            self._root = self._connect()
            self._opened += 1
        return self._root

    def _let_go(self) -> None:
        """Closes every connection: as long as one is open, DuckDB keeps what is broken."""
        root, self._root = self._root, None  # from now on everybody waits for the next one
        for connection in (*self._cursors, root):
            if connection is not None:
                _close(connection)
        self._cursors.clear()

    def _connect(self) -> Connection:
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": self._settings.database_threads,
            "memory_limit": f"{self._settings.database_memory}B",
            "temp_directory": str(self.path.with_suffix(".tmp")),
            "max_temp_directory_size": f"{self._settings.database_temp}B",
            "default_block_size": str(_BLOCK),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "checkpoint_threshold": "1TB",  # see `checkpoint`
            # Of large texts it compresses a vector as one: to read one of them is to unpack them all.
            "zstd_min_string_length": 1 << 40,
            # Lets a bulk form with this many ids use the index, as it would with a few.
            "dynamic_or_filter_threshold": 4096,
        }
        try:
            root = duckdb.connect(str(self.path), config=config)
            # Before it DuckDB opens its own file and its folder for what does not fit into memory.
            root.execute("SET GLOBAL enable_external_access = false")
            name = str((root.execute("SELECT current_database()").fetchone() or ("",))[0])
            self._home = '"' + name.replace('"', '""') + '".main.'
            root.execute(_CATALOG + fields.CATALOG)
            self._read_catalog(root)
        except duckdb.Error as error:
            raise unavailable(error, self.path) from error
        self._known = True
        return root

    def _read_catalog(self, root: Connection) -> None:
        rows = root.execute("SELECT app, env, name, number FROM collections").fetchall()
        self._tables = {(app, env, name): number for app, env, name, number in rows}
        places = {number: place for place, number in self._tables.items()}
        rows = root.execute("SELECT number, definition FROM definitions").fetchall()
        self._declared = {places[number]: text for number, text in rows}
        self._definitions.clear()  # not before: nobody may find a collection undeclared
        columns: dict[Place, list[Column]] = {}
        rows = root.execute(
            "SELECT number, field, kind, name, exact FROM columns WHERE live ORDER BY rowid"
        ).fetchall()
        for number, *column in rows:
            columns.setdefault(places[number], []).append(Column(*column))
        self._columns = {place: tuple(found) for place, found in columns.items()}
        self.fields.load(root, places)


def _close(connection: Connection) -> None:
    import duckdb

    while True:
        try:
            connection.close()
        except duckdb.ResourceInUseException:  # another thread's statement; it ends soon now
            connection.interrupt()
            time.sleep(0.001)
        else:
            return


def closed() -> EngineError:
    """The error for a call after the store was closed."""
    return EngineError(
        "The store is closed",
        code="store_closed",
        hint="The engine is stopping; try again when it runs.",
    )


def too_large(advice: str = "") -> RequestError:
    """The error for what the database has no memory for, nor room for temporary files."""
    return RequestError(
        "This needs more memory than the database may use",
        code="query_too_large",
        status=503,
        hint=f"{advice}Filter or aggregate more, ask for less or write less at a time; or raise the "
        "settings data.database_memory and data.database_temp.",
    )


def unavailable(error: Exception, path: Path) -> AiweError:
    """What an error of the database means to whoever called."""
    if isinstance(error, AiweError):
        return error
    text = str(error).strip()
    if "Could not set lock" in text:
        owner = re.search(r"\(PID (\d+)\)", text)
        who = f"process {owner[1]}" if owner else "another process"
        return EngineError(
            f"The database {path.name} is in use by {who}",
            code="data_in_use",
            hint=f"End {who}, or choose another folder with --data.",
        )
    if text.startswith("Out of Memory"):
        return too_large()
    if "No space left" in text or "File too large" in text:
        return EngineError(
            f"The disk is full: {path.name} cannot grow",
            code="storage_full",
            status=507,
            hint="Make room on the disk. Nothing that was acknowledged is lost, and writing goes on "
            "by itself when there is room.",
        )
    return EngineError(
        f"The database failed: {text.splitlines()[0] if text else type(error).__name__}",
        code="store_unavailable",
        hint="Nothing that was acknowledged is lost. See the engine's log; check the disk.",
    )
