"""What one setting may be, and how it is written as a row of the table in `settings`.

Each function makes the field of a dataclass: section, default, meaning, and what its kind of value
needs besides. `Row` is what others read of it. Whether a value that is given from outside keeps
to it is checked in `configuration`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from aiwe_engine.checks import Check

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
Unit = Literal["", "bytes", "seconds"]


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is named and what it may be.

    Attributes:
        name: of the attribute in `Settings`.
        section: where it stands in `aiwe.toml`.
        default: of the setting's type: bool, int, float, str, or a tuple of str.
        help: what it means, in one sentence.
        unit: of a number.
        least: the smallest number.
        most: the largest number.
        choices: the texts there are, where there are only some.
        check: what a text, or each of a list, must be.
        app: it may be set for one app alone.
        restart: a change waits for the next start.
    """

    name: str
    section: str
    default: Any
    help: str
    unit: Unit = ""
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()
    check: Check | None = None
    app: bool = False
    restart: bool = False

    @property
    def key(self) -> str:
        """Its name in its section."""
        return self.name.removeprefix(f"{self.section}_")

    @property
    def full(self) -> str:
        """Section and key: `http.body_limit`."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable: `AIWE_HTTP__BODY_LIMIT`."""
        return f"AIWE_{self.section}__{self.key}".upper()

    @property
    def option(self) -> str:
        """The option of the command line: `--body-limit`."""
        return "--" + self.name.replace("_", "-")


_YEAR = 365 * 86_400.0
_LARGEST = 1024 * GB


def row(section: str, default: object, meaning: str, **more: Any) -> Any:
    """Any setting: a yes or no as it is, others through the functions below."""
    shown = more.pop("shown", True)  # whoever prints settings must not print passwords
    return field(
        default=default, repr=shown, metadata={"section": section, "help": meaning, **more}
    )


def size(section: str, default: int, meaning: str, *, least: int = 1, **more: Any) -> Any:
    """A number of bytes."""
    return row(section, default, meaning, unit="bytes", least=least, most=_LARGEST, **more)


def time(section: str, default: float, meaning: str, *, least: float = 0.01, **more: Any) -> Any:
    """A number of seconds."""
    return row(section, default, meaning, unit="seconds", least=least, most=_YEAR, **more)


def count(
    section: str, default: int, meaning: str, *, least: int = 1, most: int = 10**9, **more: Any
) -> Any:
    """A whole number."""
    return row(section, default, meaning, least=least, most=most, **more)


def text(
    section: str, default: str, meaning: str, *, check: Check | None = None, **more: Any
) -> Any:
    """A text, which `check` looks at."""
    return row(section, default, meaning, check=check, **more)


def choice(section: str, default: str, meaning: str, choices: tuple[str, ...], **more: Any) -> Any:
    """One of a few texts."""
    return row(section, default, meaning, choices=choices, **more)


def several(
    section: str,
    default: tuple[str, ...],
    meaning: str,
    *,
    check: Check | None = None,
    **more: Any,
) -> Any:
    """A list of texts, each of which `check` looks at."""
    return row(section, default, meaning, check=check, **more)
