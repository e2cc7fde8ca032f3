"""`%data`: what stands in the grid, and what a person's next step makes of it.

The page in the browser only shows `view` and says what was done; every question is asked here, so
that it works with any engine, from any front end, and while a cell runs. Counts keep up by
themselves with the engine's events; rows stay as they are until somebody asks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from IPython.display import publish_display_data

from aiwe_kernel.client import EngineClient
from aiwe_kernel.data.found import Found
from aiwe_kernel.data.grid import cell, columns_of, pretty, rows_of, rules_of, text_table
from aiwe_kernel.data.question import Filter, Sql, is_sql, read_question
from aiwe_kernel.errors import CellError, cell_error

SIZES = (10, 25, 50, 100, 250)
_RETRY = (0.5, 1.0, 2.0, 5.0)
_NEWEST_FIRST = {"createdAt": -1}

EMPTY = (
    "There is no data yet. A collection is there as soon as a document is:"
    ' await DataRepository.create("tasks", { title: "Write" })'
)

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What is shown: of which collection, found how, sorted how, which page.

    Attributes:
        collection: its name; "" before one is chosen.
        line: what was typed.
        sort: field and direction as a person chose them; None: as the line says, else newest first.
        size: documents on a page.
        cursors: where this page begins, and those before it; None is the beginning.
    """

    collection: str = ""
    line: str = ""
    sort: tuple[str, int] | None = None
    size: int = 25
    cursors: tuple[str | None, ...] = (None,)

    def elsewhere(self, **changes: Any) -> Place:
        """The first page of something else."""
        return replace(self, cursors=(None,), **changes)


class DataBrowsers:
    """The browsers of one notebook: one a cell, gone when the cell shows another."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._browsers: dict[str | None, DataBrowser] = {}

    async def show(self, app: str, line: str, cell: str | None) -> None:
        """Show the data of an app in the current cell.

        Raises:
            CellError: the line, or the collection that it names, cannot be understood.
        """
        if old := self._browsers.pop(cell, None):
            old.close()
        browser = DataBrowser(self._client, app)
        try:
            await browser.begin(line)
        except BaseException:
            browser.close()
            raise
        self._browsers[cell] = browser
        browser.show()


class DataBrowser:
    """One grid and its place."""

    def __init__(self, client: EngineClient, app: str) -> None:
        from aiwe_kernel.data.widget import DataWidget

        self._client = client
        self._app = app
        self._place = Place()
        self._found: Found | None = None  # what a SELECT has found
        self._next: str | None = None  # where the page after this one begins
        self._latest: dict[str, str | None] = {}  # when collections were written
        self._read = 0.0  # when what is shown was read, by the engine's clock
        self._loop = asyncio.get_running_loop()
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._steps: dict[str, Callable[[Message], Awaitable[None]]] = {
            "open": self._open,
            "ask": self._ask,
            "sort": self._sort,
            "turn": self._turn,
            "size": self._resize,
            "refresh": self._refresh,
            "unfold": self._unfold,
        }
        self.widget = DataWidget(app=app, sizes=list(SIZES))
        self.widget.on_msg(self._heard)

    async def begin(self, line: str) -> None:
        """Show what stands behind `%data`: nothing, a collection and perhaps a filter, or SQL."""
        await self._count(latest=True)
        name, _, rest = line.strip().partition(" ")
        if is_sql(line):
            await self._go(self._place.elsewhere(line=line.strip()))
        elif name:
            await self._go(self._place.elsewhere(collection=name, line=rest.strip()))
        elif len(self.widget.collections) == 1:
            await self._go(self._place.elsewhere(collection=self.widget.collections[0]["name"]))

    def show(self) -> None:
        """Display the grid and begin to follow what is written."""
        data, _ = self.widget._repr_mimebundle_() or ({}, {})
        publish_display_data({**data, "text/plain": self._text()})
        self._keep(self._keep_up())

    def close(self) -> None:
        """Stop following; the grid keeps what it shows."""
        for task in self._tasks:
            task.cancel()
        self.widget.close()

    # ── steps ──

    def _heard(self, _widget: object, message: Message, _buffers: object) -> None:
        # Front ends may send from a subshell, which is another thread.
        self._loop.call_soon_threadsafe(lambda: self._keep(self._step(message)))

    async def _step(self, message: Message) -> None:
        step = self._steps.get(str(message.get("do")))
        if step is None:
            return
        async with self._busy:
            try:
                await step(message)
            except CellError as error:
                hint = str(error.error.get("hint") or "")
                self.widget.error = {"message": str(error), "hint": hint}
            except Exception as error:  # noqa: BLE001 - the grid goes on, and whoever looks at it is told
                self.widget.error = {"message": f"{type(error).__name__}: {error}", "hint": ""}
            else:
                self.widget.error = {}
            self.widget.send({"done": message.get("n")})

    async def _open(self, message: Message) -> None:
        place = self._place.elsewhere(collection=str(message["collection"]), line="", sort=None)
        await self._go(place)

    async def _ask(self, message: Message) -> None:
        self._found = None
        await self._go(self._place.elsewhere(line=str(message["line"]), sort=None))

    async def _sort(self, message: Message) -> None:
        name, direction = str(message["by"]), int(message["direction"])
        await self._go(self._place.elsewhere(sort=(name, direction) if direction else None))

    async def _turn(self, message: Message) -> None:
        cursors = self._place.cursors
        if message["forward"] and self._next is not None:
            await self._go(replace(self._place, cursors=(*cursors, self._next)))
        elif not message["forward"] and len(cursors) > 1:
            await self._go(replace(self._place, cursors=cursors[:-1]))

    async def _resize(self, message: Message) -> None:
        await self._go(self._place.elsewhere(size=int(message["size"])))

    async def _refresh(self, _message: Message) -> None:
        self._found = None
        await self._count(latest=True)
        if self.widget.view:
            await self._go(self._place)

    async def _unfold(self, message: Message) -> None:
        """Sends a row of the page whole: a document as it is now, or what the table has."""
        row = int(message["row"])
        if self._found is not None and self.widget.view["ids"] is None:
            values = self._found.sorted(self._place.sort)[self.widget.view["start"] + row]
            whole = dict(zip(self._found.columns, values, strict=True))
        else:
            doc_id = str(self.widget.view["ids"][row])
            whole = await self._client.document(self._app, self._place.collection, doc_id)
        self.widget.send({"row": row, "text": pretty(whole)})

    # ── asking ──

    async def _go(self, place: Place) -> None:
        """Shows a place; where that fails, the one before it stays."""
        question = read_question(place.line)
        began = time.perf_counter()
        if isinstance(question, Sql):
            view, following = await self._select(place, question)
        elif place.collection:
            view, following = await self._find(place, question)
        else:
            raise _nowhere()
        took = (time.perf_counter() - began) * 1000
        self._place, self._next = place, following
        self.widget.stale = False
        self.widget.view = view | {
            "collection": place.collection,
            "line": place.line,
            "sort": list(place.sort or ()),
            "size": place.size,
            "previous": len(place.cursors) > 1,
            "next": following is not None,
            "milliseconds": round(took, 1),
        }

    async def _find(self, place: Place, question: Filter) -> tuple[Message, str | None]:
        """A page of documents, and where the next one begins."""
        options = dict(question.options)
        skipped = options.pop("offset", 0)
        size = options.setdefault("limit", place.size)
        if place.sort:
            options["sort"] = {place.sort[0]: place.sort[1]}
        options.setdefault("sort", _NEWEST_FIRST)
        cursor = place.cursors[-1]
        options |= {"cursor": cursor} if cursor else {"offset": skipped}
        page = await self._client.page(self._app, place.collection, question.where, options)
        self._read = page["at"]
        documents = page["documents"]
        columns = columns_of(documents)
        view = {
            "columns": columns,
            "ids": [document.get("id") for document in documents],
            "rows": rows_of(documents, columns),
            "total": page["total"],
            "start": skipped + size * (len(place.cursors) - 1),
        }
        return view, page["cursor"]

    async def _select(self, place: Place, question: Sql) -> tuple[Message, str | None]:
        """A page of a table, which stays here until something else is asked."""
        if self._found is None or self._found.text != question.text:
            found = await self._client.sql(self._app, [question.text], [])
            self._found = Found(question.text, found["columns"], found["rows"])
        start = int(place.cursors[-1] or 0)
        rows = self._found.sorted(place.sort)
        end = start + place.size
        view = {
            "columns": self._found.columns,
            "ids": None,
            "rows": [[cell(value) for value in row] for row in rows[start:end]],
            "total": len(rows),
            "start": start,
        }
        return view, str(end) if end < len(rows) else None

    async def _count(self, *, latest: bool = False) -> None:
        """Lists the collections; with `latest`, which costs more, when each was written."""
        found = await self._client.collections(self._app, latest=latest)
        if latest:
            self._latest = {one["name"]: one["latest"] for one in found}
        self.widget.collections = [
            {
                "name": one["name"],
                "documents": one["documents"],
                "latest": self._latest.get(one["name"]),
                "rules": rules_of(one["definition"]),
            }
            for one in found
        ]

    def _note(self, written: Mapping[str, float]) -> None:
        """Takes down when collections were written; says so where what is shown is older."""
        for name, at in written.items():
            moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
            self._latest[name] = moment.replace("+00:00", "Z")
        latest = max(written.get(self._place.collection, 0), written.get("", 0))
        if self.widget.view and self.widget.view["ids"] is not None and latest >= self._read:
            self.widget.stale = True

    async def _keep_up(self) -> None:
        failures = 0
        while True:
            try:
                async for kind, event in self._client.events(self._app):
                    failures = 0
                    if kind in ("", "data"):
                        self._note(event.get("collections") or {})
                        await self._count()
            except CellError:
                failures += 1
            await asyncio.sleep(_RETRY[min(failures, len(_RETRY) - 1)])

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _text(self) -> str:
        """What is shown, where only text is."""
        view = self.widget.view
        if not view:
            return collections_text(self.widget.collections)
        first, last = view["start"] + bool(view["rows"]), view["start"] + len(view["rows"])
        head = (
            view["line"] if view["ids"] is None else f"{view['collection']} {view['line']}".rstrip()
        )
        table = text_table(view["columns"], view["rows"]) + "\n" if view["rows"] else ""
        return f"{head}\n{table}{first} to {last} of {view['total']}"


def _nowhere() -> CellError:
    return cell_error(
        {
            "name": "FilterError",
            "code": "no_collection",
            "message": "No collection is chosen that this could be asked of",
            "hint": "Choose one on the left, or write a SELECT, which names its own.",
        }
    )


def collections_text(collections: Iterable[Mapping[str, Any]]) -> str:
    """The collections of an app as text."""
    rows = [
        [cell(one["name"]), cell(one["documents"]), cell(one["latest"] or "")]
        for one in collections
    ]
    return text_table(("collection", "documents", "last written"), rows) if rows else EMPTY
