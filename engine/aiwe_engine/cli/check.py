"""`aiwe check`, `aiwe routes` and `aiwe openapi`: a program is loaded by an engine that nobody can reach.

Its data lies in a temporary folder, so what a program does at top level or in `init()` is done to
nothing that stays. Secrets that it wants there are made up, and told.
"""

from __future__ import annotations

import asyncio
import json as json_module
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from aiwe_engine.cli.report import place
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import ProgramError
from aiwe_engine.types import Deployment, Route

if TYPE_CHECKING:  # a command starts fast
    from aiwe_engine.engine import Engine

_MOST_SECRETS = 100  # that a program may want while it loads


@dataclass(frozen=True, slots=True)
class Checked:
    """A program that loads.

    Attributes:
        app: what it comes to.
        secrets: the ids of those that it wants while it loads and that are not configured; made up here.
    """

    app: Deployment
    secrets: list[str]


def check(paths: list[Path], env: str, configuration: Configuration, *, json: bool) -> int:
    """Tells what can be known without serving.

    Raises:
        ProgramError: a program does not load, clashes with itself or with another one.
    """
    checked = asyncio.run(_load(paths, env, configuration))
    if json:
        told_all = [{**_summary(one.app), "secrets": one.secrets} for one in checked]
        print(json_module.dumps({"ok": True, "apps": told_all}))
        return 0
    for one in checked:
        app = one.app
        told = [_count(len(app.routes), "route")]
        if app.program.assets:
            told.append(_count(len(app.program.assets), "asset"))
        print(f"{app.app}: ok, {', '.join(told)}")
        for warning in app.warnings:
            print(f"  warning: {warning}")
        for secret in one.secrets:
            print(f'  needs the secret "{secret}" to start: aiwe secrets set {secret} --hosts HOST')
    return 0


def routes(paths: list[Path], env: str, configuration: Configuration, *, json: bool) -> int:
    """Lists the routes.

    Raises:
        ProgramError: as `check`.
    """
    apps = [one.app for one in asyncio.run(_load(paths, env, configuration))]
    if json:
        print(json_module.dumps({"apps": [_summary(app) for app in apps]}))
        return 0
    rows = [
        (app.app, _method(route), route.path, place(replace(route.where, column=None)))
        for app in apps
        for route in app.routes
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]).rstrip())
    return 0


def openapi(path: Path, env: str, configuration: Configuration, *, server: str) -> int:
    """Prints the OpenAPI document of one app.

    Raises:
        ProgramError: as `check`; `several_apps` where the path is a folder of more than one.
    """
    print(asyncio.run(_document(path, env, configuration, server)))
    return 0


async def _document(path: Path, env: str, configuration: Configuration, server: str) -> str:
    async with _engine(env, configuration) as engine:
        apps = [one.app for one in await _load_all(engine, [path])]
        if len(apps) != 1:
            raise ProgramError(
                f"{path} holds {len(apps)} apps, and each has a document of its own.",
                code="several_apps",
                hint=f"Name one: {', '.join(str(app.path) for app in apps)}.",
            )
        return (await engine.openapi(apps[0].app, server)).decode()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


async def _load(paths: list[Path], env: str, configuration: Configuration) -> list[Checked]:
    async with _engine(env, configuration) as engine:
        return await _load_all(engine, paths)


@asynccontextmanager
async def _engine(env: str, configuration: Configuration) -> AsyncIterator[Engine]:
    from aiwe_engine.engine import Engine

    with tempfile.TemporaryDirectory(prefix="aiwe-check-") as folder:
        alone = configuration.changed(spare_workers=0)
        async with Engine(alone, env=env, root=Path.cwd(), data=Path(folder)) as engine:
            yield engine


async def _load_all(engine: Engine, paths: list[Path]) -> list[Checked]:
    from aiwe_engine.serve import programs

    return [await _load_one(engine, path) for path in programs(paths)]


async def _load_one(engine: Engine, path: Path) -> Checked:
    """Loads a program; a secret that it wants at once and that is not here is made up, sent nowhere."""
    from aiwe_engine.vault.vault import Change

    made_up: list[str] = []
    while True:
        try:
            app = await engine.load(path)
            for one in made_up:  # the next program that wants it is told of it too
                await engine.vault.delete(one, None, None, by="aiwe check")
            return Checked(app, made_up)
        except ProgramError as error:
            secret = error.details.get("secret") if isinstance(error.details, dict) else None
            if error.code != "secret_not_found" or not isinstance(secret, str):
                raise
            if secret in made_up or len(made_up) == _MOST_SECRETS:
                raise
            made_up.append(secret)
            value = token_hex(32).encode()
            change = Change(value, (), (), "made up while a program was checked")
            await engine.vault.put(secret, change, by="aiwe check")


def _summary(app: Deployment) -> dict[str, Any]:
    listed = [
        {
            "method": _method(route),
            "path": route.path,
            "where": {
                key: value for key, value in asdict(route.where).items() if value is not None
            },
            "summary": route.info.get("summary"),
        }
        for route in app.routes
    ]
    return {
        "app": app.app,
        "env": app.env,
        "version": app.version,
        "path": app.path,
        "routes": listed,
        "assets": [asset.path for asset in app.program.assets],
        "warnings": list(app.warnings),
    }


def _method(route: Route) -> str:
    return "ALL" if route.method == "*" else route.method
