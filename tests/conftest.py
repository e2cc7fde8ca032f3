"""What holds for every test: nothing of the person's own is read or written; and what many share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Cluster, cluster, require

#: What starts processes, browsers and whole notebooks, and what else takes long: `make fast` leaves it out.
SLOW = (
    "browser/",
    "engine/cli/",
    "engine/deployments/test_notebook",
    "engine/http/test_hostile",
    "engine/http/test_visitors",
    "engine/kills/",
    "engine/people/test_auth",
    "engine/people/test_bearer",
    "engine/people/test_sign_in",
    "engine/runtime/test_configure",
    "engine/runtime/test_habits",
    "engine/runtime/test_overload",
    "engine/runtime/test_settings",
    "engine/runtime/test_survival",
    "engine/secrets/test_computing",
    "engine/secrets/test_sending",
    "engine/store/test_durability",
    "kernel/test_with_engine",
    "notebooks/",
    "security/",
    "server/",
)

# A shell has what runs in its background ignore Ctrl-C, and whatever that starts would as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def a_jupyter_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runtime, configuration and history in folders of this run, and no engine inherited."""
    home: Path = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            (home / name.lower()).mkdir()
            patch.setenv(name, str(home / name.lower()))
        for name in [name for name in os.environ if name.startswith(("AIWE_", "JPY_", "PG"))]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server for all tests that ask for one; none of them may stop it."""
    require()
    with cluster() as running:
        yield running


@pytest.fixture
def database(postgres: Cluster) -> Iterator[str]:
    """The address of an empty database of this test."""
    with postgres.database() as url:
        yield url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file on one core; the browser's files on the same one: two browsers and servers would starve each other."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "browser" if file.startswith("tests/browser/") else file

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's loop, once started, runs in this thread to the end."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).as_posix().startswith(SLOW):
            item.add_marker("slow")
