"""The paths that a program registers: "/tasks/:id", "/files/*path".

A pattern is a list of segments: static text, a parameter (a whole segment, at least one
character), or a wildcard (the rest of the path, at least one character, last). Patterns are read
strictly and once, when a version is built, so that a mistake is told to the author and not found
by a visitor. Matching is the table's business.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from aiwe_engine.errors import ProgramError
from aiwe_engine.types import Route

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*"})

#: What every app origin answers itself. The value says whether paths below it are meant too.
RESERVED = {
    "graphql": False,
    "mcp": False,
    "assets": True,
    "auth": True,
    "openapi.json": False,
    "health": False,
}
#: The same below a name that is not the engine's as a whole.
_RESERVED_BELOW = {(".well-known", "jwks.json")}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f?#\\]")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Segment(NamedTuple):
    """One piece of a pattern; `text` is decoded text or the name of the parameter."""

    kind: Literal["static", "param", "wildcard"]
    text: str


class Pattern(NamedTuple):
    """A pattern that was read and found good."""

    path: str
    segments: tuple[Segment, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order in which they stand."""
        return tuple(text for kind, text in self.segments if kind != "static")

    @property
    def shape(self) -> tuple[str, ...]:
        """The same for two patterns that match the same paths, whatever their parameters' names."""
        marks = {"param": ":", "wildcard": "*"}
        return tuple(marks.get(kind, "=" + text) for kind, text in self.segments)


def read(route: Route) -> Pattern:
    """The pattern of a route.

    Raises:
        ProgramError: `invalid_route` where the path or the method cannot be one, `reserved_path`
            where the engine answers that path itself.
    """
    if route.method not in METHODS:
        known = ", ".join(sorted(METHODS - {"*"}))
        raise _invalid(route, f"{route.method!r} is not a method", f"Use one of {known}.")
    path = route.path
    if not path.startswith("/"):
        raise _invalid(route, "a path begins with a slash", f'Write "/{path}".')
    bad = _FORBIDDEN.search(path)
    if bad:
        hint = "The query is no part of a route: read it from req.query."
        if bad[0] not in "?#":
            hint = "Encode it, as in %20 for a space."
        raise _invalid(route, f"{bad[0]!r} cannot stand in a path", hint)
    pattern = Pattern(path, tuple(_segment(route, text) for text in _split(path)))
    _check(route, pattern)
    return pattern


def reserved(segments: list[str] | tuple[str, ...]) -> bool:
    """Whether the engine answers a path of these (decoded) segments itself."""
    below = RESERVED.get(segments[0]) if segments else None
    if tuple(segments[:2]) in _RESERVED_BELOW:
        return not any(segments[2:])
    return below is not None and (below or len(segments) == 1 or not any(segments[1:]))


def _split(path: str) -> list[str]:
    """The segments of a path; one slash at its end makes no difference, as in Express."""
    return path[1:].removesuffix("/").split("/") if path != "/" else []


def _segment(route: Route, text: str) -> Segment:
    if text == "":
        raise _invalid(route, "it has two slashes in a row", "Take one of them out.")
    if text[0] in ":*":
        kind: Literal["param", "wildcard"] = "param" if text[0] == ":" else "wildcard"
        if text == "*":
            raise _invalid(
                route, "a wildcard needs a name", 'Write "*path": it is req.params.path.'
            )
        if not _NAME.match(text[1:]):
            raise _invalid(
                route,
                f'"{text}" is not a parameter',
                "A parameter is a whole segment with a name of letters, digits and underscores, "
                "as in /tasks/:id; check and split its value in the handler.",
            )
        return Segment(kind, text[1:])
    if BAD_ESCAPE.search(text):
        raise _invalid(
            route, "a % is not followed by two hex digits", "Write %25 for a percent sign."
        )
    if ":" in text or "*" in text or "(" in text:
        raise _invalid(
            route,
            f'"{text}" mixes text with a parameter or an expression',
            "A parameter is a whole segment, as in /files/:name; encode a literal : as %3A, "
            "* as %2A and ( as %28.",
        )
    try:
        return Segment("static", unquote_to_bytes(text).decode())
    except UnicodeDecodeError:
        raise _invalid(route, f'"{text}" is not UTF-8', "Write the text itself.") from None


def _check(route: Route, pattern: Pattern) -> None:
    segments = pattern.segments
    if any(kind == "wildcard" for kind, _ in segments[:-1]):
        raise _invalid(route, "a wildcard takes the rest of the path", "Put it last.")
    names = pattern.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise _invalid(
            route, f'two parameters are called "{twice}"', "Give each a name of its own."
        )
    if segments and segments[0].kind == "static" and reserved([text for _, text in segments]):
        raise ProgramError(
            f'"{route.path}" is answered by the engine itself.',
            code="reserved_path",
            hint=f'Choose another path, such as "/api{route.path}".',
            where=route.where,
        )


def _invalid(route: Route, problem: str, hint: str) -> ProgramError:
    return ProgramError(
        f'"{route.path}" is not a route: {problem}.',
        code="invalid_route",
        hint=hint,
        where=route.where,
    )
