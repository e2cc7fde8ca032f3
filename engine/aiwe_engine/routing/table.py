"""The immutable table that finds a request's route.

Routing is on the raw path: it is split at its slashes first, and each segment is decoded once
afterwards, so an encoded slash never separates. The most specific route wins: static text before a
parameter before a wildcard, compared segment by segment from the left, with backtracking where the
more specific one leads nowhere or does not know the method. Case matters. One slash at the end
makes no difference ("/tasks/" is "/tasks"), as in Express; two do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from aiwe_engine.errors import RequestError
from aiwe_engine.routing.pattern import BAD_ESCAPE, METHODS, Pattern, read, reserved
from aiwe_engine.types import Route

_NEAR = 0.6  # how alike two paths are that a hint names
_SHOWN = 200
_NEVER = frozenset({"TRACE", "CONNECT"})  # they speak of the way to a server, not of what is there
_NOTHING: Mapping[str, str] = MappingProxyType({})


class NoSuchRoute(RequestError):
    """No route has this path."""

    code = "no_such_route"
    status = 404


class WrongMethod(RequestError):
    """The path has routes, but none for this method; its headers hold `Allow`.

    For OPTIONS it is not a failure: the answer is 204 with that header.
    """

    code = "method_not_allowed"
    status = 405

    def __init__(self, method: str, path: str, allow: str) -> None:
        super().__init__(
            f"{_short(path)} does not answer {method}.",
            hint=f"It answers {allow}.",
            headers=[("allow", allow)],
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its parameters, decoded."""

    route: Route
    params: Mapping[str, str]


@dataclass(slots=True)
class _Leaf:
    """The routes that end here, by method, each with the names of its parameters."""

    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)

    def find(self, method: str) -> tuple[Route, tuple[str, ...]] | None:
        found = self.routes.get(method)
        if found is None and method == "HEAD":
            found = self.routes.get("GET")
        return found if found or method in _NEVER else self.routes.get("*")


@dataclass(slots=True)
class _Node:
    """One place in the tree of segments."""

    static: dict[str, _Node] = field(default_factory=dict)
    param: _Node | None = None
    wildcard: _Leaf | None = None
    leaf: _Leaf | None = None

    def grow(self, pattern: Pattern) -> _Leaf:
        """The leaf at which a pattern ends, made where it is missing."""
        node = self
        for kind, text in pattern.segments:
            if kind == "wildcard":
                node.wildcard = node.wildcard or _Leaf()
                return node.wildcard
            if kind == "static":
                node = node.static.setdefault(text, _Node())
            else:
                node.param = node.param or _Node()
                node = node.param
        node.leaf = node.leaf or _Leaf()
        return node.leaf


class RouteTable:
    """The routes of one version. Of two equal routes the later one counts (see `conflicts`).

    Args:
        routes: what the program registered, in order.
        hints: whether the answer to an unknown path may name routes near it (dev only).

    Raises:
        ProgramError: `invalid_route` or `reserved_path`, with the place of the registration.
    """

    def __init__(self, routes: Iterable[Route], *, hints: bool = False) -> None:
        self.routes = tuple(routes)
        self._hints = hints
        self._root = _Node()
        self._static: dict[tuple[str, str], Match] = {}
        self._patterns: list[Pattern] = []
        for route in self.routes:
            pattern = read(route)
            self._patterns.append(pattern)
            self._root.grow(pattern).routes[route.method] = (route, pattern.names)
            if not pattern.names and route.method != "*" and "%" not in route.path:
                path = route.path.removesuffix("/")
                for spelling in {path or "/", path + "/"}:
                    self._static[route.method, spelling] = Match(route, _NOTHING)

    def match(self, method: str, raw_path: str) -> Match:
        """The route for a request, by its path as it came over the wire.

        Raises:
            NoSuchRoute: nothing has this path.
            WrongMethod: something has this path, but not for this method.
            RequestError: `bad_path`, a bad escape or bytes that are not UTF-8.
        """
        match = self._static.get((method, raw_path))
        return match if match is not None else self._search(method, raw_path)

    def _search(self, method: str, raw_path: str) -> Match:
        parts = raw_path[1:].split("/") if raw_path != "/" else []
        if "%" in raw_path:
            parts = [_decode(part) for part in parts]
        ends_in_slash = bool(parts) and parts[-1] == ""
        if not raw_path.startswith("/") or reserved(parts):
            raise self._unknown(raw_path)
        seen: list[_Leaf] = []
        for leaf, values in _walk(self._root, parts, 0, (), ends_in_slash=ends_in_slash):
            found = leaf.find(method)
            if found is not None:
                return Match(found[0], dict(zip(found[1], values, strict=True)))
            seen.append(leaf)
        if seen:
            raise WrongMethod(method, raw_path, allow(seen))
        raise self._unknown(raw_path)

    def _unknown(self, raw_path: str) -> NoSuchRoute:
        hint = None
        if self._hints:
            near = self._near(raw_path)
            hint = "No route has been registered yet." if not self.routes else None
            hint = f"Did you mean {' or '.join(near)}?" if near else hint
        return NoSuchRoute(f"There is no route for {_short(raw_path)}.", hint=hint)

    def _near(self, raw_path: str) -> list[str]:
        """Up to three registered paths that look like this one."""
        parts = raw_path.strip("/").split("/")
        ranked: dict[str, float] = {}
        for pattern in self._patterns:
            filled = [
                text if kind == "static" else parts[at] if at < len(parts) else ":"
                for at, (kind, text) in enumerate(pattern.segments)
            ]
            ratio = SequenceMatcher(None, "/".join(filled), "/".join(parts)).ratio()
            if ratio > _NEAR:
                ranked[pattern.path] = ratio
        return sorted(ranked, key=lambda path: -ranked[path])[:3]


def allow(leaves: Iterable[_Leaf]) -> str:
    """The value of the `Allow` header for a path that ends at these leaves."""
    methods = {method for leaf in leaves for method in leaf.routes} | {"OPTIONS"}
    if "*" in methods:
        methods = set(METHODS) - {"*"}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def conflicts(routes: Iterable[Route]) -> list[tuple[Route, Route]]:
    """Pairs of routes with the same method and the same paths, the earlier one first."""
    first: dict[tuple[str, tuple[str, ...]], Route] = {}
    pairs = []
    for route in routes:
        key = (route.method, read(route).shape)
        if key in first:
            pairs.append((first[key], route))
        else:
            first[key] = route
    return pairs


def _walk(
    node: _Node, parts: list[str], at: int, values: tuple[str, ...], *, ends_in_slash: bool
) -> Iterator[tuple[_Leaf, tuple[str, ...]]]:
    """Every leaf that these segments reach, the most specific first."""
    left = len(parts) - at
    if (left == 0 or (left == 1 and ends_in_slash)) and node.leaf is not None:
        yield node.leaf, values
    if left == 0:
        return
    part = parts[at]
    step = node.static.get(part)
    if step is not None:
        yield from _walk(step, parts, at + 1, values, ends_in_slash=ends_in_slash)
    if node.param is not None and part != "":
        yield from _walk(node.param, parts, at + 1, (*values, part), ends_in_slash=ends_in_slash)
    if node.wildcard is not None and (left > 1 or part != ""):
        yield node.wildcard, (*values, "/".join(parts[at:]))


def _short(text: str) -> str:
    """A path as a message shows it: visitors choose its length."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _decode(part: str) -> str:
    """One segment, decoded once."""
    if "%" not in part:
        return part
    if BAD_ESCAPE.search(part):
        raise RequestError(
            f'"{_short(part)}" has a % that is not followed by two hex digits.',
            code="bad_path",
            hint="Encode a percent sign as %25.",
        )
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise RequestError(
            f'"{_short(part)}" does not decode to UTF-8.',
            code="bad_path",
            hint="Encode text as UTF-8 first.",
        ) from None
