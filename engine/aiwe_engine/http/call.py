"""What the management API can be asked: a call, the permission that it needs, and what it is about.

The table of routes is made of these, so that no route is without a permission and each says how the app
that it is about is told. `Access` (`access.py`) checks both before a call is answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from aiwe_engine.http.ask import Ask
from aiwe_engine.managers.audit import Deed
from aiwe_engine.permissions import PERMISSIONS
from aiwe_engine.types import ByteSource, Response

Handler: TypeAlias = Callable[[Ask], Awaitable[Response]]
Streamer: TypeAlias = Callable[[Ask], AsyncIterator[bytes]]
#: Takes a request, its body and how many bytes that has, where that is known.
Receiver: TypeAlias = Callable[[Ask, ByteSource, int | None], Awaitable[Response]]


class About(Enum):
    """Where a call names the app that it is about."""

    NOTHING = "nothing"  # about no app: of use to everybody who has the permission
    ENGINE = "engine"  # about all of them: not for who is bound to one app
    PATH = "path"  # `:app`
    QUERY = "query"  # `?app=`; who is bound to an app and names none means that one
    LIST = "list"  # as QUERY, but kernels may know of every app: `%routes all`
    BODY = "body"  # `{app}`
    SESSION = "session"  # `:session` or `{session}`, a notebook's: its app
    DOCUMENT = "document"  # `{app, path}`, where `path` is that of a notebook


@dataclass(frozen=True)
class Call:
    """One thing that can be asked.

    Attributes:
        permission: that who asks needs.
        about: where the app that it is about is named.
        quiet: it changes nothing, whatever its method: the audit does not tell of it.

    Raises:
        ValueError: there is no such permission.
    """

    permission: str
    about: About
    quiet: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a permission that nobody has."""
        if self.permission not in PERMISSIONS:
            raise ValueError(f"there is no permission {self.permission!r}")


@dataclass(frozen=True)
class Answered(Call):
    """Answered at once."""

    handler: Handler


@dataclass(frozen=True)
class Streamed(Call):
    """Answered piece by piece.

    Attributes:
        kind: the content type.
        silence: what is sent when nothing happens for a while.
    """

    streamer: Streamer
    kind: bytes
    silence: bytes | None = None


@dataclass(frozen=True)
class Received(Call):
    """Its body is taken as it comes, so what it is about stands elsewhere."""

    receiver: Receiver

    def __post_init__(self) -> None:
        """Refuse to look into a body that is not read yet."""
        super().__post_init__()
        if self.about not in {About.PATH, About.QUERY, About.ENGINE}:
            raise ValueError("what a body is about cannot stand in that body")


Calls: TypeAlias = dict[str, Answered | Streamed | Received]


def deed(line: str, call: Call, ask: Ask, path: str, outcome: str, request: str) -> Deed:
    """What the audit is told of a call.

    Args:
        line: method and pattern.
        call: what is declared of it.
        ask: who asked for what.
        path: of the request.
        outcome: "done", or the code of the error.
        request: the request's id.
    """
    named = (place.get("app") for place in (ask.params, ask.query, ask.body))
    app = next((name for name in named if isinstance(name, str)), None)
    who = (ask.who.name, sorted(ask.who.roles), ask.who.token, call.permission)
    return Deed(*who, line, path, app, outcome, request)


def declared(calls: Calls) -> Calls:
    """The calls, all of them declared.

    Raises:
        TypeError: one is a bare function.
    """
    for line, call in calls.items():
        if not isinstance(call, Call):
            raise TypeError(f"{line} does not say which permission it needs")
    return calls
