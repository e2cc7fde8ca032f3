"""What each contestant can do. Times are taken outside, but where a second is what is measured."""

from __future__ import annotations

from typing import Any, Protocol

from benchmarks.data.orders import Order, Page

CONNECTIONS = 64
Totals = list[tuple[str, float, int]]  # status, average amount, number


class Contestant(Protocol):
    """Keeps orders in tables that hold an id and a JSON document, and nothing tuned."""

    name: str

    def load(self, table: str, batches: list[list[Order]]) -> None:
        """Makes a table and fills it, a batch at a time."""
        ...

    def creates(self, seconds: float) -> float:
        """Durable creates per second, each acknowledged by itself."""
        ...

    def reads(self, table: str, count: int, seconds: float) -> float:
        """Reads per second of documents by ids at random, out of `count`."""
        ...

    def page(self, table: str, page: Page) -> list[str]:
        """The ids that a query finds."""
        ...

    def totals(self, table: str) -> Totals:
        """The aggregate over all orders, by status."""
        ...


def rounded(rows: list[Any]) -> Totals:
    """Rows of an aggregate, comparable: sums of floats depend on their order."""
    return sorted(
        (status, round(float(average), 6), int(number)) for status, average, number in rows
    )
