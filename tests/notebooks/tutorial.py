"""One tutorial notebook, run from top to bottom in a kernel of its own, and what it then serves."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
DEPLOYMENT = "application/vnd.aiwe.deployment+json"


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Tutorial:
    """An executed notebook whose kernel, and with it whose app, is still alive."""

    cells: list[Any]
    deployments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def routes(self) -> set[str]:
        return {f"{route['method']} {route['path']}" for route in self.deployments[-1]["routes"]}

    def outputs(self, cell_id: str) -> list[Any]:
        return next(cell.outputs for cell in self.cells if cell.id == cell_id)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Sends JSON, or no body at all."""
        if body is None:
            return self.send(method, path, None, headers or {})
        typed = {"Content-Type": "application/json", **(headers or {})}
        return self.send(method, path, json.dumps(body).encode(), typed)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.send("GET", path, None, headers or {})

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        host = urlsplit(self.deployments[-1]["url"])
        with closing(http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)) as connection:
            connection.request(method, path, body, {"Host": host.netloc, **headers})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())


@contextmanager
def running(
    name: str, folder: Path, after: Mapping[str, Callable[[list[Any]], None]] | None = None
) -> Iterator[Tutorial]:
    """Executes `name`, outputs discarded, in `folder`; an error in a cell is raised here.

    Args:
        name: of the notebook.
        folder: in which its kernel runs.
        after: what a person does behind a cell, by the cell's id; told all cells.
    """
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, kernel_name="aiwe", timeout=60, resources=resources)
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            if after and cell.id in after:
                after[cell.id](notebook.cells)
        yield Tutorial(notebook.cells, list(_deployments(notebook.cells)))


def _deployments(cells: list[Any]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        for output in cell.get("outputs", []):
            deployment = output.get("data", {}).get(DEPLOYMENT)
            if deployment and not deployment["scratch"]:
                yield deployment
