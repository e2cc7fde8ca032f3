"""Which pieces of a notebook are part of the app, and which are scratch.

A cell that registers something is part of the app, and so is one that declares what such a cell uses,
directly or through others. Anything else ran once and stays behind. `// @deploy` and `// @scratch`
decide by hand. The files that cells import are always part of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from aiwe_engine.types import Compiled

# `app` alone stands for what is not a plain `app.something`: it may register by another name.
APP = ("get", "post", "put", "patch", "delete", "options", "all", "use", "onError")
REGISTERS = frozenset(
    [f"app.{method}" for method in APP]
    + ["app", "register", "action", "schedule", "test", "describe", "beforeEach"]
    + ["registerWebStream", "registerWebSocket"]
    + [f"registerGraphQL{kind}" for kind in ("Query", "Mutation", "Subscription", "Schema")]
    + [f"registerMCP{kind}" for kind in ("Tool", "Resource", "Prompt")]
    + ["messages.on", "Presence.register", "SharedDocs.register", "DataRepository.define"]
)
INITIALISER = re.compile(r"init(?:$|[A-Z_0-9])")


def is_initialiser(name: str) -> bool:
    """Whether a top-level function of that name is called when a program loads."""
    return INITIALISER.match(name) is not None


def registers(piece: Compiled, pieces: Iterable[Compiled]) -> bool:
    """Whether loading the piece may register something, as far as its text tells.

    It does where the names it evaluates lead to a registering one, through what this and the other
    pieces declare; a name that the program declares itself is the program's own.
    """
    declared: dict[str, set[str]] = {}
    for other in pieces:
        for name, uses in other.declares.items():
            declared.setdefault(name, set()).update(uses)
    waiting = list(piece.eager)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in declared:
            waiting.extend(declared[name])
        elif name in REGISTERS:
            return True
    return False


def select(
    pieces: Sequence[Compiled], registered: Collection[str] | None = None
) -> tuple[Compiled, ...]:
    """The pieces that are part of the app, in their order.

    Args:
        pieces: all pieces, in the order of the notebook.
        registered: names of the pieces that registered something when they ran; None where
            nothing ran yet, and the text must tell.
    """
    chosen = {
        piece.name
        for piece in pieces
        if piece.directive != "scratch" and belongs(piece, pieces, registered)
    }
    while True:
        used = {name for piece in pieces if piece.name in chosen for name in piece.names}
        more = {
            piece.name
            for piece in pieces
            if piece.name not in chosen
            and piece.directive != "scratch"
            and used.intersection(piece.declares)
        }
        if not more:
            return tuple(piece for piece in pieces if piece.name in chosen)
        chosen |= more


def belongs(
    piece: Compiled, pieces: Sequence[Compiled], registered: Collection[str] | None
) -> bool:
    """Whether a piece is part of the app by itself, and not for what others use of it."""
    if piece.directive == "deploy" or piece.module:
        return True
    if registered is not None and piece.name in registered:
        return True
    if any(is_initialiser(name) for name in piece.declares):
        return True
    return registered is None and registers(piece, pieces)
