"""The draft of a notebook: the cells that were run, in the notebook's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiwe_engine.types import Asset, Compiled, EffectLog, Source

T = TypeVar("T")


@dataclass(slots=True)
class DraftCell:
    """A cell as it was last run."""

    source: Source
    piece: Compiled
    routes: list[tuple[str, str]] = field(default_factory=list)
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class DraftAsset:
    """An `%%asset` cell as it was last run."""

    asset: Asset
    anonymous: bool = False


class Draft:
    """Keeps the cells and their order; knows nothing of isolates.

    Running a cell again replaces it. A cell that is gone from the saved notebook leaves. A run
    without a cell id is a new anonymous cell; one whose every registration was made again by a
    later cell is wholly replaced and leaves.
    """

    def __init__(self) -> None:
        self.cells: dict[str, DraftCell] = {}
        self.assets: dict[str, DraftAsset] = {}
        self.modules: dict[str, tuple[Source, Compiled]] = {}  # files that cells import
        self.effects = EffectLog()
        self._order: dict[str, int] = {}

    def put(self, key: str, cell: DraftCell, effects: EffectLog) -> None:
        """Takes a cell that ran, with what it did to the world."""
        if cell.anonymous:
            self._drop_replaced(cell)
        self.assets.pop(key, None)
        self.cells[key] = cell
        for piece in list(self.effects.entries):
            if piece == cell.piece.name:
                del self.effects.entries[piece]
        self.effects.entries.update(effects.entries)

    def put_asset(self, key: str, asset: Asset, *, anonymous: bool) -> None:
        """Takes an asset cell; what else the cell was before is gone."""
        for other, kept in list(self.assets.items()):
            if anonymous and kept.anonymous and kept.asset.path == asset.path:
                del self.assets[other]
        self.drop(key)
        self.assets[key] = DraftAsset(asset, anonymous)

    def _drop_replaced(self, newer: DraftCell) -> None:
        made, names = set(newer.routes), set(newer.piece.declares)
        for key, cell in list(self.cells.items()):
            replaced = set(cell.routes) <= made and set(cell.piece.declares) <= names
            if cell.anonymous and replaced and (cell.routes or cell.piece.declares):
                self.drop(key)

    def declares(self, cell: DraftCell) -> bool:
        """Whether a cell declared a collection when it ran."""
        entries = self.effects.entries.get(cell.piece.name, ())
        return any(call == "data.define" for call, *_ in entries)

    def drop(self, key: str) -> None:
        """Lets a cell leave, with what it did to the world."""
        self.assets.pop(key, None)
        cell = self.cells.pop(key, None)
        if cell is not None:
            self.effects.entries.pop(cell.piece.name, None)

    def arrange(self, keys: list[str], *, saved: bool) -> bool:
        """The document's order; with `saved`, cells that are not in it leave. True if any left."""
        self._order = {key: at for at, key in enumerate(keys)}
        named = [key for key, cell in self.cells.items() if not cell.anonymous]
        named += [key for key, asset in self.assets.items() if not asset.anonymous]
        gone = [key for key in named if saved and key not in self._order]
        for key in gone:
            self.drop(key)
        return bool(gone)

    def in_order(self) -> list[DraftCell]:
        """Cells as the document has them.

        One that the document does not know stays behind the cell that was run before it.
        """
        return self._placed(self.cells)

    def assets_in_order(self) -> tuple[Asset, ...]:
        """The assets of its cells, likewise."""
        return tuple(one.asset for one in self._placed(self.assets))

    def _placed(self, cells: Mapping[str, T]) -> list[T]:
        placed: list[tuple[float, int, T]] = []
        last = -1.0
        for number, (key, cell) in enumerate(cells.items()):
            last = float(self._order[key]) if key in self._order else last
            placed.append((last, number, cell))
        return [cell for _, _, cell in sorted(placed, key=lambda p: (p[0], p[1]))]
