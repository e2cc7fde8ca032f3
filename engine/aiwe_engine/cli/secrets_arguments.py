"""The arguments of `aiwe secrets`; what they ask for is imported when it runs."""

from __future__ import annotations

import argparse

from aiwe_engine.cli.data_arguments import add_place, configuration_of, folder_of
from aiwe_engine.cli.parser import Parser
from aiwe_engine.configuration.given import ENVIRONMENTS

_EPILOG = """\
Each works on a running engine as on a stopped one. A value comes from standard input, or is asked for.

  aiwe secrets set sendgrid_api_key --hosts api.sendgrid.com < key.txt
  aiwe secrets set sendgrid_api_key --hosts localhost:8025 --env dev
  aiwe secrets change sendgrid_api_key --hosts api.sendgrid.com,api.eu.sendgrid.com
  aiwe secrets list
"""
_ASKS_FOR = "The value of a secret"


def add_secrets(secrets: Parser) -> None:
    """Adds the subcommands."""
    secrets.epilog = _EPILOG
    secrets.asks_for = _ASKS_FOR
    secrets.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = secrets.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="aiwe secrets"
    )

    def command(name: str, meaning: str, *, whose: bool = True) -> Parser:
        added = commands.add_parser(
            name,
            help=meaning,
            description=f"{meaning[0].upper()}{meaning[1:]}.",
            allow_abbrev=False,
        )
        added.asks_for = _ASKS_FOR
        if whose:
            added.add_argument("--app", type=_app, metavar="NAME", help="of one app alone (each)")
            added.add_argument("--env", choices=ENVIRONMENTS, help="of one environment (each)")
        add_place(added)
        added.add_argument("--json", action="store_true", help="answer in JSON, errors too")
        added.set_defaults(run=_run, secrets=name)
        return added

    put = command("set", "store a secret, or replace its value")
    change = command("change", "change what is said of a secret; its value stays")
    for one in (put, change):
        one.add_argument("id", metavar="ID", help="its name, as in sendgrid_api_key")
        one.add_argument(
            "--hosts",
            metavar="HOST,...",
            help="where it may be sent: host or host:port; none: nowhere, for hmac and matches",
        )
        one.add_argument(
            "--in",
            dest="places",
            metavar="PLACE,...",
            help="url, body: where beside headers it may stand; none: in headers only",
        )
        one.add_argument("--description", metavar="TEXT", help="for people")
    command("list", "list secrets, without their values")
    command("show", "tell what is known of a secret").add_argument("id", metavar="ID")
    command("delete", "delete a secret").add_argument("id", metavar="ID")
    rotate = command("rotate-key", "seal everything under a new key", whose=False)
    rotate.add_argument(
        "--forget", action="store_true", help="forget the old keys; older backups need them"
    )
    audit = command("audit", "tell who used and changed secrets", whose=False)
    audit.add_argument("id", nargs="?", metavar="ID", help="of one secret")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="the latest (100)")


def _app(text: str) -> str:
    """The name of an app; an empty one, as of a variable that is not set, would mean every app."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "this is no name of an app. Leave --app out where each app is meant"
        )
    return text


def _run(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.secrets import run

    configuration = configuration_of(options)
    options.data = folder_of(options)
    return run(options, configuration)
