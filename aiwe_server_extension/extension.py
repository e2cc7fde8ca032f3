"""The Jupyter server extension: its configuration, its routes, and the engine's life.

`c.Aiwe.port = 8890` in a configuration file, or `jupyter lab --Aiwe.port=8890`: every setting of
`aiwe_engine.settings` is a trait, and so are where the state lies, who may use the apps below
Jupyter's own address, and which role people have. What Jupyter is not told stands in `aiwe.toml` or the environment.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

import traitlets
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp

from aiwe_engine.permissions import ROLES
from aiwe_server_extension.documents import Documents
from aiwe_server_extension.handlers import ManagementHandler
from aiwe_server_extension.host import EngineHost
from aiwe_server_extension.mount import MountHandler, PublicMountHandler
from aiwe_server_extension.roles import EVERYBODY
from aiwe_server_extension.traits import configuration_of, settings_traits
from aiwe_server_extension.uploads import UploadHandler

_MOUNTS = {"authenticated": MountHandler, "public": PublicMountHandler}


class Aiwe(ExtensionApp):
    """aiwe inside Jupyter."""

    name = "aiwe_server_extension"

    vars().update(settings_traits())  # a trait for each setting of the engine

    data = traitlets.Unicode(
        "", help="Folder of the engine's state; `.aiwe` in the server's root where it is empty"
    ).tag(config=True)
    mount = traitlets.Enum(
        ["authenticated", "public", "off"],
        "authenticated",
        help="Who may use the apps at /aiwe/apps/ below Jupyter's own address",
    ).tag(config=True)

    roles = traitlets.Dict(
        key_trait=traitlets.Unicode(),
        value_trait=traitlets.Enum(list(ROLES)),
        default_value=EVERYBODY,
        help="The role that each person of Jupyter's has, in the engine and in apps below Jupyter's own "
        "address, by user name; `*` for everybody else. Who stands nowhere has none",
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Make the host of the engine; nothing runs yet."""
        server = cast(ServerApp, self.serverapp)
        root = Path(server.root_dir)
        self.engine_host = EngineHost(
            partial(configuration_of, self, root),
            root=root,
            data=Path(self.data) if self.data else root / ".aiwe",
            runtime_dir=Path(jupyter_runtime_dir()),
            documents=Documents(server),
            log=self.log,
        )

    def initialize_handlers(self) -> None:
        """Add the management routes and the apps' place."""
        management = {"face": self.engine_host.management, "roles": self.roles}
        self.handlers.append(
            (r"/aiwe/api/(?:assets/.*|transfer/import)", UploadHandler, management)
        )
        for place in (r"/aiwe/api/.*", r"/editor/api/secrets(?:/.*)?"):
            self.handlers.append((place, ManagementHandler, management))
        if handler := _MOUNTS.get(self.mount):
            apps = {"face": self.engine_host.apps, "roles": self.roles}
            self.handlers.append((r"/aiwe/apps/.*", handler, apps))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:  # noqa: ARG002
        self.engine_host.start()

    async def stop_extension(self) -> None:
        """End the engine within its grace time."""
        await self.engine_host.stop()
