"""The grid's half in the browser, `grid.js`, and what the two halves know together.

Imported by the first `%data` only: widgets cost what most cells do not need.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent


class DataWidget(anywidget.AnyWidget):
    """What is shown. The browser changes none of it: it sends messages, `{do, n, …}`.

    Attributes:
        app: whose data.
        sizes: of pages, to choose from.
        collections: name, documents and latest write of each.
        view: the page that is shown; empty before a collection is chosen.
        stale: something was written since.
        error: of the last question: message and hint.
    """

    _esm = (_HERE / "grid.js").read_text(encoding="utf-8")
    _css = (_HERE / "grid.css").read_text(encoding="utf-8")

    app: Any = traitlets.Unicode().tag(sync=True)
    sizes: Any = traitlets.List().tag(sync=True)
    collections: Any = traitlets.List().tag(sync=True)
    view: Any = traitlets.Dict().tag(sync=True)
    stale: Any = traitlets.Bool(False).tag(sync=True)
    error: Any = traitlets.Dict().tag(sync=True)
