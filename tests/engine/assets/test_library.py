"""All sources together, what is written, and what a crash leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from aiwe_engine.assets.cells import gather
from aiwe_engine.assets.found import Found
from aiwe_engine.assets.library import Library
from aiwe_engine.errors import AiweError, EngineError, ProgramError, RequestError
from aiwe_engine.settings import MB, Settings
from aiwe_engine.types import Asset

ROOT = Path(__file__).parents[3]
SETTINGS = Settings(assets_limit=1000, assets_total=2500)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    opened = opened_in(tmp_path)
    yield opened
    opened.close()


def opened_in(tmp_path: Path, *, env: str = "dev", settings: Settings = SETTINGS) -> Library:
    return Library(lambda _: settings, env=env, root=tmp_path, data=tmp_path / ".aiwe")


def cells(**texts: str) -> dict[str, Found]:
    assets = [Asset(f"{name}.txt", text.encode(), f"cell-{name}") for name, text in texts.items()]
    return gather(assets, strict=True)[0]


async def text(library: Library, path: str, version: str = "v1") -> str | None:
    found = await library.find("shop", version, path)
    return found.read().decode() if found is not None else None


class Pieces:
    """A source of some pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = list(pieces)

    async def read(self) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def close(self) -> None:
        self.pieces.clear()


async def test_the_first_source_that_has_an_asset_wins(library: Library, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name in ("written", "cell", "folder"):
        (tmp_path / "assets" / f"{name}.txt").write_text("from the folder")
    kept = library.bring("shop", "v1", cells(written="a cell", cell="a cell"), "shop.ipynb")
    await library.write("shop", "written.txt", b"written")
    assert [await text(library, f"{n}.txt") for n in ("written", "cell", "folder")] == [
        "written",
        "a cell",
        "from the folder",
    ]
    listed = await library.list("shop", "v1")
    assert [(one.path, one.origin, one.hides) for one in listed] == [
        ("cell.txt", "cell", ("folder",)),
        ("folder.txt", "folder", ()),
        ("written.txt", "written", ("cell", "folder")),
    ]
    assert await library.delete("shop", "v1", "written.txt")
    assert await text(library, "written.txt") == "a cell"
    del kept


async def test_a_version_has_its_own_cells_and_no_longer_than_it_lives(library: Library) -> None:
    one = library.bring("shop", "v1", cells(a="one"), None)
    two = library.bring("shop", "v2", cells(a="two"), None)
    assert (await text(library, "a.txt", "v1"), await text(library, "a.txt", "v2")) == (
        "one",
        "two",
    )
    del one
    assert await text(library, "a.txt", "v1") is None
    assert await text(library, "a.txt", "v2") == "two"
    del two


@pytest.mark.parametrize("path", ["shop.ipynb", "shop.js", "shop", "deep/er/shop.ipynb"], ids=str)
async def test_the_folder_stands_beside_a_file_and_inside_a_folder(
    library: Library, tmp_path: Path, path: str
) -> None:
    own = tmp_path / path if "." not in path else (tmp_path / path).parent
    (own / "assets").mkdir(parents=True)
    (own / "assets/a.txt").write_text("here")
    kept = library.bring("shop", "v1", {}, path)
    assert await text(library, "a.txt") == "here"
    del kept


async def test_apps_and_environments_do_not_see_each_other(
    library: Library, tmp_path: Path
) -> None:
    await library.write("shop", "a.txt", b"dev of shop")
    production = opened_in(tmp_path, env="production")
    assert await production.find("shop", "v1", "a.txt") is None
    assert await library.find("blog", "v1", "a.txt") is None
    for name in ("../shop", "shop/dev", "", "Shop", "."):
        with pytest.raises(RequestError, match="is no app"):
            await library.find(name, "v1", "a.txt")
    production.close()


async def test_what_is_written_stays(library: Library, tmp_path: Path) -> None:
    found = await library.write("shop", "css/a.css", b"a {}")
    assert (found.size, found.sha256) == (4, sha256(b"a {}").hexdigest())
    await library.write("shop", "b", b"b", "text/x-odd")
    await library.write("shop", "css/a.css", b"a { color: red }")
    await library.write("shop", "gone", b"gone")
    assert await library.delete("shop", "v1", "gone")
    assert not await library.delete("shop", "v1", "gone")
    again = opened_in(tmp_path)
    assert [(one.path, one.content_type, one.read()) for one in await again.list("shop", "")] == [
        ("b", "text/x-odd", b"b"),
        ("css/a.css", "text/css; charset=utf-8", b"a { color: red }"),
    ]
    assert [one.path for one in await again.list("shop", "", "css/")] == ["css/a.css"]
    again.close()


async def test_a_name_may_be_a_folder_to_others(library: Library) -> None:
    for path in ("a", "a/b", "A", "a/b/c"):
        await library.write("shop", path, path.encode())
    assert [await text(library, path) for path in ("a", "a/b", "A", "a/b/c")] == [
        "a",
        "a/b",
        "A",
        "a/b/c",
    ]


async def test_equal_contents_are_kept_once_and_as_long_as_one_needs_them(
    library: Library, tmp_path: Path
) -> None:
    contents = tmp_path / ".aiwe/assets/shop/dev/contents"
    for path in ("a", "b"):
        await library.write("shop", path, b"same")
    assert len(list(contents.iterdir())) == 1
    await library.delete("shop", "", "a")
    assert await text(library, "b") == "same"
    await library.write("shop", "b", b"other")
    assert [file.read_bytes() for file in contents.iterdir()] == [b"other"]


async def test_writes_of_one_asset_count_in_the_order_in_which_they_were_issued(
    library: Library,
) -> None:
    await asyncio.gather(*(library.write("shop", "a", str(n).encode()) for n in range(30)))
    assert await text(library, "a") == "29"


@pytest.mark.binds("assets_limit", "assets_total")
@pytest.mark.parametrize(
    ("size", "times", "code", "status"),
    [(1000, 1, None, 0), (1001, 1, "asset_too_large", 413), (1000, 3, "storage_full", 507)],
)
async def test_sizes_are_limited(
    library: Library, tmp_path: Path, size: int, times: int, code: str | None, status: int
) -> None:
    error: AiweError | None = None
    try:
        for n in range(times):
            await library.write("shop", f"{n}", bytes([n]) * size)
            await library.write("shop", f"{n}", bytes([n]) * size)  # replaced, not added
    except AiweError as refused:
        error = refused
    assert (error.code if error else None, error.status if error else 0) == (code, status)
    contents = tmp_path / ".aiwe/assets/shop/dev/contents"
    assert [file.name for file in contents.iterdir() if file.suffix == ".part"] == []


async def test_empty_assets_are_counted_as_well(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiwe_engine.assets.shelf.most_files", lambda _: 9)
    for n in range(9):
        await library.write("shop", f"{n}", b"")
    await library.write("shop", "7", b"1")  # replaced, not added
    with pytest.raises(EngineError) as refused:
        await library.write("shop", "one-more", b"")
    assert (refused.value.code, refused.value.status) == ("storage_full", 507)
    assert "an asset for each 4 KB" in refused.value.hint
    assert await library.delete("shop", "v1", "8")
    await library.write("shop", "one-more", b"")


async def test_an_upload_comes_piece_by_piece(library: Library, tmp_path: Path) -> None:
    found = await library.receive("shop", "a.bin", Pieces(b"1" * 400, b"2" * 400))
    assert found.sha256 == sha256(b"1" * 400 + b"2" * 400).hexdigest()
    broken = RequestError("The body ended early.", code="body_ended")
    for pieces, code in (
        ((b"3" * 400, broken), "body_ended"),
        ((b"3" * 600, b"3" * 600), "asset_too_large"),
    ):
        with pytest.raises(RequestError) as refused:
            await library.receive("shop", "a.bin", Pieces(*pieces))
        assert refused.value.code == code
    assert await text(library, "a.bin") == "1" * 400 + "2" * 400
    assert len(list((tmp_path / ".aiwe/assets/shop/dev/contents").iterdir())) == 1


async def test_what_was_not_written_is_not_deleted_and_the_reason_is_given(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/b.txt").write_text("b")
    kept = library.bring("shop", "v1", cells(a="a"), "shop.ipynb")
    for path, place in (("a.txt", "cell cell-a"), ("b.txt", "the folder assets")):
        with pytest.raises(RequestError, match=place) as refused:
            await library.delete("shop", "v1", path)
        assert (refused.value.code, refused.value.status) == ("asset_read_only", 409)
        assert refused.value.hint
    del kept


async def test_two_cells_of_one_path_clash_except_in_a_draft() -> None:
    assets = [Asset("a.css", b"1", "one", "shop.ipynb"), Asset("a.css", b"2", "two", "shop.ipynb")]
    with pytest.raises(
        ProgramError, match=r"a\.css is the asset of two cells: one and two"
    ) as clash:
        gather(assets, strict=True)
    assert clash.value.code == "asset_clash"
    assert clash.value.where is not None
    assert clash.value.where.cell == "two"
    found, warnings = gather(assets, strict=False)
    assert found["a.css"].read() == b"2"
    assert warnings == ("The asset a.css of cell two replaces that of cell one.",)
    with pytest.raises(ProgramError, match="begins or ends with a dot"):
        gather([replace(assets[0], path="../a.css")], strict=False)


async def test_damage_to_one_name_costs_that_asset_only(library: Library, tmp_path: Path) -> None:
    await library.write("shop", "a", b"a")
    await library.write("shop", "b", b"b")
    names = tmp_path / ".aiwe/assets/shop/dev/names"
    (names / f"{sha256(b'a').hexdigest()}.json").write_bytes(b"{")
    again = opened_in(tmp_path)
    assert [one.path for one in await again.list("shop", "")] == ["b"]
    again.close()


WRITER = """
import asyncio, itertools, os, sys
from pathlib import Path
from tests.engine.assets.test_library import opened_in
async def main():
    library = opened_in(Path(sys.argv[1]))
    for n in itertools.count():
        path = f"{n % 7}"
        await library.write("shop", path, f"{n} ".encode() * (n % 50 + 1))
        os.write(1, f"{path} {n}\\n".encode())
asyncio.run(main())
"""


async def test_no_acknowledged_write_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'engine'}{os.pathsep}{ROOT}"}
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(40)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        last = {path: int(n) for path, n in (line.split() for line in lines)}
        library = opened_in(tmp_path)
        for path, n in last.items():
            words = str(await text(library, path)).split()
            assert set(words) <= {str(n), str(n + 7)}, "neither the last write nor the one after it"
            assert len(words) == int(words[0]) % 50 + 1, "half a content"
        library.close()


async def test_a_large_upload_is_not_held_in_memory(tmp_path: Path) -> None:
    library = opened_in(tmp_path, settings=Settings(assets_limit=100 * MB, assets_total=100 * MB))
    tracemalloc.start()
    await library.receive("shop", "film.mp4", Pieces(*[b"x" * MB] * 64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    library.close()
    assert peak < 8 * MB


async def test_the_first_uploads_of_an_app_may_begin_together(library: Library) -> None:
    names = [f"{number}.txt" for number in range(16)]
    for app in (f"app{number}" for number in range(20)):
        await asyncio.gather(*(library.receive(app, name, Pieces(b"one"), 3) for name in names))
        assert {found.path for found in await library.list(app, "1")} == set(names)
