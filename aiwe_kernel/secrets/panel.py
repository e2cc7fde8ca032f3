"""`%secrets`: what is shown, and what the page is told so that it can ask by itself.

A value takes one way: from the page, by Jupyter's own address, to the engine. It is in no message to this
kernel, in no trait of a widget and in no output, so that nothing which Jupyter keeps or logs can have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.display import publish_display_data

from aiwe_kernel.client import EngineClient
from aiwe_kernel.connection import Connection
from aiwe_kernel.secrets.listing import secrets_text, terminal

if TYPE_CHECKING:
    from aiwe_kernel.secrets.widget import SecretsWidget


class SecretPanels:
    """The panels of one notebook: one a cell, gone when the cell shows another."""

    def __init__(self, client: EngineClient, connection: Connection) -> None:
        self._client, self._connection = client, connection
        self._widgets: dict[str | None, SecretsWidget] = {}

    async def show(self, app: str, cell: str | None) -> None:
        """Show the secrets of an app in the current cell.

        Raises:
            CellError: no engine answers, or this kernel may not see them.
        """
        from aiwe_engine.configuration.given import ENVIRONMENTS  # seldom needed
        from aiwe_kernel.secrets.widget import SecretsWidget

        status = await self._client.status()
        secrets = await self._client.secrets(app)
        how = terminal(app, self._connection.known, status)
        widget = SecretsWidget(
            app=app,
            environments=list(ENVIRONMENTS),
            engine=str(status.get("id") or ""),
            secrets=secrets,
            terminal=how,
        )
        if old := self._widgets.pop(cell, None):
            old.close()
        self._widgets[cell] = widget
        data, _ = widget._repr_mimebundle_() or ({}, {})
        publish_display_data({**data, "text/plain": secrets_text(app, secrets, how)})
