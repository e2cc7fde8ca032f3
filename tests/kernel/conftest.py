"""A kernelspec without an installation, and a fake engine for one notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.fake_engine import FakeEngine
from tests.kernel.notebook import Notebook, write_kernelspec


@pytest.fixture(scope="session", autouse=True)
def jupyter_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Jupyter's and IPython's folders in a temporary place, with the kernelspec in it."""
    home = tmp_path_factory.mktemp("jupyter")
    write_kernelspec(home / "share")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home / "share"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
        patch.setenv("JUPYTER_CONFIG_DIR", str(home / "config"))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        yield home


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as fake:
        yield fake


@pytest.fixture(scope="module")
def notebook(engine: FakeEngine) -> Iterator[Notebook]:
    """One kernel for the tests of a file: they use cells and ids of their own."""
    with Notebook(**engine.environ) as one:
        yield one
