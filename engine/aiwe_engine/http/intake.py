"""Takes the body of a request in, in the way that its route wants it.

A route that says `describe({ body: "stream" })` gets the body as it comes. For every other the body is
here before the handler runs.
"""

from __future__ import annotations

from aiwe_engine.http.arrival import Arrival
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Route

#: The number under which a program reads the body of its request, where that streams.
REQUEST_BODY = 1


def streams(route: Route) -> bool:
    """Whether the route's handler runs before the body has come."""
    return route.info.get("body") == "stream"


async def take_in(request: Request, route: Route, settings: Settings) -> None:
    """Reads the body of a request that has one.

    Args:
        request: its `body` is filled in, unless the route wants it to stream.
        route: which may have a limit of its own.
        settings: the app's.

    Raises:
        AiweError: `body_too_large`, `body_timeout`, or the client left.
    """
    arrival = request.arrival
    if not isinstance(arrival, Arrival):
        return
    limit = route.info.get("bodyLimit")
    arrival.limit = limit if isinstance(limit, int) else settings.body_limit
    if not streams(route):
        request.body = await arrival.whole()
