"""Lists of origins, as settings have them: `https://example.org`, `https://*.example.org`, `null`, `*`.

What an origin that is on such a list may do is said elsewhere: reading answers in `http/cors.py`, acting
for somebody who is signed in in `csrf.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiwe_engine import checks
from aiwe_engine.errors import EngineError

ANY = "*"

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """The origins that a setting names.

    Args:
        listed: what it says.

    Raises:
        EngineError: `invalid_setting`, one of them is none.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        self._exact: set[str] = set()
        self._below: list[tuple[str, str]] = []  # what an origin starts and ends with
        for origin in listed:
            self._add(origin)
        self.any = ANY in self._exact

    def _add(self, origin: str) -> None:
        text = origin.strip().lower()
        if text in {ANY, "null"}:
            self._exact.add(text)
            return
        found = checks.ORIGIN.fullmatch(text)
        if not found:
            raise EngineError(
                f"cors.origins: {checks.origin(origin)}.",
                code="invalid_setting",
                hint="Mend or remove it.",
            )
        scheme, wildcard, host, port = found.groups()
        port = "" if port in {None, _DEFAULT_PORTS.get(scheme)} else port
        if wildcard:
            self._below.append((f"{scheme}://", f".{host}{port}"))
        else:
            self._exact.add(f"{scheme}://{host}{port}")

    def has(self, origin: str) -> bool:
        """Whether an origin, as a browser sends it, is one of them."""
        text = origin.lower()
        return (
            self.any
            or text in self._exact
            or any(
                text.startswith(start)
                and text.endswith(end)
                and len(text) > len(start) + len(end)
                and checks.ORIGIN.fullmatch(text)
                for start, end in self._below
            )
        )
