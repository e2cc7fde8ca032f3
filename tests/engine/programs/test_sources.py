"""What a path holds: notebooks, scripts and folders as the sources of apps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from aiwe_engine.errors import ProgramError
from aiwe_engine.programs.compiler import Compiler
from aiwe_engine.programs.sources import read_app, slug
from aiwe_engine.settings import Settings


def notebook(path: Path, *cells: str | dict[str, Any], **metadata: Any) -> Path:
    whole = [
        {"cell_type": "code", "id": f"c{index}", "metadata": {}, "source": cell, "outputs": []}
        if isinstance(cell, str)
        else cell
        for index, cell in enumerate(cells)
    ]
    content = {"cells": whole, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_bytes(orjson.dumps(content))
    return path


def test_a_notebook_gives_its_javascript_cells(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "My Shop.ipynb",
        "const a = 1",
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# no"},
        "%%python\nprint(1)",
        "%help\n  %logs 5\napp.get('/', () => a % 2)\n%not a magic",
        {"cell_type": "code", "id": "list", "metadata": {}, "source": ["let b\n", "b"]},
        {"cell_type": "code", "id": "tag", "metadata": {"tags": ["aiwe-skip"]}, "source": "1"},
        {"cell_type": "code", "id": "flag", "metadata": {"aiwe": {"skip": True}}, "source": "1"},
        {"cell_type": "code", "metadata": {}, "source": "old()"},
    )
    app = read_app(path)
    assert (app.name, app.path) == ("my-shop", path)
    assert [(source.name, source.cell, source.text) for source in app.sources] == [
        ("cell-c0.js", "c0", "const a = 1"),
        ("cell-c3.js", "c3", "//%help\n//  %logs 5\napp.get('/', () => a % 2)\n%not a magic"),
        ("cell-list.js", "list", "let b\nb"),
        ("cell-8.js", "8", "old()"),
    ]
    assert {source.file for source in app.sources} == {str(path)}


def test_metadata_names_the_app(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "1", aiwe={"name": "shop"})
    assert read_app(path).name == "shop"


def test_a_script_is_an_app(tmp_path: Path) -> None:
    path = tmp_path / "hello_World.ts"
    path.write_text("\ufeffapp.get('/', () => 1)", encoding="utf-8")
    app = read_app(path)
    assert (app.name, [s.name for s in app.sources]) == ("hello-world", ["hello_World.ts"])
    assert app.sources[0].text == "app.get('/', () => 1)"
    assert app.sources[0].cell is None


def test_a_folder_is_one_app_in_name_order(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "lib").mkdir(parents=True)
    for name in ("b.js", "a.ts", "c.mjs", "d.jsx", "e.tsx", "types.d.ts", "notes.md", "lib/x.js"):
        (folder / name).write_text("1", encoding="utf-8")
    app = read_app(folder)
    assert app.name == "shop"
    assert [source.name for source in app.sources] == ["a.ts", "b.js", "c.mjs", "d.jsx", "e.tsx"]


SLUGS = {
    "Hello": "hello",
    "My Shop (2)": "my-shop-2",
    "a__b--c": "a-b-c",
    "Käse & Brot": "kase-brot",
    "-x-": "x",
    "x" * 80: "x" * 63,
    "x" * 62 + "-y": "x" * 62,
    "日本": "",
}


@pytest.mark.parametrize("text", SLUGS)
def test_slugs(text: str) -> None:
    assert slug(text) == SLUGS[text]


@pytest.mark.parametrize("name", ["A", "a--b", "-a", "a-", "a_b", "a.b", "x" * 64, ""])
def test_a_name_that_no_host_can_have_is_refused(name: str, tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "1", aiwe={"name": name})
    with pytest.raises(ProgramError) as caught:
        read_app(path)
    assert caught.value.code == "app_name_invalid"
    assert str(path) in caught.value.message


def test_a_file_without_a_usable_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as caught:
        read_app(notebook(tmp_path / "日本.ipynb", "1"))
    assert caught.value.code == "app_name_invalid"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("gone.js", None, "app_not_found"),
        ("a.txt", b"1", "app_not_found"),
        ("a.d.ts", b"1", "app_not_found"),
        ("a.ipynb", b"{", "unreadable"),
        ("a.ipynb", b"", "unreadable"),
        ("a.ipynb", b'{"worksheets": []}', "unreadable"),
        ("a.js", b"\xff\xfe", "unreadable"),
    ],
)
def test_what_is_no_app_is_told_with_a_hint(
    name: str, content: bytes | None, code: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ProgramError) as caught:
        read_app(tmp_path / name)
    assert caught.value.code == code
    assert caught.value.hint


def test_an_empty_folder_is_no_app(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="holds no scripts"):
        read_app(tmp_path)


async def test_imports_come_in_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "lib" / "tasks.ts").write_text(
        "import { now } from './deep/time'\nexport const tasks: string[] = [now()]",
        encoding="utf-8",
    )
    (tmp_path / "lib" / "deep" / "time.js").write_text(
        "export const now = () => 1", encoding="utf-8"
    )
    (tmp_path / "lib" / "index.js").write_text("console.log('side effect')", encoding="utf-8")
    path = notebook(
        tmp_path / "app.ipynb",
        "import { tasks as all } from './lib/tasks.js'\nimport './lib'\napp.get('/', () => all)",
    )
    app = read_app(path)
    async with Compiler(Settings()) as compiler:
        program = await compiler.compile(app.sources, files=app.files)
    assert [(piece.name, piece.module, piece.imports) for piece in program.pieces] == [
        ("cell-c0.js", False, ("lib/tasks.ts", "lib/index.js")),
        ("lib/tasks.ts", True, ("lib/deep/time.js",)),
        ("lib/index.js", True, ()),
        ("lib/deep/time.js", True, ()),
    ]
    assert [source.name for source in program.sources] == [piece.name for piece in program.pieces]


async def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("export const key = 1", encoding="utf-8")
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "link.js").symlink_to(tmp_path / "secret.js")
    (folder / "main.js").write_text("import { key } from './link.js'", encoding="utf-8")
    app = read_app(folder / "main.js")
    async with Compiler(Settings()) as compiler:
        with pytest.raises(ProgramError) as caught:
            await compiler.compile(app.sources, files=app.files)
    assert caught.value.code == "module_outside"
