"""`%%asset` cells: part of the draft as other cells are, and of the app that is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiwe_engine.cli.main import main
from aiwe_engine.engine import Engine
from tests.engine.assets.test_serving import notebook
from tests.engine.deployments.lab import Person, Ran

pytestmark = pytest.mark.timeout(120)


def changes(ran: Ran) -> dict[str, str]:
    return {asset["path"]: asset["change"] for asset in ran.deployment["assets"]}


async def test_a_cell_goes_live_by_itself_and_its_output_says_where(person: Person) -> None:
    ran = await person.run("css", '%%asset "css/my site.css"\na { color: red }\n\nb {}')
    assert ran.ok
    assert ran.deployment["scratch"] is False
    assert ran.deployment["assets"] == [
        {
            "path": "css/my site.css",
            "url": "http://demo.localhost:8890/assets/css/my%20site.css",
            "change": "added",
            "content_type": "text/css; charset=utf-8",
            "size": 22,
        }
    ]
    assert await person.ask("/assets/css/my%20site.css") == (200, "a { color: red }\n\nb {}")


async def test_a_cell_is_replaced_by_its_next_run_and_may_become_another_thing(
    person: Person,
) -> None:
    await person.run("code", 'app.get("/", () => "home");')
    first = await person.run("a", "%%asset a.txt\none")
    assert changes(first) == {"a.txt": "added"}
    again = await person.run("a", "%%asset a.txt\ntwo")
    assert changes(again) == {"a.txt": "changed"}
    assert again.deployment["version"] != first.deployment["version"]
    assert again.changes == {"GET /": "same"}
    assert await person.ask("/assets/a.txt") == (200, "two")
    assert changes(await person.run("b", "%%asset b.txt\nb")) == {"a.txt": "same", "b.txt": "added"}

    renamed = await person.run("a", "%%asset c.txt\ntwo")
    assert changes(renamed) == {"b.txt": "same", "c.txt": "added", "a.txt": "removed"}
    assert (await person.ask("/assets/a.txt"))[0] == 404

    scratch = await person.run("a", "1 + 1")
    assert changes(scratch) == {"b.txt": "same", "c.txt": "removed"}
    assert (await person.ask("/assets/c.txt"))[0] == 404

    code = await person.run("b", 'app.get("/b", () => "b");')
    assert changes(code) == {"b.txt": "removed"}
    assert code.changes == {"GET /": "same", "GET /b": "added"}

    back = await person.run("b", "%%asset b.txt\nb")
    assert back.changes == {"GET /": "same", "GET /b": "removed"}
    assert await person.ask("/assets/b.txt") == (200, "b")


async def test_a_cell_whose_route_is_gone_takes_it_from_what_is_live(person: Person) -> None:
    await person.run("a", 'app.get("/a", () => "a");')
    await person.run("b", 'app.get("/b", () => "b");')
    ran = await person.run("a", "1 + 1")
    assert ran.changes == {"GET /b": "same", "GET /a": "removed"}
    assert (await person.ask("/a"))[0] == 404
    assert (await person.run("b", "")).changes == {"GET /b": "removed"}
    assert (await person.ask("/b"))[1]["error"]["code"] == "no_such_app"


async def test_a_cell_that_left_the_saved_notebook_takes_its_asset_along(person: Person) -> None:
    await person.run("code", 'app.get("/", () => "home");')
    await person.run("a", "%%asset a.txt\na")
    await person.run("b", "%%asset b.txt\nb")
    await person.engine.arrange("demo", "demo.ipynb", ["code", "b"], saved=False)
    assert await person.ask("/assets/a.txt") == (200, "a")
    await person.engine.arrange("demo", "demo.ipynb", ["code", "b"], saved=True)
    assert (await person.ask("/assets/a.txt"))[0] == 404
    assert await person.ask("/assets/b.txt") == (200, "b")


async def test_the_later_cell_of_a_path_wins_in_a_draft_and_is_told(person: Person) -> None:
    await person.run("a", "%%asset x.txt\nof a")
    ran = await person.run("b", "%%asset x.txt\nof b")
    assert await person.ask("/assets/x.txt") == (200, "of b")
    assert ran.deployment["warnings"] == ["The asset x.txt of cell b replaces that of cell a."]
    await person.engine.arrange("demo", "demo.ipynb", ["b", "a"], saved=True)
    await person.run("code", 'app.get("/", () => "home");')
    assert await person.ask("/assets/x.txt") == (200, "of a")


async def test_a_cell_without_an_id_replaces_the_one_before_it(person: Person) -> None:
    for number in range(3):
        text = f"%%asset x.txt\nrun {number}"
        ran = await person.run(f"anonymous-{number}", text, anonymous=True)
        assert ran.deployment["warnings"] == []
    assert await person.ask("/assets/x.txt") == (200, "run 2")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("%%asset", "invalid_asset_cell", "%%asset takes one path."),
        ("%%asset a b\nx", "invalid_asset_cell", "%%asset takes one path."),
        ("%%asset 'a\nx", "invalid_asset_cell", "%%asset takes one path."),
        ("%%asset a --gzip\nx", "invalid_asset_cell", '"--gzip" is no option of %%asset.'),
        ("%%asset a.png --base64\n§", "invalid_asset_cell", "The cell is not base64"),
        ("%%asset ../a.txt\nx", "invalid_asset_path", "begins or ends with a dot"),
        ("%%asset /a.txt\nx", "invalid_asset_path", "a slash too many"),
        ("%%asset a.ipynb\nx", "invalid_asset_path", "notebooks are not served"),
    ],
)
async def test_a_mistake_is_told_with_its_cell_and_leaves_what_was_live(
    engine: Engine, text: str, code: str, message: str
) -> None:
    person = Person(engine)
    ran = await person.run("a", text)
    assert not ran.ok
    assert (ran.error["code"], ran.error["where"]["cell"]) == (code, "a")
    assert message in ran.error["message"]
    assert ran.error["hint"]
    assert engine.deployments() == []


async def test_a_served_notebook_brings_its_assets(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "demo.ipynb"
    path.write_bytes(notebook("%%asset a.txt\nfrom the file", "%%html\n<p>", "1 + 1"))
    first = await engine.load(path)
    person = Person(engine)
    assert await person.ask("/assets/a.txt") == (200, "from the file")
    path.write_bytes(notebook("%%asset a.txt\nsaved again"))
    second = await engine.load(path)
    assert await person.ask("/assets/a.txt") == (200, "saved again")
    assert first.version != second.version


def test_check_counts_the_assets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.ipynb"
    path.write_bytes(notebook('app.get("/", () => 1);', "%%asset a.txt\n1"))
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == "demo: ok, 1 route, 1 asset\n"
    assert main(["routes", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["apps"][0]["assets"] == ["a.txt"]


def test_check_tells_of_two_cells_with_one_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "demo.ipynb"
    path.write_bytes(notebook("%%asset a.txt\n1", "%%asset a.txt\n2"))
    assert main(["check", "--json", str(path)]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "asset_clash"
    assert error["message"] == "a.txt is the asset of two cells: cell-1 and cell-2."
    assert error["where"]["cell"] == "cell-2"
