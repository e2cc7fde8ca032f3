"""The kernel: IPython's, with cells that an engine runs.

IPython keeps what it does well (messages, history, widgets, Python, `display`). A cell that is
JavaScript becomes one awaited call of `run_javascript` (see `shell.py`); everything around it,
execution counts and `Out` included, is then IPython's own business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, cast

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets import Type

from aiwe_kernel import __version__
from aiwe_kernel.cell import read_cell
from aiwe_kernel.client import EngineClient
from aiwe_kernel.connection import Connection
from aiwe_kernel.data.completion import complete_sql
from aiwe_kernel.data.python import PythonData
from aiwe_kernel.data.table import Table, ask_sql, check_name
from aiwe_kernel.discover import Engine, kernel_id, notebook_path
from aiwe_kernel.errors import CellError, cell_error, interrupted
from aiwe_kernel.language import Language
from aiwe_kernel.magics import AiweMagics
from aiwe_kernel.run import CellRun, Result
from aiwe_kernel.shell import AiweShell

Reply = dict[str, Any]
NOTHING: Reply = {"status": "ok", "matches": [], "metadata": {}}
_LIVE = re.compile(r"\s*%live\s+")


@dataclass(frozen=True, slots=True)
class Request:
    """The execute request that is being answered."""

    code: str
    cell: str | None  # nbclient and consoles send none


class AiweKernel(IPythonKernel):
    """One notebook's conversation with one engine."""

    shell: Any
    session: Any
    io_loop: Any

    implementation = "aiwe"
    implementation_version = __version__
    shell_class = Type(AiweShell)
    banner = "aiwe: JavaScript cells go live. %help tells what there is, %%python runs Python."
    language_info = {  # noqa: RUF012 - the base class has it as a plain attribute
        "name": "javascript",
        "version": "ES2024",
        "mimetype": "text/typescript",
        "file_extension": ".js",
        "pygments_lexer": "typescript",
        "codemirror_mode": "typescript",
        "nbconvert_exporter": "script",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.help_links = [
            {"text": "JavaScript", "url": "https://developer.mozilla.org/docs/Web/JavaScript"}
        ]
        self.request: ContextVar[Request | None] = ContextVar("request", default=None)
        self.session_id = self._session_id()
        self.sources: dict[str, str] = {}  # JavaScript by cell id, in order of first runs
        self.assets: set[str] = set()  # cells that are assets
        self.counts: dict[str, int] = {}
        self.app: str | None = None  # this notebook's app, as the engine named it
        self.connection = Connection(self.session_id)
        self.client = EngineClient(self.connection.locate)
        self.language = Language(self.client, self.session_id, self.sources)
        self._run: CellRun | None = None
        self._warm: asyncio.Task[None] | None = None
        self.shell.register_magics(AiweMagics(self.shell, self))
        self.shell.push({"aiwe": PythonData(self)}, interactive=False)

    @property
    def kernel_info(self) -> Reply:
        """As IPython's, without a debugger: it would step through Python."""
        info = cast(Reply, super().kernel_info)
        info["supported_features"] = [f for f in info["supported_features"] if f != "debugger"]
        return info

    @property
    def path(self) -> str | None:
        """The notebook, relative to the engine's root where it lies below it."""
        engine = self.connection.known
        return notebook_path(os.environ, engine.root if engine else None)

    def start(self) -> None:
        """Begin to answer, and meanwhile look for the engine."""
        super().start()
        self.io_loop.add_callback(self._begin)

    async def _begin(self) -> None:
        self._warm = asyncio.ensure_future(self._forget_session())

    async def _forget_session(self) -> None:
        # A kernel that crashed leaves its variables under the same id; a new one starts empty.
        # Where no engine answers, the first cell says so.
        with contextlib.suppress(CellError):
            await self.client.end_session(self.session_id)

    async def _ready(self) -> None:
        if self._warm and not self._warm.done():
            try:
                await asyncio.shield(self._warm)
            except asyncio.CancelledError:
                raise interrupted() from None

    # --- running ---

    async def do_execute(  # noqa: D102
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: Reply | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: Reply | None = None,
        cell_id: str | None = None,
    ) -> Reply:
        self.request.set(Request(code, cell_id))
        known = cell_id in self.sources or cell_id in self.assets
        if cell_id and known and not read_cell(code).runs:
            await self._withdraw(cell_id)
        if "aiwe." in code and read_cell(code).language == "python":
            await self._ready()  # Python does not wait for the engine: it finds one
        reply = await super().do_execute(
            code,
            silent,
            store_history,
            user_expressions,
            allow_stdin,
            cell_meta=cell_meta,
            cell_id=cell_id,
        )
        return cast(Reply, reply)

    async def run_javascript(self, source: str, *, timed: bool = False) -> Result | None:
        """Run the JavaScript of the current cell; what it prints and shows goes to that cell.

        Raises:
            CellError: under the JavaScript error's name.
        """
        cell = await self._begun()
        if cell:
            self.sources[cell] = source
            self.assets.discard(cell)
        return await self._play(source, cell, timed=timed)

    async def run_asset(self, text: str) -> None:
        """Make the current cell, whose whole text this is, an asset of the app.

        Raises:
            CellError: under the name of the engine's error.
        """
        cell = await self._begun()
        if cell:
            self.assets.add(cell)
            self.sources.pop(cell, None)
        await self._play(text, cell)

    async def run_sql(self, text: str, name: str = "") -> Table | None:
        """What a SELECT finds in this app's data; with a name, as a DataFrame of that name in Python.

        Raises:
            CellError: under the name of the engine's error, with the place in the text.
        """
        await self._begun()
        check_name(name)
        try:
            table = await ask_sql(self.client, await self.app_to_ask(self.client), text)
        except asyncio.CancelledError:
            raise interrupted() from None
        if name:
            self.shell.push({name: table.frame()})
        return table

    async def app_or_none(
        self, client: EngineClient, apps: list[dict[str, Any]] | None = None
    ) -> str | None:
        """This notebook's app: as a cell's deployment named it, else the one of its path."""
        if self.app:
            return self.app
        path = self.path
        with contextlib.suppress(CellError):
            for app in await client.apps() if apps is None else apps:
                if path and app.get("path") == path:
                    return str(app["app"])
        return None

    async def app_to_ask(self, client: EngineClient) -> str:
        """The app whose data is meant: where none is live, the one that this notebook will be and was."""
        from aiwe_engine.programs.sources import slug  # seldom needed

        app = await self.app_or_none(client)
        return app or slug(PurePath(self.path or "").stem) or "notebook"

    async def _begun(self) -> str | None:
        """Waits for the engine; the id of the current cell, counted as run."""
        request = self.request.get()
        await self._ready()
        if request and request.cell:
            self.counts[request.cell] = self.shell.execution_count - 1
        return request.cell if request else None

    async def _play(self, source: str, cell: str | None, *, timed: bool = False) -> Result | None:
        run = CellRun(self.client, self.session_id, source, cell, self.path, timed=timed)
        self._run = run
        try:
            return await run.play(self.counts)
        finally:
            self._run = None
            self.app = run.app or self.app

    async def _withdraw(self, cell: str) -> None:
        # What it was is gone from the notebook, so what it registered goes from the app.
        with contextlib.suppress(CellError):
            await self.run_javascript("")
            del self.sources[cell]

    async def line_magic(self, name: str, argument: str) -> Any:
        """Run a line magic that stands before JavaScript; ours may have to wait for the engine."""
        value = self.shell.run_line_magic(name, argument)
        return await value if isinstance(value, Awaitable) else value

    async def answer_question(self, name: str) -> None:
        """Show what the engine knows of a name (`app.get?`) in the pager."""
        reply = await self.language.inspect(name, len(name))
        if not reply["found"]:
            raise cell_error({"name": "NotFound", "message": f"Nothing is known of {name}."})
        self.shell.payload_manager.write_payload(
            {"source": "page", "data": reply["data"], "start": 0}
        )

    async def interrupt_request(self, stream: Any, ident: Any, parent: Reply) -> None:
        """End what runs. Called on the control thread (`interrupt_mode` is message)."""
        run, loop = self._run, self.io_loop.asyncio_loop
        if run is None or run.interrupted:
            # Python runs, or the engine was asked in vain: IPython's way. The signal's callback
            # waits for the loop to turn (ipython/ipykernel#881), so it is turned.
            await super().interrupt_request(stream, ident, parent)
            loop.call_soon_threadsafe(lambda: None)
            return
        loop.call_soon_threadsafe(run.interrupt)
        self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)

    async def do_shutdown(self, restart: bool) -> Reply:
        """End the session at the engine, and the engine where it is this kernel's own."""
        engine = self.connection.known
        if engine is not None:

            async def locate(_failed: Engine | None) -> Engine:
                return engine

            async with EngineClient(locate) as client:  # this is the control thread's loop
                with contextlib.suppress(CellError):
                    await client.end_session(self.session_id)
                    await client.leave(self.session_id)
        await self.connection.close()
        return cast(Reply, super().do_shutdown(restart))

    # --- language ---

    async def do_complete(self, code: str, cursor_pos: int | None) -> Reply:  # noqa: D102
        position = len(code) if cursor_pos is None else cursor_pos
        cell = read_cell(code)
        start = code.rfind("\n", 0, position) + 1
        line = code[start:position]
        if cell.language == "javascript" and not line.lstrip().startswith("%"):
            return await self.language.complete(cell.source, position)
        if live := _LIVE.match(line):  # its argument is JavaScript too
            before = start + live.end()
            return await self.language.complete(" " * before + code[before:position], position)
        if cell.language == "sql" and line[:2] != "%%":
            return await complete_sql(
                self.client, await self.app_to_ask(self.client), code, position
            )
        if cell.language == "asset" and line[:2] != "%%":  # no language that anybody here knows
            return NOTHING | {"cursor_start": position, "cursor_end": position}
        source = cell.source if cell.language == "python" and line[:2] != "%%" else code
        return cast(Reply, super().do_complete(source, position))

    async def do_inspect(  # noqa: D102
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> Reply:
        cell = read_cell(code)
        if cell.language == "javascript":
            source = cell.question or cell.source
            return await self.language.inspect(source, min(cursor_pos, len(source)))
        if cell.language in {"asset", "sql"}:
            return {"status": "ok", "found": False, "data": {}, "metadata": {}}
        return cast(Reply, super().do_inspect(cell.source, cursor_pos, detail_level, omit_sections))

    async def do_is_complete(self, code: str) -> Reply:  # noqa: D102
        cell = read_cell(code)
        if cell.language == "javascript":
            return await self.language.is_complete(cell.source)
        if cell.language in {"asset", "sql"}:
            return {"status": "complete"}
        return cast(Reply, super().do_is_complete(cell.source))

    def _session_id(self) -> str:
        app = IPKernelApp.instance() if IPKernelApp.initialized() else None
        return (app and kernel_id(app.connection_file)) or str(self.ident)
