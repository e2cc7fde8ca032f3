"""What holds for every test: nothing of the person's own Jupyter is read or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def a_jupyter_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runtime, configuration and history in folders of this run, and no engine inherited."""
    home: Path = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            (home / name.lower()).mkdir()
            patch.setenv(name, str(home / name.lower()))
        for name in [name for name in os.environ if name.startswith(("AIWE_", "JPY_"))]:
            patch.delenv(name)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's loop, once started, runs in this thread to the end."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
