"""The store in one file: DuckDB, embedded."""

from aiwe_engine.store.duckdb.store import DuckDBStore

__all__ = ["DuckDBStore"]
