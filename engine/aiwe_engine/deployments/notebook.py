"""A notebook that is being edited: its draft, and what of it is live.

Running a cell compiles it, evaluates it in the session, and, if it is part of the app, makes the
next draft version and swaps it in. A version that does not load leaves the one before it live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiwe_engine.assets.cells import check_cell, gather
from aiwe_engine.assets.library import Brought
from aiwe_engine.assets.path import PREFIX
from aiwe_engine.deployments.draft import Draft, DraftCell
from aiwe_engine.deployments.failures import explain
from aiwe_engine.deployments.release import Release, Workshop
from aiwe_engine.deployments.session import SESSION, Session
from aiwe_engine.errors import AiweError
from aiwe_engine.programs.asset_cell import is_asset, read_asset
from aiwe_engine.programs.compiler import Compiler, program_id
from aiwe_engine.programs.parts import select
from aiwe_engine.programs.resolve import Folder
from aiwe_engine.programs.sources import cell_name
from aiwe_engine.types import Cell, Compiled, Program, Route, Source

Emit = Callable[[dict[str, Any]], None]
GoLive = Callable[[str, "Release | None"], Awaitable[None]]


class Notebook:
    """One notebook app in development.

    Args:
        go_live: swaps a release in (or out, when the draft holds no route any more).
    """

    def __init__(
        self,
        workshop: Workshop,
        compiler: Compiler,
        app: str,
        env: str,
        root: Path,
        go_live: GoLive,
    ) -> None:
        self.app, self.env = app, env
        self._workshop, self._compiler, self._root, self._go_live = (
            workshop,
            compiler,
            root,
            go_live,
        )
        self.draft = Draft()
        self._assets: Brought | None = None
        self.release: Release | None = None
        self._deploying = asyncio.Lock()
        self.path: str | None = None

    async def run(self, session: Session, cell: Cell, emit: Emit) -> None:
        """Runs one cell and tells what happened, event by event (docs/management.md)."""
        if is_asset(cell.text):
            await self._run_asset(cell, emit)
            return
        self._bring()
        name = cell_name(cell.cell)
        source = Source(name, cell.text, cell=cell.cell, file=cell.path)
        folder = Folder((self._root / cell.path).parent if cell.path else self._root)
        try:
            program = await self._compiler.compile([source], files=folder)
        except AiweError as error:
            emit(_error(error))
            emit({"type": "done", "ok": False})
            return
        piece, *modules = program.pieces
        try:
            result, effects = await session.run(
                piece,
                modules,
                display=lambda data: emit({"type": "display", "data": data}),
                show=lambda level, text: emit(_output(level, text)),
            )
        except AiweError as error:
            emit(_error(explain(error, self._with(program))))
            emit({"type": "done", "ok": False})
            return
        if result["result"] is not None:
            emit({"type": "result", "data": result["result"]})
        routes = [(r["method"], r["path"]) for r in result["routes"]]
        self.draft.put(cell.cell, DraftCell(source, piece, routes, cell.anonymous), effects)
        for module_source, module in zip(program.sources[1:], modules, strict=True):
            self.draft.modules[module.name] = (module_source, module)
        await self._deploy(name, emit)

    async def _run_asset(self, cell: Cell, emit: Emit) -> None:
        try:
            asset = read_asset(cell.text, cell.cell, cell.path)
            check_cell(asset)
        except AiweError as error:
            emit(_error(error))
            emit({"type": "done", "ok": False})
            return
        self.draft.put_asset(cell.cell, asset, anonymous=cell.anonymous)
        await self._deploy(None, emit)

    def _bring(self) -> None:
        """Lets the session see the draft's assets, and the folder beside the notebook."""
        assets, _ = gather(self.draft.assets_in_order(), strict=False)
        self._assets = self._workshop.library.bring(self.app, SESSION, assets, self.path)

    async def _deploy(self, name: str | None, emit: Emit) -> None:
        """Puts what the draft holds live, unless the piece that ran is and was no part of it."""
        async with self._deploying:
            cells = self._chosen()
            before = self.release
            live = before.deployment.program if before else None
            scratch = (
                name is not None
                and name not in {c.piece.name for c in cells}
                and (live is None or name not in {piece.name for piece in live.pieces})
                and (live is None or live.assets == self.draft.assets_in_order())
            )
            if not scratch:
                try:
                    await self.update(cells)
                except AiweError as error:
                    emit(_error(error))
                    emit({"type": "done", "ok": False})
                    return
            emit({"type": "deployment", "deployment": self._told(before, scratch=scratch)})
            emit({"type": "done", "ok": True})

    def _chosen(self) -> list[DraftCell]:
        """The cells that are part of the app, in the notebook's order."""
        cells = self.draft.in_order()
        registering = {c.piece.name for c in cells if c.routes or self.draft.declares(c)}
        names = {piece.name for piece in select([c.piece for c in cells], registering)}
        return [c for c in cells if c.piece.name in names]

    async def update(self, cells: list[DraftCell] | None = None) -> None:
        """Makes the next version of what the draft holds and swaps it in.

        Raises:
            AiweError: it does not load; what was live stays.
        """
        cells = self._chosen() if cells is None else cells
        assets = self.draft.assets_in_order()
        if not cells and not assets:
            self.release = None
            await self._go_live(self.app, None)
            return
        used = {name for c in cells for name in c.piece.imports}
        modules = [pair for _, pair in self._imported(used)]
        pieces = tuple(c.piece for c in cells) + tuple(module for _, module in modules)
        sources = tuple(c.source for c in cells) + tuple(source for source, _ in modules)
        program = Program(program_id(pieces, assets), sources, pieces, assets)
        release = await self._workshop.release(
            self.app, self.env, program, effects=self.draft.effects, path=self.path, strict=False
        )
        self.release = release
        await self._go_live(self.app, release)

    def _imported(self, names: set[str]) -> list[tuple[str, tuple[Source, Compiled]]]:
        """The files behind these imports, and those that they import."""
        found: dict[str, tuple[Source, Compiled]] = {}
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            pair = self.draft.modules.get(name)
            if pair is not None and name not in found:
                found[name] = pair
                waiting.extend(pair[1].imports)
        return sorted(found.items())

    def _with(self, program: Program) -> Program:
        """Everything a stack of this session may point into: this cell first, then the others."""
        known = {piece.name for piece in program.pieces}
        cells = [c for c in self.draft.in_order() if c.piece.name not in known]
        return Program(
            program.id,
            program.sources + tuple(c.source for c in cells),
            program.pieces + tuple(c.piece for c in cells),
        )

    def _told(self, before: Release | None, *, scratch: bool) -> dict[str, Any]:
        """The deployment as the cell's output shows it."""
        told: dict[str, Any] = {
            "app": self.app,
            "env": self.env,
            "scratch": scratch,
            "version": None,
            "url": None,
            "routes": [],
            "assets": [],
            "warnings": [],
        }
        if scratch:
            return told
        old = {(r.method, r.path): r for r in before.deployment.routes} if before else {}
        if self.release is not None:
            now = self.release.deployment
            told |= {"version": now.version, "url": now.url, "warnings": list(now.warnings)}
            told["routes"] = self._live_routes(before, old)
            told["assets"] = _assets(before, self.release)
        for method, path in old:
            told["routes"].append({**_route("", method, path, "removed"), "url": None})
        return told

    def _live_routes(
        self, before: Release | None, old: dict[tuple[str, str], Route]
    ) -> list[dict[str, Any]]:
        """What answers now; of `old`, what is left has no successor."""
        assert self.release is not None
        now = self.release.deployment
        codes = _codes(before), _codes(self.release)
        routes = []
        for route in now.routes:
            previous = old.pop((route.method, route.path), None)
            change = "added" if previous is None else "changed"
            if previous and codes[0].get(previous.where.cell) == codes[1].get(route.where.cell):
                change = "same"
            routes.append(_route(now.url, route.method, route.path, change))
        return routes


def _assets(before: Release | None, now: Release) -> list[dict[str, Any]]:
    """The assets of the notebook's cells, and what became of them."""
    old = dict(before.assets.cells) if before else {}
    base = now.deployment.url.rstrip("/") + PREFIX
    told: list[dict[str, Any]] = []
    for path, asset in now.assets.cells.items():
        previous = old.pop(path, None)
        change = "added" if previous is None else "changed"
        if previous and previous.sha256 == asset.sha256:
            change = "same"
        more = {"content_type": asset.content_type, "size": asset.size}
        told.append({"path": path, "url": base + quote(path), "change": change, **more})
    told += [{"path": path, "url": None, "change": "removed"} for path in old]
    return told


def _codes(release: Release | None) -> dict[str | None, str]:
    if release is None:
        return {}
    program = release.deployment.program
    return {source.cell: source.text for source in program.sources}


def _route(base: str, method: str, path: str, change: str) -> dict[str, Any]:
    return {"method": method, "path": path, "url": base.rstrip("/") + path, "change": change}


def _output(level: str, text: str) -> dict[str, Any]:
    stream = "stderr" if level in ("warn", "error") else "stdout"
    return {"type": stream, "text": text + "\n"}


def _error(error: AiweError) -> dict[str, Any]:
    shape = error.to_json()["error"]
    more = {"name": error.name, "frames": error.frames, "excerpt": error.excerpt}
    if isinstance(error.details, dict) and "excerpt" in error.details:
        more["excerpt"] = error.details["excerpt"]
    return {"type": "error", "error": {**shape, **more}}
