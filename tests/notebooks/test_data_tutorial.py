"""The tutorial on data: its cells show what they say, and its app keeps what it promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.notebooks.tutorial import Answer, Tutorial, running

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    with running("04_data.ipynb", tmp_path_factory.mktemp("notebook")) as tutorial:
        yield tutorial


def shown(shop: Tutorial, cell: str) -> str:
    return str(shop.outputs(cell)[-1]["data"]["text/plain"])


def book(shop: Tutorial, title: str) -> dict[str, Any]:
    address: str | None = "/books"
    while address:
        page = shop.get(address).json
        for one in page["books"]:
            if one["title"] == title:
                return dict(one)
        address = page["next"]
    raise AssertionError(title)


def post(shop: Tutorial, path: str, **body: Any) -> Answer:
    return shop.request("POST", path, body, JSON)


SHOWN = [
    ("filter", "Moominland Midwinter"),
    ("count", "the dearest is Gödel, Escher, Bach"),
    ("refused", "invalid_document"),
    ("refused", "already_exists"),
    ("walk", "'The Periodic Table', 'The Summer Book'"),
    ("conflict", "[ 'version_conflict', 11 ]"),
    ("modify", "stock: 19"),
    ("rush", "{ done: 6, refused: 2, total: 100 }"),
    ("orders", "'sold_out', 'sold_out'"),
    ("genres", "children"),
    ("python", "59.7"),
    ("sync", "Kindred"),
    ("data", "Octavia E. Butler"),
]


@pytest.mark.parametrize(("cell", "text"), SHOWN)
def test_a_cell_shows_what_the_text_says(shop: Tutorial, cell: str, text: str) -> None:
    assert text in shown(shop, cell)


def test_what_declares_and_answers_is_the_app_and_the_rest_is_scratch(shop: Tutorial) -> None:
    assert shop.deployments[0]["routes"] == []  # the definitions
    assert {"GET /books", "GET /books/:id", "PUT /books/:id/price"} <= shop.routes
    assert {"POST /transfers", "POST /orders", "GET /bestsellers"} <= shop.routes
    assert shop.deployments[-1]["warnings"] == []


def test_the_pages_lead_through_every_book_once(shop: Tutorial) -> None:
    titles, address = [], "/books?sort=-price"
    while address:
        page = shop.get(address).json
        assert len(page["books"]) <= 5
        titles += [one["title"] for one in page["books"]]
        address = page["next"]
    assert len(titles) == len(set(titles)) == 8
    assert titles[0] == "Gödel, Escher, Bach"
    assert shop.get("/books?cursor=made-up", JSON).status == 404


def test_what_sold_best_is_joined_and_summed(shop: Tutorial) -> None:
    best = shop.get("/bestsellers").json
    first = {
        "title": "Pippi Longstocking",
        "author": "Astrid Lindgren",
        "copies": 12,
        "revenue": 96,
    }
    assert best[0] == first
    assert [one["title"] for one in shop.get("/bestsellers?below=8.5").json] == [first["title"]]
    assert shop.get("/bestsellers?below=much", JSON).status == 400


def test_a_price_is_changed_by_whoever_has_seen_it(shop: Tutorial) -> None:
    seen = book(shop, "Middlemarch")
    wish = {"price": 12.5, "version": seen["version"]}
    assert shop.request("PUT", f"/books/{seen['id']}/price", wish, JSON).json["price"] == 12.5
    late = shop.request("PUT", f"/books/{seen['id']}/price", wish, JSON)
    assert (late.status, late.json["error"]["code"]) == (409, "version_conflict")


def test_no_money_is_made_or_lost_by_transfers_at_once(shop: Tutorial) -> None:
    wishes = [("school", "library"), ("library", "school")] * 6
    with ThreadPoolExecutor(6) as pool:
        made = list(
            pool.map(
                lambda w: post(shop, "/transfers", **{"from": w[0], "to": w[1], "amount": 7}),
                wishes,
            )
        )
    assert {answer.status for answer in made} == {201}
    refused = post(shop, "/transfers", **{"from": "school", "to": "library", "amount": 1000})
    assert (refused.status, refused.json["error"]["code"]) == (422, "not_enough")
    missing = post(shop, "/transfers", **{"from": "school", "to": "nobody", "amount": 1})
    assert (missing.status, missing.json["error"]["code"]) == (404, "no_such_card")


def test_the_last_copies_are_sold_once(shop: Tutorial) -> None:
    wanted = book(shop, "The Left Hand of Darkness")
    assert wanted["stock"] == 5
    with ThreadPoolExecutor(8) as pool:
        sold = list(
            pool.map(lambda _: post(shop, "/orders", book=wanted["id"], card="school"), range(8))
        )
    assert sorted(answer.status for answer in sold) == [201] * 5 + [409] * 3
    assert shop.get(f"/books/{wanted['id']}").json["stock"] == 0
