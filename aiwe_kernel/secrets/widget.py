"""The panel's half in the browser, `secrets.js`, and what the two halves know together.

That is what stands here and no more. The page reads it, changes none of it and sends no message: what a
person types goes from the page to the engine, past this kernel. Imported by the first `%secrets` only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent


class SecretsWidget(anywidget.AnyWidget):
    """What the page is told.

    Attributes:
        app: whose secrets.
        environments: those that there are.
        engine: which engine has them, by the id of its status: the page asks no other one.
        secrets: what they were when the cell ran, for where the page cannot ask itself.
        terminal: where a secret is set without this page, and by which command.
    """

    _esm = (_HERE / "secrets.js").read_text(encoding="utf-8")
    _css = (_HERE / "secrets.css").read_text(encoding="utf-8")

    app: Any = traitlets.Unicode().tag(sync=True)
    environments: Any = traitlets.List().tag(sync=True)
    engine: Any = traitlets.Unicode().tag(sync=True)
    secrets: Any = traitlets.List().tag(sync=True)
    terminal: Any = traitlets.Dict().tag(sync=True)
