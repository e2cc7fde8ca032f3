"""JupyterLab in a real Chromium: one server and one browser, a page of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.server.jupyter import PATIENCE, Jupyter, running_jupyter

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The indicator of a notebook says idle also before there is a kernel.
READY = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
LAB_OPTIONS = ("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=")
# A browser of its own, that speaks to nobody but the server under test.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    home = tmp_path_factory.mktemp("lab")
    with running_jupyter(home, *LAB_OPTIONS, command="lab") as jupyter:
        yield jupyter


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, lab: Jupyter, tmp_path: Path) -> Iterator[Page]:
    """A person's fresh window. What it showed last lies in the test's folder."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    expect.set_options(timeout=PATIENCE * 1000)
    yield page
    page.screenshot(path=tmp_path / "last.png")
    context.close()
    with lab.client as client:  # a kernel less
        for session in client.get("/api/sessions").json():
            client.delete(f"/api/sessions/{session['id']}")


@pytest.fixture
def open_notebook(page: Page, lab: Jupyter) -> Callable[..., None]:
    """Write a notebook and open it in JupyterLab, its kernel ready."""

    def open_(name: str, *cells: str, kernel: str = "aiwe") -> None:
        write_notebook(lab.root / f"{name}.ipynb", *cells, kernel=kernel)
        page.goto(f"{lab.url}/lab/tree/{name}.ipynb?reset&token={lab.token}")
        page.locator(".jp-Notebook .jp-CodeCell").first.click()
        page.wait_for_function(READY)

    return open_


def write_notebook(path: Path, *cells: str, kernel: str) -> None:
    made: list[Any] = [
        nbformat.v4.new_code_cell(source, id=f"cell-{number}")
        for number, source in enumerate(cells, 1)
    ]
    spec = {"name": kernel, "display_name": kernel, "language": "javascript"}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec}), path)
