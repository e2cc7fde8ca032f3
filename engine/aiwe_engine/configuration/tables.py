"""Tables that are no settings, as people are shown them: of a provider, of a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was written, and never what that leads to."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Table:
    """One of them.

    Attributes:
        place: its name, as it stands in aiwe.toml.
        app: the app that it is for; None: all.
        rows: its lines.
    """

    place: str
    app: str | None
    rows: tuple[Row, ...]
