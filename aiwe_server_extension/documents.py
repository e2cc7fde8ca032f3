"""What Jupyter knows of notebooks and the engine asks for.

Where a session's notebook lies, which cells a saved notebook has and in which order, and that a
kernel has ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Arrange: TypeAlias = Callable[[str, list[str]], Awaitable[None]]
End: TypeAlias = Callable[[str], Awaitable[None]]

_EVENTS = "https://events.jupyter.org/jupyter_server"
_CONTENTS = f"{_EVENTS}/contents_service/v1"
_KERNELS = f"{_EVENTS}/kernel_actions/v1"


class Documents:
    """The notebooks of one Jupyter server.

    Args:
        server: the `ServerApp`, initialized.
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    async def locate(self, session: str) -> str | None:
        """The path of the notebook whose kernel has this id, as it is called now."""
        for model in await self._server.session_manager.list_sessions():
            if (model.get("kernel") or {}).get("id") == session:
                return str(model["path"])
        return None

    def watch(self, arrange: Arrange, end: End) -> Callable[[], None]:
        """Pass on what happens to notebooks.

        Args:
            arrange: called with path and cells when a notebook is saved.
            end: called with the session's id when a kernel is shut down, whoever did it.

        Returns:
            What ends the watch.
        """

        async def saved(logger: Any, schema_id: str, data: dict[str, Any]) -> None:  # noqa: ARG001
            path = data["path"]
            if data["action"] == "save" and path.endswith(".ipynb"):
                cells = await self._cells(path)
                if cells is not None:
                    await arrange(path.lstrip("/"), cells)

        async def acted(logger: Any, schema_id: str, data: dict[str, Any]) -> None:  # noqa: ARG001
            if data["action"] == "shutdown" and "kernel_id" in data:
                await end(data["kernel_id"])

        events = self._server.event_logger
        listeners = {_CONTENTS: saved, _KERNELS: acted}
        for schema, listener in listeners.items():
            events.add_listener(schema_id=schema, listener=listener)

        def stop() -> None:
            for schema, listener in listeners.items():
                events.remove_listener(schema_id=schema, listener=listener)

        return stop

    async def _cells(self, path: str) -> list[str] | None:
        """Ids of a notebook's code cells, or None where it is too old to have any."""
        answer = self._server.contents_manager.get(path, content=True)
        model = await answer if isinstance(answer, Awaitable) else answer
        cells = [cell for cell in model["content"]["cells"] if cell["cell_type"] == "code"]
        return [cell["id"] for cell in cells] if all("id" in cell for cell in cells) else None
