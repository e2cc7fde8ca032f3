"""The arguments of `aiwe tokens`; what they ask for is imported when it runs."""

from __future__ import annotations

import argparse

from aiwe_engine.cli.data_arguments import add_place, configuration_of
from aiwe_engine.configuration.values import DAY, Unfit, value_of
from aiwe_engine.permissions import ROLES
from aiwe_engine.settings import Row

_EPILOG = """\
Each works on a running engine as on a stopped one. A token is shown once, alone on standard output.

  TOKEN=$(aiwe tokens create --role developer --app shop --name assistant --expires 30d)
  aiwe tokens list
  aiwe tokens revoke 0a1b2c3d4e5f
"""
_EXPIRES = Row("expires", "", 0.0, "", unit="seconds", least=1.0, most=3650 * DAY)


def add_tokens(tokens: argparse.ArgumentParser) -> None:
    """Adds the subcommands."""
    tokens.epilog = _EPILOG
    tokens.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = tokens.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="aiwe tokens"
    )

    def command(name: str, meaning: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=meaning,
            description=f"{meaning[0].upper()}{meaning[1:]}.",
            allow_abbrev=False,
        )
        add_place(added)
        added.add_argument("--json", action="store_true", help="answer in JSON, errors too")
        added.set_defaults(run=_run, tokens=name)
        return added

    create = command("create", "make a token for whoever manages the engine, and show it once")
    create.add_argument("--role", required=True, metavar="ROLE", help=", ".join(ROLES))
    create.add_argument("--app", metavar="APP", help="it is good for this app alone (each)")
    create.add_argument("--name", metavar="NAME", help="who it is for (the role)")
    create.add_argument(
        "--expires",
        type=_time,
        metavar="TIME",
        help="how long it is good, as in 12h or 30d (for ever)",
    )
    command("list", "list tokens, expired ones too, without what is secret of them")
    revoke = command("revoke", "make a token void, at once")
    revoke.add_argument("id", metavar="ID", help="the token's, as `aiwe tokens list` shows it")


def _time(text: str) -> float:
    try:
        return float(value_of(_EXPIRES, text, "option"))
    except Unfit as unfit:
        raise argparse.ArgumentTypeError(str(unfit)) from None


def _run(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.tokens import run

    return run(options, configuration_of(options))
