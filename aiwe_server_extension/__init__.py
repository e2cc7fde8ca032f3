"""The engine inside a Jupyter server: started with it, behind its authentication, ended with it."""

from __future__ import annotations

from typing import Any

from aiwe_server_extension.extension import Aiwe

__all__ = ["Aiwe"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "aiwe_server_extension", "app": Aiwe}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@aiwe/lab"}]
