"""Where the server is: what a connection is made with, and how people are told of it."""

from __future__ import annotations

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from aiwe_engine.errors import EngineError

# What holds where the address says nothing else. A server that is gone without a word is noticed.
_DEFAULTS: dict[str, Any] = {
    "application_name": "aiwe",
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "keepalives_count": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "target_session_attrs": "read-write",
    "tcp_user_timeout": 20_000,
}


class Address:
    """The address of a database, as `data.url` says it.

    Args:
        url: `postgresql://user:password@host/database`, or what else libpq understands.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def parameters(self) -> dict[str, Any]:
        """What a connection is made with.

        Raises:
            EngineError: `store_unavailable`; nothing of the address is in its message.
        """
        try:
            return _DEFAULTS | {k: v for k, v in conninfo_to_dict(self._url).items() if v != ""}
        except ProgrammingError:
            raise EngineError(
                "The address of the database cannot be understood",
                code="store_unavailable",
                hint="data.url is postgresql://user:password@host:port/database; characters such "
                "as @ and / in a password are written %40 and %2F.",
            ) from None

    def __str__(self) -> str:
        """Host and database, as people may see them: never the password."""
        try:
            parts = conninfo_to_dict(self._url)
        except ProgrammingError:
            return "data.url"
        host = str(parts.get("host") or parts.get("hostaddr") or "the local socket")
        port, name = parts.get("port"), parts.get("dbname")
        return host + (f":{port}" if port else "") + (f", database {name}" if name else "")
