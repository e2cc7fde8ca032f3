"""The folder of assets: what can be reached in it, and what cannot."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path

import pytest

from aiwe_engine.assets.digest import Digests
from aiwe_engine.assets.folder import IN_MEMORY, AssetFolder
from aiwe_engine.assets.found import Found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project with a folder of assets, and secrets around it."""
    place = tmp_path / "project" / "assets"
    (place / "css").mkdir(parents=True)
    (place / "css/site.css").write_text("body{}")
    (place / "index.html").write_text("<p>")
    (tmp_path / "secret.txt").write_text("s3cret")
    (tmp_path / "project/server.js").write_text("s3cret")
    return place


@pytest.fixture
def folder(place: Path) -> AssetFolder:
    return AssetFolder(place.parent, place.parent, Digests())


def paths(folder: AssetFolder) -> list[str]:
    return [found.path for found in folder.list()]


def text(found: Found | None) -> str | None:
    return found.read().decode() if found is not None else None


def test_files_are_found_and_listed_by_their_paths(folder: AssetFolder) -> None:
    found = folder.find("css/site.css")
    assert text(found) == "body{}"
    assert found is not None
    assert (found.content_type, found.size, found.origin) == (
        "text/css; charset=utf-8",
        6,
        "folder",
    )
    assert paths(folder) == ["css/site.css", "index.html"]


def test_a_saved_file_shows_at_once(place: Path, folder: AssetFolder) -> None:
    file = place / "index.html"
    digests = set()
    for content in ["<p>1", "<p>2", "<p>3" + "x" * IN_MEMORY, "<p>4" + "x" * IN_MEMORY]:
        file.write_text(content)
        found = folder.find("index.html")
        assert text(found) == content
        assert found is not None
        digests.add(found.sha256)
    assert len(digests) == 4
    file.unlink()
    assert folder.find("index.html") is None


def test_a_file_that_changes_after_it_was_found_is_not_sent_for_another(
    place: Path, folder: AssetFolder
) -> None:
    (place / "film.mp4").write_bytes(b"1" * (IN_MEMORY + 1))
    found = folder.find("film.mp4")
    assert found is not None
    (place / "film.mp4").write_bytes(b"2" * (IN_MEMORY + 1))
    with pytest.raises(FileNotFoundError):
        found.read()


@pytest.mark.parametrize("path", ["css", "none.css", "index.html/x"])
def test_what_is_no_file_is_not_found(folder: AssetFolder, path: str) -> None:
    assert folder.find(path) is None


def test_what_is_no_regular_file_is_never_opened(place: Path, folder: AssetFolder) -> None:
    os.mkfifo(place / "pipe.txt")  # opened for reading it would wait for ever
    (place / "null.txt").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket.txt"))
        assert [folder.find(f"{name}.txt") for name in ("pipe", "null", "socket")] == [None] * 3
        assert paths(folder) == ["css/site.css", "index.html"]


def test_a_link_counts_by_where_it_leads(place: Path, folder: AssetFolder) -> None:
    (place / ".hidden").write_text("s3cret")
    (place / "notes.ipynb").write_text("s3cret")
    links = {
        "inside.css": "css/site.css",
        "up.txt": "../../secret.txt",
        "beside.js": "../server.js",
        "absolute.txt": str(place.parent.parent / "secret.txt"),
        "out": "../..",
        "hidden.txt": ".hidden",
        "notebook.txt": "notes.ipynb",
        "itself.txt": "itself.txt",
        "nowhere.txt": "nothing",
    }
    for name, target in links.items():
        (place / name).symlink_to(target)
    assert text(folder.find("inside.css")) == "body{}"
    for name in [*(set(links) - {"inside.css"}), "out/secret.txt", "out/project/server.js"]:
        assert folder.find(name) is None, name
    assert paths(folder) == ["css/site.css", "index.html", "inside.css"]


def test_a_folder_beside_with_a_longer_name_is_outside(place: Path, folder: AssetFolder) -> None:
    other = place.parent / "assets-secret"
    other.mkdir()
    (other / "a.txt").write_text("s3cret")
    (place / "link").symlink_to(other)
    assert folder.find("link/a.txt") is None


def test_the_folder_itself_may_be_a_link_within_the_project_only(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "frontend").mkdir(parents=True)
    (project / "frontend/a.txt").write_text("built")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/a.txt").write_text("s3cret")
    for target, expected in (("frontend", "built"), ("../home", None), ("/", None)):
        link = project / "assets"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        folder = AssetFolder(project, project, Digests())
        assert text(folder.find("a.txt")) == expected
        assert paths(folder) == (["a.txt"] if expected else [])


def test_a_large_file_is_read_once_for_all_who_want_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(b"x" * IN_MEMORY)
    info = file.stat()
    monkeypatch.setattr("aiwe_engine.assets.digest._SETTLED", -1)
    reads: list[str] = []
    meet = threading.Barrier(8)

    def counting(file: BufferedReader, name: str) -> hashlib._Hash:
        reads.append(name)
        return file_digest(file, name)

    def ask(_: int) -> str:
        with file.open("rb") as opened:
            meet.wait()
            return digests.of(opened, info)

    file_digest, digests = hashlib.file_digest, Digests()
    monkeypatch.setattr(hashlib, "file_digest", counting)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))
    assert found == {hashlib.sha256(b"x" * IN_MEMORY).hexdigest()}
    assert reads == ["sha256"]


def test_there_need_be_no_folder(tmp_path: Path) -> None:
    folder = AssetFolder(tmp_path, tmp_path, Digests())
    assert folder.find("a.txt") is None
    assert paths(folder) == []
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/a.txt").write_text("now")
    assert text(folder.find("a.txt")) == "now"


def test_hidden_files_and_notebooks_are_not_listed(place: Path, folder: AssetFolder) -> None:
    for name in (".git/config", ".DS_Store", "css/.cache", "shop.ipynb", "bad\\name.txt"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("s3cret")
    assert paths(folder) == ["css/site.css", "index.html"]


def test_compressed_copies_are_no_assets_of_their_own(place: Path, folder: AssetFolder) -> None:
    for name in ("index.html.br", "index.html.gz", "css/site.css.zst", "alone.tar.gz", "alone.br"):
        (place / name).write_bytes(b"x")
    assert paths(folder) == ["alone.br", "alone.tar.gz", "css/site.css", "index.html"]
