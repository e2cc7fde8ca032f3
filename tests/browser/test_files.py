"""A real browser's form with files, and what it makes of the files that come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.engine.cli.process import Server, serving

pytestmark = pytest.mark.browser
PROGRAM = """
app.get("/", () => Response.html(`<!doctype html><meta charset="utf-8">
  <form method="post" action="/save" enctype="multipart/form-data">
    <input name="title"><input name="files" type="file" multiple><input name="none" type="file">
    <textarea name="te&quot;xt"></textarea><button>Send</button>
  </form>`));
app.post("/save", async (req) => ({
  fields: req.body, files: await Promise.all(req.files.map(async (file) => ({ field: file.field, ...await file.save() }))),
}));
app.get("/files/:id", (req) => Response.file(req.params.id, JSON.parse(req.query.init ?? "{}")));
app.get("/list/:id", (req) => Response.html(`<a id="get" href="/files/${req.params.id}">get</a>`));
"""
NAMES = [
    "grüße 1.txt",
    'a "quoted" name.bin',
    "日本語 👩‍👩‍👧.bin",
    "semi;colon, 100%.bin",
    "%41.bin",
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "shop.js").write_text(PROGRAM, encoding="utf-8")
    with serving("shop.js", cwd=tmp_path) as served:
        yield served


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    with chromium.new_context(base_url=f"http://shop.localhost:{server.port}") as context:
        context.set_default_timeout(20_000)
        yield context.new_page()


def send(page: Page, *files: Path) -> dict[str, object]:
    page.goto("/")
    page.fill("[name=title]", "Grüße 👋")
    page.fill("textarea", "one\ntwo")
    page.set_input_files("[name=files]", files)
    page.click("button")
    page.wait_for_url("**/save")
    return dict(json.loads(page.inner_text("body")))


def test_a_form_arrives_and_its_files_come_back_under_their_names(
    page: Page, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in NAMES]
    for number, file in enumerate(files):
        file.write_bytes(bytes(range(256)) * (number + 1))
    found = send(page, *files)
    assert found["fields"] == {"title": "Grüße 👋", 'te"xt': "one\r\ntwo"}
    assert [file["filename"] for file in found["files"]] == NAMES
    for file, stored in zip(files, found["files"], strict=True):
        if file.suffix == ".txt":
            continue  # shown, see below
        page.goto(f"/list/{stored['id']}")
        with page.expect_download() as download:
            page.click("#get")
        # Chromium has names of its own for what a file system may not take.
        assert download.value.suggested_filename == re.sub('["\u200d]', "_", file.name)
        assert Path(download.value.path()).read_bytes() == file.read_bytes()


def test_what_a_stranger_uploaded_runs_nowhere(page: Page, tmp_path: Path) -> None:
    script = "<script>document.title = 'ran'</script>"
    evil = [tmp_path / "page.html", tmp_path / "image.svg", tmp_path / "words.txt"]
    for file in evil:
        text = (
            script
            if file.suffix != ".svg"
            else f'<svg xmlns="http://www.w3.org/2000/svg">{script}</svg>'
        )
        file.write_text(text)
    stored = {file["filename"]: file["id"] for file in send(page, *evil)["files"]}
    for name in ("page.html", "image.svg"):
        page.goto(f"/list/{stored[name]}")
        with page.expect_download() as download:
            page.click("#get")
        assert download.value.suggested_filename == name
        page.goto(f'/files/{stored[name]}?init={{"download":false}}')
        assert page.title() != "ran"
        assert page.evaluate("self.origin") == "null"
    page.goto(f"/files/{stored['words.txt']}")
    assert page.inner_text("body") == script
