"""The documents that every contestant stores, and what all are asked of them.

Made by arithmetic, so that each run and each contestant has the same ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Order: TypeAlias = tuple[str, str]  # its id, and its JSON text, the id inside

STATUSES = ("new", "paid", "packed", "sent", "returned")
CITIES = ("Aachen", "Bergen", "Cádiz", "Delft", "Évora", "Faro", "Graz")
BATCH = 2_000
LIMIT = 20
NEW = '{"status":"new","amount":12.5,"customer":"c17","note":"Please ring twice","tags":["web"]}'
STEP = 10  # the width of a range of amounts, of which there are a hundred


@dataclass(frozen=True)
class Page:
    """A filtered query: orders of one status in a range of amounts, the dearest first."""

    status: str
    least: int

    @property
    def below(self) -> int:
        """Where the range ends; what costs this much is not in it."""
        return self.least + STEP


def batches(count: int) -> Iterator[list[Order]]:
    """The first `count` orders, some at a time."""
    for start in range(0, count, BATCH):
        yield [_order(number) for number in range(start, min(start + BATCH, count))]


def order_id(number: int) -> str:
    """The id of one order."""
    return f"o{number:07d}"


def pages(count: int) -> list[Page]:
    """Different queries, the same in every run."""
    chance = random.Random(count)
    return [Page(chance.choice(STATUSES), chance.randrange(0, 1000, STEP)) for _ in range(count)]


def _order(number: int) -> Order:
    made = order_id(number)
    cents = number * 7919 % 100_000  # every amount below 1,000 as often as every other
    paid = "true" if number % 3 else "false"
    text = (
        f'{{"id":"{made}","status":"{STATUSES[number * 31 % 5]}","amount":{cents / 100},'
        f'"quantity":{number % 9 + 1},"paid":{paid},"customer":"c{number * 613 % 5003}",'
        f'"note":"Please ring twice, order {number}","tags":["web","t{number % 17}"],'
        f'"address":{{"city":"{CITIES[number % 7]}","zip":"{10_000 + number % 89_999}"}}}}'
    )
    return made, text
