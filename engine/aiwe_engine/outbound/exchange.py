"""What goes out and what comes back: plain values, which need nothing of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from aiwe_engine.outbound.headers import Pairs
from aiwe_engine.outbound.retry import Retry
from aiwe_engine.types import ByteSource

if TYPE_CHECKING:
    from aiwe_engine.outbound.body import Download


@dataclass(frozen=True, slots=True)
class Carried:
    """What of a request carries secrets, so that no redirect takes it to another origin.

    Attributes:
        headers: their names, in lower case.
        body: the body does.
        tells: whether a text holds a value.
        anything: something of it does, the address included.
        measured: sizes were checked before values were put in, whose lengths no limit is to tell.
    """

    headers: frozenset[str] = frozenset()
    body: bool = False
    tells: Callable[[str], bool] = lambda _: False
    anything: bool = False
    measured: bool = False


@dataclass(slots=True)
class Outgoing:
    """A request to another server.

    Attributes:
        method: as it is to be sent.
        url: absolute; see `read_target`.
        headers: names and values, one character a byte.
        body: bytes, which can be sent again, or a stream, which cannot.
        redirect: the mode of the Fetch standard; in "manual" the redirect itself is the answer.
        timeout: seconds for all of it, its body too; None: `fetch.timeout` without progress.
        retry: how often to try again.
        carried: what of it carries secrets.
    """

    method: str
    url: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes | ByteSource | None = None
    redirect: Literal["follow", "error", "manual"] = "follow"
    timeout: float | None = None
    retry: Retry = field(default_factory=Retry)
    carried: Carried = field(default_factory=Carried)


@dataclass(slots=True)
class Answer:
    """What came back. `body` is None where there can be none; header names are in lower case."""

    status: int
    reason: str
    url: str
    redirected: bool
    headers: Pairs
    body: Download | None
