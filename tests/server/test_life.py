"""The engine's life inside a Jupyter server, and what kernels find of it."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import httpx
import pytest

from aiwe_engine.settings import ROWS, Row
from aiwe_engine.state import DataFolder
from aiwe_server_extension import Aiwe
from tests.server.jupyter import Jupyter, running_jupyter

pytestmark = pytest.mark.timeout(180)  # a Jupyter server starts in some of them


def test_kernels_find_the_engine_by_a_file_that_only_its_owner_reads(jupyter: Jupyter) -> None:
    info = jupyter.connection()
    assert set(info) == {"pid", "management_url", "token", "apps_url", "root"}
    assert info["pid"] == jupyter.process.pid
    assert info["root"] == str(jupyter.root)
    assert info["management_url"].startswith("http://127.0.0.1:")
    assert len(info["token"]) >= 32
    assert stat.S_IMODE(jupyter.connection_file.stat().st_mode) == 0o600
    with jupyter.kernel as kernel:
        assert kernel.get("status").json()["pid"] == jupyter.process.pid


def test_the_token_of_that_file_is_good_for_tokens_of_kernels_only(jupyter: Jupyter) -> None:
    info = jupyter.connection()
    headers = {"Authorization": f"Bearer {info['token']}"}
    with httpx.Client(base_url=info["management_url"], headers=headers, trust_env=False) as client:
        for path in ("status", "apps", "tokens", "transfer/backup"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_permitted")
        answer = client.post("kernels", json={"session": "s"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"token"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "{token}", "Host": "evil.example"}, 421),
        ({"Authorization": "{token}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": "{token}", "Origin": "null"}, 403),
    ],
)
def test_the_control_listener_is_for_kernels_only(
    jupyter: Jupyter, headers: dict[str, str], status: int
) -> None:
    info = jupyter.connection()
    sent = {k: v.replace("{token}", f"Bearer {info['token']}") for k, v in headers.items()}
    answer = httpx.get(f"{info['management_url']}/status", headers=sent, trust_env=False)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]


def test_management_is_not_on_the_apps_listener(jupyter: Jupyter) -> None:
    info = jupyter.connection()
    token = {"Authorization": f"Bearer {info['token']}"}
    answer = httpx.get(f"{info['apps_url']}aiwe/api/status", headers=token, trust_env=False)
    assert answer.status_code == 404


def test_the_engine_ends_with_the_server(tmp_path: Path) -> None:
    with running_jupyter(tmp_path) as jupyter:
        jupyter.run('app.get("/", () => 1)', path="a.ipynb")
        info = jupyter.connection()
        file = jupyter.connection_file
    assert jupyter.process.returncode == 0
    assert not file.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(info["apps_url"], trust_env=False)
    with pytest.raises(httpx.ConnectError):
        httpx.get(info["management_url"], trust_env=False)


def test_a_port_that_is_taken_is_said_and_another_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running_jupyter(tmp_path, f"--Aiwe.port={port}") as jupyter:
            url = jupyter.connection()["apps_url"]
            jupyter.run('app.get("/", () => "here")', path="a.ipynb")
            assert httpx.get(url, trust_env=False).text == "here"
            assert f"port {port} is in use" in jupyter.log
    assert url != f"http://127.0.0.1:{port}/"


def test_a_server_whose_data_is_in_use_says_so_and_starts_the_engine_when_it_is_free(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data-of-another"
    held = DataFolder(data)
    held.lock()
    with running_jupyter(tmp_path, f"--Aiwe.data={data}") as jupyter, jupyter.client as client:
        answer = client.get("/aiwe/api/status")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "data_in_use")
        assert str(os.getpid()) in answer.json()["error"]["message"]
        assert not jupyter.connection_file.exists()
        assert client.get("/api/status").status_code == 200  # Jupyter itself works
        held.release()
        status = jupyter.until(lambda: client.get("/aiwe/api/status").raise_for_status())
        assert status.json()["data"] == str(data)
        assert jupyter.connection_file.exists()


def test_a_saved_notebook_sets_the_order_of_its_cells(jupyter: Jupyter) -> None:
    jupyter.run('app.get("/b", () => 2)', path="saved.ipynb", cell="b", session="saved")
    jupyter.run('app.get("/a", () => 1)', path="saved.ipynb", cell="a", session="saved")
    save(jupyter, "saved.ipynb", ["a"])
    with jupyter.client as client:
        jupyter.until(lambda: only_route(client, "saved", "/a"))


def save(jupyter: Jupyter, path: str, cells: list[str]) -> None:
    made = [
        {"cell_type": "code", "id": cell, "metadata": {}, "outputs": [], "source": ""}
        | {"execution_count": None}
        for cell in cells
    ]
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    body = {"type": "notebook", "format": "json", "content": notebook}
    with jupyter.client as client:
        assert client.put(f"/api/contents/{path}", json=body).status_code in {200, 201}


def only_route(client: httpx.Client, app: str, path: str) -> None:
    apps = {one["app"]: one for one in client.get("/aiwe/api/apps").json()["apps"]}
    assert [route["path"] for route in apps[app]["routes"]] == [path]


def test_a_session_belongs_to_the_notebook_that_jupyter_says(jupyter: Jupyter) -> None:
    save(jupyter, "first.ipynb", [])
    with jupyter.client as client:
        made = {"path": "first.ipynb", "type": "notebook", "kernel": {"name": "aiwe"}}
        session = client.post("/api/sessions", json={**made, "name": "first"}).json()
        jupyter.run('app.get("/", () => 1)', path="wrong.ipynb", session=session["kernel"]["id"])
        apps = client.get("/aiwe/api/apps").json()["apps"]
        client.delete(f"/api/sessions/{session['id']}")
    assert {"app": "first", "path": "first.ipynb"} in [
        {k: a[k] for k in ("app", "path")} for a in apps
    ]


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.full)
def test_every_setting_is_a_trait_with_its_default_and_meaning(row: Row) -> None:
    trait = Aiwe.class_traits(config=True)[row.name]
    default = row.default
    assert trait.default() == (list(default) if isinstance(default, tuple) else default)
    assert trait.help == row.help


def test_settings_reach_the_engine(tmp_path: Path) -> None:
    with running_jupyter(tmp_path, "--Aiwe.body_limit=500") as jupyter:
        jupyter.run('app.post("/", () => "got it")', path="a.ipynb")
        url = jupyter.connection()["apps_url"]
        answer = httpx.post(url, content=b"x" * 501, trust_env=False)
    assert (answer.status_code, json.loads(answer.text)["error"]["code"]) == (413, "body_too_large")


def test_aiwe_toml_of_the_root_and_variables_bind_and_traits_win(tmp_path: Path) -> None:
    text = """
    [http]
    body_limit = 500
    [limits]
    deadline = 60
    [env.dev.log]
    lines = 3
    [apps.a.config]
    currency = "EUR"
    """
    traits = ("--Aiwe.deadline=0.2", "--Aiwe.allowed_hosts=a.example")
    with running_jupyter(
        tmp_path, *traits, aiwe_toml=text, AIWE_HTTP__BODY_LIMIT="600", AIWE_LOG__LIMIT="1KB"
    ) as jupyter:
        source = """
        app.post("/", () => app.config);
        app.get("/slow", () => new Promise(() => {}));
        app.get("/log", () => { for (let i = 0; i < 9; i++) console.log("x".repeat(200)); });
        """
        jupyter.run(source, path="a.ipynb")
        url = jupyter.connection()["apps_url"]
        with httpx.Client(base_url=url, trust_env=False, headers={"host": "a.example"}) as client:
            assert client.post("/", content=b"x" * 600).json() == {"currency": "EUR"}
            assert client.post("/", content=b"x" * 601).status_code == 413
            assert client.get("/slow").status_code == 504
            client.get("/log")
        with jupyter.client as client:
            lines = client.get("/aiwe/api/logs").json()["lines"]
    assert len(lines) == 3
    assert "cut at 1024" in lines[-1]["text"]


def test_mistakes_are_told_and_the_engine_starts_when_they_are_mended(tmp_path: Path) -> None:
    with running_jupyter(
        tmp_path, "--Aiwe.spare_workers=-1", aiwe_toml="[htp]\nx = 1", AIWE_X__Y="1"
    ) as jupyter:
        with jupyter.client as client:
            answer = client.get("/aiwe/api/status")
            assert answer.status_code == 500
            error = answer.json()["error"]
            assert error["code"] == "invalid_configuration"
            sources = ["aiwe.toml", "AIWE_X__Y", "c.Aiwe.spare_workers"]
            assert [one["source"] for one in error["details"]] == sources
        assert "Did you mean http?" in jupyter.log
    mended = tmp_path / "mended"
    with running_jupyter(mended, aiwe_toml="[htp]\nx = 1") as jupyter, jupyter.client as client:
        assert client.get("/aiwe/api/status").status_code == 500
        (jupyter.root / "aiwe.toml").write_text("[http]\nbody_limit = 1")

        def runs() -> None:
            assert client.get("/aiwe/api/status").status_code == 200

        jupyter.until(runs)
