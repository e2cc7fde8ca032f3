"""The `aiwe` command."""

from aiwe_engine.cli.main import main

__all__ = ["main"]
