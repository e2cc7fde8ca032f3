"""Takes the body of a request in, in the way that its route wants it.

A route that says `describe({ body: "stream" })` gets the body as it comes. For every other the body is
here before the handler runs: whole in memory, or, of a form with files, the files on disk.
"""

from __future__ import annotations

import functools

from aiwe_engine.files.form import read_form
from aiwe_engine.files.incoming import Uploads
from aiwe_engine.files.store import FileStore
from aiwe_engine.http.arrival import Arrival, too_large, whole
from aiwe_engine.http.body import FILES, form_payload, media_of
from aiwe_engine.http.decoding import Decoded, coding_of
from aiwe_engine.settings import Settings
from aiwe_engine.types import ByteSource, Request, Route


def streams(route: Route) -> bool:
    """Whether the route's handler runs before the body has come."""
    return route.info.get("body") == "stream"


async def take_in(
    request: Request, route: Route, settings: Settings, files: FileStore
) -> Uploads | None:
    """Reads the body of a request that has one: its `body` or its `form` is set.

    Args:
        request: its `arrival` is read, or its `body` taken as what came.
        route: may have a limit of its own, or want the body as it comes.
        settings: of the app, for the limits.
        files: where uploads go.

    Returns:
        The files of a form, to be closed when the request ends.

    Raises:
        AiweError: `body_too_large`, `body_timeout`, `invalid_multipart`, `unsupported_encoding` and
            others of what is malformed, or the client left.
    """
    arrival = request.arrival
    limit = route.info.get("bodyLimit")
    most = limit if isinstance(limit, int) else settings.body_limit
    if isinstance(arrival, Arrival):
        arrival.limit = most
    if streams(route):
        return None
    source: ByteSource = arrival or Whole(request.body)
    kind = coding = ""
    for name, value in request.headers:
        if name == "content-type":
            kind = value
        elif name == "content-encoding":
            coding = f"{coding}, {value}" if coding else value
    unpacked = coding_of(coding)
    if unpacked is not None:
        source = Decoded(source, unpacked, most, functools.partial(too_large, most))
    if media_of(kind) != FILES:
        request.body = await whole(source)
        return None
    first = await source.read()
    if not first:
        return None
    return await _receive(request, Whole(first, source), kind, settings, files)


async def _receive(
    request: Request, source: ByteSource, kind: str, settings: Settings, files: FileStore
) -> Uploads:
    incoming = files.receive()
    try:
        form = await read_form(source, kind, incoming, settings)
        request.form = form_payload(form)
    except BaseException:
        await Uploads([], incoming).close()
        raise
    request.body = b""
    return Uploads(form.uploads, incoming)


class Whole:
    """Bytes that are here already, and what comes after them. A `ByteSource`.

    Args:
        content: the first piece.
        rest: where the others come from.
    """

    def __init__(self, content: bytes, rest: ByteSource | None = None) -> None:
        self._content, self._rest = content, rest

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: as what comes after.
        """
        content, self._content = self._content, b""
        return content or (await self._rest.read() if self._rest is not None else b"")

    async def close(self) -> None:
        """Nobody wants the rest."""
        self._content = b""
        if self._rest is not None:
            await self._rest.close()
