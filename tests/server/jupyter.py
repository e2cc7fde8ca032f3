"""A real Jupyter server in a process of its own, with the extension and a real engine in it.

Its folders are temporary and lead to this checkout (kernel, server extension, lab extension), so
the tests see what lies here and not what is installed, and nothing of the person's own Jupyter.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 40.0

T = TypeVar("T")


@dataclass
class Jupyter:
    """A server that runs."""

    home: Path
    options: tuple[str, ...] = ()
    command: str = "server"
    environ: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    url: str = ""
    port: int = 0

    @property
    def root(self) -> Path:
        return self.home / "root"

    @property
    def connection_file(self) -> Path:
        return self.home / "runtime" / f"aiwe-{self.process.pid}.json"

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    @property
    def client(self) -> httpx.Client:
        """Somebody with Jupyter's token."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"token {self.token}"},
            trust_env=False,
            timeout=PATIENCE,
        )

    @property
    def stranger(self) -> httpx.Client:
        """Somebody without it."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE)

    def connection(self) -> dict[str, Any]:
        """What a kernel of this server reads."""
        info: dict[str, Any] = json.loads(self.until(self.connection_file.read_text))
        return info

    @property
    def kernel(self) -> httpx.Client:
        """Somebody who speaks to the control listener as a kernel does."""
        return self.kernel_of("s", None)

    def kernel_of(self, session: str, path: str | None) -> httpx.Client:
        """The kernel of a session, with a token of its own."""
        info = self.connection()
        url = info["management_url"] + "/"
        headers = {"Authorization": f"Bearer {info['token']}"}
        body = {"session": session, "path": path}
        made = httpx.post(f"{url}kernels", json=body, headers=headers, trust_env=False)
        assert made.status_code == 201, made.text
        headers = {"Authorization": f"Bearer {made.json()['token']}"}
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE)

    def run(self, source: str, *, path: str, cell: str = "a", session: str = "s") -> list[Any]:
        """Run a cell as a kernel does; its events."""
        body = {"session": session, "cell": cell, "path": path, "source": source}
        with self.kernel_of(session, path) as kernel:
            answer = kernel.post("cells/run", json=body)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def start(self) -> None:
        for name in ("root", "runtime", "config", "cfg", "data", "share/labextensions/@aiwe"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        _link(
            CHECKOUT / "aiwe_server_extension/labextension",
            self.home / "share/labextensions/@aiwe/lab",
        )
        _link(CHECKOUT / "aiwe_kernel/kernelspec", self.home / "share/kernels/aiwe")
        config = CHECKOUT / "aiwe_server_extension/jupyter_server_config.d"
        shutil.copytree(config, self.home / "config/jupyter_server_config.d", dirs_exist_ok=True)
        self.port = self.port or _free_port()  # the same when it is started again
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [
            f"--ServerApp.root_dir={self.root}",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--no-browser",
            "--allow-root",
            *self.options,
        ]
        if not any(option.startswith("--Aiwe.port") for option in self.options):
            arguments.append("--Aiwe.port=0")
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter", self.command, *arguments],
                env=self._environment(),
                cwd=self.root,
                stdout=log,
                stderr=log,
            )
        self.until(lambda: httpx.get(self.url, trust_env=False))

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()

    def until(self, look: Callable[[], T]) -> T:
        """What `look` gives as soon as it does not fail."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.log
            try:
                return look()
            except (OSError, httpx.HTTPError, AssertionError, LookupError) as error:
                if time.monotonic() > deadline:
                    raise AssertionError(self.log) from error
                time.sleep(0.02)

    def _environment(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_", "AIWE_"))
        }
        return {
            **kept,
            "JUPYTER_PATH": str(self.home / "share"),
            "JUPYTER_CONFIG_PATH": str(self.home / "config"),
            "JUPYTER_CONFIG_DIR": str(self.home / "cfg"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "engine"), str(CHECKOUT)]),
            **self.environ,
        }


@contextmanager
def running_jupyter(
    home: Path, *options: str, command: str = "server", aiwe_toml: str = "", **environ: str
) -> Iterator[Jupyter]:
    """A server for as long as the context lasts."""
    jupyter = Jupyter(home, options, command, environ)
    if aiwe_toml:
        jupyter.root.mkdir(parents=True)
        (jupyter.root / "aiwe.toml").write_text(aiwe_toml)
    jupyter.start()
    try:
        yield jupyter
    finally:
        jupyter.stop()


@contextmanager
def logged_in(jupyter: Jupyter) -> Iterator[httpx.Client]:
    """A browser: cookies, and no token in its headers."""
    with jupyter.stranger as browser:
        browser.get("/lab", params={"token": jupyter.token})
        yield browser


def _link(target: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(target, target_is_directory=True)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
