"""How long a token or a key is good for, as programs say it: "15m", "1h", "30d", or seconds."""

from __future__ import annotations

import re
from typing import Any

from aiwe_engine.errors import RequestError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_TIME = re.compile(r"([0-9]{1,9}) ?([smhdw])")


def seconds(given: Any, longest: float, setting: str = "") -> int:
    """The seconds that something said by a program stands for.

    Args:
        given: a number of seconds, or a number with s, m, h, d or w.
        longest: it may be, in seconds.
        setting: that says so, for the hint.

    Raises:
        RequestError: `invalid_argument`, `lifetime_too_long`.
    """
    found = _TIME.fullmatch(given) if isinstance(given, str) else None
    amount: float = -1
    if found:
        amount = int(found[1]) * _SECONDS[found[2]]
    elif isinstance(given, int | float) and not isinstance(given, bool):
        amount = given
    if not amount >= 1:
        raise RequestError(
            f"expiresIn is no time that a token or a key can be good for: {given!r:.60}.",
            code="invalid_argument",
            hint='Write "15m", "1h" or "30d", or a number of seconds, at least 1.',
        )
    if amount > longest:
        raise RequestError(
            f"expiresIn is longer than the {longest:,.0f} seconds that are allowed.",
            code="lifetime_too_long",
            hint=f"Ask for less{f', or raise the setting {setting}' if setting else ''}.",
        )
    return int(amount)
