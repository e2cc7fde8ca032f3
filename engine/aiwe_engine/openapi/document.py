"""The OpenAPI 3.1 document of one version of an app.

It is made of what the program registered and described, nothing else: no handler runs. Routes that
differ only in the names of their parameters are one path of OpenAPI, whose first names count.
HEAD and OPTIONS are answered for every path and so are not listed; `app.all` stands under each
method that has no route of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from aiwe_engine.openapi.operation import SECURITY_SCHEMES, Operations
from aiwe_engine.openapi.schemas import Components, Schema
from aiwe_engine.routing.pattern import Pattern, read
from aiwe_engine.types import Deployment, Route

VERSION = "3.1.0"
METHODS = ("get", "put", "post", "delete", "patch")


def make_document(deployment: Deployment, *, title: str, server: str, limit: str = "") -> Schema:
    """The document of an app.

    Args:
        deployment: what is live.
        title: what people call it.
        server: the address below which it is reached, absolute or relative.
        limit: the rule by which requests to every route are limited; "" for none.
    """
    components = Components()
    operations = Operations(components, limit)
    paths: Schema = {}
    used: set[str] = set()
    for shape in _shapes(deployment.routes).values():
        pattern = shape[0][1]
        names = pattern.names
        item: Schema = {}
        for method in METHODS:
            route = _route_for(method, shape)
            if route is not None and route.info.get("hidden") is not True:
                item[method] = operations.make(route, method, pattern, names)
        path = _template(pattern, names)
        if item and path not in used:
            used.add(path)
            paths[path] = item
    document: Schema = {
        "openapi": VERSION,
        "info": {"title": title, "version": deployment.version},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {"schemas": components.schemas},
    }
    if operations.guarded:
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
    tags = _tags(paths)
    if tags:
        document["tags"] = tags
    return document


def _shapes(routes: Iterable[Route]) -> dict[tuple[str, ...], list[tuple[Route, Pattern]]]:
    """Routes by the paths that they match, the most recent of two equal ones alone."""
    shapes: dict[tuple[str, ...], list[tuple[Route, Pattern]]] = {}
    for route in routes:
        pattern = read(route)
        others = shapes.setdefault(pattern.shape, [])
        others[:] = [other for other in others if other[0].method != route.method]
        others.append((route, pattern))
    return shapes


def _route_for(method: str, shape: list[tuple[Route, Pattern]]) -> Route | None:
    routes = {route.method: route for route, _ in shape}
    return routes.get(method.upper()) or routes.get("*")


def _template(pattern: Pattern, names: tuple[str, ...]) -> str:
    waiting = iter(names)
    parts = [
        quote(text, safe="-._~!$&'()*+,;=:@") if kind == "static" else f"{{{next(waiting)}}}"
        for kind, text in pattern.segments
    ]
    return "/" + "/".join(parts)


def _tags(paths: Schema) -> list[dict[str, Any]]:
    found = [tag for item in paths.values() for one in item.values() for tag in one.get("tags", [])]
    return [{"name": tag} for tag in dict.fromkeys(found)]
