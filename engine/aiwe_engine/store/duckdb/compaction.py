"""Gives the room of deleted documents back to the file, on the writer's thread.

A text of over 4 KB lies in blocks of its own, which DuckDB does not free with its row. A table that is
written anew holds nothing but what is there; the old one goes, blocks and all. Who reads it just now
reads on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiwe_engine.settings import MB

if TYPE_CHECKING:
    from aiwe_engine.store.duckdb.database import Connection, Database
    from aiwe_engine.store.quota import Account

LARGE = 4096  # bytes of a text above which it has blocks of its own
_WORTH = 2 * MB  # bytes that must be dead
_SHARE = 1.25  # times what is alive: the rest of a file is ids, columns and indexes


class Compaction:
    """Writes the tables of documents anew, where much of the file is dead."""

    def run(self, connection: Connection, database: Database, _: Account) -> list[str]:
        """Does it, each table in a transaction; the tables that were written anew."""
        database.spare()
        database.checkpoint()  # what is in the log has no blocks yet
        numbers = database.numbers()
        alive = sum(_alive(connection, number) for number in numbers)
        if _used(connection) < alive * _SHARE + _WORTH:
            return []
        for number in numbers:
            database.check_open()
            _rebuild(connection, number)
        database.spare()  # the next checkpoint frees their blocks, this one's or, where it fails, the next call's
        return [f"documents_{number}" for number in numbers]


def _used(connection: Connection) -> int:
    text = "SELECT sum(used_blocks * block_size)::BIGINT FROM pragma_database_size()"
    return int((connection.execute(text).fetchone() or (0,))[0] or 0)


def _alive(connection: Connection, number: int) -> int:
    text = f"SELECT sum(strlen(data::VARCHAR))::BIGINT FROM documents_{number:d}"
    return int((connection.execute(text).fetchone() or (0,))[0] or 0)


def _rebuild(connection: Connection, number: int) -> None:
    table, fresh = f"documents_{number:d}", f"fresh_{number:d}"
    row = connection.execute("SELECT sql FROM duckdb_tables() WHERE table_name = ?", [table])
    made = str((row.fetchone() or ("",))[0])
    connection.execute("BEGIN")
    connection.execute(made.replace(f" {table}(", f" {fresh}(", 1))
    connection.execute(f"INSERT INTO {fresh} SELECT * FROM {table} ORDER BY rowid")
    connection.execute(f"DROP TABLE {table}")
    connection.execute(f"ALTER TABLE {fresh} RENAME TO {table}")
    connection.execute("COMMIT")
