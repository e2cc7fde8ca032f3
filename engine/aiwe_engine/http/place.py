"""Where a request leads: to an app, to the list of apps, or nowhere.

On an app's own origin it is that app. On a shared name it is the only app there is; with several,
`/~{app}/` leads to each, sandboxed, because a browser sees one origin there, and `/` lists them in
dev.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

from aiwe_engine.errors import RequestError
from aiwe_engine.http.origin import Origin
from aiwe_engine.http.pages import apps_page
from aiwe_engine.http.refusal import HTML, JSON, STILL, wants_html
from aiwe_engine.http.serving import Serving
from aiwe_engine.types import Request, Response

_NAMED = 10  # apps that a hint names


class Place(NamedTuple):
    """What was found.

    Attributes:
        app: the app that is meant.
        sandboxed: other apps share this origin, so no page may be of it and no cookie is kept.
        confined: a cookie's Domain would reach other apps.
        answer: the answer itself, where no app is asked.
    """

    app: str
    sandboxed: bool = False
    confined: bool = False
    answer: Response | None = None


def find_place(serving: Serving, origin: Origin, request: Request) -> Place:
    """The place that a request leads to; on a shared name its path loses the `/~{app}`.

    Raises:
        RequestError: `no_such_app`.
    """
    names = serving.app_names()
    if origin.app is not None:
        if origin.app not in names or origin.env not in {None, serving.env}:
            raise _no_app(f'There is no app "{origin.app}" here.', serving, origin)
        return Place(origin.app, confined=True)
    alone = len(names) == 1
    if request.path.startswith("/~"):
        name, slash, rest = request.path[2:].partition("/")
        if name in names:
            if not slash:
                query = f"?{request.query}" if request.query else ""
                return Place(name, answer=Response(308, [("location", f"/~{name}/{query}")]))
            request.path, request.base = "/" + rest, f"/~{name}"
            return Place(name, sandboxed=not alone, confined=origin.local)
    if alone:
        return Place(next(iter(names)), confined=origin.local)
    if request.path == "/" and serving.env == "dev":
        return Place("", answer=_list(serving, origin, request))
    raise _no_app("The address names no app.", serving, origin)


def address(scheme: str, app: str, origin: Origin) -> str:
    """Where a browser that came by `origin` finds an app."""
    port = f":{origin.port}" if origin.port else ""
    return f"{scheme}://{app}.localhost{port}/" if origin.local else f"/~{app}/"


def _no_app(message: str, serving: Serving, origin: Origin) -> RequestError:
    hint = _way(origin)
    if serving.env == "dev":
        names = sorted(serving.app_names())[:_NAMED]
        known = ", ".join(address("http", name, origin) for name in names)
        hint = f"Apps are at {known}." if known else "Run a cell with a handler first."
    return RequestError(message, code="no_such_app", status=404, hint=hint)


def _way(origin: Origin) -> str:
    """How apps are reached; whoever may not know which there are is told no more."""
    name = "APP is the name of an app, which is that of its file or folder."
    if origin.app is not None and not origin.local:
        return "The first part of the host's name is the name of an app."
    if not origin.local:
        return f"An app is at /~APP/ here. {name}"
    own = address("http", "APP", origin)
    return f"An app is at {own}, and at /~APP/ of a name that has none. {name}"


def _list(serving: Serving, origin: Origin, request: Request) -> Response:
    apps = [(name, address(request.scheme, name, origin)) for name in sorted(serving.app_names())]
    if wants_html(request):
        return Response(200, [HTML, STILL, ("vary", "accept")], apps_page(apps))
    listed = orjson.dumps({"apps": [{"app": name, "url": url} for name, url in apps]})
    return Response(200, [JSON, ("vary", "accept")], listed)
