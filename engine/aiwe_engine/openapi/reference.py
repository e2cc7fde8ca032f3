"""What an engine answers about an app by itself: `/openapi.json`, `/docs`, and the page's files.

`/openapi.json` is always the engine's. `/docs` is it where the app has no such route.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.openapi.document import make_document
from aiwe_engine.openapi.page import FOLDER, file, page
from aiwe_engine.routing.table import NoSuchRoute, RouteTable, WrongMethod
from aiwe_engine.types import Deployment, Request, Response

_DOCUMENT, _PAGES = "/openapi.json", frozenset({"/docs", "/docs/"})
_PATHS = _PAGES | {_DOCUMENT}
_FRESH = ("cache-control", "no-cache")
_READING = frozenset({"GET", "HEAD"})
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_MARKUP = re.compile(r"[*_`]+|<[^>]*>")
_LARGEST = 50 << 20  # bytes of a notebook that is read for its title
_KEPT = 64


class Reference:
    """Answers about apps.

    Args:
        root: the project's folder, to which the paths of notebooks are relative.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._titles: dict[tuple[Path, int], str | None] = {}

    @staticmethod
    def may_own(path: str) -> bool:
        """Whether a path may be one of ours; asked for every request."""
        return path in _PATHS or path.startswith(FOLDER)

    async def answer(
        self, deployment: Deployment, table: RouteTable, request: Request, *, limit: str
    ) -> Response | None:
        """The answer to a request for one of our paths; None where the app has a route for it.

        `limit` is the rule that holds for all of the app's routes.

        Raises:
            NoSuchRoute: there is no such file.
            WrongMethod: it is there to be read.
        """
        path = request.path
        if path in _PAGES and _has(table, path):
            return None
        if request.method not in _READING:
            raise WrongMethod(request.method, path, "GET, HEAD, OPTIONS")
        if path.startswith(FOLDER):
            found = file(path)
            if found is None:
                raise NoSuchRoute(f"There is no {path[:200]}.")
            return found
        if path == "/docs/":
            return Response(308, [("location", "../docs")])
        title = await self.title(deployment)
        made = make_document(deployment, title=title, server=_server(request), limit=limit)
        document = orjson.dumps(made)
        if path == _DOCUMENT:
            return Response(200, [("content-type", "application/json"), _FRESH], document)
        return page(title, document, deployment.url and f"{deployment.url}docs")

    async def document(self, deployment: Deployment, server: str, *, limit: str) -> bytes:
        """The OpenAPI document of an app, as JSON text with lines."""
        title = await self.title(deployment)
        made = make_document(deployment, title=title, server=server, limit=limit)
        return orjson.dumps(made, option=orjson.OPT_INDENT_2)

    async def title(self, deployment: Deployment) -> str:
        """What people call an app: the first heading of its notebook, or its name."""
        path = self._root / (deployment.path or "")
        if path.suffix != ".ipynb":
            return deployment.app
        return await asyncio.to_thread(self._heading, path) or deployment.app

    def _heading(self, path: Path) -> str | None:
        try:
            state = path.stat()
            key = path, state.st_mtime_ns
            if key not in self._titles:
                if len(self._titles) >= _KEPT:
                    self._titles.clear()
                self._titles[key] = None
                if state.st_size <= _LARGEST:
                    self._titles[key] = heading(path.read_text(encoding="utf-8"))
            return self._titles[key]
        except OSError:
            return None


def heading(notebook: str) -> str | None:
    """The first heading of a notebook's text, without its markup."""
    try:
        cells = json.loads(notebook).get("cells", [])
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    found = next((match for text in texts if (match := _HEADING.search(text))), None)
    return (_MARKUP.sub("", found[1]).strip() or None) if found else None


def _has(table: RouteTable, path: str) -> bool:
    """Whether the app answers a path itself, by whatever method."""
    try:
        table.match("GET", path)
    except NoSuchRoute:
        return False
    except RequestError:
        return True
    return True


def _server(request: Request) -> str:
    """Where the app of a request is reached: its own origin, or the path below which it stands."""
    if request.base:
        return request.base
    host = next((value for name, value in request.headers if name == "host"), "localhost")
    return f"{request.scheme}://{host}"
