"""The arguments of `aiwe data`, `backup` and `restore`; what they ask for is imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from aiwe_engine.configuration.configuration import Configuration, read_configuration
from aiwe_engine.configuration.given import ENVIRONMENTS

_EPILOG = """\
Each works on a running engine as on a stopped one: it asks the engine that holds the data folder, and opens
the folder itself where none does.

  aiwe data list
  aiwe data export tasks --app shop -o tasks.ndjson
  aiwe data export tasks orders --app shop --format parquet -o exports/
  aiwe data export tasks --app shop --env production | aiwe data import - --app shop --env dev --collection tasks
  aiwe data import tasks.ndjson --app shop --on-conflict replace
  aiwe data reset --env dev
"""


def add_data(data: argparse.ArgumentParser) -> None:
    """Adds the subcommands."""
    data.epilog = _EPILOG
    data.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = data.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="aiwe data"
    )

    def command(name: str, meaning: str, usage: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=meaning,
            description=f"{meaning[0].upper()}{meaning[1:]}.",
            usage=f"aiwe data {name} {usage}",
            allow_abbrev=False,
        )

    shown = command("list", "list the collections of every app and environment", "[options]")
    add_place(shown)
    _whose(shown, "of this app only", "of this environment only")
    shown.add_argument("--json", action="store_true", help="answer in JSON, errors too")
    shown.set_defaults(run=_list)

    export = command(
        "export",
        "write the documents of collections, as they are at one instant",
        "COLLECTION ... [options]",
    )
    export.add_argument("collections", nargs="+", metavar="COLLECTION")
    add_place(export)
    _whose(export, "whose; the only one that has data", _ENV)
    _format(export, "-o")
    export.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="a file, a folder, or - for standard output, which it is for one collection as NDJSON; "
        "several go into a folder, this one if it is not said, as COLLECTION.ndjson",
    )
    export.set_defaults(run=_export)

    load = command("import", "store the documents of a file, all of them or none", "FILE [options]")
    load.add_argument("file", metavar="FILE", help="NDJSON or Parquet; - for standard input")
    load.add_argument(
        "--collection", metavar="NAME", help="where to; the file's name without its ending"
    )
    add_place(load)
    _whose(load, "whose; the only one that has data", f"{_ENV}, production where it has none")
    _format(load, "FILE")
    load.add_argument(
        "--on-conflict",
        choices=("fail", "skip", "replace"),
        default="fail",
        help="what becomes of a document whose id is there already: nothing is stored at all, it is "
        "left out, or it replaces (fail)",
    )
    load.set_defaults(run=_import)
    _add_reset(command("reset", "delete the data of an environment", "--env ENV [options]"))


def _add_reset(reset: argparse.ArgumentParser) -> None:
    reset.epilog = (
        "Documents, accounts, visitors' sessions and kept files go; what collections declare stays, and so do assets. "
        "A running engine goes on."
    )
    reset.add_argument("--env", choices=ENVIRONMENTS, required=True, help="whose data goes")
    add_place(reset)
    reset.add_argument("--app", metavar="NAME", help="of this app only")
    reset.add_argument(
        "--yes",
        action="store_true",
        help="do not ask; production wants --app and --yes, and the app's name typed",
    )
    reset.set_defaults(run=_reset)


def add_backup(backup: argparse.ArgumentParser, restore: argparse.ArgumentParser) -> None:
    """Adds the arguments of both."""
    backup.description = (
        "Writes the documents of all apps and environments as they are at one instant, accounts, visitors' sessions, "
        "kept files and written assets into one zip archive, while a running engine goes on. Secrets are "
        "in it sealed; their key (vault.key, AIWE_VAULT_KEY) is not: keep a copy of it elsewhere."
    )
    add_place(backup)
    backup.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="a file, a folder, or - for standard output (aiwe-PROJECT-TIME.zip in this folder)",
    )
    backup.set_defaults(run=_backup)
    restore.description = (
        "Checks a backup and makes it the data of a stopped engine, as a whole or not at all."
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="what `aiwe backup` has written")
    add_place(restore)
    restore.add_argument(
        "--force", action="store_true", help="replace the data that is there, all of it"
    )
    restore.set_defaults(run=_restore)


_ENV = "of which environment; that of the running engine, else the only one with data"


def add_place(command: argparse.ArgumentParser) -> None:
    """Adds what tells where the data is."""
    command.add_argument(
        "--data", type=Path, metavar="DIR", help="the engine's data folder (.aiwe)"
    )
    command.add_argument(
        "--config", type=Path, metavar="FILE", help="settings; aiwe.toml of this folder, if there"
    )


def _whose(command: argparse.ArgumentParser, app: str, env: str) -> None:
    command.add_argument("--app", metavar="NAME", help=app)
    command.add_argument("--env", choices=ENVIRONMENTS, help=env)


def _format(command: argparse.ArgumentParser, of: str) -> None:
    command.add_argument(
        "--format", choices=("ndjson", "parquet"), help=f"what the name of {of} says, else ndjson"
    )


def folder_of(options: argparse.Namespace) -> Path:
    """The data folder that is meant."""
    return options.data or Path(".aiwe")


def configuration_of(options: argparse.Namespace) -> Configuration:
    """The settings for a store that is opened here.

    Raises:
        InvalidConfiguration: with every mistake.
    """
    env = getattr(options, "env", None) or "production"
    # The values of secrets may be where the engine is started, and nowhere else.
    return read_configuration(root=Path.cwd(), env=env, file=options.config, values=False)


def _list(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.data import show

    return show(
        folder_of(options),
        configuration_of(options),
        app=options.app,
        env=options.env,
        json=options.json,
    )


def _export(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.data import export

    return export(
        folder_of(options),
        configuration_of(options),
        options.collections,
        app=options.app,
        env=options.env,
        kind=options.format,
        target=options.output,
    )


def _import(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.data import load

    return load(
        folder_of(options),
        configuration_of(options),
        options.file,
        collection=options.collection,
        app=options.app,
        env=options.env,
        kind=options.format,
        taken=options.on_conflict,
    )


def _reset(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.reset import reset

    return reset(
        folder_of(options),
        configuration_of(options),
        options.env,
        app=options.app,
        yes=options.yes,
    )


def _backup(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.backup import back_up

    return back_up(folder_of(options), configuration_of(options), options.output)


def _restore(options: argparse.Namespace) -> int:
    from aiwe_engine.cli.backup import put_back

    return put_back(
        folder_of(options), configuration_of(options), options.file, force=options.force
    )
