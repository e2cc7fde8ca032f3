"""The store for more than one machine: PostgreSQL."""

from aiwe_engine.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
