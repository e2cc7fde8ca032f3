"""`aiwe data`: what collections there are, and documents in and out of them.

Each works the same whether an engine runs or not. What is told to a person goes to standard error, so
that documents can go to standard output.
"""

from __future__ import annotations

import asyncio
import json as json_module
import sys
from contextlib import aclosing
from pathlib import Path

from aiwe_engine.cli.place import Place, place
from aiwe_engine.cli.progress import Progress, counted
from aiwe_engine.cli.sinks import FORMATS, format_of, sinks
from aiwe_engine.cli.source import opened
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Held, Loaded, Scope, Taken

PRODUCTION = "production"


def show(
    data: Path, configuration: Configuration, *, app: str | None, env: str | None, json: bool
) -> int:
    """Lists collections."""
    found = asyncio.run(_collections(data, configuration))
    chosen = [one for one in found if app in {None, one.app} and env in {None, one.env}]
    if json:
        rows = [
            {"app": one.app, "env": one.env, "collection": one.name, "documents": one.documents}
            for one in chosen
        ]
        print(json_module.dumps({"collections": rows}))
        return 0
    if not chosen:
        print("There are no collections.")
        return 0
    table = [("APP", "ENV", "COLLECTION", "DOCUMENTS")]
    table += [(one.app, one.env, one.name, f"{one.documents:,}") for one in chosen]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table:
        left = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths, strict=False))
        print(f"{left}  {row[3].rjust(widths[3])}")
    return 0


async def _collections(data: Path, configuration: Configuration) -> list[Held]:
    async with place(data, configuration) as where:
        return await where.transfers.collections()


def export(
    data: Path,
    configuration: Configuration,
    names: list[str],
    *,
    app: str | None,
    env: str | None,
    kind: str | None,
    target: str | None,
) -> int:
    """Writes the documents of collections, as they are at one instant."""
    names = list(dict.fromkeys(names))
    kind = kind or format_of(target) or FORMATS[0]
    asyncio.run(_export(data, configuration, names, app, env, kind, target))
    return 0


async def _export(
    data: Path,
    configuration: Configuration,
    names: list[str],
    app: str | None,
    env: str | None,
    kind: str,
    target: str | None,
) -> None:
    async with place(data, configuration) as where:
        there = await where.transfers.collections()
        app, env = choose(where, there, app, env)
        documents = where.transfers.export(app, env, names)
        async with aclosing(documents):
            await anext(documents)  # there is something to write
            with sinks(names, kind, target) as outlets, Progress() as progress:
                async for name, lines in documents:
                    sink = outlets[name]
                    await asyncio.to_thread(sink.write, lines)
                    progress.show(f"{name}: {counted(sink.documents)}")
                for sink in outlets.values():
                    progress.show(f"{sink.name}: {counted(sink.documents)}, writing it down")
                    await asyncio.to_thread(sink.keep)
            for sink in outlets.values():
                print(f"{sink.name}: {counted(sink.documents)} → {sink.shown}", file=sys.stderr)


def load(
    data: Path,
    configuration: Configuration,
    file: str,
    *,
    collection: str | None,
    app: str | None,
    env: str | None,
    kind: str | None,
    taken: Taken,
) -> int:
    """Stores the documents of a file, all or none."""
    kind = kind or format_of(file) or FORMATS[0]
    name = collection or _named_after(file)
    scope, loaded = asyncio.run(_load(data, configuration, file, name, app, env, kind, taken))
    told = [counted(loaded.created) + " created"]
    told += [f"{loaded.replaced:,} replaced"] if loaded.replaced else []
    told += [f"{loaded.skipped:,} skipped"] if loaded.skipped else []
    print(f"{name} of {scope.app}, {scope.env}: {', '.join(told)}", file=sys.stderr)
    return 0


async def _load(
    data: Path,
    configuration: Configuration,
    file: str,
    name: str,
    app: str | None,
    env: str | None,
    kind: str,
    taken: Taken,
) -> tuple[Scope, Loaded]:
    with opened(file, kind) as source:
        async with place(data, configuration, make=True) as where:
            there = await where.transfers.collections()
            scope = Scope(*choose(where, there, app, env, new=True))
            with Progress() as progress:
                source.on_read = progress.share(source.size, f"{name}: reading", f"{name}: storing")
                loaded = await where.transfers.load(
                    scope, name, source, name=source.name, taken=taken
                )
    return scope, loaded


def _named_after(file: str) -> str:
    if file == "-":
        raise RequestError(
            "What comes from standard input has no name.",
            code="no_collection",
            hint="Name the collection with --collection.",
        )
    return Path(file).stem


def choose(
    where: Place, there: list[Held], app: str | None, env: str | None, *, new: bool = False
) -> tuple[str, str]:
    """App and environment that are meant, where there is no doubt about what was not said.

    An environment that is not named is that of the running engine; without one it is the only one in
    which the app has data, or production where there may be `new` data.

    Raises:
        RequestError: `several_apps`, `several_environments`, `no_data`.
    """
    env = env or where.env
    apps = sorted({held.app for held in there if env in {None, held.env}})
    if app is None:
        if len(apps) != 1:
            raise _unclear("app", apps, "--app", env)
        app = apps[0]
    if env is None:
        envs = sorted({held.env for held in there if held.app == app})
        if not envs and new:
            return app, PRODUCTION
        if len(envs) != 1:
            raise _unclear("environment", envs, "--env", app)
        env = envs[0]
    return app, env


def _unclear(what: str, found: list[str], option: str, of: str | None) -> RequestError:
    if found:
        return RequestError(
            f"There is data of more than one {what}: {', '.join(found)}.",
            code="several_apps" if what == "app" else "several_environments",
            hint=f"Name one with {option}.",
        )
    return RequestError(
        f"There is no data of {of} here." if of else "There is no data here.",
        code="no_data",
        status=404,
        hint=f"Name the {what} with {option}; `aiwe data list` shows what there is.",
    )
