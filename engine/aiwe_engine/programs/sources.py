"""What a path holds: a notebook, a script or a folder of scripts, as the sources of an app.

An app's name is the file's or folder's stem as a slug, because it stands in a host name:
`shop.localhost`, `shop--staging.localhost`. Nothing is compiled here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from aiwe_engine.errors import ProgramError
from aiwe_engine.programs.asset_cell import read_asset
from aiwe_engine.programs.notebook import Notebook, read_notebook
from aiwe_engine.programs.resolve import SUFFIXES, Folder, read_text
from aiwe_engine.types import Asset, Source, Where

NAME_LENGTH = 63
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
DECLARATIONS = ".d.ts"
NAME_RULE = (
    "A name has at most 63 lower-case letters, digits and hyphens, begins and ends with a letter"
    " or digit, and holds no two hyphens in a row."
)


@dataclass(frozen=True, slots=True)
class App:
    """The sources of one app, the folder that its imports may reach, and its cells' assets."""

    name: str
    path: Path
    sources: tuple[Source, ...]
    files: Folder
    assets: tuple[Asset, ...] = ()


def slug(text: str) -> str:
    """A name for an app out of the name of its file; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:NAME_LENGTH].rstrip("-")


def check_name(name: str, path: Path) -> str:
    """The name, when an app may have it.

    Raises:
        ProgramError: `app_name_invalid`.
    """
    if len(name) <= NAME_LENGTH and NAME.fullmatch(name) and "--" not in name:
        return name
    message = f'"{name}" of {path} cannot be the name of an app'
    raise ProgramError(
        message, code="app_name_invalid", hint=NAME_RULE, where=Where(file=str(path))
    )


def cell_name(cell: str) -> str:
    """The name of a cell's piece, as stack traces show it."""
    return f"cell-{cell}.js"


def read_app(path: Path) -> App:
    """The app that a path holds.

    Raises:
        ProgramError: there is no app at the path, or it cannot be read.
    """
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise ProgramError(
            f"{path} does not exist",
            code="app_not_found",
            hint="Name a notebook, a .js or .ts file, or a folder of such files.",
        )
    if path.suffix == ".ipynb":
        return read_notebook_app(path)
    if path.suffix in SUFFIXES and not path.name.endswith(DECLARATIONS):
        return App(app_name(path), path, (read_script(path),), Folder(path.parent))
    raise ProgramError(
        f"{path} is neither a notebook nor a script",
        code="app_not_found",
        hint=f"Apps are .ipynb notebooks and {', '.join(SUFFIXES)} files.",
    )


def app_name(path: Path) -> str:
    """The name that an app gets from its path."""
    stem = path.resolve().name if path.is_dir() else path.stem
    return check_name(slug(stem), path)


def read_script(path: Path) -> Source:
    """One script, named as it is imported from its own folder."""
    return Source(path.name, read_text(path), file=str(path))


def read_folder(path: Path) -> App:
    """A folder of scripts as one app, in name order; what lies deeper comes in by imports."""
    scripts = sorted(
        item
        for item in path.iterdir()
        if item.suffix in SUFFIXES and item.is_file() and not item.name.endswith(DECLARATIONS)
    )
    if not scripts:
        raise ProgramError(
            f"{path} holds no scripts",
            code="app_not_found",
            hint=f"Put {', '.join(SUFFIXES)} files into it, or name a notebook.",
        )
    return App(app_name(path), path, tuple(read_script(item) for item in scripts), Folder(path))


def read_notebook_app(path: Path) -> App:
    """A notebook as an app: its JavaScript cells and its assets, in order."""
    try:
        notebook = read_notebook(path.read_bytes())
    except (OSError, ValueError) as error:  # orjson's errors are ValueErrors
        raise ProgramError(
            f"{path} is not a notebook: {error}",
            code="unreadable",
            hint="Open it in JupyterLab and save it again.",
            where=Where(file=str(path)),
        ) from None
    name, folder = notebook_name(notebook, path), Folder(path.parent)
    assets = tuple(read_asset(cell.text, cell.id, str(path)) for cell in notebook.assets)
    return App(name, path, cells(notebook, path), folder, assets)


def notebook_name(notebook: Notebook, path: Path) -> str:
    """The name in the notebook's metadata, or else the file's."""
    named = notebook.metadata.get("name")
    return check_name(named, path) if isinstance(named, str) else app_name(path)


def cells(notebook: Notebook, path: Path) -> tuple[Source, ...]:
    """The sources of a notebook's cells."""
    return tuple(
        Source(cell_name(cell.id), cell.text, cell=cell.id, file=str(path))
        for cell in notebook.cells
    )
