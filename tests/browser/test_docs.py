"""The page at /docs of an app, in a real browser: it shows every route, and sends requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.engine.cli.process import Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PROGRAM = """
const TASK = { type: "object", required: ["title"], properties: { title: { type: "string", minLength: 1, examples: ["Water the plants"] } } };
app.get("/tasks", (req) => ({ asked: req.validate() }))
  .describe({ summary: "All tasks", input: { properties: { limit: { type: "integer", maximum: 9 } } } });
app.post("/tasks", (req) => Response.json({ made: req.body.title }, { status: 201 }))
  .describe({ summary: "Add a task", tags: ["tasks"], input: TASK });
app.get("/tasks/:id", (req) => ({ id: req.params.id })).describe({ description: "<img src=x onerror=alert(1)> **bold**" });
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("docs")
    (folder / "shop.js").write_text(PROGRAM)
    (folder / "other.js").write_text('app.get("/", () => 1);')
    with serving(folder / "shop.js", folder / "other.js", cwd=folder) as server:
        yield server


class Seen:
    """What a page asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self._asked(request.url))
        page.on("console", lambda line: self._said(line.type, line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith("data:"):
            self.hosts.add(url.split("/")[2])

    def _said(self, kind: str, text: str) -> None:
        # A browser calls every answer of 4xx an error.
        if kind == "error" and "the server responded with a status" not in text:
            self.complaints.append(text)


@pytest.fixture
def window(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1180, "height": 900})
    context.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield context.new_page()
    context.close()


def operation(page: Page, method: str, path: str):
    summary = page.locator(".opblock-summary").filter(has_text=method)
    found = page.locator(".opblock").filter(has=summary).filter(has_text=path)
    block = found.filter(has=page.locator(f'[data-path="{path}"]'))
    block.locator(".opblock-summary").click()
    return block


def test_a_request_is_sent_from_the_page_and_its_answer_shown(server: Server, window: Page) -> None:
    seen = Seen(window)
    host = f"shop.localhost:{server.port}"
    window.goto(f"http://{host}/docs")
    expect(window.locator(".opblock")).to_have_count(3)
    expect(window.locator(".aiwe-head h1")).to_have_text("shop")
    post = operation(window, "POST", "/tasks")
    expect(post.locator("textarea")).to_have_value('{\n  "title": "Water the plants"\n}')
    post.get_by_role("button", name="Execute").click()
    live = post.locator(".live-responses-table")
    expect(live.locator("tbody .response-col_status").first).to_contain_text("201")
    expect(live).to_contain_text('"made": "Water the plants"')
    post.locator("textarea").fill('{ "title": "" }')
    post.get_by_role("button", name="Execute").click()
    expect(live.locator("tbody .response-col_status").first).to_contain_text("400")
    expect(live).to_contain_text("must not be empty")
    assert (seen.hosts, seen.complaints) == ({host}, [])


def test_parameters_of_path_and_query_are_filled_in(server: Server, window: Page) -> None:
    window.goto(f"http://shop.localhost:{server.port}/docs")
    one = operation(window, "GET", "/tasks/{id}")
    one.get_by_placeholder("id").fill("a/b")
    one.get_by_role("button", name="Execute").click()
    expect(one.locator(".live-responses-table")).to_contain_text('"id": "a/b"')
    every = operation(window, "GET", "/tasks")
    every.get_by_placeholder("limit").fill("7")
    every.get_by_role("button", name="Execute").click()
    expect(every.locator(".live-responses-table")).to_contain_text('"limit": 7')


def test_what_an_app_writes_of_itself_does_not_run(server: Server, window: Page) -> None:
    window.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    window.goto(f"http://shop.localhost:{server.port}/docs")
    one = operation(window, "GET", "/tasks/{id}")
    expect(one.locator(".opblock-description strong")).to_have_text("bold")
    assert window.evaluate("document.querySelector('.opblock-description img[onerror]')") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_light_as_the_persons_system(
    server: Server, window: Page, scheme: str
) -> None:
    window.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    window.goto(f"http://shop.localhost:{server.port}/docs")
    expect(window.locator(".opblock")).to_have_count(3)
    shown = window.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in shown[4:-1].split(",")[:3])
    assert brightness > 700 if scheme == "light" else brightness < 150


def test_in_a_sandbox_it_shows_everything_and_leads_to_where_it_can_send(
    server: Server, window: Page
) -> None:
    window.goto(f"http://127.0.0.1:{server.port}/~shop/docs")
    expect(window.locator(".opblock")).to_have_count(3)
    assert window.evaluate("self.origin") == "null"
    link = window.locator(".aiwe-notice a")
    expect(link).to_have_attribute("href", f"http://shop.localhost:{server.port}/docs")
    one = operation(window, "GET", "/tasks/{id}")
    one.get_by_placeholder("id").fill("1")
    one.get_by_role("button", name="Execute").click()
    expect(one.locator(".curl")).to_contain_text(f"http://127.0.0.1:{server.port}/~shop/tasks/1")
