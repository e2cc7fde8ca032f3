"""`%secrets` for somebody who may look on only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LAB_OPTIONS
from tests.server.jupyter import Jupyter, running_jupyter

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A server whose people are viewers."""
    home = tmp_path_factory.mktemp("viewers")
    options = (*LAB_OPTIONS, "--Aiwe.roles=*=viewer")
    with running_jupyter(home, *options, command="lab") as jupyter:
        yield jupyter


def test_a_viewer_is_told_which_permission_it_takes_and_gets_no_form(
    page: Page, open_notebook: Callable[..., None]
) -> None:
    open_notebook("viewer", "%secrets")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    panel = page.locator(".aiwe-secrets")
    expect(panel.get_by_role("alert")).to_contain_text('the permission "secrets.read"')
    expect(panel.get_by_role("alert")).to_contain_text("roles developer, admin")
    assert panel.locator("input, button, table").count() == 0
