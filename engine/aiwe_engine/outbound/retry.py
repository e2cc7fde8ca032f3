"""Trying again: when, how often, and how long to wait between."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

STATUSES = frozenset([408, 425, 429, 500, 502, 503, 504])
# What may be otherwise a moment later. A certificate, a blocked address and the like will not.
_PASSING = frozenset(
    [
        "fetch_dns",
        "fetch_proxy",
        "fetch_refused",
        "fetch_reset",
        "fetch_timeout",
        "fetch_unreachable",
    ]
)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a request is made again, and when.

    Attributes:
        attempts: how many more after the first.
        delay: seconds before the second attempt; doubled each time, with some chance in it.
        max_delay: the longest wait, whatever the server asks for.
        statuses: those of an answer that is tried again.
    """

    attempts: int = 0
    delay: float = 0.3
    max_delay: float = 30.0
    statuses: frozenset[int] = STATUSES

    def passing(self, code: str) -> bool:
        """Whether an error may be gone at the next attempt."""
        return code in _PASSING

    def wait(self, made: int, after: str | None = None) -> float:
        """Seconds until the next attempt.

        Args:
            made: attempts so far.
            after: the Retry-After of the answer: seconds or a date.
        """
        asked = None if after is None else _seconds(after)
        if asked is None:
            asked = self.delay * 2 ** min(made - 1, 30) * random.uniform(0.5, 1)  # noqa: S311 - no secret
        return min(max(asked, 0.0), self.max_delay)


def _seconds(text: str) -> float | None:
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
