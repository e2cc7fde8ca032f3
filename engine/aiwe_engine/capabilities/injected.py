"""A request of a program with the values of secrets in it, ready for `Outbound`.

What the address is taken apart to here is what is connected to: a value changes neither host nor port.
"""

from __future__ import annotations

from aiwe_engine.outbound import errors
from aiwe_engine.outbound.addresses import Allowed
from aiwe_engine.outbound.exchange import Carried, Outgoing
from aiwe_engine.outbound.headers import LENGTH, declared_length, without
from aiwe_engine.outbound.target import PORTS, Target, read_target
from aiwe_engine.settings import Settings
from aiwe_engine.types import ByteSource
from aiwe_engine.vault.injection import Destination, Filled, Filling
from aiwe_engine.vault.redactor import Redactor

_HOST = frozenset(["host"])  # who shares an address with others would hand the value to that one


def fill(
    request: Outgoing, filling: Filling, settings: Settings, redactor: Redactor | None
) -> None:
    """Puts into a request what it refers to.

    Args:
        request: is changed in place.
        filling: says what is put in.
        settings: those of the app, for what may be sent in the clear.
        redactor: knows a value in the address that a redirect names.

    Raises:
        AiweError: a code that begins with `secret_`, or as `read_target`.
    """
    target = read_target(request.url)
    filling.destination = _destination(target, settings)
    filling.never(request.method, "the method")
    filling.never(str(target.host), "the name of a host")
    pairs = []
    for name, value in request.headers:
        filling.never(name, "the name of a header")
        pairs.append((name, filling.header(name, value)))
    request.url = filling.url(target.text)
    request.headers = pairs
    kind = next((value for name, value in pairs if name.lower() == "content-type"), "")
    if isinstance(request.body, bytes):
        _fill_whole(request, pairs, filling, kind, settings.fetch_request_limit)
    elif request.body is not None:
        source = Measured(request.body, settings.fetch_request_limit)
        request.body = _filled_stream(request, source, filling, kind)
    carries = filling.secrets
    anything = any(carries.values()) or isinstance(request.body, Filled)
    if anything:
        request.headers = without(list(request.headers), _HOST)
    request.carried = Carried(
        frozenset(filling.headers),
        body=bool(carries["body"]),
        tells=lambda text: redactor is not None and redactor.text(text) != text,
        anything=anything,
        measured=True,
    )


def _fill_whole(
    request: Outgoing, pairs: list[tuple[str, str]], filling: Filling, kind: str, limit: int
) -> None:
    """The length that a program declares is that of what it knows; what is sent has another."""
    body = request.body
    assert isinstance(body, bytes)
    if len(body) > limit:
        raise errors.body_too_large(limit)
    filled = filling.body(body, kind)
    if filled != body:
        declared = declared_length(pairs)
        if declared not in (None, len(body)):
            raise errors.body_length(declared or 0)
        request.headers = without(pairs, LENGTH)
        request.body = filled


def _filled_stream(
    request: Outgoing, source: ByteSource, filling: Filling, kind: str
) -> ByteSource:
    """A stream whose length may change is sent in chunks."""
    if filling.may_change():
        request.headers = without(list(request.headers), LENGTH)
    return filling.stream(source, kind)


class Measured:
    """A stream of so many bytes at most, counted before values are put in. A `ByteSource`.

    Args:
        source: what is read.
        limit: the most.
    """

    def __init__(self, source: ByteSource, limit: int) -> None:
        self._source, self._limit, self._size = source, limit, 0

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: `fetch_body_too_large`, or as the source.
        """
        piece = await self._source.read()
        self._size += len(piece)
        if self._size > self._limit:
            raise errors.body_too_large(self._limit)
        return piece

    async def close(self) -> None:
        """Says that nobody wants the rest."""
        await self._source.close()


def _destination(target: Target, settings: Settings) -> Destination:
    sealed = target.scheme == "https"
    if not sealed:
        sealed = Allowed(settings.fetch_allow_private).has(target.host, target.port)
    host = str(target.host).removesuffix(".")
    usual = target.port == PORTS[target.scheme]
    return Destination(host, target.port, usual, target.place, sealed)
