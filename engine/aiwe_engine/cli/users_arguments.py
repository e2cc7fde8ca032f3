"""The arguments of `aiwe users`; what they ask for is imported when it runs."""

from __future__ import annotations

import argparse
from typing import Any

from aiwe_engine.cli.data_arguments import add_place, configuration_of, folder_of
from aiwe_engine.cli.parser import Parser
from aiwe_engine.configuration.given import ENVIRONMENTS

_EPILOG = """\
Each works on a running engine as on a stopped one. USER is a username, whatever its capitals, or an id.

  aiwe users list --app shop
  aiwe users roles ada editor admin --app shop
  aiwe users roles ada --app shop                   takes all roles away
  aiwe users password ada --app shop < password.txt
"""
_ASKS_FOR = "A password"


def add_users(users: Parser) -> None:
    """Adds the subcommands."""
    users.epilog = _EPILOG
    users.asks_for = _ASKS_FOR
    users.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = users.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="aiwe users"
    )

    def command(name: str, meaning: str, run: Any, *, one: bool = True) -> Parser:
        added = commands.add_parser(
            name,
            help=meaning,
            description=f"{meaning[0].upper()}{meaning[1:]}.",
            allow_abbrev=False,
        )
        added.asks_for = _ASKS_FOR
        if one:
            added.add_argument("user", metavar="USER", help="a username or an id")
        added.add_argument("--app", metavar="NAME", required=True, help="whose users")
        added.add_argument(
            "--env",
            choices=ENVIRONMENTS,
            help="the running engine's; production where none runs",
        )
        add_place(added)
        added.add_argument("--json", action="store_true", help="answer in JSON, errors too")
        added.set_defaults(run=run)
        return added

    command("list", "list the accounts of an app", _list, one=False)
    command("show", "tell what is known of somebody", _show)
    roles = command("roles", "give somebody these roles and no others", _roles)
    roles.add_argument("roles", nargs="*", metavar="ROLE")
    command("disable", "keep somebody out, at once and wherever they are signed in", _disable)
    command("enable", "let somebody in again", _enable)
    command("sign-out", "end every session, token and key of somebody", _sign_out)
    command(
        "password",
        "give somebody another password, read from standard input or asked for",
        _password,
    )
    keys = command(
        "rotate-keys", "make another key that signs the app's tokens", _rotate_keys, one=False
    )
    keys.add_argument(
        "--revoke", action="store_true", help="make the older keys and all their tokens void"
    )
    command("remove", "delete an account; what it owns stays", _remove)


def _ask(options: argparse.Namespace, do: Any) -> Any:
    from aiwe_engine.cli.users import ask

    configuration = configuration_of(options)
    return ask(folder_of(options), configuration, options.app, options.env, do)


def _list(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.users import show_all

    people = _ask(options, lambda people, scope: people.everybody(scope))
    return show_all(people, as_json=options.json)


def _show(options: argparse.Namespace) -> int:
    return _tell(options, lambda people, scope: people.person(scope, options.user), None)


def _roles(options: argparse.Namespace) -> int:
    what = f"has the roles {', '.join(options.roles)}" if options.roles else "has no roles"
    return _tell(
        options, lambda people, scope: people.set_roles(scope, options.user, options.roles), what
    )


def _disable(options: argparse.Namespace) -> int:
    return _tell(
        options,
        lambda people, scope: people.disable(scope, options.user, disabled=True),
        "is disabled, and signed out everywhere",
    )


def _enable(options: argparse.Namespace) -> int:
    return _tell(
        options,
        lambda people, scope: people.disable(scope, options.user, disabled=False),
        "may come in again",
    )


def _sign_out(options: argparse.Namespace) -> int:
    return _tell(
        options,
        lambda people, scope: people.sign_out(scope, options.user),
        "is signed out everywhere",
    )


def _password(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.users import read_password

    password = read_password()
    return _tell(
        options,
        lambda people, scope: people.set_password(scope, options.user, password),
        "has another password, and is signed out everywhere",
    )


def _rotate_keys(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.users import rotated

    made = _ask(options, lambda people, scope: people.rotate_keys(scope, revoke=options.revoke))
    return rotated(made, revoked=options.revoke, as_json=options.json)


def _remove(options: argparse.Namespace) -> int:
    return _tell(options, lambda people, scope: people.remove(scope, options.user), "is deleted")


def _tell(options: argparse.Namespace, do: Any, what: str | None) -> int:
    """Does it, and says what has become of somebody; in JSON, or where nothing has, what they are."""
    from aiwe_engine.cli.users import said, show

    person = _ask(options, do)
    if what is None or options.json:
        return show(person, as_json=options.json)
    return said(person, what)
