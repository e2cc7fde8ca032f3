"""IPython's shell, taught that the cells of a notebook are JavaScript.

Only the text of the request under way is read as a cell of ours. Whatever Python code hands to
IPython besides (`%timeit`, `run_cell`, `%%capture`) is Python, as its authors expect.
"""

from __future__ import annotations

from typing import cast

from ipykernel.zmqshell import ZMQInteractiveShell

from aiwe_kernel.cell import read_cell


class AiweShell(ZMQInteractiveShell):
    """The shell of an `AiweKernel`."""

    def transform_cell(self, raw_cell: str) -> str:
        """The Python that runs a cell."""
        request = self.kernel.request.get()
        if request is None or request.code != raw_cell:
            return cast(str, super().transform_cell(raw_cell))
        cell = read_cell(raw_cell)
        if cell.language not in {"javascript", "asset", "sql"}:
            return cast(str, super().transform_cell(cell.source))
        kernel = "await get_ipython().kernel"
        if cell.language == "asset":
            return f"{kernel}.run_asset({cell.source!r})\n"
        if cell.language == "sql":
            return f"{kernel}.run_sql({cell.source!r}, {cell.name!r})\n"
        lines = [f"{kernel}.line_magic({name!r}, {rest!r})" for name, rest in cell.magics]
        if cell.question:
            lines.append(f"{kernel}.answer_question({cell.question!r})")
        elif cell.runs:
            lines.append(f"{kernel}.run_javascript({cell.source!r}, timed={cell.timed})")
        return "\n".join(lines) + "\n"
