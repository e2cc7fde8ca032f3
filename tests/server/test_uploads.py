"""Assets below Jupyter's address: who may upload, how, and that large files only pass through."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.server.jupyter import Jupyter, logged_in, running_jupyter

MB = 1024 * 1024
LARGE = 200 * MB


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A server with an app that is live, and small limits."""
    limits = [f"--Aiwe.assets_limit={LARGE}", f"--Aiwe.assets_total={2 * LARGE}"]
    # Smaller than what is uploaded: Jupyter's own limit must not count.
    limits.append(f"--ServerApp.max_body_size={MB}")
    with running_jupyter(tmp_path_factory.mktemp("uploads"), *limits) as server:
        server.run('app.get("/", () => "home");', path="shop.ipynb")
        yield server


def upload(client: httpx.Client, path: str, content: object, **headers: str) -> httpx.Response:
    url = f"/aiwe/api/assets/shop/{path}"
    return client.put(url, content=content, headers=headers)  # type: ignore[arg-type]


def listed(client: httpx.Client) -> dict[str, dict[str, object]]:
    answer = client.get("/aiwe/api/assets/shop")
    assert answer.status_code == 200, answer.text
    return {asset["path"]: asset for asset in answer.json()["assets"]}


def test_an_upload_is_listed_served_and_deleted(jupyter: Jupyter) -> None:
    with jupyter.client as client:
        answer = upload(client, "css/my%20site.css", b"a { color: red }")
        assert answer.status_code == 200, answer.text
        assert answer.json() | {"modified": 0} == {
            "path": "css/my site.css",
            "url": answer.json()["url"],
            "content_type": "text/css; charset=utf-8",
            "size": 16,
            "sha256": hashlib.sha256(b"a { color: red }").hexdigest(),
            "modified": 0,
            "origin": "written",
            "cell": None,
            "hides": [],
        }
        assert answer.json()["url"].endswith("/assets/css/my%20site.css")
        assert listed(client)["css/my site.css"] == answer.json()
        served = client.get("/aiwe/apps/shop/assets/css/my%20site.css")
        assert (served.status_code, served.text) == (200, "a { color: red }")
        assert client.delete("/aiwe/api/assets/shop/css/my%20site.css").status_code == 204
        assert listed(client) == {}
        gone = client.delete("/aiwe/api/assets/shop/css/my%20site.css")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "asset_not_found")


def test_what_a_notebook_holds_is_listed_and_not_deleted(jupyter: Jupyter) -> None:
    jupyter.run("%%asset a.txt\nfrom a cell", path="shop.ipynb", cell="asset")
    (jupyter.root / "assets").mkdir()
    (jupyter.root / "assets/a.txt").write_text("from the folder")
    with jupyter.client as client:
        upload(client, "a.txt", b"uploaded")
        assert listed(client)["a.txt"]["hides"] == ["cell", "folder"]
        assert client.delete("/aiwe/api/assets/shop/a.txt").status_code == 204
        found = listed(client)["a.txt"]
        assert (found["origin"], found["cell"], found["hides"]) == ("cell", "asset", ["folder"])
        refused = client.delete("/aiwe/api/assets/shop/a.txt")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "asset_read_only")


@pytest.mark.parametrize("known", [True, False], ids=["with a length", "chunked"])
def test_a_large_upload_passes_through_and_is_not_held(jupyter: Jupyter, *, known: bool) -> None:
    process = psutil.Process(jupyter.process.pid)
    peak = 0
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        nonlocal peak
        for number in range(LARGE // MB):
            piece = number.to_bytes(4, "little") * (MB // 4)
            digest.update(piece)
            peak = max(peak, process.memory_info().rss)
            yield piece

    length = {"content-length": str(LARGE)} if known else {}
    with jupyter.client as client:
        upload(client, "warm.bin", b"x" * MB)
        before = process.memory_info().rss
        answer = upload(client, "film.mp4", pieces(), **length)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == digest.hexdigest()
    assert peak - before < 32 * MB


REFUSED = [
    ("shop/%2e%2e%2fsecret", 400, "invalid_asset_path"),
    ("shop/.env", 400, "invalid_asset_path"),
    ("shop/a.ipynb", 400, "invalid_asset_path"),
    ("shop/a%00b", 400, "invalid_asset_path"),
    ("nowhere/a.txt", 404, "no_such_app"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSED)
def test_what_cannot_be_kept_is_told(jupyter: Jupyter, path: str, status: int, code: str) -> None:
    with jupyter.client as client:
        before = listed(client)
        answer = client.put(f"/aiwe/api/assets/{path}", content=b"x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert listed(client) == before


@pytest.mark.parametrize("known", [True, False], ids=["with a length", "chunked"])
def test_an_upload_over_the_limit_is_told(jupyter: Jupyter, *, known: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // MB + 1):
            yield bytes(MB)

    length = {"content-length": str(LARGE + MB)} if known else {}
    with jupyter.client as client:
        try:
            answer = upload(client, "large.bin", pieces(), **length)
        except httpx.WriteError:  # refused at once: the connection was closed under the pieces
            assert known
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "asset_too_large")
        assert "large.bin" not in listed(client)


def test_nothing_of_a_strangers_upload_is_read(jupyter: Jupyter) -> None:
    with jupyter.stranger as stranger:
        answer = stranger.put(
            "/aiwe/api/assets/shop/a.txt", content=b"x" * 10, headers={"expect": "100-continue"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
        assert stranger.get("/aiwe/api/assets/shop").status_code == 403
        assert stranger.delete("/aiwe/api/assets/shop/a.txt").status_code == 403


UNFINISHED = [
    ("PUT /aiwe/api/assets/shop/a.txt", False, 403),
    ("PUT /aiwe/api/assets/shop/.env", True, 400),
    ("POST /aiwe/apps/shop/nowhere", False, 403),
    ("POST /aiwe/apps/shop/nowhere", True, 404),
]


@pytest.mark.parametrize(("line", "known", "status"), UNFINISHED)
def test_a_body_that_nobody_wants_is_not_waited_for(
    jupyter: Jupyter, line: str, *, known: bool, status: int
) -> None:
    token = f"Authorization: token {jupyter.token}\r\n" if known else ""
    head = (
        f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{jupyter.port}\r\nContent-Length: 100\r\n{token}\r\n"
    )
    with socket.create_connection(("127.0.0.1", jupyter.port), timeout=20) as client:
        client.sendall(head.encode() + b"x")  # and nothing after it
        answer = b"".join(iter(lambda: client.recv(65536), b""))  # to the end of the connection
    assert int(answer.split()[1]) == status


def test_a_browsers_upload_needs_the_xsrf_header_and_the_own_origin(jupyter: Jupyter) -> None:
    with logged_in(jupyter) as browser:
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
        foreign = {**xsrf, "Origin": "http://shop.localhost:8890"}
        url = "/aiwe/api/assets/shop/browser.txt"
        assert browser.put(url, content=b"x").status_code == 403
        assert browser.put(url, content=b"x", headers=foreign).status_code == 404
        assert browser.put(url, content=b"x", headers=xsrf).status_code == 200


def test_an_upload_whose_client_leaves_is_forgotten(jupyter: Jupyter) -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(MB)
        raise ConnectionError

    with jupyter.client as client:
        with pytest.raises(ConnectionError):
            upload(client, "half.bin", pieces(), **{"content-length": str(2 * MB)})
        assert "half.bin" not in listed(client)
        contents = jupyter.root / ".aiwe/assets/shop/dev/contents"
        jupyter.until(
            lambda: _none([file for file in contents.iterdir() if file.suffix == ".part"])
        )


def _none(found: list[object]) -> None:
    assert found == []


def test_changes_arrive_as_events(jupyter: Jupyter) -> None:
    with (
        jupyter.client as client,
        jupyter.client as other,
        client.stream("GET", "/aiwe/api/events") as answer,
    ):
        lines = answer.iter_lines()
        next(line for line in lines if line)  # the stream is open
        upload(other, "event.txt", b"x")
        assert next(line for line in lines if line == "event: assets")
        data = next(line for line in lines if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["app"] == "shop"
