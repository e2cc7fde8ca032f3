"""An asset that was found: what is known of it, and its bytes, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import quote

from aiwe_engine.assets.path import PREFIX
from aiwe_engine.protocols import Openable
from aiwe_engine.types import Json

Origin: TypeAlias = Literal["written", "cell", "folder"]


@dataclass(frozen=True, slots=True)
class Found:
    """One asset.

    Attributes:
        path: as it stands behind /assets/.
        origin: what it was found in.
        content: the bytes, or the file that holds them.
        sha256: of the content, in hex.
        modified: seconds since the epoch; None for a cell's, which has no time of its own.
        cell: the notebook cell that it is.
        hides: what else has an asset of this path; told in lists.
    """

    path: str
    origin: Origin
    content_type: str
    content: Openable | bytes
    size: int
    sha256: str
    modified: float | None = None
    cell: str | None = None
    hides: tuple[Origin, ...] = ()

    def older(self, other: Found) -> bool:
        """Whether it was made before another one."""
        return (self.modified or 0.0) < (other.modified or 0.0)

    def to_json(self, app_url: str) -> dict[str, Json]:
        """What the management API tells of it (docs/management.md)."""
        return {
            "path": self.path,
            "url": app_url.rstrip("/") + PREFIX + quote(self.path),
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
            "modified": self.modified,
            "origin": self.origin,
            "cell": self.cell,
            "hides": list(self.hides),
        }

    def read(self) -> bytes:
        """All of it. Blocks.

        Raises:
            OSError: as `Openable.open`.
        """
        if isinstance(self.content, bytes):
            return self.content
        with self.content.open("rb") as file:
            return file.read(self.size)
