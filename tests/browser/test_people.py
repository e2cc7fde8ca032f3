"""The sign-up tutorial before a real browser: forms, cookies and redirects as a person meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.engine.cli.process import Server, serving
from tests.notebooks.tutorial import NOTEBOOKS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    with serving(NOTEBOOKS / "09_sign_up.ipynb", cwd=tmp_path) as server:
        yield server


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    context.set_default_timeout(30_000)
    yield context
    context.close()


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"input[name={name}]", value)
    page.click("form button")


def test_a_person_signs_up_and_out_and_in_again(served: Server, context: BrowserContext) -> None:
    home = f"http://127.0.0.1:{served.port}"
    page = context.new_page()
    page.goto(f"{home}/notes")
    expect(page).to_have_url(f"{home}/login")  # first things first
    page.goto(f"{home}/sign-up")
    fill(page, username="ada", email="ada@example.org", password="password1")
    expect(page.get_by_role("alert")).to_contain_text("tried first")
    fill(page, username="ada", email="ada@example.org", password=PASSWORD)
    expect(page).to_have_url(f"{home}/notes")
    page.fill("input[name=text]", "milk <b>and</b> bread")
    page.click("form button")
    expect(page.locator("li")).to_have_text("milk <b>and</b> bread")
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert set(cookies) == {"aiwe_session", "aiwe_device"}
    assert all(one["httpOnly"] and one["sameSite"] == "Lax" for one in cookies.values())
    assert page.evaluate("document.cookie") == ""
    page.goto(home)
    page.click("text=Sign out")
    expect(page).to_have_url(f"{home}/")
    page.goto(f"{home}/notes")
    expect(page).to_have_url(f"{home}/login")
    fill(page, username="ada", password="wrong")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    fill(page, username="Ada", password=PASSWORD)
    expect(page.locator("li")).to_have_text("milk <b>and</b> bread")
    page.goto(f"{home}/admin")
    expect(page.locator("body")).to_contain_text("role_needed")
