"""`%logs`: the app's log as a widget that keeps up by itself, no cell running.

The engine's events ring the bell; the lines themselves are always read with "after the last one I
have", so that nothing is missed or shown twice when the engine was away. Where widgets are not
shown (a printed notebook, nbclient, a terminal), the output carries the same lines as text.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from IPython.display import publish_display_data

from aiwe_kernel.client import EngineClient
from aiwe_kernel.errors import CellError

Line = Mapping[str, Any]

_KEPT = 1000
_SHOWN = 500
_TEXT = 50
_RENDER = 0.1
_RETRY = (0.5, 1.0, 2.0, 5.0)
_LEVELS = ("debug", "info", "warn", "error")
_COLORS = {
    "debug": "var(--jp-ui-font-color2, #777)",
    "info": "var(--jp-info-color1, #1976d2)",
    "warn": "var(--jp-warn-color1, #b26a00)",
    "error": "var(--jp-error-color1, #c62828)",
}
_FRAME = (
    # A reversed column stays at its end while lines arrive, without a line of script.
    "display:flex;flex-direction:column-reverse;max-height:280px;overflow:auto;padding:4px 8px;"
    "border:1px solid var(--jp-border-color2, #ccc);background:var(--jp-layout-color0, #fff);"
    "font-family:var(--jp-code-font-family, monospace);font-size:12px;line-height:1.5"
)


class LogViewers:
    """The viewers of one notebook: one a cell, gone when the cell shows another."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._viewers: dict[str | None, LogViewer] = {}

    async def show(self, app: str | None, cell: str | None) -> None:
        """Show the log in the current cell."""
        if old := self._viewers.pop(cell, None):
            old.close()
        viewer = LogViewer(self._client, app)
        await viewer.catch_up()
        self._viewers[cell] = viewer
        viewer.show()

    async def print(self, app: str | None, count: int) -> None:
        """Print the last lines."""
        lines = await self._client.logs(app, limit=_KEPT)
        print(log_text(lines[-count:] if count else []))  # noqa: T201 - it is what the magic is for


class LogViewer:
    """A log with a filter by level and text, a switch that holds it still, and a broom."""

    def __init__(self, client: EngineClient, app: str | None) -> None:
        import ipywidgets

        self._client = client
        self._app = app
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self._after = 0
        self._held = 0
        self._task: asyncio.Task[None] | None = None
        self._level = ipywidgets.Dropdown(
            options=[
                ("all levels", "debug"),
                ("info and up", "info"),
                ("warnings", "warn"),
                ("errors", "error"),
            ],
            value="debug",
            layout={"width": "130px"},
        )
        self._filter = ipywidgets.Text(placeholder="text or request id", layout={"width": "240px"})
        self._follow = ipywidgets.ToggleButton(value=True, description="Follow", icon="arrow-down")
        self._clear = ipywidgets.Button(description="Clear", icon="eraser")
        self._state = ipywidgets.Label()
        self._view = ipywidgets.HTML()
        bar = [self._level, self._filter, self._follow, self._clear, self._state]
        self.widget = ipywidgets.VBox([ipywidgets.HBox(bar), self._view])
        for control in (self._level, self._filter, self._follow):
            control.observe(self._changed, "value")
        self._clear.on_click(self._emptied)

    def show(self) -> None:
        """Display the widget and begin to follow the log."""
        self._render()
        data = self.widget._repr_mimebundle_()
        recent = list(self._lines)[-_TEXT:]
        publish_display_data({**data, "text/plain": log_text(recent)})
        self._task = asyncio.ensure_future(self._keep_up())

    def close(self) -> None:
        """Stop following; the widget keeps what it shows."""
        if self._task:
            self._task.cancel()
        self.widget.close()

    async def catch_up(self) -> None:
        """Read what was written since the last time."""
        for line in await self._client.logs(self._app, after=self._after, limit=_KEPT):
            self._after = max(self._after, int(line["seq"]))
            self._lines.append(line)
            self._held += 1

    async def _keep_up(self) -> None:
        failures = 0
        while True:
            try:
                async for kind, _ in self._client.events(self._app):
                    failures = 0
                    if kind in ("", "log"):
                        await asyncio.sleep(_RENDER)  # a burst is read at once
                        await self.catch_up()
                        self._refresh("")
            except CellError:
                failures += 1
                self._refresh("the engine is away; trying again")
            await asyncio.sleep(_RETRY[min(failures, len(_RETRY) - 1)])

    def _refresh(self, state: str) -> None:
        with contextlib.suppress(Exception):  # a widget that was closed meanwhile
            if self._follow.value:
                self._render()
            elif self._held and not state:
                state = f"{self._held} new"
            self._state.value = state

    def _changed(self, _change: object) -> None:
        self._render()
        self._state.value = ""

    def _emptied(self, _button: object) -> None:
        self._lines.clear()
        self._render()

    def _render(self) -> None:
        self._held = 0
        shown = matching(self._lines, self._level.value, self._filter.value)[-_SHOWN:]
        rows = "".join(_row(line) for line in shown)
        empty = '<span style="color:var(--jp-ui-font-color2, #777)">Nothing yet.</span>'
        self._view.value = f'<div style="{_FRAME}"><div>{rows or empty}</div></div>'


def matching(lines: Iterable[Line], level: str, words: str) -> list[Line]:
    """The lines of a level or above that have `words` in their text or request id."""
    least = _LEVELS.index(level)
    sought = words.strip().lower()
    return [
        line
        for line in lines
        if _LEVELS.index(line.get("level", "info")) >= least
        and sought in f"{line.get('text', '')}\n{line.get('request_id') or ''}".lower()
    ]


def log_text(lines: Iterable[Line]) -> str:
    """Lines of a log as text."""
    return (
        "\n".join(
            f"{_clock(line)} {line.get('level', 'info'):<5} {line.get('request_id') or '-'} "
            f"{str(line.get('text', '')).rstrip()}"
            for line in lines
        )
        or "The log is empty."
    )


def _row(line: Line) -> str:
    level = line.get("level", "info")
    request = str(line.get("request_id") or "")
    muted = "color:var(--jp-ui-font-color2, #777)"
    return (
        f'<div style="white-space:pre-wrap"><span style="{muted}">{_clock(line)}</span> '
        f'<b style="color:{_COLORS.get(level, "inherit")}">{escape(level):<5}</b> '
        f'<span style="{muted}" title="{escape(request)}">{escape(request[:8])}</span> '
        f"{escape(str(line.get('text', '')).rstrip())}</div>"
    )


def _clock(line: Line) -> str:
    moment = datetime.fromtimestamp(float(line.get("time", 0))).astimezone()
    return moment.strftime("%H:%M:%S.%f")[:-3]
