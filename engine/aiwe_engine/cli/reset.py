"""`aiwe data reset`: an environment's data goes, once somebody has said that it may.

What goes: documents, accounts, sessions of visitors, and kept files, which documents name. What stays: definitions
of collections, and assets, which are part of an app's pages.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from aiwe_engine.cli.place import Place, place
from aiwe_engine.cli.progress import counted
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import RequestError

_CAREFUL = "production"


def reset(data: Path, configuration: Configuration, env: str, *, app: str | None, yes: bool) -> int:
    """Deletes data, after asking."""
    if env == _CAREFUL and not (app and yes):
        raise RequestError(
            "Data of production is deleted of one app at a time, and not by accident.",
            code="not_confirmed",
            hint="Say --app NAME and --yes; then the name is asked for once more.",
        )
    return asyncio.run(_reset(data, configuration, env, app, yes=yes))


async def _reset(
    data: Path, configuration: Configuration, env: str, app: str | None, *, yes: bool
) -> int:
    async with place(data, configuration) as where:
        if not await _may(where, env, app, yes=yes):
            print("Nothing was deleted.", file=sys.stderr)
            return 1
        deleted: dict[str, Any] = await where.transfers.reset(env, app)
    documents = deleted["documents"]
    for name, collections in documents.items():
        print(f"{name}: {counted(sum(collections.values()))}", file=sys.stderr)
    more = f"{deleted['accounts']:,} accounts, {deleted['sessions']:,} sessions and {deleted['files']:,} files"
    print(f"Deleted in {env}, with {more}.", file=sys.stderr)
    return 0


async def _may(where: Place, env: str, app: str | None, *, yes: bool) -> bool:
    """Whether it was said that the data may go."""
    if yes and env != _CAREFUL:
        return True
    there = await where.transfers.collections()
    mine = [one for one in there if one.env == env and app in {None, one.app}]
    apps = ", ".join(sorted({one.app for one in mine})) or app or "no app"
    what = f"This deletes {counted(sum(one.documents for one in mine))} of {apps} in {env}, "
    what += "accounts, sessions and kept files too."
    if env == _CAREFUL:
        return _asked(f"{what}\nType the name of the app to go on: ") == app
    return _asked(f"{what} Go on? [y/N] ").lower() in {"y", "yes"}


def _asked(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
