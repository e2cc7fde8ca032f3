"""The engines of the runtime's tests, for what bounds what apps use."""

from __future__ import annotations

from tests.engine.runtime.conftest import bench, open_bench

__all__ = ["bench", "open_bench"]
