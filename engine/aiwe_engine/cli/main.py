"""The `aiwe` command: reads its arguments, runs one subcommand, reports what went wrong.

It starts fast: what a subcommand needs is imported when it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aiwe_engine import __version__
from aiwe_engine.cli.data_arguments import add_backup, add_data
from aiwe_engine.cli.parser import Parser
from aiwe_engine.cli.secrets_arguments import add_secrets
from aiwe_engine.cli.tokens_arguments import add_tokens
from aiwe_engine.cli.users_arguments import add_users
from aiwe_engine.configuration.configuration import Configuration, read_configuration
from aiwe_engine.configuration.given import ENVIRONMENTS, Given
from aiwe_engine.configuration.values import Unfit, shown, value_of
from aiwe_engine.errors import AiweError
from aiwe_engine.settings import ROWS, Row


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest: list[str] = []
    if given[:1] == ["lab"] and "--" in given:
        at = given.index("--")
        given, rest = given[:at], given[at + 1 :]
    options = parser().parse_args(given)
    options.rest = rest
    try:
        return int(options.run(options))
    except AiweError as error:
        from aiwe_engine.cli.report import report

        report(error, json=getattr(options, "json", False))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `aiwe routes | head`
        sys.stderr.close()
        return 1


def parser() -> Parser:
    """The arguments of every subcommand."""
    top = Parser("aiwe", description="Turns a Jupyter notebook into a backend.")
    top.add_argument("--version", action="version", version=f"aiwe {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, meaning: str, usage: str) -> Parser:
        # An abbreviation that works today would change its meaning with the next setting.
        return commands.add_parser(
            name, help=meaning, usage=f"aiwe {name} {usage}", allow_abbrev=False
        )

    lab = command("lab", "open JupyterLab with a running engine", "[DIR] [-- OPTIONS]")
    lab.add_argument("target", nargs="?", type=Path, metavar="DIR", help="a folder or a notebook")
    lab.epilog = "What stands after -- goes to `jupyter lab`."
    lab.set_defaults(run=_lab)

    serve = command("serve", "serve notebooks, scripts and folders", "[options] [PATH ...]")
    _paths(serve, "*")
    _where_it_runs(serve, "production")
    serve.add_argument("--data", type=Path, metavar="DIR", help="where state is kept (.aiwe)")
    serve.add_argument(
        "--management-port", type=_port, default=0, metavar="PORT", help="0 takes any free one"
    )
    _settings(serve)
    serve.set_defaults(run=_serve)

    check = command("check", "tell what is wrong with a program", "[options] PATH ...")
    _paths(check, "+")
    _where_it_runs(check, "production")
    check.set_defaults(run=_check)

    routes = command("routes", "list the routes of a program", "[options] PATH ...")
    _paths(routes, "+")
    _where_it_runs(routes, "production")
    routes.set_defaults(run=_routes)

    openapi = command("openapi", "print what an app says of its API", "[options] PATH")
    openapi.add_argument("path", type=Path, metavar="PATH", help="a notebook, a file or a folder")
    openapi.add_argument(
        "--server", default="/", metavar="URL", help="where the app will be reached (/)"
    )
    _where_it_runs(openapi, "production")
    openapi.set_defaults(run=_openapi)

    config = command("config", "show every setting and where it was said", "[options]")
    _where_it_runs(config, "production")
    _settings(config)
    config.set_defaults(run=_config)

    data = command("data", "list, export and import documents", "COMMAND ...")
    add_data(data)

    users = command("users", "list and change the accounts of an app", "COMMAND ...")
    add_users(users)

    secrets = command("secrets", "set, list and delete keys of other services", "COMMAND ...")
    add_secrets(secrets)

    tokens = command(
        "tokens", "make, list and revoke tokens of who manages the engine", "COMMAND ..."
    )
    add_tokens(tokens)

    backup = command(
        "backup", "write everything that an engine keeps into one file", "[-o FILE] [options]"
    )
    restore = command("restore", "put a backup in the place of a data folder", "FILE [options]")
    add_backup(backup, restore)

    version = command("version", "say which version this is", "")
    version.set_defaults(run=_version)
    return top


def _paths(command: argparse.ArgumentParser, count: str) -> None:
    command.add_argument(
        "paths",
        nargs=count,
        type=Path,
        metavar="PATH",
        help="a notebook, a .js or .ts file, or a folder of such files",
    )


def _where_it_runs(command: argparse.ArgumentParser, env: str) -> None:
    command.add_argument("--env", choices=ENVIRONMENTS, default=env, help=f"({env})")
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="settings; aiwe.toml of this folder, if there"
    )
    command.add_argument("--json", action="store_true", help="answer in JSON, errors too")


def _settings(command: argparse.ArgumentParser) -> None:
    """An option for each row of the table of settings."""
    group = command.add_argument_group("settings")
    for row in ROWS.values():
        group.add_argument(
            row.option,
            type=_value(row),
            default=argparse.SUPPRESS,  # what is not given is looked for elsewhere
            metavar=row.key.rpartition("_")[2].upper(),
            help=f"{row.help} ({shown(row, row.default)})".replace("%", "%%"),
        )


def _value(row: Row) -> Callable[[str], Any]:
    def value(text: str) -> Any:
        try:
            return value_of(row, text, "option")
        except Unfit as unfit:
            raise argparse.ArgumentTypeError(str(unfit)) from None

    return value


def _configuration(options: argparse.Namespace) -> Configuration:
    """What file, variables and options say, in this folder.

    Raises:
        InvalidConfiguration: with every mistake.
    """
    given = [
        Given(row.option, row.section, row.key, getattr(options, name), "option")
        for name, row in ROWS.items()
        if hasattr(options, name)
    ]
    return read_configuration(root=Path.cwd(), env=options.env, file=options.config, options=given)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not a port, 0 to 65535")


def _lab(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.lab import open_lab

    return open_lab(options.target, options.rest)


def _serve(options: argparse.Namespace) -> int:
    from aiwe_engine.serve import Plan, run, serve_until_told

    root = Path.cwd()
    plan = Plan(
        tuple(options.paths),
        _configuration(options),
        options.env,
        root,
        options.data or root / ".aiwe",
        options.management_port,
    )
    run(
        serve_until_told(
            plan, lambda line: print(line, flush=True), partial(_configuration, options)
        )
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.check import check

    return check(options.paths, options.env, _configuration(options), json=options.json)


def _routes(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.check import routes

    return routes(options.paths, options.env, _configuration(options), json=options.json)


def _openapi(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.check import openapi

    return openapi(options.path, options.env, _configuration(options), server=options.server)


def _config(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.config import config

    return config(_configuration(options), options.env, json=options.json)


def _version(_: argparse.Namespace) -> int:
    print(f"aiwe {__version__}")
    return 0
