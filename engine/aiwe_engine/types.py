"""The vocabulary of the engine: plain values that travel along the one way through.

    Request → Match → Invocation → (worker) → Answer → Response

Nothing here has behaviour beyond reading its own fields, and nothing here imports the rest of
the engine. Every arrow in `docs/architecture.md` carries one of these types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

Json: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any] | None

Environment: TypeAlias = Literal["dev", "staging", "production"]
#: How a caller proved who they are.
Via: TypeAlias = Literal["session", "jwt", "api_key", "oidc", "jupyter"]
Kind: TypeAlias = Literal["http", "cell", "load", "live", "test"]


class ByteSource(Protocol):
    """Bytes that come piece by piece: a body under way, a file, what a program streams."""

    async def read(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            AiweError: it broke off.
        """
        ...

    async def close(self) -> None:
        """Says that nobody wants the rest. May be called more than once."""
        ...


@dataclass(slots=True)
class Request:
    """One HTTP request as it came over the wire. `path` is raw: still percent-encoded.

    `body` is what was read whole; `arrival` is what is still to come. `left` is set by whoever
    answers, and called by the face when the client leaves before its answer.
    """

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)  # names in lower case
    body: bytes = b""
    client: str = ""
    scheme: str = "http"
    id: str = ""  # made by the face that took the request; an answer and its log lines carry it
    base: str = (
        ""  # the path below which the client finds the app; "" where it has an origin of its own
    )
    arrival: ByteSource | None = None
    form: dict[str, Any] | None = None  # what a form with files holds, for the program
    left: Callable[[], None] | None = None
    keeps_cookies: bool = True  # False at a place that apps share
    known: User | None = None  # whom the place knows that it came by: Jupyter's own address
    refused: str = ""  # what is wrong with a token or key that came with it, as a sentence


@dataclass(slots=True)
class Response:
    """One HTTP answer. Header names are in lower case.

    `stream`, where there is one, is the body instead of `body`; it is chunked unless the headers
    hold its length. `close` ends the connection with this answer. `file`: it is a file as it is kept.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: ByteSource | None = None
    close: bool = False
    file: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Who manages an engine. `roles` are the engine's (viewer … admin), not the application's.

    Attributes:
        name: of a person or a token, for people.
        app: the one app that they may have to do with; None for every app.
        session: the one notebook's session that they may have to do with: a kernel's own.
        path: of the notebook of that session, as the kernel knows it.
        token: the id of the token that they came with, where it has one.
    """

    name: str
    roles: frozenset[str] = frozenset()
    app: str | None = None
    session: str | None = None
    path: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the author's own text. Lines count from 1, columns from 1."""

    file: str | None = None
    cell: str | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One piece of a program as its author wrote it: a notebook cell or a file.

    `name` is what stack traces show (`cell-<id>.js`, `routes.ts`); `file` is the notebook or
    script it came from; a `module` has a scope of its own, a cell shares the program's.
    """

    name: str
    text: str
    cell: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One registered route. `handler` is the key under which an isolate keeps the function."""

    method: str  # "GET" … or "*" for app.all
    path: str
    handler: str
    where: Where = Where()
    info: dict[str, Json] = field(default_factory=dict)  # RouteInfo of aiwe.d.ts


@dataclass(frozen=True, slots=True)
class User:
    """A person who uses an app, as a program sees them: `User` of aiwe.d.ts.

    Attributes:
        id: stays the same for as long as the account is there.
        roles: the application's own, not the engine's.
        via: how they proved who they are.
        claims: what their profile and their token say besides.
    """

    id: str
    username: str
    email: str | None = None
    roles: tuple[str, ...] = ()
    via: Via = "session"
    claims: dict[str, Json] = field(default_factory=dict)
    tenant: str | None = None


@dataclass(slots=True)
class Visit:
    """The session of the visitor whose request is answered: `req.session`.

    Attributes:
        key: what it is stored under; None where there is none, or none any more.
        values: what it holds.
        kept: the browser keeps cookies of this place.
        secure: the request came by https.
        stale: it is to be noted that the session is in use.
        ended: the program has destroyed it.
        cookie: the header by which the browser learns of a session that has begun.
        user: id of the person who is signed in; None: nobody is.
        epoch: of that person's credentials, when they signed in: see `people`.
        via: how they signed in.
        device: the cookie by which the device is known again, as it came.
        device_cookie: the header by which the browser learns of another one.
    """

    key: str | None = None
    values: dict[str, Json] = field(default_factory=dict)
    kept: bool = True
    secure: bool = False
    stale: bool = False
    ended: bool = False
    cookie: tuple[str, str] | None = None
    user: str | None = None
    epoch: int = 0
    via: Via = "session"
    device: str | None = None
    device_cookie: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom data is asked: whoever sent the request. Anonymous where both are None."""

    user: str | None = None
    tenant: str | None = None


ANONYMOUS = Caller()


@dataclass(slots=True)
class EffectLog:
    """What a program did to the world while it loaded, in order, by piece of program.

    The first load of a version performs and records; every other isolate of that version
    replays. Entries: piece name → list of (method, arguments as JSON text, result, ok).
    """

    entries: dict[str, list[tuple[str, bytes, Any, bool]]] = field(default_factory=dict)


@dataclass(slots=True)
class Invocation:
    """One run of one handler: what to run, with what, until when; and what it did so far."""

    id: str
    kind: Kind
    app: str
    env: str
    version: str
    handler: str
    deadline: float | None = None  # loop time; None: no wall limit
    cpu: float = 1.0  # seconds of CPU one turn may use
    wrote: bool = False  # a write was issued: never run again
    reruns: int = 0  # times its isolate was lost under it, and it was run again
    calls: int = 0  # host calls made so far
    effects: EffectLog | None = None
    replay: Iterator[tuple[str, bytes, Any, bool]] | None = None  # of an earlier activation
    piece: str = ""  # the cell or file being loaded, for effects
    bodies: dict[int, Any] = field(default_factory=dict)  # streams of bytes it may read or write
    uploads: Any = None  # the files of its request: files.Uploads
    visit: Visit | None = None  # the session that its request belongs to
    transactions: Any = None  # that it has begun: capabilities.transactions.Begun
    over: bool = False  # its flight has ended
    caller: Caller | None = ANONYMOUS  # for whom data is asked; None: the app itself
    user: User | None = None  # who sent its request, where that is known
    request: Request | None = None  # that it answers
    waited: float = 0.0  # seconds it has waited for the engine, by which its deadline was put off
    isolate: int = 0  # where it runs: a number that no other isolate of this engine ever has
    references: Any = None  # to secrets, that it has asked for: vault.references


@dataclass(slots=True)
class LogLine:
    """One line of an application's log."""

    time: float  # seconds since the epoch
    app: str
    env: str
    version: str
    level: Literal["debug", "info", "warn", "error"]
    text: str
    request_id: str | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """One piece of a program, ready for V8.

    `code` is a script that only *defines* the piece (see `programs/js/compile.ts`); nothing of the
    author's runs while it is evaluated. `names` lists every free identifier of the piece, and
    the properties it takes with a dot before them (".stream"), which decides the platform parts an
    isolate needs ("*": it reaches for globals by computed name).
    `declares` maps each top-level name to the free names its own body uses; `eager` lists the free
    names that are evaluated while the piece loads. `directive` is `// @scratch` or `// @deploy`.
    """

    name: str
    code: str
    mappings: str  # source map v3 "mappings", from V8's positions to the author's
    names: tuple[str, ...]
    declares: dict[str, tuple[str, ...]]
    eager: tuple[str, ...]
    imports: tuple[str, ...] = ()  # names of the pieces it imports, resolved
    module: bool = False
    directive: Literal["scratch", "deploy"] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A `%%asset` cell: a file of the app's pages, written in a notebook."""

    path: str  # below /assets/
    content: bytes
    cell: str
    file: str | None = None  # the notebook


@dataclass(frozen=True, slots=True)
class Program:
    """What one version of an app runs: its pieces in order, content-addressed by `id`."""

    id: str
    sources: tuple[Source, ...]
    pieces: tuple[Compiled, ...]
    assets: tuple[Asset, ...] = ()


@dataclass(slots=True)
class Deployment:
    """One version of an app that is live in one environment."""

    app: str
    env: str
    version: str  # short id shown to people
    program: Program
    routes: tuple[Route, ...]
    url: str = ""
    path: str | None = None  # the notebook, file or folder it came from
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Cell:
    """A request to run one notebook cell."""

    session: str  # one per open notebook: the kernel's id
    app: str
    cell: str  # cell id; anonymous cells get a made one
    text: str
    path: str | None = None  # the notebook, relative to the project's root
    anonymous: bool = False
