"""Pages of other origins before a real browser in which somebody is signed in to an app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page

from tests.engine.cli.process import Server, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PROGRAM = """
app.get("/", () => html`<form method=post action=/pay><button>Pay</button></form>`);
app.get("/start", () => Response.html("<p>bank</p>"));
app.post("/enter", async () => { await Auth.register("ada", "correct horse battery"); await Auth.login("ada", "correct horse battery"); return "in"; });
app.post("/pay", Auth.require(), async (req) => { await DataRepository.create("payments", { by: req.user.username }); return "paid"; });
app.get("/me", (req) => req.user?.username ?? "nobody");
app.get("/payments", () => DataRepository.count("payments"));
"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page that somebody else made."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><p>Win a prize")

    def log_message(self, *_: object) -> None:
        """Tests do not chat."""


@contextmanager
def elsewhere() -> Iterator[int]:
    """The port on which such a page is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "bank.js").write_text(PROGRAM)
    with serving(tmp_path / "bank.js", cwd=tmp_path) as server:
        yield server


@pytest.fixture
def window(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def submit(page: Page, address: str) -> str:
    """What a person sees whose click on a page has sent a form."""
    script = """(address) => {
        const form = document.body.appendChild(document.createElement("form"));
        Object.assign(form, { method: "post", action: address });
        form.submit();
    }"""
    with page.expect_navigation():
        page.evaluate(script, address)
    return page.inner_text("body")


FETCH = """async ([address, mode]) => {
    try {
        const answer = await fetch(address, { method: "POST", mode, credentials: "include" });
        return answer.type === "opaque" ? "opaque" : await answer.text();
    } catch (error) { return error.name; }
}"""


def test_pages_of_other_origins_do_nothing_for_who_is_signed_in(bank: Server, window: Page) -> None:
    home = f"http://bank.localhost:{bank.port}"

    def payments() -> str:
        return bank.ask("/payments", host=f"bank.localhost:{bank.port}")[2].decode()

    window.goto(home)
    assert window.evaluate(FETCH, [f"{home}/enter", "cors"]) == "in"
    # The app's own page, by a form and by a script.
    with window.expect_navigation():
        window.click("button")
    assert window.inner_text("body") == "paid"
    window.goto(home)
    assert window.evaluate(FETCH, [f"{home}/pay", "cors"]) == "paid"
    assert payments() == "2"

    with elsewhere() as port:
        # The port is no part of a cookie's site: what this page sends has the cookie of the session with it.
        near, far = f"http://bank.localhost:{port}", f"http://evil.localhost:{port}"
        for origin, code in ((near, "csrf_refused"), (far, "not_authenticated")):
            window.goto(origin)
            assert code in submit(window, f"{home}/pay")
            for mode in ("no-cors", "cors"):
                window.goto(origin)
                answer = window.evaluate(FETCH, [f"{home}/pay", mode])
                assert answer == ("opaque" if mode == "no-cors" else "TypeError")
            assert payments() == "2", origin
        # A link leads there, and she is still signed in.
        window.goto(far)
        with window.expect_navigation():
            window.evaluate("(address) => { location.href = address; }", f"{home}/me")
        assert window.inner_text("body") == "ada"
