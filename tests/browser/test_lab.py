"""What a person sees of aiwe in JupyterLab."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LAB_OPTIONS, READY
from tests.server.jupyter import Jupyter, running_jupyter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

Open = Callable[..., None]

TASKS = """\
app.get("/tasks", () => [{ id: 1, title: "write a test" }]);
app.get("/tasks/:id", (req) => ({ id: req.params.id }));
app.post("/tasks", (req) => Response.json({ made: req.body.title }, { status: 201 }));
app.get("/page", () => html`<h1>Tasks</h1>`);
"""


def execute(page: Page, command: str) -> None:
    page.evaluate("(command) => void window.jupyterapp.commands.execute(command)", command)


def run_all(page: Page) -> None:
    execute(page, "notebook:run-all-cells")


def panel(page: Page):
    if not page.locator(".aiwe-Panel").is_visible():
        page.locator(".aiwe-StatusItem").click()
    return page.locator(".aiwe-Panel")


def route(page: Page, app: str, method: str, path: str):
    rows = panel(page).get_by_role("region", name=f"App {app}").locator(".aiwe-Route")
    return rows.filter(has=page.get_by_text(method, exact=True)).filter(
        has=page.get_by_text(path, exact=True)
    )


def test_a_new_notebook_from_the_launcher_goes_live(page: Page, lab: Jupyter) -> None:
    page.goto(f"{lab.url}/lab?reset&token={lab.token}")
    page.locator(".jp-LauncherCard", has_text="aiwe notebook").click()
    cell = page.locator(".jp-Notebook .jp-CodeCell").first
    expect(cell.locator(".cm-content")).to_contain_text("app.get")
    page.wait_for_function(READY)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("/hello/:name")
    expect(route(page, "untitled", "GET", "/hello/:name")).to_be_visible()


def test_the_output_of_a_cell_links_to_what_answers(
    page: Page, lab: Jupyter, open_notebook: Open
) -> None:
    open_notebook("linked", TASKS)
    run_all(page)
    link = page.locator(".jp-OutputArea-output a", has_text="/tasks").first
    with page.context.expect_page() as opened:
        link.click()
    expect(opened.value.locator("body")).to_contain_text("write a test")


def test_the_panel_lists_the_routes_of_each_app(
    page: Page, lab: Jupyter, open_notebook: Open
) -> None:
    open_notebook("listed", TASKS)
    run_all(page)
    for method, path in [
        ("GET", "/tasks"),
        ("GET", "/tasks/:id"),
        ("POST", "/tasks"),
        ("GET", "/page"),
    ]:
        expect(route(page, "listed", method, path)).to_be_visible()


def test_an_app_links_to_its_documentation(page: Page, open_notebook: Open) -> None:
    open_notebook("described", TASKS)
    run_all(page)
    expect(route(page, "described", "GET", "/tasks")).to_be_visible()
    link = panel(page).get_by_role("region", name="App described").get_by_role("link", name="API")
    with page.expect_popup() as opened:
        link.click()
    documentation = opened.value
    expect(documentation.locator(".opblock-summary-path").first).to_have_text("/tasks")
    assert documentation.url.endswith("/docs")
    documentation.close()


def test_a_click_on_a_get_opens_it(page: Page, open_notebook: Open) -> None:
    open_notebook("opened", TASKS)
    run_all(page)
    with page.context.expect_page() as opened:
        route(page, "opened", "GET", "/page").get_by_role("link").click()
    expect(opened.value.get_by_role("heading")).to_have_text("Tasks")


def test_a_route_is_tried_with_a_form(page: Page, open_notebook: Open) -> None:
    open_notebook("tried", TASKS)
    run_all(page)
    row = route(page, "tried", "POST", "/tasks")
    row.get_by_role("button", name="Try").click()
    row.get_by_label("Body").fill('{"title": "by hand"}')
    row.get_by_role("button", name="Send").click()
    expect(row.locator(".aiwe-Status")).to_have_text("201")
    expect(row.get_by_label("Body of the answer")).to_have_text(
        json.dumps({"made": "by hand"}, indent=2), use_inner_text=True
    )


def test_a_form_works_from_the_keyboard_alone(page: Page, open_notebook: Open) -> None:
    open_notebook("typed", TASKS)
    run_all(page)
    row = route(page, "typed", "GET", "/tasks/:id")
    row.get_by_role("button", name="Try").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("a b/c")
    page.keyboard.press("Enter")
    expect(row.get_by_label("Body of the answer")).to_contain_text('"id": "a b/c"')


def test_an_error_of_a_route_is_shown(page: Page, open_notebook: Open) -> None:
    open_notebook("failing", 'app.get("/throws", () => { throw new Error("no luck today"); });')
    run_all(page)
    row = route(page, "failing", "GET", "/throws")
    row.get_by_role("button", name="Try").click()
    row.get_by_role("button", name="Send").click()
    expect(row.locator(".aiwe-Status")).to_have_text("500")
    expect(row.get_by_label("Body of the answer")).to_contain_text("no luck today")


def test_logs_are_live_and_can_be_filtered(page: Page, open_notebook: Open) -> None:
    source = """\
app.get("/talks", () => { console.log("a quiet word"); console.warn("a loud word"); return 1; });
"""
    open_notebook("talking", source)
    run_all(page)
    row = route(page, "talking", "GET", "/talks")
    page.get_by_role("button", name="Live logs").click()
    row.get_by_role("button", name="Try").click()
    row.get_by_role("button", name="Send").click()
    lines = page.locator(".aiwe-Line")
    expect(lines.filter(has_text="a quiet word")).to_be_visible()
    page.get_by_label("Least level").select_option("warn")
    expect(lines.filter(has_text="a loud word")).to_be_visible()
    expect(lines.filter(has_text="a quiet word")).to_have_count(0)
    page.get_by_label("Filter by text or request id").fill("something else")
    expect(page.get_by_text("No line matches the filter.")).to_be_visible()


def test_a_place_leads_to_its_cell(page: Page, open_notebook: Open) -> None:
    open_notebook("placed", "// nothing here", 'app.get("/second", () => 2);')
    run_all(page)
    route(page, "placed", "GET", "/second").get_by_label("Go to placed.ipynb").click()
    expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_contain_class("jp-mod-active")


def test_a_cell_that_is_gone_leaves_with_the_next_save(page: Page, open_notebook: Open) -> None:
    open_notebook("shrinking", 'app.get("/stays", () => 1);', 'app.get("/goes", () => 2);')
    run_all(page)
    expect(route(page, "shrinking", "GET", "/goes")).to_be_visible()
    page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".jp-InputPrompt").click()
    execute(page, "notebook:delete-cell")
    execute(page, "docmanager:save")
    expect(route(page, "shrinking", "GET", "/goes")).to_have_count(0)
    expect(route(page, "shrinking", "GET", "/stays")).to_be_visible()


def test_mistakes_are_marked_in_cells_of_aiwe_notebooks(page: Page, open_notebook: Open) -> None:
    open_notebook("mistaken", 'app.get("/x", (req) => req.nothing);\nmisspelt();')
    expect(page.locator(".cm-lintRange-error").first).to_be_visible()


def test_other_notebooks_are_left_alone(page: Page, open_notebook: Open) -> None:
    open_notebook("pythonic", "misspelt()", kernel="python3")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("End")
    page.keyboard.type(" + 1")
    with page.expect_response("**/aiwe/api/status?*"):  # some seconds later
        pass
    assert [url for url in asked if "language" in url or "documents" in url] == []


def test_a_page_below_jupyters_address_cannot_use_jupyter(page: Page, lab: Jupyter) -> None:
    source = """\
app.get("/", () => new Response(`<pre></pre><script>
  const tell = (text) => document.querySelector("pre").append(text + "\\\\n");
  try { tell("cookie " + document.cookie) } catch (error) { tell("cookie " + error.name) }
  fetch("/api/contents").then((r) => tell("contents " + r.status), (e) => tell("contents " + e.name));
</script>`, { headers: { "content-type": "text/html" } }));
"""
    lab.run(source, path="evil.ipynb", session="evil")
    page.goto(f"{lab.url}/lab?reset&token={lab.token}")  # the person is logged in
    page.goto(f"{lab.url}/aiwe/apps/evil/")
    expect(page.locator("pre")).to_contain_text("cookie SecurityError")
    expect(page.locator("pre")).to_contain_text("contents TypeError")


def test_before_the_first_app_the_panel_says_what_to_do_and_later_that_the_engine_is_away(
    chromium: Browser, tmp_path: Path
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    with running_jupyter(tmp_path, *LAB_OPTIONS, command="lab") as jupyter:
        page.goto(f"{jupyter.url}/lab?reset&token={jupyter.token}")
        status = page.locator(".aiwe-StatusItem")
        expect(status).to_contain_text("0 apps")
        expect(panel(page)).to_contain_text("No app is live yet")
        page.screenshot(path=tmp_path / "empty.png")
        jupyter.run('app.get("/", () => 1)', path="first.ipynb")
        expect(status).to_contain_text("1 app")
        jupyter.stop()
        expect(status).to_contain_text("not reachable")
        expect(panel(page).get_by_role("alert")).to_contain_text("does not answer")
        page.screenshot(path=tmp_path / "away.png")
        jupyter.start()
        expect(status).to_contain_text("0 apps")
    context.close()
