"""The `%%asset` cells of one version, as assets by their paths."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aiwe_engine.assets.found import Found
from aiwe_engine.assets.media import content_type
from aiwe_engine.assets.path import problem
from aiwe_engine.errors import ProgramError
from aiwe_engine.types import Asset, Where


def gather(assets: Iterable[Asset], *, strict: bool) -> tuple[dict[str, Found], tuple[str, ...]]:
    """The assets by path, and what is to be said of them.

    Args:
        assets: in the notebook's order.
        strict: two of one path are an error; otherwise the later one counts, with a warning.

    Raises:
        ProgramError: `invalid_asset_path`, or `asset_clash`, with the place.
    """
    found: dict[str, Found] = {}
    warnings = []
    for asset in assets:
        check_cell(asset)
        before = found.get(asset.path)
        if before is not None and strict:
            raise ProgramError(
                f"{asset.path} is the asset of two cells: {before.cell} and {asset.cell}.",
                code="asset_clash",
                hint="Remove one of the two, or give them different paths.",
                where=_place(asset),
            )
        if before is not None:
            warnings.append(
                f"The asset {asset.path} of cell {asset.cell} replaces that of cell {before.cell}."
            )
        found[asset.path] = _found(asset)
    return found, tuple(warnings)


def check_cell(asset: Asset) -> None:
    """Sees that the cell's path may be an asset's.

    Raises:
        ProgramError: `invalid_asset_path`.
    """
    wrong = problem(asset.path)
    if wrong is not None:
        raise ProgramError(
            f'"{asset.path[:200]}" cannot be the path of an asset: {wrong}.',
            code="invalid_asset_path",
            hint="Write the path behind /assets/, as in %%asset css/site.css.",
            where=_place(asset),
        )


def _place(asset: Asset) -> Where:
    return Where(file=asset.file, cell=asset.cell, line=1)


def _found(asset: Asset) -> Found:
    content = asset.content
    sha256 = hashlib.sha256(content).hexdigest()
    kind = content_type(asset.path)
    return Found(asset.path, "cell", kind, content, len(content), sha256, cell=asset.cell)
