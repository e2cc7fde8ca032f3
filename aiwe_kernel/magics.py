"""The magics that speak to the engine: %live %routes %assets %data %secrets %logs …, %%asset, %%sql.

A magic that has to wait returns a `Waiting`: our cells await it (`kernel.line_magic`), and in a
`%%python` cell, where nobody does, it finishes by itself and its output still lands in that cell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class
from IPython.display import publish_display_data

from aiwe_kernel.asset import assets_data
from aiwe_kernel.data.browser import DataBrowsers
from aiwe_kernel.deployment import link_data, routes_data
from aiwe_kernel.errors import CellError, cell_error, interrupted
from aiwe_kernel.guide import guide_data
from aiwe_kernel.run import Result
from aiwe_kernel.secrets.panel import SecretPanels
from aiwe_kernel.viewer import LogViewers

if TYPE_CHECKING:
    from aiwe_kernel.kernel import AiweKernel


class Waiting(Awaitable[Any]):
    """A magic on its way: await it for its value; shown, it shows nothing."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._task = asyncio.ensure_future(work)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._task.__await__())
        except asyncio.CancelledError:
            raise interrupted() from None

    def _ipython_display_(self) -> None:
        pass


@magics_class
class AiweMagics(Magics):
    """The magics of one kernel."""

    def __init__(self, shell: Any, kernel: AiweKernel) -> None:
        super().__init__(shell)
        self._kernel = kernel
        self._viewers = LogViewers(kernel.client)
        self._browsers = DataBrowsers(kernel.client)
        self._secrets = SecretPanels(kernel.client, kernel.connection)

    @line_magic
    def live(self, line: str) -> Waiting:
        """%live EXPRESSION: its value in the isolate that serves requests."""
        return Waiting(self._live(line))

    @line_magic
    def routes(self, line: str) -> Waiting:
        """%routes: what this notebook has live, with links; `%routes all` for every app."""
        return Waiting(self._routes(line))

    @line_magic
    def assets(self, _line: str) -> Waiting:
        """%assets: the files below /assets/ of this notebook's app, with links."""
        return Waiting(self._assets())

    @cell_magic
    def asset(self, line: str, cell: str) -> Waiting:
        """%%asset PATH: what stands below is a file of the app's pages; --base64 for no text."""
        return Waiting(self._kernel.run_asset(f"%%asset {line}\n{cell}"))

    @line_magic
    def data(self, line: str) -> Waiting:
        """%data: the app's collections, to page through; `%data tasks { done: false }` opens one."""
        return Waiting(self._data(line))

    @line_cell_magic
    def sql(self, line: str, cell: str | None = None) -> Waiting:
        """%sql SELECT …: what it finds; as %%sql NAME over lines, a DataFrame of that name for Python."""
        run = self._kernel.run_sql
        return Waiting(run(line, "") if cell is None else run("\n" + cell, line.strip()))

    @line_magic
    def secrets(self, line: str) -> Waiting:
        """%secrets: keys of other services that the app may use, to look at and to set."""
        return Waiting(self._show_secrets(line))

    @line_magic
    def logs(self, line: str) -> Waiting:
        """%logs: what the app writes to its log, live; `%logs 20` prints the last 20 lines."""
        return Waiting(self._logs(line))

    @line_magic
    def open(self, line: str) -> Waiting:
        """%open [PATH]: a link to the app."""
        return Waiting(self._open(line))

    @line_magic
    def engine(self, _line: str) -> Waiting:
        """%engine: which engine runs this notebook, and how it was found."""
        return Waiting(self._engine())

    @line_magic
    def help(self, _line: str) -> None:
        """%help: the magics and the globals of JavaScript cells."""
        publish_display_data(guide_data())

    async def _live(self, line: str) -> Result | None:
        if not line:
            raise _usage("%live EXPRESSION", "For example: %live app.name")
        data = await self._kernel.client.live(await self._app(), line)
        return Result(data) if data else None

    async def _routes(self, line: str) -> None:
        apps = await self._kernel.client.apps()
        name = await self._app_or_none(apps)
        if name and line != "all":
            apps = [app for app in apps if app["app"] == name]
        publish_display_data(routes_data(apps, self._kernel.counts))

    async def _assets(self) -> None:
        apps = await self._kernel.client.apps()
        name = await self._app_or_none(apps)
        live = any(app["app"] == name for app in apps)
        assets = await self._kernel.client.assets(name) if name and live else []
        publish_display_data(assets_data(assets, self._kernel.counts))

    async def _data(self, line: str) -> None:
        app = await self._kernel.app_to_ask(self._kernel.client)
        request = self._kernel.request.get()
        await self._browsers.show(app, line, request.cell if request else None)

    async def _show_secrets(self, line: str) -> None:
        if line:  # which is not repeated: it may be a value
            raise _usage("%secrets", "A value is typed into what it shows, never into a cell.")
        app = await self._kernel.app_to_ask(self._kernel.client)
        request = self._kernel.request.get()
        await self._secrets.show(app, request.cell if request else None)

    async def _logs(self, line: str) -> None:
        if line and not line.isdigit():
            raise _usage("%logs [COUNT]", "%logs 20 prints the last 20 lines.")
        app = await self._app_or_none(await self._kernel.client.apps())
        if line:
            await self._viewers.print(app, int(line))
            return
        request = self._kernel.request.get()
        await self._viewers.show(app, request.cell if request else None)

    async def _open(self, line: str) -> None:
        apps = await self._kernel.client.apps()
        name = await self._app()
        url = next((str(app["url"]) for app in apps if app["app"] == name), None)
        if not url:
            raise _nothing_live()
        publish_display_data(link_data(url.rstrip("/") + "/" + line.lstrip("/")))

    async def _engine(self) -> None:
        status = await self._kernel.client.status()
        engine = self._kernel.connection.known
        rows = {
            "found": engine.how if engine else "",
            "management": engine.url if engine else "",
            "apps": status.get("apps_url"),
            "environment": status.get("env"),
            "version": status.get("version"),
            "process": status.get("pid"),
            "data": status.get("data"),
            "session": self._kernel.session_id,
            "app": self._kernel.app,
        }
        text = "\n".join(f"{name:<12} {value}" for name, value in rows.items() if value)
        publish_display_data({"text/plain": text})

    async def _app(self) -> str:
        name = await self._app_or_none(None)
        if name is None:
            raise _nothing_live()
        return name

    async def _app_or_none(self, apps: list[dict[str, Any]] | None) -> str | None:
        return await self._kernel.app_or_none(self._kernel.client, apps)


def _usage(form: str, example: str) -> CellError:
    error = {"name": "UsageError", "code": "usage", "message": f"Usage: {form}", "hint": example}
    return cell_error(error)


def _nothing_live() -> CellError:
    return cell_error(
        {
            "name": "NothingLive",
            "code": "nothing_live",
            "message": "Nothing of this notebook is live yet.",
            "hint": 'Run a cell that registers something, such as app.get("/hello", () => "Hello!").',
        }
    )
