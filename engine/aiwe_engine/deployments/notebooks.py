"""The notebooks that are open, and the sessions in which their cells run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from aiwe_engine.deployments.notebook import Emit, GoLive, Notebook
from aiwe_engine.deployments.release import Workshop
from aiwe_engine.deployments.session import Session
from aiwe_engine.errors import AiweError, EngineError, ProgramError
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.programs.sources import check_name, slug
from aiwe_engine.types import Cell, Deployment, Json

Locate = Callable[[str], Awaitable[str | None]]
_LOG = logging.getLogger(__name__)


class Notebooks:
    """Runs cells, each in the session of its kernel.

    Args:
        workshop: makes isolates.
        compiler: makes programs of cells.
        env: the environment that is served.
        root: the project's folder; paths of notebooks are relative to it.
        go_live: swaps a release in.
        live: what is live now.
        ready: sees that what a program of an app needs is there, before its first session.
        hide: takes out of an event of an app what must not leave.
        locate: tells the notebook that a session (a kernel's id) belongs to, relative to root.
    """

    def __init__(
        self,
        workshop: Workshop,
        compiler: Compiler,
        env: str,
        root: Path,
        *,
        go_live: GoLive,
        live: Callable[[], Iterable[Deployment]],
        ready: Callable[[str, str], Awaitable[None]],
        hide: Callable[[str, str, Any], Any],
        locate: Locate | None,
    ) -> None:
        self._workshop, self._compiler, self._env, self._root = workshop, compiler, env, root
        self._go_live, self._live, self._ready, self._hide = go_live, live, ready, hide
        self._locate = locate
        self._notebooks: dict[str, Notebook] = {}
        self._orders: dict[str, list[str]] = {}  # cells of documents that have not run yet, by path
        self._sessions: dict[str, tuple[Session, Notebook]] = {}

    async def run(self, cell: Cell) -> AsyncIterator[dict[str, Json]]:
        """Runs one cell; its events as they happen, `done` last."""
        try:
            session, notebook = await self._session(cell)
        except AiweError as error:
            yield _failed(error)
            yield {"type": "done", "ok": False}
            return
        events: asyncio.Queue[dict[str, Json]] = asyncio.Queue()
        task = asyncio.create_task(_run(notebook, session, cell, events.put_nowait))
        try:
            while True:
                event = await events.get()
                yield self._hide(notebook.app, self._env, event)
                if event["type"] == "done":
                    return
        finally:
            if not task.done():
                await session.interrupt()

    async def interrupt(self, session: str) -> bool:
        """Stops the cell that runs in this session. False: none did."""
        found = self._sessions.get(session)
        return await found[0].interrupt() if found else False

    async def end(self, session: str) -> None:
        """Ends the session isolate; what is live stays."""
        found = self._sessions.pop(session, None)
        if found is not None:
            found[0].close()

    def close(self) -> None:
        """Ends every session."""
        for session, _ in self._sessions.values():
            session.close()

    async def arrange(self, app: str, path: str | None, cells: list[str], *, saved: bool) -> None:
        """The notebook's cells in document order; with `saved`, cells not named leave the draft."""
        notebook = self._notebooks.get(app)
        if notebook is None and path is not None:
            notebook = next((n for n in self._notebooks.values() if n.path == path), None)
        if notebook is None:
            if path is not None:
                self._orders[path] = cells
        elif notebook.draft.arrange(cells, saved=saved):
            await notebook.update()

    async def app_of(self, session: str | None, path: str | None, app: str = "") -> str:
        """The app that a session's notebook is, or will be once a cell of it runs."""
        if session is not None:
            if session in self._sessions:
                return self._sessions[session][1].app
            if self._locate is not None:
                path = await self._locate(session) or path
        if app:
            return app
        live = (one.app for one in self._live() if path and one.path == path)
        return next(live, None) or _name_of(path)

    async def _session(self, cell: Cell) -> tuple[Session, Notebook]:
        found = self._sessions.get(cell.session)
        path = cell.path
        if self._locate is not None:
            path = await self._locate(cell.session) or path
        cell.path = path
        if found is not None:
            session, notebook = found
            cell.app, notebook.path = notebook.app, path
            return found
        name = cell.app or _name_of(path)
        check_name(name, Path(path or name))
        notebook = self._notebooks.get(name) or Notebook(
            self._workshop, self._compiler, name, self._env, self._root, self._go_live
        )
        if notebook.path is not None and path is not None and notebook.path != path:
            raise ProgramError(
                f'Two apps have the name "{name}": {notebook.path} and {path}.',
                code="duplicate_app",
                hint="Rename one of the notebooks.",
            )
        notebook.path = path
        if path in self._orders:
            notebook.draft.arrange(self._orders.pop(path), saved=False)
        self._notebooks[name] = notebook
        await self._ready(name, self._env)
        session = Session(self._workshop, cell.session, name, self._env)
        self._sessions[cell.session] = session, notebook
        return session, notebook


async def _run(notebook: Notebook, session: Session, cell: Cell, emit: Emit) -> None:
    """Runs a cell; whatever happens, its last event is `done`."""
    try:
        await notebook.run(session, cell, emit)
    except Exception:  # noqa: BLE001 - whoever runs a cell waits for `done`
        _LOG.exception("a cell of %s could not be run", notebook.app)
        emit(_failed(EngineError("The engine failed to run the cell.", code="internal_error")))
        emit({"type": "done", "ok": False})


def _failed(error: AiweError) -> dict[str, Json]:
    return {"type": "error", "error": {**error.to_json()["error"], "name": error.name}}


def _name_of(path: str | None) -> str:
    return slug(Path(path).stem) if path else "notebook"
