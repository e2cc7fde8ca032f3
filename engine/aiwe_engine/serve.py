"""`aiwe serve`: an engine with its two listeners, from the first socket to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.configuration.reload import Configure, Read, Reload
from aiwe_engine.programs.resolve import SUFFIXES
from aiwe_engine.state import DataFolder
from aiwe_engine.types import LogLine

_LOOPBACK = "127.0.0.1"
_ANY_ADDRESS = {"0.0.0.0": _LOOPBACK, "::": "::1"}  # noqa: S104 - shown as an address that works
_LOCAL = (_LOOPBACK, "[::1]", "localhost")  # {app}.localhost leads there too
_SEVERAL = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_YOUNG = 10_000  # objects that may come to be between two looks of the collector; Python's is 700
_MANAGEMENT_GRACE = 0.5  # its streams have no end of their own


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, and where."""

    paths: tuple[Path, ...]
    configuration: Configuration
    env: str
    root: Path
    data: Path
    management_port: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """What is being served.

    Attributes:
        configure: takes another configuration; tells the settings that wait for a restart.
    """

    apps_url: str
    management_url: str
    token: str
    apps: tuple[str, ...]
    configure: Configure


@contextlib.asynccontextmanager
async def serving(plan: Plan, *, log: Callable[[int, LogLine], None]) -> AsyncIterator[Served]:
    """An engine that accepts requests; at the end, requests under way get their grace time.

    Args:
        plan: what to serve.
        log: told of each line of a program's log.

    Raises:
        ProgramError: a program does not load, or two have one name.
        EngineError: `port_in_use`, `data_in_use` and their like.
    """
    # Imported here: the command line must be able to say --help without them.
    from aiwe_engine.engine import Engine
    from aiwe_engine.http.asgi import AppsFace
    from aiwe_engine.http.listener import Listener, bind
    from aiwe_engine.http.management import ManagementFace
    from aiwe_engine.http.room import make_room

    settings = plan.configuration.settings
    token = secrets.token_urlsafe(32)
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(plan.data))
        apps_socket = stack.enter_context(bind(settings.host, settings.port))
        management_socket = stack.enter_context(bind(_LOOPBACK, plan.management_port))
        apps_url = _url(*apps_socket.getsockname()[:2])
        management_url = _url(*management_socket.getsockname()[:2])

        engine = Engine(plan.configuration, env=plan.env, root=plan.root, data=plan.data)
        engine.apps_url = apps_url
        engine.log.followers.append(log)
        await stack.enter_async_context(engine)
        for path in programs(plan.paths):
            await engine.load(path)

        face = ManagementFace(engine, settings, token)
        management = Listener(face, management_socket, settings)
        stack.push_async_callback(management.close, _MANAGEMENT_GRACE)
        await management.start()
        apps = Listener(AppsFace(engine), apps_socket, settings)
        stack.push_async_callback(apps.close)
        await apps.start()

        async def configure(configuration: Configuration) -> list[str]:
            waiting = await engine.configure(configuration)
            make_room(engine.settings.connection_limit)
            for part in (management, apps, face):
                part.configure(engine.settings)
            return waiting

        folder.write_engine_json(
            management_url=management_url + "aiwe/api",
            apps_url=apps_url,
            token=token,
            root=plan.root,
        )
        yield Served(apps_url, management_url, token, tuple(engine.app_names()), configure)


async def serve_until_told(plan: Plan, tell: Callable[[str], None], read: Read) -> None:
    """Serves until SIGTERM or SIGINT; a second signal ends the process at once.

    SIGHUP makes it read its configuration again.

    Args:
        plan: what to serve.
        tell: told one line, when requests are accepted.
        read: reads the configuration.

    Raises:
        AiweError: as `serving`.
    """
    from aiwe_engine.http.room import make_room

    make_room(plan.configuration.settings.connection_limit)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()

    def told() -> None:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
        if not ready and starting is not None:
            starting.cancel()
        stop.set()

    ready = False
    for one in _SIGNALS:
        loop.add_signal_handler(one, told)
    reload = Reload(plan.configuration, read, say=say, end=told)
    loop.add_signal_handler(signal.SIGHUP, reload.ask)
    with contextlib.suppress(asyncio.CancelledError):
        async with serving(plan, log=write_line) as served:
            ready = True
            _spare_the_collector()
            for warning in plan.configuration.warnings:
                say("warn", str(warning))
            if plan.paths:
                for name in sorted(set(plan.configuration.apps) - set(served.apps)):
                    say("warn", f"The configuration speaks of an app {name}, which is not served.")
            tell(_ready(served))
            following = asyncio.create_task(reload.follow(served.configure))
            await stop.wait()
            following.cancel()


def _ready(served: Served) -> str:
    """The line that says where requests are accepted; several apps have an address each."""
    count = len(served.apps)
    line = f"aiwe ready on {served.apps_url} ({count} app{'' if count == 1 else 's'})"
    if count < _SEVERAL:
        return line
    host, _, port = served.apps_url.removeprefix("http://").rstrip("/").rpartition(":")
    if host in _LOCAL:
        own = [f"http://{name}.localhost:{port}/" for name in sorted(served.apps)]
    else:
        own = [f"{served.apps_url}~{name}/" for name in sorted(served.apps)]
    return f"{line}: {', '.join(own)}"


def _spare_the_collector() -> None:
    """What was made at the start stays: the collector need not look at it again and again.

    A full collection of it takes 30 ms, in which no request is answered. What a request makes goes
    when it is answered, without the collector: it is not to look at every batch of them.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs the engine's event loop: uvloop, where it is installed."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def say(level: str, text: str) -> None:
    """A line of the engine's own, on standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} aiwe {level} {text}\n")
    sys.stderr.flush()


def write_line(_: int, line: LogLine) -> None:
    """A line of a program's log, on standard error."""
    clock = time.strftime("%H:%M:%S", time.localtime(line.time))
    request = f" [{line.request_id}]" if line.request_id else ""
    sys.stderr.write(f"{clock} {line.app or 'aiwe'} {line.level}{request} {line.text}\n")


def programs(paths: Iterable[Path]) -> list[Path]:
    """The programs that paths hold: a folder is the app of its scripts and each of its notebooks."""
    found: list[Path] = []
    for path in paths:
        notebooks = sorted(path.glob("*.ipynb")) if path.is_dir() else []
        notebooks = [notebook for notebook in notebooks if _is_ours(notebook)]
        scripts = path.is_dir() and any(
            item.suffix in SUFFIXES and not item.name.endswith(".d.ts") for item in path.iterdir()
        )
        found += [path, *notebooks] if scripts or not notebooks else notebooks
    return found


def _is_ours(notebook: Path) -> bool:
    """Whether a notebook is for the aiwe kernel: others of a folder are left alone."""
    try:
        metadata = json.loads(notebook.read_bytes())["metadata"]
        return bool(metadata["kernelspec"]["name"] == "aiwe")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _url(host: str, port: int) -> str:
    shown = _ANY_ADDRESS.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
