"""aiwe's Jupyter kernel: the notebook conversation, as a client of an engine.

The kernel opens no database and runs no JavaScript. It sends cells to an engine over the
management routes (`docs/management.md`), shows what comes back, and keeps Python beside it for
`%%python` cells and widgets.
"""

from aiwe_engine import __version__

__all__ = ["__version__"]
