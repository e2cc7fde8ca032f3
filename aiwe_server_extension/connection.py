"""The file by which kernels of this Jupyter server find its engine.

`<jupyter_runtime_dir>/aiwe-<pid>.json`, readable by its owner only: pid, management_url, token,
apps_url, root. A kernel takes it only when the process that started the kernel wrote it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def connection_file(runtime_dir: Path, info: dict[str, Any]) -> Iterator[Path]:
    """The file, for as long as the context lasts."""
    pid = os.getpid()
    path = runtime_dir / f"aiwe-{pid}.json"
    runtime_dir.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.urandom(4).hex()}.tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"pid": pid, **info}, file)
    draft.replace(path)  # whole or not there, never half
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
