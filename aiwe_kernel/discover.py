"""Where is this notebook's engine?

1. `AIWE_URL`, with `AIWE_TOKEN` or `AIWE_TOKEN_FILE` (the token, or an `engine.json`): somebody
   said so.
2. The Jupyter server that started this kernel, through the file that its extension writes.
3. Nowhere: the kernel starts a private one (`private.py`).

The file of (2) is taken only when the process that started this kernel wrote it. Environment
variables are inherited (a test run in a terminal of JupyterLab has the server's), and its cells
must not end up in the live engine.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir


@dataclass(frozen=True, slots=True)
class Engine:
    """How to reach one engine. `how` says in words how it was found."""

    url: str  # without /aiwe/api
    token: str = field(repr=False)
    how: str
    pid: int | None = None
    apps_url: str | None = None
    root: str | None = None


def find_engine(
    environ: Mapping[str, str] = os.environ, runtime_dir: str | None = None
) -> Engine | None:
    """The engine that this kernel was given, or None where it needs one of its own."""
    if url := environ.get("AIWE_URL"):
        return Engine(_base(url), _token(environ), "AIWE_URL")
    parent = _parent(environ)
    path = Path(runtime_dir or jupyter_runtime_dir()) / f"aiwe-{parent}.json"
    info = read_info(path)
    if not parent or info is None or info.get("pid") != parent or not _alive(parent):
        return None
    return engine_of(info, "the Jupyter server that started this kernel")


def engine_of(info: Mapping[str, Any], how: str) -> Engine:
    """An engine from what it wrote about itself (`engine.json`, `aiwe-<pid>.json`)."""
    return Engine(
        url=_base(str(info["management_url"])),
        token=str(info.get("token") or ""),
        how=how,
        pid=info.get("pid"),
        apps_url=info.get("apps_url"),
        root=info.get("root"),
    )


def read_info(path: Path) -> dict[str, Any] | None:
    """A connection file, or None while it is absent, half written or not one."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) and info.get("management_url") else None


def kernel_id(connection_file: str) -> str | None:
    """The id that Jupyter gave this kernel; clients without a server give none."""
    match = re.search(r"kernel-([\w-]+)\.json$", connection_file)
    return match[1] if match else None


def notebook_path(environ: Mapping[str, str], root: str | None) -> str | None:
    """The notebook as it was called when the kernel started, below `root` where it is there."""
    name = environ.get("JPY_SESSION_NAME")
    if not name or not root or not Path(name).is_absolute():
        return name or None
    relative = os.path.relpath(name, root)
    return name if relative.startswith("..") else relative.replace(os.sep, "/")


def _base(url: str) -> str:
    return url.rstrip("/").removesuffix("/aiwe/api")


def _token(environ: Mapping[str, str]) -> str:
    if path := environ.get("AIWE_TOKEN_FILE"):
        text = Path(path).read_text(encoding="utf-8").strip()
        return str(json.loads(text).get("token", "")) if text.startswith("{") else text
    return environ.get("AIWE_TOKEN", "")


def _parent(environ: Mapping[str, str]) -> int:
    if os.name == "nt":  # there the variable holds a handle
        return os.getppid()
    try:
        return int(environ.get("JPY_PARENT_PID") or 0)
    except ValueError:
        return 0


def _alive(pid: int) -> bool:
    if os.name == "nt":  # signal 0 is Ctrl-C there; the parent is alive while it is our parent
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
