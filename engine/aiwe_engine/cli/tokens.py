"""`aiwe tokens`: tokens of who manages an engine, of a running engine or a stopped one.

A token is all that stands on standard output, so that a shell can keep it; what is said of it goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

from aiwe_engine.cli.data_arguments import folder_of
from aiwe_engine.cli.place import holder
from aiwe_engine.cli.table import print_rows, printable
from aiwe_engine.configuration.configuration import Configuration

_PATH = "/tokens"
_HEADS = ("ID", "NAME", "ROLE", "APP", "CREATED", "BY", "EXPIRES")
#: An id; or a whole token, which somebody has found and which has no place in the address of a request.
_ID = re.compile(r"(?:aiwe-)?([0-9a-f]{12})(?:-[\w-]+)?", re.ASCII)


def run(options: argparse.Namespace, configuration: Configuration) -> int:
    """Does one of the commands."""
    return _COMMANDS[options.tokens](options, configuration)


def _ask(
    options: argparse.Namespace,
    configuration: Configuration,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
) -> Any:
    async def asked() -> Any:
        data = folder_of(options)
        async with holder(data) as engine:
            if engine is not None:
                return await engine.ask(method, path, {}, body)
            from aiwe_engine.cli.local_calls import LocalCalls
            from aiwe_engine.http.tokens import TokenRoutes
            from aiwe_engine.managers.audit import Audit
            from aiwe_engine.managers.tokens import Tokens

            audit = Audit(data, lambda: configuration.settings.log_audit)
            routes = TokenRoutes(Tokens(data), audit)
            return await LocalCalls(routes.calls, audit).ask(method, path, {}, body)

    return asyncio.run(asked())


def _create(options: argparse.Namespace, configuration: Configuration) -> int:
    # An empty name of an app is refused, not left out: without one it would be a token for all apps.
    body = {name: getattr(options, name) for name in ("role", "app", "name", "expires")}
    made = _ask(options, configuration, "POST", _PATH, body)
    if options.json:
        print(json.dumps(made, ensure_ascii=False))
        return 0
    of = f"{made['role']} of {_apps(made)}, {_until(made)}"
    print(f"{made['id']} ({printable(made['name'])}): {of}; it is shown this once", file=sys.stderr)
    print(made["token"])
    return 0


def _list(options: argparse.Namespace, configuration: Configuration) -> int:
    tokens = _ask(options, configuration, "GET", _PATH)["tokens"]
    if options.json:
        print(json.dumps(tokens, ensure_ascii=False, indent=2))
        return 0
    if not tokens:
        print("There are no tokens.", file=sys.stderr)
        return 0
    print_rows([_HEADS, *map(_row, tokens)])
    return 0


def _revoke(options: argparse.Namespace, configuration: Configuration) -> int:
    from aiwe_engine.http.tokens import no_such_token

    found = _ID.fullmatch(options.id)
    if found is None:
        raise no_such_token(options.id)
    key = found[1]
    _ask(options, configuration, "DELETE", f"{_PATH}/{key}")
    if options.json:
        print(json.dumps({"revoked": key}))
    else:
        print(f"{key} is void", file=sys.stderr)
    return 0


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    made = _time(token["created_at"])[:10]
    return (token["id"], token["name"], token["role"], token["app"] or "each", made,
            token["created_by"], _until(token).removeprefix("until "))  # fmt: skip


def _apps(token: dict[str, Any]) -> str:
    return token["app"] or "each app"


def _until(token: dict[str, Any]) -> str:
    end = token["expires_at"]
    if end is None:
        return "until it is revoked"
    return f"{'until' if time.time() < end else 'expired'} {_time(end)}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


_COMMANDS = {"create": _create, "list": _list, "revoke": _revoke}
