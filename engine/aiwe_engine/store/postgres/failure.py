"""What an error of the database means to whoever called."""

from __future__ import annotations

import psycopg
from psycopg import errors

from aiwe_engine.errors import AiweError, EngineError, RequestError

#: What `aiwe.holds` raises: another process has declared something else of a collection.
STALE = "AW001"

_HINTS: dict[type[Exception], str] = {
    errors.InsufficientPrivilege: "The user needs a right that it has not: see docs/storage.md.",
    errors.InsufficientResources: "Give the server more memory, or ask for less at a time.",
    errors.TooManyConnections: "Raise max_connections of the server, or lower data.connections.",
    errors.LockNotAvailable: "Another transaction holds these documents; try again.",
    errors.ReadOnlySqlTransaction: "The server takes no writes: is it a standby? See data.url.",
}


class Stale(Exception):
    """What was known of a collection does not hold any more."""


def closed() -> EngineError:
    """The error for a call after the store was closed."""
    return EngineError(
        "The store is closed",
        code="store_closed",
        hint="The engine is stopping; try again when it runs.",
    )


def is_stale(error: BaseException) -> bool:
    """Whether a collection is not as this process knows it: its definition, or its table."""
    if isinstance(error, Stale | errors.UndefinedTable | errors.UndefinedColumn):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate == STALE


def is_conflict(error: BaseException) -> bool:
    """Whether the same will go well once more: somebody else was quicker."""
    return isinstance(error, errors.SerializationFailure | errors.DeadlockDetected)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, and with it the answer."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    kinds = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)
    return error.sqlstate is None or error.sqlstate[:2] == "08" or isinstance(error, kinds)


def told(error: BaseException, address: object) -> AiweError:
    """The error that a caller gets.

    Args:
        error: what the database or its driver said.
        address: where it is, as people may see it.
    """
    if isinstance(error, AiweError):
        return error
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if is_lost(error):
        found = EngineError(
            f"The database cannot be reached: {first}",
            code="store_unavailable",
            hint=f"PostgreSQL at {address} does not answer. Nothing that was acknowledged is lost, "
            "and the engine goes on by itself when it is back.",
        )
    elif isinstance(error, errors.DiskFull):
        found = EngineError(
            f"The disk of the database is full: {first}",
            code="storage_full",
            status=507,
            hint="Make room on the server's disk. Nothing that was acknowledged is lost, and writing "
            "goes on by itself when there is room.",
        )
    else:
        hints = (hint for kind, hint in _HINTS.items() if isinstance(error, kind))
        found = EngineError(
            f"The database failed: {first}",
            code="store_unavailable",
            hint=next(hints, f"See the log of PostgreSQL at {address}."),
        )
    found.__cause__ = error
    return found


def unknown(error: BaseException, address: object) -> EngineError:
    """The error for a write whose end nobody heard of."""
    found = EngineError(
        "The database went away while it stored this: it may be stored, or not",
        code="outcome_unknown",
        hint=f"Look what is there when PostgreSQL at {address} is back, before doing it again. "
        "A document with an id of yours can be written again with upsert.",
    )
    found.__cause__ = error
    return found


def too_slow(seconds: float) -> RequestError:
    """The error for a query that was ended."""
    return RequestError(
        f"The query took over {seconds:g} s",
        code="query_too_slow",
        status=503,
        hint="Ask for less: filter by fewer conditions, or for fewer documents.",
    )
