"""Where an app's document and its page are found, and what both are worth there."""

from __future__ import annotations

import json
import re

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.openapi.page import address as file_address
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call

PROGRAM = 'app.get("/tasks", () => []).describe({ summary: "</script><b>" }); app.get("/:page", () => "own");'


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def face(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("reference")
    async with Engine(Settings(spare_workers=0), root=tmp_path, data=tmp_path / "d") as engine:
        for name, text in {"shop": PROGRAM, "other": 'app.get("/tasks", () => 1);'}.items():
            (tmp_path / f"{name}.js").write_text(text)
            await engine.load(tmp_path / f"{name}.js")
        yield AppsFace(engine)


def inline(page: bytes) -> object:
    return json.loads(re.search(rb'id="openapi">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize(
    ("host", "path", "server"),
    [
        ("shop.localhost:8890", "/openapi.json", "http://shop.localhost:8890"),
        ("127.0.0.1:8890", "/~shop/openapi.json", "/~shop"),
    ],
)
async def test_the_document_says_where_the_app_is_reached(face, host, path, server):
    answer = await call(face, path, host=host)
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.json["servers"] == [{"url": server}]
    assert set(answer.json["paths"]) == {"/tasks", "/{page}"}


async def test_the_page_carries_its_document_and_loads_only_the_engines_files(face):
    page = await call(face, "/docs", host="other.localhost:8890")
    assert page.status == 200
    assert (
        inline(page.body) == (await call(face, "/openapi.json", host="other.localhost:8890")).json
    )
    policy = page.header("content-security-policy")
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe-eval" not in policy
    files = re.findall(rb'(?:href|src)="([^"]+)"', page.body)
    assert len([name for name in files if name.startswith(b"assets/.aiwe/docs.")]) == 2
    assert [name for name in files if b"//" in name or name.startswith(b"/")] == []


async def test_the_files_of_the_page_are_kept_by_browsers_for_good(face):
    page = await call(face, "/docs", host="other.localhost:8890")
    for name in re.findall(rb'"(assets/\.aiwe/[^"]+)"', page.body):
        file = await call(face, f"/{name.decode()}", host="other.localhost:8890")
        assert file.status == 200
        assert "immutable" in file.header("cache-control")
        assert file.header("etag")
        assert file.header("content-type").startswith(("text/javascript", "text/css"))
        old = re.sub(rb"docs\.\w+\.", b"docs.0.", name).decode()
        assert (await call(face, f"/{old}", host="other.localhost:8890")).status == 404


async def test_what_an_app_wrote_cannot_leave_the_document_in_the_page(tmp_path):
    async with Engine(Settings(spare_workers=0), root=tmp_path, data=tmp_path / "d") as engine:
        (tmp_path / "x.js").write_text(PROGRAM.replace("/:page", "/page"))
        await engine.load(tmp_path / "x.js")
        page = await call(AppsFace(engine), "/docs", host="x.localhost")
    assert b"</script><b>" not in page.body
    assert inline(page.body)["paths"]["/tasks"]["get"]["summary"] == "</script><b>"


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        ("GET /docs", 200, b"own"),
        ("GET /docs/", 200, b"own"),
        ("HEAD /openapi.json", 200, b""),
        ("OPTIONS /openapi.json", 204, b""),
        ("POST /openapi.json", 405, None),
        ("GET /openapi.json/", 404, None),
        ("GET /assets/.aiwe/../openapi.json", 404, None),
    ],
)
async def test_an_app_may_have_a_page_of_that_name_and_not_the_document(face, line, status, body):
    method, path = line.split(" ")
    answer = await call(face, path, method, host="shop.localhost:8890")
    assert answer.status == status
    assert body is None or answer.body == body
    if status in {204, 405}:
        assert answer.header("allow") == "GET, HEAD, OPTIONS"


async def test_the_page_has_one_address(face):
    answer = await call(face, "/docs/", host="other.localhost:8890")
    assert (answer.status, answer.header("location")) == (308, "../docs")
    assert (await call(face, "/docs", "POST", host="other.localhost:8890")).status == 405


async def test_in_a_sandbox_the_page_knows_the_apps_own_address(face):
    answer = await call(face, "/~other/docs", host="127.0.0.1:8890")
    assert answer.status == 200
    policies = [value for name, value in answer.headers if name == "content-security-policy"]
    assert any(value.startswith("sandbox") for value in policies)
    assert not any("allow-same-origin" in value for value in policies)


async def test_a_limit_for_every_route_stands_at_every_route(tmp_path):
    settings = Settings(spare_workers=0, rate_limit="100/min")
    async with Engine(settings, root=tmp_path, data=tmp_path / "d") as engine:
        (tmp_path / "x.js").write_text('app.get("/", () => 1);')
        await engine.load(tmp_path / "x.js")
        document = (await call(AppsFace(engine), "/openapi.json", host="x.localhost")).json
    assert "429" in document["paths"]["/"]["get"]["responses"]


@pytest.mark.binds("openapi")
async def test_an_app_can_keep_its_api_to_itself(tmp_path):
    settings = Settings(spare_workers=0, openapi=False)
    async with Engine(settings, root=tmp_path, data=tmp_path / "d") as engine:
        (tmp_path / "x.js").write_text('app.get("/", () => 1);')
        await engine.load(tmp_path / "x.js")
        page = file_address("css")
        for path in ("/openapi.json", "/docs", "/docs/", f"/{page}"):
            assert (await call(AppsFace(engine), path, host="x.localhost")).status == 404
