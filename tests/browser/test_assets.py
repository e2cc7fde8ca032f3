"""Assets in the side panel: what there is, and how a designer's files get there and away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_lab import panel, run_all
from tests.server.jupyter import Jupyter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

Open = Callable[..., None]
PAGE = 'app.get("/", () => html`<link rel="stylesheet" href="/assets/site.css"><h1>Hello</h1>`);'
DROP = """async (section, files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  for (const type of ["dragover", "drop"]) {
    section.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def section(page: Page, app: str) -> Locator:
    """The assets of an app, unfolded."""
    found = panel(page).get_by_role("region", name=f"App {app}").locator(".aiwe-Assets")
    if found.get_attribute("open") is None:
        found.locator("summary").click(position={"x": 20, "y": 10})
    return found


def asset(page: Page, app: str, path: str) -> Locator:
    rows = section(page, app).locator(".aiwe-Asset")
    return rows.filter(has=page.get_by_role("link", name=path, exact=True))


def test_assets_of_every_kind_are_listed(page: Page, lab: Jupyter, open_notebook: Open) -> None:
    (lab.root / "assets").mkdir(exist_ok=True)
    (lab.root / "assets/logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    open_notebook("kinds", PAGE, "%%asset site.css\nh1 { color: rgb(1, 2, 3) }")
    run_all(page)
    expect(asset(page, "kinds", "site.css")).to_contain_text("text/css")
    expect(asset(page, "kinds", "logo.svg")).to_contain_text("folder")
    asset(page, "kinds", "site.css").get_by_role("button", name="cell").click()
    expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_contain_class("jp-mod-active")


def test_files_are_uploaded_used_by_pages_and_deleted(
    page: Page, tmp_path: Path, open_notebook: Open
) -> None:
    open_notebook("designed", PAGE)
    run_all(page)
    (tmp_path / "site.css").write_text("h1 { color: rgb(1, 2, 3) }")
    found = section(page, "designed")
    with page.expect_file_chooser() as chooser:
        found.get_by_role("button", name="Upload").click()
    chooser.value.set_files(tmp_path / "site.css")
    row = asset(page, "designed", "site.css")
    expect(row).to_contain_text("uploaded")
    with page.context.expect_page() as opened:
        panel(page).get_by_role("region", name="App designed").get_by_role(
            "link", name="designed", exact=True
        ).click()
    expect(opened.value.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")
    opened.value.close()

    row.hover()
    row.get_by_role("button", name="Delete site.css").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_dropped_files_are_uploaded_and_mistakes_told(page: Page, open_notebook: Open) -> None:
    open_notebook("dropped", PAGE)
    run_all(page)
    found = section(page, "dropped")
    found.evaluate(DROP, [["a.txt", "one"], ["b.txt", "two"], ["notes.ipynb", "{}"]])
    expect(asset(page, "dropped", "a.txt")).to_contain_text("3 B")
    expect(asset(page, "dropped", "b.txt")).to_be_visible()
    mistake = found.get_by_role("alert")
    expect(mistake).to_contain_text("notebooks are not served")
    mistake.get_by_role("button", name="Dismiss").click()
    expect(mistake).to_have_count(0)


def test_an_upload_that_hides_a_cell_says_so(page: Page, open_notebook: Open) -> None:
    open_notebook("hiding", PAGE, "%%asset site.css\nh1 {}")
    run_all(page)
    section(page, "hiding").evaluate(DROP, [["site.css", "h1 { color: red }"]])
    expect(asset(page, "hiding", "site.css")).to_contain_text("hides the cell")


def test_the_path_for_a_page_is_copied(page: Page, open_notebook: Open) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_notebook("copied", "%%asset css/site.css\nh1 {}")
    run_all(page)
    row = asset(page, "copied", "css/site.css")
    row.hover()
    row.get_by_role("button", name="Copy the path of css/site.css").click()
    assert page.evaluate("navigator.clipboard.readText()") == "/assets/css/site.css"


def test_what_the_program_writes_shows_without_a_reload(page: Page, open_notebook: Open) -> None:
    open_notebook("written", PAGE, 'await Assets.write("report.csv", "a,b");')
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    page.keyboard.press("Shift+Enter")
    expect(section(page, "written")).to_contain_text("Drop files or folders here")
    expect(asset(page, "written", "report.csv")).to_have_count(0)
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(asset(page, "written", "report.csv")).to_be_visible()
