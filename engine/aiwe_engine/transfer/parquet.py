"""Documents as Parquet, as analysts expect it, and back.

A field is a column: strings, booleans, 64-bit integers and doubles as such, the engine's times as
timestamps in UTC. Lists, objects, and fields that hold now this and now that, are JSON columns, so that
nothing of them is lost; a field that is missing, or null, is NULL. DuckDB does the work, in memory, on a
connection of its own: no engine's database is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.settings import MB

if TYPE_CHECKING:
    import duckdb

    Connection: TypeAlias = duckdb.DuckDBPyConnection

_TIMES = ("createdAt", "updatedAt")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d))?")
_LARGEST, _LEAST, _LARGEST_UNSIGNED = (1 << 63) - 1, -(1 << 63), (1 << 64) - 1
_EXACT = 1 << 53  # up to here a double holds every integer
_GROUP = 64 * MB  # of text in one row group, about
_ROWS = 1_000  # fetched at a time


class Columns:
    """What the fields of documents hold, so that a table can be made for them."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}
        self._least: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self.documents = 0
        self.longest = 0  # bytes of a document
        self._bytes = 0

    def see(self, text: bytes) -> None:
        """Takes a document into account."""
        self.documents += 1
        self.longest = max(self.longest, len(text))
        self._bytes += len(text)
        fields: dict[str, Any] = orjson.loads(text)
        for name, value in fields.items():
            kinds = self._kinds.setdefault(name, set())
            if type(value) is int:
                self._least[name] = min(value, self._least.get(name, 0))
                self._most[name] = max(value, self._most.get(name, 0))
                kinds.add("integer")
            elif type(value) is str:
                time = name in _TIMES and _TIME.fullmatch(value)
                kinds.add("TIMESTAMPTZ" if time else "VARCHAR")
            elif value is not None:
                kinds.add({bool: "BOOLEAN", float: "DOUBLE"}.get(type(value), "JSON"))

    def types(self) -> dict[str, str]:
        """Column types by name, in the order in which fields were first seen.

        Raises:
            RequestError: `columns_clash`, for names that differ in their case only; `unnamed_column`.
        """
        if "" in self._kinds:
            raise RequestError(
                "A field has no name, and a column needs one.",
                code="unnamed_column",
                hint="Export NDJSON, or give the field a name.",
            )
        seen: dict[str, str] = {}
        for name in self._kinds:
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                raise RequestError(
                    f'"{other}" and "{name}" would be one column: Parquet is read without regard to case.',
                    code="columns_clash",
                    hint="Export NDJSON, or give one of the fields another name.",
                )
        return {name: self._type(name) for name in self._kinds} or {"id": "VARCHAR"}

    def _type(self, name: str) -> str:
        kinds = self._kinds[name]
        least, most = self._least.get(name, 0), self._most.get(name, 0)
        if kinds == {"integer"}:
            if least >= _LEAST and most <= _LARGEST:
                return "BIGINT"
            return "UBIGINT" if least >= 0 and most <= _LARGEST_UNSIGNED else "JSON"
        if kinds == {"integer", "DOUBLE"}:
            return "DOUBLE" if least >= -_EXACT and most <= _EXACT else "JSON"
        if kinds == {"VARCHAR", "TIMESTAMPTZ"} or not kinds:
            return "VARCHAR"
        return next(iter(kinds)) if len(kinds) == 1 else "JSON"

    @property
    def group(self) -> int:
        """Rows of a row group, so that it is neither small nor huge."""
        average = max(self._bytes // max(self.documents, 1), 1)
        return max(2_048, min(122_880, _GROUP // average))


def write_parquet(lines: Path, columns: Columns, target: Path) -> None:
    """Makes a Parquet file of NDJSON. Blocks.

    Args:
        lines: the documents.
        columns: has seen all of them.
        target: the file, replaced where it is there.

    Raises:
        RequestError: `columns_clash`, `parquet_failed`.
    """
    types = ", ".join(f"{_text(name)}: '{kind}'" for name, kind in columns.types().items())
    with _duckdb(target.parent) as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_json({_text(str(lines))}, format = 'newline_delimited', "
            f"columns = {{{types}}}, maximum_object_size = {columns.longest + MB})) "
            f"TO {_text(str(target))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {columns.group})"
        )


def read_parquet(file: Path) -> Iterator[bytes]:
    """The rows of a Parquet file as NDJSON, some at a time. Columns that are NULL are left out. Blocks.

    Raises:
        RequestError: `parquet_failed`, it is none or damaged.
    """
    with _duckdb(None) as connection:
        source = f"read_parquet({_text(str(file))})"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        heads = [orjson.dumps(name) + b":" for name, *_ in described]
        chosen = ", ".join(_json(name, kind) for name, kind, *_ in described)
        connection.execute(f"SELECT {chosen} FROM {source}")
        while rows := connection.fetchmany(_ROWS):
            yield b"".join(_line(heads, row) for row in rows)


def _line(heads: list[bytes], row: tuple[str | None, ...]) -> bytes:
    pairs = zip(heads, row, strict=True)
    fields = [head + value.encode() for head, value in pairs if value is not None]
    return b"{" + b",".join(fields) + b"}\n"


def _json(name: str, kind: str) -> str:
    """An expression for a column as JSON text."""
    column = '"' + name.replace('"', '""') + '"'
    if kind == "JSON":
        return f"{column}::VARCHAR"
    if kind.startswith("TIMESTAMP"):
        zone = " AT TIME ZONE 'UTC'" if "TIME ZONE" in kind else ""
        moment = f"({column}{zone})::TIMESTAMP"
        short, long = (f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.{end}Z')" for end in ("%g", "%f"))
        exact = f"CASE WHEN microsecond({moment}) % 1000 = 0 THEN {short} ELSE {long} END"
        return f"to_json({exact})::VARCHAR"
    if kind in {"DOUBLE", "FLOAT"}:
        return f"CASE WHEN isfinite({column}) THEN to_json({column}) END::VARCHAR"
    if kind == "BLOB":
        return f"to_json(base64({column}))::VARCHAR"
    if name == "id" and kind.endswith("INT"):
        return f"to_json({column}::VARCHAR)::VARCHAR"
    return f"to_json({column})::VARCHAR"


@contextmanager
def _duckdb(spill: Path | None) -> Iterator[Connection]:
    """A database in memory, for one file."""
    import duckdb

    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "threads": 2,
        "memory_limit": "512MB",
    }
    if spill is not None:
        config["temp_directory"] = str(spill)
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.Error as error:
        raise RequestError(
            f"The Parquet file failed: {str(error).splitlines()[0]}",
            code="parquet_failed",
            hint="See that it is a whole Parquet file, and that its disk has room.",
        ) from error


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
