"""`%secrets` as a person uses it; and that what they type is nowhere but in the engine's vault."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Request, WebSocket, expect

from tests.browser.conftest import LAB_OPTIONS, READY
from tests.security.search import Search
from tests.server.jupyter import Jupyter, running_jupyter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

VALUE = 'kx/4f9a+1c77="of the weather"'
OTHER = "b81-the-next-key-of-the-weather"
SEARCH = Search({"value": VALUE.encode(), "other": OTHER.encode()})
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqh\n-----END KEY-----\n"
TOML = """\
[fetch]
allow_private = ["127.0.0.1:*"]

[apps.fixed.secrets.mail_key]
env = "FIXED_MAIL_KEY"
hosts = ["mail.example.com"]
"""
FIXED = "a value that the environment has"
API = "**/editor/api/secrets*"


@dataclass
class Weather:
    """The other service. It gives back what it is sent."""

    port: int = 0
    keys: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cell(self) -> str:
        return f"""\
app.get("/forecast", async () => {{
  const headers = {{ "x-key": Secrets.get("weather_key") }};
  return (await fetch("http://{self.host}/", {{ headers }})).text();
}});"""


@contextmanager
def serving_weather() -> Iterator[Weather]:
    weather = Weather()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self.headers["x-key"]
            weather.keys.append(key)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"sunny for {key}".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        weather.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield weather
        server.shutdown()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A server that logs all it can."""
    home = tmp_path_factory.mktemp("lab")
    options = (*LAB_OPTIONS, "--log-level=DEBUG")
    with running_jupyter(
        home, *options, command="lab", aiwe_toml=TOML, FIXED_MAIL_KEY=FIXED
    ) as jupyter:
        yield jupyter


@pytest.fixture
def weather() -> Iterator[Weather]:
    with serving_weather() as one:
        yield one


@pytest.fixture
def show(page: Page, lab: Jupyter, open_notebook: Callable[..., None]) -> Callable[..., Locator]:
    """Open a notebook, run its cells, and wait for the panel."""

    def shown(name: str, *cells: str) -> Locator:
        page.on("dialog", lambda dialog: pytest.fail(f"a value ran: {dialog.message}"))
        open_notebook(name, *(cells or ("%secrets",)))
        run_all(page)
        panel = page.locator(".aiwe-secrets")
        expect(panel).to_be_visible()
        return panel

    return shown


def run_all(page: Page) -> None:
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")


def fill(panel: Locator, name: str, value: str, hosts: str = "") -> None:
    panel.get_by_label("Name", exact=True).fill(name)
    panel.get_by_label("Value", exact=True).fill(value)
    panel.get_by_label("Hosts").fill(hosts)


def store(panel: Locator, name: str, value: str, hosts: str = "") -> None:
    adder = panel.get_by_role("button", name="Add a secret")
    expect(panel.get_by_role("button", name="Store").or_(adder)).to_be_visible()
    if adder.is_visible():
        adder.click()
    fill(panel, name, value, hosts)
    panel.get_by_role("button", name="Store").click()
    expect(panel.get_by_role("status")).to_contain_text(f"{name} is stored")


@dataclass
class Watched:
    """What left the page and came to it."""

    frames: list[bytes] = field(default_factory=list)
    carrying: list[str] = field(default_factory=list)  # requests whose body has a value
    urls: list[bytes] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        def socket(one: WebSocket) -> None:
            one.on("framesent", self._frame)
            one.on("framereceived", self._frame)

        page.on("websocket", socket)
        page.on("request", self._request)

    def _frame(self, payload: str | bytes) -> None:
        self.frames.append(payload if isinstance(payload, bytes) else payload.encode())

    def _request(self, request: Request) -> None:
        self.urls.append(request.url.encode())
        if SEARCH.found(request.post_data_buffer or b""):
            self.carrying.append(f"{request.method} {request.url}")


def files(home: Path) -> Iterator[tuple[Path, bytes]]:
    """All that the server, its kernels and its engine have written."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def test_a_value_goes_from_the_page_to_the_engine_and_is_nowhere_else(
    page: Page, lab: Jupyter, weather: Weather, show: Callable[..., Locator]
) -> None:
    watched = Watched()
    watched.watch(page)
    panel = show("weather", weather.cell, "%secrets", 'console.log(Secrets.get("weather_key"))')
    expect(panel).to_contain_text("There are no secrets that weather could use.")
    store(panel, "weather_key", VALUE, weather.host)
    row = panel.get_by_role("row", name="weather_key")
    expect(row).to_contain_text(weather.host)
    expect(row).to_contain_text("never")
    with lab.client as client:
        assert client.get("/aiwe/apps/weather/forecast").text == "sunny for [redacted]"
    assert weather.keys == [VALUE]

    row.get_by_role("button").click()
    expect(panel).to_contain_text("Used: 1 sent.")
    panel.get_by_label("New value").fill(OTHER)
    panel.get_by_role("button", name="Save changes").click()
    expect(panel.get_by_role("status")).to_contain_text("weather_key has a new value")
    with lab.client as client:
        assert client.get("/aiwe/apps/weather/forecast").text == "sunny for [redacted]"
    assert weather.keys == [VALUE, OTHER]

    page.wait_for_function(READY)
    run_all(page)
    expect(page.locator(".jp-OutputArea-output pre").last).to_have_text("[redacted]\n")
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    saved = lab.root / "weather.ipynb"
    lab.until(lambda: saved.read_text().index("[redacted]"))
    with lab.client as client:  # a kernel that ends writes its history
        for session in client.get("/api/sessions").json():
            client.delete(f"/api/sessions/{session['id']}")

    place = f"{lab.url}/editor/api/secrets"
    assert watched.carrying == [f"POST {place}", f"PUT {place}/weather_key?app=weather"]
    assert len(watched.frames) > 10
    assert SEARCH.found(b"\n".join(watched.frames)) == set()
    assert SEARCH.found(b"\n".join(watched.urls)) == set()
    assert "GET /editor/api/secrets" in lab.log
    written = dict(files(lab.home))
    assert {"weather.ipynb", "history.sqlite", "log", "data.duckdb"} <= {
        one.name for one in written
    }
    assert [str(path) for path, data in written.items() if SEARCH.found(data)] == []


#: Name, value and hosts; which field is wrong; what is said.
MISTAKES = [
    ("short", "too short", "", "Value", "fewer than 12 bytes"),
    ("host", "long enough a value", "https://api.example.com/v1", "Hosts", "it is a URL"),
    ("bad name", "long enough a value", "", "Name", 'as in "sendgrid_api_key"'),
]


def test_a_mistake_is_told_where_it_is_and_mended_there(
    page: Page, show: Callable[..., Locator]
) -> None:
    panel = show("mistakes")
    for name, value, hosts, wrong, said in MISTAKES:
        fill(panel, name, value, hosts)
        panel.get_by_label("Hosts").press("Enter")
        expect(panel.get_by_role("alert")).to_contain_text(said)
        expect(panel.get_by_label(wrong, exact=True)).to_be_focused()
        expect(panel.get_by_label(wrong, exact=True)).to_have_attribute("aria-invalid", "true")
        expect(panel.get_by_label("Value", exact=True)).to_have_value(value)
    expect(panel).to_contain_text("Empty: sent nowhere;")
    store(panel, "twice", "long enough a value")
    expect(panel.get_by_role("row", name="twice")).to_contain_text("nowhere")
    expect(panel.get_by_role("alert")).to_have_count(0)
    panel.get_by_role("button", name="Add a secret").click()
    expect(panel.get_by_label("Value", exact=True)).to_have_value("")
    fill(panel, "twice", "long enough a value")
    panel.get_by_role("button", name="Store").click()
    expect(panel.get_by_role("alert")).to_contain_text("open it in the list")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(1)  # no key was a command's


def test_a_secret_is_changed_and_deleted(page: Page, show: Callable[..., Locator]) -> None:
    panel = show("changes")
    store(panel, "x_key", "long enough a value", "a.example.com")
    row = panel.get_by_role("row", name="x_key")
    row.get_by_role("button").click()
    expect(panel).to_contain_text("Not used yet.")
    panel.get_by_role("button", name="Save changes").click()
    expect(panel.get_by_role("alert")).to_contain_text("Nothing is changed.")
    panel.get_by_label("Hosts").fill("a.example.com b.example.com:8443")
    panel.get_by_label("body").check()
    panel.get_by_label("Description").fill('<img src=x onerror="alert(1)">')
    panel.get_by_role("button", name="Save changes").click()
    expect(row).to_contain_text("b.example.com:8443")
    expect(row).to_contain_text("body")
    expect(row).to_contain_text("<img src=x")
    assert panel.locator("img").count() == 0

    row.get_by_role("button").click()
    panel.get_by_role("button", name="Delete…").click()
    panel.get_by_role("button", name="Keep").click()
    panel.get_by_role("button", name="Delete…").click()
    panel.get_by_role("button", name="Delete", exact=True).click()
    expect(panel.get_by_role("status")).to_contain_text("x_key is deleted.")
    expect(row).to_have_count(0)
    del page


def test_a_key_of_several_lines_keeps_them(
    page: Page, lab: Jupyter, show: Callable[..., Locator]
) -> None:
    panel = show(
        "lines", f"app.get('/same', () => Secrets.matches('pem', {PEM.strip()!r}));", "%secrets"
    )
    fill(panel, "pem", "", "")
    value = panel.get_by_label("Value", exact=True)
    paste = """(input, text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", text);
      input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true, bubbles: true }));
    }"""
    value.evaluate(paste, PEM)
    expect(panel).to_contain_text(f"{len(PEM) - 1} bytes")
    shown = "e => getComputedStyle(e).webkitTextSecurity"
    assert panel.locator("textarea").evaluate(shown) == "disc"
    panel.get_by_role("button", name="Store").click()
    expect(panel.get_by_role("status")).to_contain_text("pem is stored")
    with lab.client as client:
        assert client.get("/aiwe/apps/lines/same").json() is True
    del page


def test_what_the_configuration_says_is_shown_and_not_changed_here(
    show: Callable[..., Locator],
) -> None:
    panel = show("fixed")
    panel.get_by_role("row", name="mail_key").get_by_role("button").click()
    expect(panel).to_contain_text("aiwe.toml, apps.fixed.secrets.mail_key: env FIXED_MAIL_KEY")
    expect(panel).to_contain_text("Not used yet.")
    assert panel.locator("form").count() == 0


def test_where_the_page_does_not_reach_the_engine_a_command_is_shown(
    page: Page, lab: Jupyter, show: Callable[..., Locator]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/aiwe/api/status", lambda route: route.fulfill(json={"id": "of another engine"}))
    with lab.client as client:
        about = {"id": "seen", "app": "away", "hosts": ["a.example.com"]}
        secret = {**about, "value": "long enough a value"}
        assert client.post("/editor/api/secrets", json=secret).status_code == 201
    panel = show("away")
    expect(panel).to_contain_text("aiwe secrets set NAME --hosts api.example.com --app away")
    expect(panel.get_by_role("row", name="seen")).to_contain_text("a.example.com")
    assert panel.locator("input, button").count() == 0
    assert [url for url in asked if "/editor/api/secrets" in url] == []


def test_a_login_that_is_over_is_told(page: Page, show: Callable[..., Locator]) -> None:
    panel = show("over")
    expect(panel.get_by_role("button", name="Store")).to_be_visible()
    page.route(API, lambda route: route.fulfill(status=403, json={"message": "Forbidden"}))
    fill(panel, "late", "long enough a value")
    panel.get_by_role("button", name="Store").click()
    expect(panel.get_by_role("alert")).to_contain_text("Log in to Jupyter again")
    expect(panel.get_by_label("Value", exact=True)).to_have_value("long enough a value")
