"""`aiwe lab`: JupyterLab, with the engine as its extension."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from urllib.parse import quote

from aiwe_engine.errors import EngineError, ProgramError

WELCOME = Path("notebooks/01_hello.ipynb")


def open_lab(target: Path | None, rest: list[str]) -> int:
    """Becomes `jupyter lab`. Without a target, the welcome notebook if it is here.

    Raises:
        EngineError: `jupyterlab_missing`.
        ProgramError: `path_not_found`.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise EngineError(
            "JupyterLab is not installed beside aiwe.",
            code="jupyterlab_missing",
            hint="Install it with: pip install jupyterlab",
        )
    command = lab_command(target, rest)
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - this process becomes the server


def lab_command(target: Path | None, rest: list[str]) -> list[str]:
    """The command line of the server."""
    if target is None:
        target = WELCOME if WELCOME.is_file() else Path()
    if not target.exists():
        raise ProgramError(
            f"There is no {target}.",
            code="path_not_found",
            hint="Give a folder or a notebook, or nothing for this folder.",
        )
    command = [sys.executable, "-m", "jupyterlab"]
    if target.is_dir():
        command.append(f"--ServerApp.root_dir={target.resolve()}")
    else:
        root = (
            Path.cwd() if target.resolve().is_relative_to(Path.cwd()) else target.resolve().parent
        )
        below = target.resolve().relative_to(root.resolve()).as_posix()
        command += [
            f"--ServerApp.root_dir={root}",
            f"--LabApp.default_url=/lab/tree/{quote(below)}",
        ]
    extension = "--ServerApp.jpserver_extensions=aiwe_server_extension=True"
    return [*command, extension, *rest]
