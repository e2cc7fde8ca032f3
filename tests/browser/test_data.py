"""`%data` as a person uses it: collections, pages, a filter, mistakes, and data that means harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SEED = """\
for (const name of ["orders", "evil"]) await DataRepository.deleteMany(name, {});
await DataRepository.createMany("orders", Array.from({ length: 30 }, (_, n) => ({ id: "o" + (10 + n), n, status: n % 2 ? "paid" : "open" })));
const harm = '</td></pre><img src=x onerror="alert(1)"><script>alert(1)</script>';
await DataRepository.create("evil", { id: `"><svg onload=alert(1)>`, [harm]: harm, deep: { [harm]: [harm] } });
"""


@pytest.fixture
def grid(page: Page, open_notebook: Callable[..., None]) -> Locator:
    """The grid of an app with two collections. What a document says must not run."""
    page.on("dialog", lambda dialog: pytest.fail(f"a value ran: {dialog.message}"))
    open_notebook("stocked", SEED, "%data")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    grid = page.locator(".aiwe-data")
    expect(grid.get_by_role("navigation")).to_contain_text("orders30")
    return grid


def ids(grid: Locator) -> list[str]:
    return grid.locator(".aiwe-data-fold").all_inner_texts()


def test_a_person_pages_sorts_filters_and_mends_a_mistake(page: Page, grid: Locator) -> None:
    expect(grid).to_contain_text("Choose a collection.")
    grid.get_by_role("button", name="orders").click()
    expect(grid.get_by_role("status")).to_contain_text("1\N{EN DASH}25 of 30")
    assert ids(grid)[:2] == ["o39", "o38"]
    grid.get_by_role("button", name="Next").click()
    expect(grid.get_by_role("status")).to_contain_text("26\N{EN DASH}30 of 30")
    assert ids(grid) == ["o14", "o13", "o12", "o11", "o10"]

    line = grid.get_by_label("Filter or SELECT")
    line.fill("{ status: 'open', n: { $gte: 20 } ")
    line.press("Enter")
    expect(grid.get_by_role("alert")).to_contain_text("unexpected end of input")
    assert ids(grid) == ["o14", "o13", "o12", "o11", "o10"]
    line.press("End")
    line.press_sequentially("}")
    line.press("Shift+Enter")  # which runs cells elsewhere
    expect(grid.get_by_role("status")).to_contain_text("1\N{EN DASH}5 of 5")
    expect(grid.get_by_role("alert")).to_be_hidden()
    head = grid.get_by_role("columnheader", name="n", exact=True)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert ids(grid) == ["o30", "o32", "o34", "o36", "o38"]

    line.fill("SELECT status, count(*) AS many FROM orders GROUP BY status ORDER BY status")
    line.press("Enter")
    expect(grid.locator("tbody tr").first).to_contain_text("open15")
    line.press("ArrowUp")
    line.press("ArrowUp")
    expect(line).to_have_value("{ status: 'open', n: { $gte: 20 } }")


def test_a_document_is_unfolded_by_the_keyboard_and_nothing_of_it_runs(
    page: Page, grid: Locator
) -> None:
    grid.get_by_role("button", name="orders").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(grid.get_by_role("columnheader").nth(1)).to_contain_text("<script>alert(1)</script>")
    grid.locator(".aiwe-data-fold").focus()
    page.keyboard.press("Enter")
    whole = grid.locator(".aiwe-data-text")
    expect(whole).to_contain_text('"deep": {')
    expect(whole).to_contain_text("<script>alert(1)</script>")
    assert grid.locator("img, script, svg").count() == 0
    page.keyboard.press("Enter")
    expect(whole).to_have_count(0)
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)  # no key was a command's
