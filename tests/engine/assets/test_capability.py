"""`Assets` in a program: what it reads and writes, and what it is told when it may not."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.settings import MB
from tests.engine.assets.test_serving import notebook
from tests.engine.runtime.bench import Bench, settings

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CONTENTS = {
    '"text \\u00fc"': "text ü".encode(),
    '""': b"",
    '"lone \\ud800"': "lone \ufffd".encode(),
    "new Uint8Array([0, 255])": b"\x00\xff",
    "new Uint8Array([1, 2, 3, 4]).subarray(1, 3)": b"\x02\x03",
    "new Uint8Array([5]).buffer": b"\x05",
    'new Blob(["a", new Uint8Array([66])])': b"aB",
    'html`<b>${"<"}</b>`': b"<b>&lt;</b>",
}
KINDS = {
    'Assets.write("a.svg", "<svg/>")': "image/svg+xml",
    'Assets.write("a", "x", { contentType: "text/x; charset=utf-8" })': "text/x; charset=utf-8",
    'Assets.write("b", new Blob(["x"], { type: "image/x-own" }))': "image/x-own",
    'Assets.write("c.css", new Blob(["x"]))': "text/css; charset=utf-8",
}
REFUSED = {
    'Assets.read("none.txt")': (404, "asset_not_found"),
    'Assets.url("none.txt")': (500, "asset_not_found"),
    'Assets.read("../secret")': (400, "invalid_asset_path"),
    'Assets.write("../secret", "x")': (400, "invalid_asset_path"),
    'Assets.write("/etc/passwd", "x")': (400, "invalid_asset_path"),
    'Assets.write(".env", "x")': (400, "invalid_asset_path"),
    'Assets.write(undefined, "x")': (400, "invalid_asset_path"),
    'Assets.delete("%2e%2e/x")': (400, "invalid_asset_path"),
    'Assets.write("a.json", { a: 1 })': (400, "invalid_argument"),
    'Assets.write("a.txt")': (400, "invalid_argument"),
    'Assets.write("a.txt", null)': (400, "invalid_argument"),
    'Assets.write("a", "x", { contentType: "a/b\\r\\nset-cookie: c=d" })': (400, "invalid_argument"),
    'Assets.write("a", "x", { contentType: 7 })': (400, "invalid_argument"),
    'Assets.delete("cell.txt")': (409, "asset_read_only"),
    'Assets.write("large.bin", new Uint8Array(3_000_000))': (413, "asset_too_large"),
}  # fmt: skip
OTHERS = [
    'Assets.list().then((all) => all.map((a) => [a.path, a.origin]).filter(([p]) => p.length > 5 && p[0] !== "d"))',
    'Assets.list("ce").then((all) => all.map((a) => a.path))',
    'Assets.read("folder.txt").then((a) => a.text())',
    'Assets.read("film.mp4").then((film) => film.size)',
    'Assets.write("going.txt", "x").then(() => Assets.delete("going.txt"))',
    'Assets.delete("going.txt")',
    'Assets.write("dir/a b.css", "a{}").then(() => Assets.url("dir/a b.css"))',
    "atTheTop",
    'Assets.read("film.mp4").then((film) => sizeOf(film.stream()))',
    'Assets.read("cell.txt").then((cell) => JSON.stringify(cell))',
]  # fmt: skip
EXPRESSIONS = [*KINDS, *REFUSED, *OTHERS]
PROGRAM = f"""
const sizeOf = async (stream) => {{
  let size = 0;
  for await (const piece of stream) size += piece.length;
  return size;
}};
const atTheTop = await Assets.url("cell.txt");
await Assets.write("once.txt", "by the first activation");
const values = [{",".join(f"() => {one}" for one in EXPRESSIONS)}];
const contents = [{",".join(f"() => {one}" for one in CONTENTS)}];
app.get("/value/:n", async (req) => ({{ value: await values[req.params.n]() }}));
app.get("/content/:n", async (req) => {{
  const stored = await Assets.write("a.txt", contents[req.params.n]());
  const read = await Assets.read("a.txt");
  return {{ stored, read, bytes: [...(await read.bytes())], text: await read.text() }};
}});
app.get("/overwrite", () => Assets.write("once.txt", "later"));
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    root = tmp_path_factory.mktemp("capability")
    (root / "assets").mkdir()
    (root / "assets/folder.txt").write_text("from the folder")
    with (root / "assets/film.mp4").open("wb") as film:
        film.truncate(17 * MB)
    (root / "app.ipynb").write_bytes(notebook(PROGRAM, "%%asset cell.txt\nfrom a cell"))
    limits = settings(assets_limit=2 * MB, spare_workers=0)
    async with Engine(limits, root=root, data=root / ".aiwe") as engine:
        await engine.load(root / "app.ipynb")
        yield Bench(engine, root)


async def value(bench: Bench, expression: str) -> Any:
    return (await bench.json(f"/value/{EXPRESSIONS.index(expression)}"))["value"]


@pytest.mark.parametrize("content", CONTENTS)
async def test_a_content_is_written_and_read_as_it_is(bench: Bench, content: str) -> None:
    answer = await bench.json(f"/content/{list(CONTENTS).index(content)}")
    expected = CONTENTS[content]
    assert answer["stored"] == {
        "id": "a.txt",
        "filename": "a.txt",
        "contentType": "text/plain; charset=utf-8",
        "size": len(expected),
        "sha256": sha256(expected).hexdigest(),
        "path": "a.txt",
        "url": "/assets/a.txt",
        "origin": "written",
    }
    assert answer["read"] == answer["stored"]
    assert bytes(answer["bytes"]) == expected
    assert answer["text"] == expected.decode("utf-8", "replace")
    assert (await bench.get("/assets/a.txt")).body == expected


@pytest.mark.parametrize("expression", KINDS)
async def test_the_content_type_follows_the_path_unless_it_is_given(
    bench: Bench, expression: str
) -> None:
    assert (await value(bench, expression))["contentType"] == KINDS[expression]


@pytest.mark.parametrize("expression", REFUSED)
async def test_what_cannot_be_done_is_told(bench: Bench, expression: str) -> None:
    answer = await bench.get(f"/value/{EXPRESSIONS.index(expression)}")
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == REFUSED[expression]
    assert error["hint"]


async def test_a_program_sees_what_its_visitors_see(bench: Bench) -> None:
    listed = await value(bench, OTHERS[0])
    assert listed == [
        ["cell.txt", "cell"],
        ["film.mp4", "folder"],
        ["folder.txt", "folder"],
        ["once.txt", "written"],
    ]
    assert await value(bench, OTHERS[1]) == ["cell.txt"]
    assert await value(bench, OTHERS[2]) == "from the folder"
    assert await value(bench, OTHERS[3]) == 17 * MB


async def test_what_is_deleted_is_gone(bench: Bench) -> None:
    assert await value(bench, OTHERS[4]) is True
    assert await value(bench, OTHERS[5]) is False
    assert (await bench.get("/assets/going.txt")).status == 404


async def test_an_address_has_the_hash_and_is_ready_for_a_page(bench: Bench) -> None:
    digest = sha256(b"a{}").hexdigest()[:8]
    url = await value(bench, OTHERS[6])
    assert url == f"/assets/dir/a%20b.{digest}.css"
    assert (await bench.get(url)).body == b"a{}"


async def test_the_assets_of_a_version_are_there_while_it_loads(bench: Bench) -> None:
    digest = sha256(b"from a cell").hexdigest()[:8]
    assert await value(bench, OTHERS[7]) == f"/assets/cell.{digest}.txt"


async def test_a_large_asset_is_read_piece_by_piece(bench: Bench) -> None:
    assert await value(bench, OTHERS[8]) == 17 * MB


async def test_what_is_told_of_an_asset_is_json(bench: Bench) -> None:
    told = orjson.loads(await value(bench, OTHERS[9]))
    assert (told["path"], told["origin"], told["size"]) == ("cell.txt", "cell", 11)


async def test_a_write_at_top_level_happens_once_for_a_version(bench: Bench) -> None:
    assert (await bench.get("/assets/once.txt")).body == b"by the first activation"
    await bench.get("/overwrite")
    [process] = bench.engine.status()["workers"].values()
    os.kill(process, signal.SIGKILL)
    await bench.get("/value/0")  # another isolate of the version has loaded
    assert (await bench.get("/assets/once.txt")).body == b"later"
