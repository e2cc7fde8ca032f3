"""What a rate limit says: `100/min`, `10/5min per key`, or several with commas between them.

Rules come from programs (`app.get(…).limit("100/min")`) and from the settings. Here they are read
and checked, once; nothing is counted. The grammar is strict, since a limit that says something
else than its author meant is found out too late.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from aiwe_engine.errors import ProgramError

MOST_RULES = 10  # that one route may have: each is counted at each request
MOST_CALLS = 10**9
LONGEST = 366  # days
EXAMPLES = 'Write a number, a slash and a time, as in "100/min", "10/5min" or "1000/day per key".'

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_UNITS = {
    spelling: unit
    for unit, spellings in {
        "second": "s sec secs second seconds",
        "minute": "min mins minute minutes",
        "hour": "h hr hour hours",
        "day": "d day days",
    }.items()
    for spelling in spellings.split()
}
_PER = ("user", "key", "address")
_RULE = re.compile(r"([0-9]+)\s*/\s*([0-9]*)\s*([a-z]+)(?:\s+per\s+([a-z]+))?", re.IGNORECASE)
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `amount` calls in any `every` units of time, counted for each `per`.

    Attributes:
        per: "user", "key" or "address"; empty where the rule leaves it to the engine.
    """

    amount: int
    every: int
    unit: str  # "second", "minute", "hour", "day"
    per: str = ""

    @property
    def seconds(self) -> int:
        """The length of the window."""
        return self.every * _SECONDS[self.unit]

    def __str__(self) -> str:
        every = self.every if self.every > 1 else ""
        per = f" per {self.per}" if self.per else ""
        return f"{self.amount}/{every}{self.unit}{per}"


@lru_cache(1024)
def parse(text: str) -> tuple[Rule, ...]:
    """The rules that a text states, each once.

    Raises:
        ProgramError: `invalid_limit`.
    """
    rules = tuple(dict.fromkeys(_one(part.strip(), text) for part in text.split(",")))
    check_count(len(rules))
    return rules


def check(text: str) -> str | None:
    """What is wrong with the rules of a setting; None where nothing is, or where there are none."""
    try:
        if text.strip():
            parse(text)
    except ProgramError as error:
        hint = error.hint or ""
        return f"{error.message.removesuffix('.')}; {hint[:1].lower()}{hint[1:].removesuffix('.')}"
    return None


def check_count(count: int) -> None:
    """Refuses more rules than one route may have.

    Raises:
        ProgramError: `invalid_limit`.
    """
    if count > MOST_RULES:
        raise _invalid(
            f"{count} limits are too many for one route.", f"Keep the {MOST_RULES} that matter."
        )


def _one(part: str, text: str) -> Rule:
    found = _RULE.fullmatch(part)
    if found is None:
        raise _invalid(f'"{_short(part or text)}" is no rate limit.', EXAMPLES)
    amount, every = int(found[1][:12]), int(found[2][:12] or 1)
    unit, per = found[3].lower(), (found[4] or "").lower()
    if unit not in _UNITS:
        known = "second, minute, hour or day (s, sec, min, h, d)"
        raise _invalid(
            f'"{_short(unit)}" in the limit "{_short(part)}" is no unit of time.',
            _near(unit, list(_UNITS), lambda name: f'"{found[1]}/{found[2]}{name}"', known),
        )
    if per and per not in _PER:
        raise _invalid(
            f'The limit "{_short(part)}" cannot be counted per {_short(per)}.',
            _near(
                per, list(_PER), lambda name: f'"per {name}"', "per user, per key or per address"
            ),
        )
    rule = Rule(amount, every, _UNITS[unit], per)
    if not 0 < amount <= MOST_CALLS:
        raise _invalid(
            f'The limit "{_short(part)}" allows {found[1][:12]} calls.',
            f"Allow 1 to {MOST_CALLS:,}; to answer nobody, remove the route.",
        )
    if not 0 < rule.seconds <= LONGEST * _SECONDS["day"]:
        raise _invalid(
            f'The limit "{_short(part)}" counts over a time of no use.',
            f"Use 1 second to {LONGEST} days.",
        )
    return rule


def _near(name: str, known: list[str], shown: Callable[[str], str], otherwise: str) -> str:
    close = get_close_matches(name, known, 1)
    return f"Did you mean {shown(close[0])}?" if close else f"Use {otherwise}."


def _invalid(message: str, hint: str) -> ProgramError:
    return ProgramError(message, code="invalid_limit", hint=hint)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
