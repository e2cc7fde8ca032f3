"""Documents in portions: neither so many nor so large that one of them fills the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiwe_engine.settings import MB

_MOST = 10_000
_SIZE = 8 * MB


def portions(documents: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Documents with their places, as `Store.load` and `Store.fill` take them."""
    portion: list[tuple[str, bytes]] = []
    size = 0
    for place, text in documents:
        portion.append((place, text))
        size += len(text)
        if len(portion) == _MOST or size >= _SIZE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
