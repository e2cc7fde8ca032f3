"""`aiwe users`: the accounts of an app, of a running engine or a stopped one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from getpass import getpass
from pathlib import Path
from typing import Any

from aiwe_engine.cli.place import place
from aiwe_engine.cli.table import print_rows, printable
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import People, Scope

_PRODUCTION = "production"
Do = Callable[[People, Scope], Awaitable[Any]]
_HEADS = ("USERNAME", "ROLES", "E-MAIL", "STATE", "ID")


def ask(data: Path, configuration: Configuration, app: str, env: str | None, do: Do) -> Any:
    """Does something with the accounts of an app, wherever they are."""
    return asyncio.run(_ask(data, configuration, app, env, do))


async def _ask(data: Path, configuration: Configuration, app: str, env: str | None, do: Do) -> Any:
    async with place(data, configuration) as where:
        return await do(where.people, Scope(app, env or where.env or _PRODUCTION))


def show_all(people: list[dict[str, Any]], *, as_json: bool) -> int:
    """Prints accounts, one a line."""
    if as_json:
        print(json.dumps(people, ensure_ascii=False, indent=2))
        return 0
    if not people:
        print("There are no accounts.", file=sys.stderr)
        return 0
    print_rows([_HEADS, *map(_row, people)])
    return 0


def show(person: dict[str, Any], *, as_json: bool) -> int:
    """Prints one account."""
    if as_json:
        print(json.dumps(person, ensure_ascii=False, indent=2))
        return 0
    facts = {
        "username": person["username"],
        "id": person["id"],
        "e-mail": person["email"] or "none",
        "roles": ", ".join(person["roles"]) or "none",
        "tenant": person["tenant"] or "none",
        "state": _state(person),
        "password": "yes" if person["password"] else "none: signs in elsewhere",
        "identities": ", ".join(person["identities"]) or "none",
        "created": person["createdAt"],
        "claims": json.dumps(person["claims"], ensure_ascii=False),
    }
    for name, value in facts.items():
        print(f"{name:<12}{printable(value)}")
    return 0


def said(person: dict[str, Any], what: str) -> int:
    """Says what has happened to somebody."""
    print(f"{printable(person['username'])}: {what}", file=sys.stderr)
    return 0


def rotated(made: dict[str, Any], *, revoked: bool, as_json: bool) -> int:
    """Says which key there is now."""
    if as_json:
        print(json.dumps(made))
        return 0
    after = "signs from now on" if revoked else "signs in five minutes, when others may know it"
    others = "; every token of the older keys is void" if revoked else ""
    print(f"the key {made['kid']} {after}{others}", file=sys.stderr)
    return 0


def read_password() -> str:
    """A password of standard input, less one line break at its end; a person is asked twice.

    Raises:
        RequestError: `not_the_same`, `no_password`.
    """
    if sys.stdin.isatty():
        password = getpass("Password: ")
        if getpass("Once more: ") != password:
            raise RequestError(
                "The two passwords are not the same.", code="not_the_same", hint="Try again."
            )
        return password
    password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not password:
        raise RequestError(
            "There is no password on standard input.",
            code="no_password",
            hint="Write it there, as in: aiwe users password ada --app shop < file",
        )
    return password


def _row(person: dict[str, Any]) -> tuple[str, ...]:
    roles = ", ".join(person["roles"]) or "-"
    return person["username"], roles, person["email"] or "-", _state(person), person["id"]


def _state(person: dict[str, Any]) -> str:
    return "disabled" if person["disabled"] else "active"
