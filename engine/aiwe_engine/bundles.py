"""The JavaScript that the package's build makes: where it lies and how it is read.

`engine/build.mjs` bundles the TypeScript beside the Python sources into `aiwe_engine/built/`.
Nothing in that folder is committed; a missing file means that the package was not built.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "built"


@cache
def read(name: str) -> str:
    """The text of one built file, such as `core.js`.

    Raises:
        FileNotFoundError: the package was not built; the message says how to.
    """
    path = FOLDER / name
    if not path.is_file():
        message = f"{path} is missing: build the JavaScript halves with `make build`"
        raise FileNotFoundError(message)
    return path.read_text(encoding="utf-8")


def read_all() -> None:
    """Reads what isolates are made of, for a process that will not be able to read files."""
    read("core.js")
    for path in FOLDER.glob("part-*.js"):
        read(path.name)
