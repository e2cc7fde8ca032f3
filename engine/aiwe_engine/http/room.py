"""How many connections this process has room for: each takes one of its open files.

A process that runs out of them can neither accept nor open its database, so the number that the
setting allows is cut to what is there, with some left for all else.
"""

from __future__ import annotations

import contextlib
import resource

_RESERVED = 128  # open files for everything that is no connection


def room(wanted: int) -> int:
    """How many connections there may be, of so many that are wanted."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(limit - _RESERVED, limit // 2))


def make_room(wanted: int) -> None:
    """Lets the process open as many files as so many connections take, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
