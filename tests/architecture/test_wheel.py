"""What `pip install .` puts on a machine."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source import ROOT


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in a wheel made of this checkout, with the build tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", ROOT, "-w", folder]
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *options], check=True, timeout=240)
    (wheel,) = Path(folder).glob("aiwe-*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "end",
    [
        "aiwe_engine/built/core.js",
        "aiwe_engine/built/compiler.js",
        "aiwe_engine/built/parts.json",
        "aiwe_engine/built/aiwe.d.ts",
        "aiwe_kernel/data/grid.js",
        "aiwe_kernel/data/grid.css",
        "aiwe_kernel/secrets/secrets.js",
        "aiwe_kernel/secrets/secrets.css",
        "data/share/jupyter/kernels/aiwe/kernel.json",
        "data/share/jupyter/labextensions/@aiwe/lab/package.json",
        "data/etc/jupyter/jupyter_server_config.d/aiwe.json",
        "dist-info/entry_points.txt",
    ],
)
def test_a_wheel_has(end: str, contents: list[str]) -> None:
    assert [name for name in contents if name.endswith(end)]


def test_a_wheel_has_nothing_else_of_the_checkout(contents: list[str]) -> None:
    homes = {name.split("/")[0] for name in contents}
    packages = {home for home in homes if not home.startswith("aiwe-")}
    assert packages == {"aiwe_engine", "aiwe_kernel", "aiwe_server_extension"}
    sources = [name for name in contents if name.endswith((".ts", ".tsx", ".mjs"))]
    assert [name for name in sources if not name.startswith("aiwe_engine/built/")] == []
