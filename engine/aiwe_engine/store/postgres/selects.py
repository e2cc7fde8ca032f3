"""Authors' SQL on the collections of one scope: not there yet on PostgreSQL."""

from __future__ import annotations

from aiwe_engine.errors import RequestError


def not_available() -> RequestError:
    """The error for a statement."""
    return RequestError(
        "DataRepository.sql is not available where documents are kept in PostgreSQL",
        code="not_available",
        hint="Use DataRepository.query, or keep documents in a file.",
    )
