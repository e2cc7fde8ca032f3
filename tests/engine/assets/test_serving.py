"""Assets over HTTP: where they come from, how long they are kept, and what is never served."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.errors import RequestError
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.compression import compress
from aiwe_engine.http.packed import Packed
from aiwe_engine.settings import Settings
from tests.engine.http.fake import Answer, call
from tests.engine.http.wire import Wire, listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "body { margin: 0 } " * 200
PROGRAM = """\
app.get("/", () => "home");
app.put("/write/*path", async (req) => Assets.write(req.params.path, await req.text()));
app.get("/send/*path", (req) => Response.file(req.params.path, { download: req.query.as }));
app.get("/sendread/*path", async (req) => Response.file(await Assets.read(req.params.path)));
app.get("/url/*path", async (req) => ({ url: await Assets.url(req.params.path) }));
"""


@dataclass
class Site:
    """An app with assets of each kind."""

    engine: Engine
    root: Path

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.root / "assets" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        given = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await call(AppsFace(self.engine), path, method, headers=given)

    async def text(self, path: str) -> str:
        answer = await self.ask(path)
        assert answer.status == 200, answer.body
        return answer.body.decode()


def notebook(*cells: str) -> bytes:
    made = [
        {"cell_type": "code", "id": f"cell-{n}", "source": text, "metadata": {}, "outputs": []}
        for n, text in enumerate(cells, 1)
    ]
    spec = {"kernelspec": {"name": "aiwe"}}
    return json.dumps({"cells": made, "metadata": spec, "nbformat": 4}).encode()


async def opened(root: Path, env: str) -> AsyncIterator[Site]:
    cells = [PROGRAM, "%%asset css/site.css\na { color: red }", "%%asset x.b64 --base64\nAAEC"]
    (root / "shop.ipynb").write_bytes(notebook(*cells))
    (root / ".env").write_text("s3cret")
    (root / "server.js").write_text("s3cret")
    settings = Settings(spare_workers=0, assets_max_age=120, compress_min=100)
    async with Engine(settings, env=env, root=root, data=root / ".aiwe") as engine:
        await engine.load(root / "shop.ipynb")
        yield Site(engine, root)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async for one in opened(tmp_path_factory.mktemp("production"), "production"):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def draft(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async for one in opened(tmp_path_factory.mktemp("dev"), "dev"):
        yield one


async def test_cells_the_folder_and_the_program_bring_assets(site: Site) -> None:
    site.write("logo.svg", "<svg/>")
    await call(AppsFace(site.engine), "/write/a/b.txt", "PUT", body=b"written")
    assert await site.text("/assets/css/site.css") == "a { color: red }"
    assert (await site.ask("/assets/x.b64")).body == b"\x00\x01\x02"
    assert await site.text("/assets/logo.svg") == "<svg/>"
    assert await site.text("/assets/a/b.txt") == "written"
    answer = await site.ask("/assets/logo.svg")
    assert answer.header("content-type") == "image/svg+xml"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("content-length") == "6"


async def test_what_is_written_wins_over_a_cell_and_a_cell_over_the_folder(site: Site) -> None:
    site.write("css/site.css", "folder")
    assert await site.text("/assets/css/site.css") == "a { color: red }"
    await call(AppsFace(site.engine), "/write/css/site.css", "PUT", body=b"written")
    assert await site.text("/assets/css/site.css") == "written"
    await site.engine.delete_asset("shop", "css/site.css")
    assert await site.text("/assets/css/site.css") == "a { color: red }"


async def test_a_file_that_is_saved_shows_at_once(site: Site) -> None:
    for content in ("one", "two", "three"):
        site.write("live.txt", content)
        assert await site.text("/assets/live.txt") == content


async def test_other_methods_are_told_which_there_are(site: Site) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await site.ask("/assets/css/site.css", method)
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, OPTIONS")
    answer = await site.ask("/assets/css/site.css", "OPTIONS")
    assert (answer.status, answer.header("allow")) == (204, "GET, HEAD, OPTIONS")


HOSTILE = [
    "/assets/../server.js",
    "/assets/../.env",
    "/assets/..",
    "/assets/.",
    "/assets/./css/site.css",
    "/assets/css/../css/site.css",
    "/assets/%2e%2e/server.js",
    "/assets/%2E%2E/server.js",
    "/assets/.%2e/server.js",
    "/assets/..%2fserver.js",
    "/assets/..%2Fserver.js",
    "/assets/css%2fsite.css",
    "/assets/%252e%252e/server.js",
    "/assets/%252e%252e%252fserver.js",
    "/assets/..%5cserver.js",
    "/assets/..\\server.js",
    "/assets/%5c..%5cserver.js",
    "/assets/..;/server.js",
    "/assets/.../server.js",
    "/assets/....//server.js",
    "/assets//server.js",
    "/assets//etc/passwd",
    "/assets/%2fetc%2fpasswd",
    "/assets/file:///etc/passwd",
    "/assets/C:/server.js",
    "/assets/c%3a/server.js",
    "/assets/%c0%ae%c0%ae/server.js",
    "/assets/%e0%80%ae%e0%80%ae/server.js",
    "/assets/%uff0e%uff0e/server.js",
    "/assets/%ef%bc%8e%ef%bc%8e/server.js",
    "/assets/css/site.css%00.txt",
    "/assets/%00",
    "/assets/css/site.css%0d%0aset-cookie:a=b",
    "/assets/css/site.css.",
    "/assets/css/site.css%20",
    "/assets/css/site.css/",
    "/assets/css/site.css::$DATA",
    "/assets/CSS/SITE.CSS",
    "/assets/css",
    "/assets/css/",
    "/assets/",
    "/assets",
    "/assets/.hidden",
    "/assets/%2ehidden",
    "/assets/.git/config",
    "/assets/.aiwe/engine.json",
    "/assets/../.aiwe/engine.json",
    "/assets/shop.ipynb",
    "/assets/../shop.ipynb",
    "/assets/pipe.txt",
    "/assets/null.txt",
    "/assets/out.js",
    "/assets/up/server.js",
    "/assets/%zz",
    "/assets/%",
    "/assets/" + "a" * 3000,
    "/assets/" + "a/" * 1000 + "a",
    "//assets/css/site.css",
    "/%61ssets/css/site.css",
    "/ASSETS/css/site.css",
    "/assets%2fcss%2fsite.css",
]


@pytest.fixture(scope="module")
def traps(site: Site) -> None:
    """What lies in the folder and must not be reached."""
    for name in (".hidden", ".git/config", "shop.ipynb"):
        site.write(name, "s3cret")
    os.mkfifo(site.root / "assets/pipe.txt")
    (site.root / "assets/null.txt").symlink_to("/dev/null")
    (site.root / "assets/out.js").symlink_to("../server.js")
    (site.root / "assets/up").symlink_to("..")


@pytest.mark.usefixtures("traps")
@pytest.mark.parametrize("path", HOSTILE, ids=[path[:40] for path in HOSTILE])
async def test_no_path_leads_elsewhere(site: Site, path: str) -> None:
    async with listening(site.engine) as (_, port), Wire(port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nhost: shop.localhost\r\nconnection: close\r\n\r\n")
        status, headers, body = await wire.answer()
        assert await wire.rest() == b"", "two answers"
    assert status in {400, 404}
    assert "set-cookie" not in headers
    assert headers["content-type"] == "application/json"
    assert b"s3cret" not in body
    assert b"color" not in body


@pytest.mark.binds("assets_max_age")
async def test_browsers_are_told_to_ask_again_in_dev_and_after_a_while_elsewhere(
    site: Site, draft: Site
) -> None:
    for one, control in ((draft, "no-cache"), (site, "public, max-age=120")):
        answer = await one.ask("/assets/css/site.css")
        assert answer.header("cache-control") == control
        assert answer.header("etag")
        again = await one.ask("/assets/css/site.css", if_none_match=str(answer.header("etag")))
        assert (again.status, again.body, again.header("cache-control")) == (304, b"", control)


async def test_a_name_with_the_hash_of_the_content_is_kept_for_good(site: Site) -> None:
    site.write("app.js", "one")
    url = (await site.ask("/url/app.js")).json["url"]
    assert url == f"/assets/app.{sha256(b'one').hexdigest()[:8]}.js"
    answer = await site.ask(url)
    assert (answer.status, answer.body) == (200, b"one")
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert answer.header("content-type") == "text/javascript; charset=utf-8"


async def test_the_hash_of_a_content_that_is_gone_gets_the_present_one_which_is_not_kept(
    site: Site,
) -> None:
    site.write("old.js", "one")
    url = (await site.ask("/url/old.js")).json["url"]
    site.write("old.js", "two")
    answer = await site.ask(url)
    assert (answer.status, answer.body, answer.header("cache-control")) == (200, b"two", "no-cache")
    assert (await site.ask("/assets/never.0123abcd.js")).status == 404


async def test_a_name_that_only_looks_hashed_is_a_name(site: Site) -> None:
    site.write("vendor.0123abcd.js", "vendor")
    answer = await site.ask("/assets/vendor.0123abcd.js")
    assert (answer.body, answer.header("cache-control")) == (b"vendor", "public, max-age=120")


async def test_the_address_of_a_missing_asset_is_the_programs_mistake(draft: Site) -> None:
    answer = await draft.ask("/url/none.css")
    assert (answer.status, answer.error["code"]) == (500, "asset_not_found")


async def test_pages_among_assets_are_guarded_as_pages_are(site: Site, draft: Site) -> None:
    for one in (site, draft):
        for name in ("page.html", "drawing.svg", "page.xhtml"):
            one.write(name, "<p/>")
            answer = await one.ask(f"/assets/{name}")
            assert "script-src" in str(answer.header("content-security-policy"))
        one.write("plain.css", "a{}")
        assert (await one.ask("/assets/plain.css")).header("content-security-policy") is None


async def test_an_error_is_finished_and_is_no_page_of_the_app(site: Site) -> None:
    answer = await site.ask("/assets/none.html")
    assert (answer.status, answer.error["code"]) == (404, "asset_not_found")
    assert answer.header("cache-control") == "no-store"


async def test_a_program_sends_an_asset_without_reading_it(site: Site) -> None:
    site.write("reports/june.pdf", b"%PDF" + b"x" * 100_000)
    for path in ("/send/reports/june.pdf", "/sendread/reports/june.pdf"):
        answer = await site.ask(path)
        assert (answer.status, len(answer.body)) == (200, 100_004)
        assert answer.header("content-type") == "application/pdf"
        assert answer.header("content-disposition") is None
        assert answer.header("cache-control") == "no-cache"
        part = await site.ask(path, range="bytes=0-3")
        assert (part.status, part.body) == (206, b"%PDF")
    kept = await site.ask("/send/reports/june.pdf?as=June.pdf")
    assert str(kept.header("content-disposition")).startswith('attachment; filename="June.pdf"')
    for path, status, code in (
        ("/send/none.pdf", 404, "asset_not_found"),
        ("/send/..%2fserver.js", 400, "invalid_asset_path"),
    ):
        refused = await site.ask(path)
        assert (refused.status, refused.error["code"]) == (status, code)


async def test_head_and_ranges(site: Site) -> None:
    site.write("film.mp4", bytes(range(256)) * 400)
    whole = await site.ask("/assets/film.mp4")
    assert (whole.status, len(whole.body)) == (200, 102_400)
    assert whole.header("accept-ranges") == "bytes"
    head = await site.ask("/assets/film.mp4", "HEAD")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "102400")
    part = await site.ask("/assets/film.mp4", range="bytes=10-19", accept_encoding="gzip")
    assert (part.status, part.body) == (206, bytes(range(10, 20)))
    assert part.header("content-range") == "bytes 10-19/102400"
    assert (await site.ask("/assets/film.mp4", range="bytes=200000-")).status == 416


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_text_is_sent_compressed_to_who_can_read_it(site: Site, coding: str) -> None:
    site.write("long.css", LONG)
    plain = await site.ask("/assets/long.css")
    packed = await site.ask("/assets/long.css", accept_encoding=coding)
    assert plain.header("content-encoding") is None
    assert plain.body == LONG.encode()
    assert packed.header("content-encoding") == coding
    assert len(packed.body) < len(plain.body) / 5
    assert packed.header("content-length") == str(len(packed.body))
    assert packed.header("content-type") == "text/css; charset=utf-8"
    for answer in (plain, packed):
        assert answer.header("vary") == "accept-encoding"
    assert plain.header("etag") != packed.header("etag")
    tag = str(packed.header("etag"))
    again = await site.ask("/assets/long.css", accept_encoding=coding, if_none_match=tag)
    assert again.status == 304
    part = await site.ask("/assets/long.css", accept_encoding=coding, range="bytes=0-3")
    assert (part.status, part.body, part.header("content-encoding")) == (206, b"body", None)


async def test_what_is_compressed_already_or_small_is_left_alone(site: Site) -> None:
    site.write("photo.png", b"\x00" * 4000)
    site.write("small.css", "a{}")
    for name in ("photo.png", "small.css"):
        answer = await site.ask(f"/assets/{name}", accept_encoding="gzip, br, zstd")
        assert answer.header("content-encoding") is None


async def test_a_copy_beside_the_file_is_used_unless_it_is_older(site: Site) -> None:
    file = site.write("page.js", "let a = 1;")
    copy = site.write("page.js.gz", gzip.compress(b"let a = 1; // from the copy"))
    os.utime(file, (1000, 1000))
    os.utime(copy, (1000, 1000))
    answer = await site.ask("/assets/page.js", accept_encoding="gzip")
    assert gzip.decompress(answer.body) == b"let a = 1; // from the copy"
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("content-type") == "text/javascript; charset=utf-8"
    assert answer.header("vary") == "accept-encoding"
    plain = await site.ask("/assets/page.js", accept_encoding="br;q=1, gzip;q=0")
    assert (plain.body, plain.header("content-encoding")) == (b"let a = 1;", None)
    assert plain.header("vary") == "accept-encoding"
    os.utime(file, (2000, 2000))
    newer = await site.ask("/assets/page.js", accept_encoding="gzip")
    assert (newer.body, newer.header("content-encoding")) == (b"let a = 1;", None)
    assert (await site.ask("/assets/page.js.gz")).header("content-type") == "application/gzip"


def giving(content: bytes) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        return content

    return read


async def test_those_who_want_a_copy_at_the_same_time_share_one_reading() -> None:
    read: list[bytes] = []
    packed = Packed(1000)

    async def reading() -> bytes:
        read.append(b"x")
        await asyncio.sleep(0)
        return b"x" * 100

    copies = await asyncio.gather(*(packed.make("a", "gzip", reading) for _ in range(60)))
    assert {gzip.decompress(copy) for copy in copies} == {b"x" * 100}
    assert read == [b"x"]


async def test_a_copy_whose_content_is_gone_can_be_made_later() -> None:
    packed = Packed(1000)

    async def gone() -> bytes:
        raise RequestError("gone", code="asset_changed")

    with pytest.raises(RequestError):
        await packed.make("a", "gzip", gone)
    assert gzip.decompress(await packed.make("a", "gzip", giving(b"x"))) == b"x"


@pytest.mark.binds("assets_cache")
async def test_a_copy_is_made_once_while_there_is_room_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[bytes] = []

    def counting(coding: str, content: bytes) -> bytes:
        made.append(content)
        return compress(coding, content)

    monkeypatch.setattr("aiwe_engine.http.packed.compress", counting)
    contents = [os.urandom(100) for _ in range(3)]
    packed = Packed(Settings(assets_cache=300).assets_cache)
    for content in (*contents, contents[2], contents[0]):
        digest = sha256(content).hexdigest()
        copy = packed.find(digest, "gzip") or await packed.make(digest, "gzip", giving(content))
        assert gzip.decompress(copy) == content
    assert made == [*contents, contents[0]], "the one used least lately makes room"
    assert packed.fits(75)
    assert not packed.fits(76)
