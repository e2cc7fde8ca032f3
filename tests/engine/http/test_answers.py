"""The whole way of an answer: from a handler in V8 to what a client or a browser reads."""

import gzip
import zlib

import pytest
import pytest_asyncio

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from aiwe_engine.engine import Engine
from aiwe_engine.errors import EngineError
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call

PROGRAM = r"""
app.get("/", () => ({ hello: "world" }));
app.get("/long", () => "a long text ".repeat(500));
app.get("/stream", () => Response.stream((async function* () {
  for (let at = 0; at < 3; at++) yield "line " + at + "\n";
})(), { headers: { "content-type": "text/plain" } }));
app.get("/page", () => html`<h1>Hi</h1><script src="https://cdn.example/x.js"></script>`);
app.get("/own", () => new Response("<p>", { headers: { "content-type": "text/html", "content-security-policy": "img-src *" } }));
app.get("/kept", () => Response.json({}, { headers: { etag: '"v1"', "cache-control": "max-age=5" } }));
app.options("/asked", () => new Response(null, { status: 204, headers: { "x-own": "1" } }));
app.put("/asked", () => "put");
app.all("/any", (req) => req.method);
app.get("/broken", () => { throw new Error("no"); });
"""
PAGE = "https://page.example"
PREFLIGHT = [("origin", PAGE), ("access-control-request-method", "PUT")]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory):
    """Two apps of one program; one has settings of its own."""
    root = tmp_path_factory.mktemp("answers")
    for name in ("shop", "open"):
        (root / f"{name}.js").write_text(PROGRAM)
    general = Settings(spare_workers=0)
    own = Settings(
        spare_workers=0, cors_origins=(PAGE,), compression=(), security_csp="default-src https:"
    )
    configuration = Configuration(general, apps={"open": AppConfiguration(own)})
    async with Engine(configuration, env="dev", root=root, data=root / "data") as engine:
        for name in ("shop", "open"):
            await engine.load(root / f"{name}.js")
        yield engine


async def get(engine, target, *, app="shop", method="GET", headers=()):
    host = f"{app}.localhost:8890"
    return await call(AppsFace(engine), target, method, host=host, headers=headers)


async def test_a_client_that_has_the_answer_gets_it_no_second_time(engine):
    first = await get(engine, "/")
    again = await get(engine, "/", headers=[("if-none-match", first.header("etag"))])
    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert again.header("etag") == first.header("etag")
    assert again.header("content-length") is None
    kept = await get(engine, "/kept", headers=[("if-none-match", '"v1"')])
    assert (kept.status, kept.header("cache-control")) == (304, "max-age=5")


async def test_a_long_answer_is_compressed_and_a_short_one_is_not(engine):
    accepting = [("accept-encoding", "gzip, deflate")]
    long = await get(engine, "/long", headers=accepting)
    assert gzip.decompress(long.body) == b"a long text " * 500
    assert int(long.header("content-length")) == len(long.body)
    assert long.header("etag").startswith('W/"')
    head = await get(engine, "/long", method="HEAD", headers=accepting)
    assert head.body == b""
    for name in ("content-length", "content-encoding", "etag", "vary"):
        assert head.header(name) == long.header(name)
    assert (await get(engine, "/", headers=accepting)).header("content-encoding") is None


async def test_a_stream_is_compressed_piece_by_piece(engine):
    answer = await get(engine, "/stream", headers=[("accept-encoding", "gzip")])
    assert answer.header("content-encoding") == "gzip"
    unpack = zlib.decompressobj(31)
    lines = [unpack.decompress(message["body"]) for message in answer.messages[1:]]
    assert [line for line in lines if line] == [b"line 0\n", b"line 1\n", b"line 2\n"]
    assert unpack.eof


async def test_an_app_has_settings_of_its_own(engine):
    accepting = [("accept-encoding", "gzip")]
    assert (await get(engine, "/long", app="open", headers=accepting)).header(
        "content-encoding"
    ) is None
    policies = [
        (await get(engine, "/page", app=app)).header("content-security-policy")
        for app in ("shop", "open")
    ]
    assert policies[0].startswith("default-src 'self'")
    assert policies[1] == "default-src https:"


async def test_a_page_that_loads_what_it_may_not_is_told_of_once(engine):
    for _ in range(2):
        await get(engine, "/page")
        await get(engine, "/own")
    lines = [line for _, line in engine.logs("shop") if "Content-Security-Policy" in line.text]
    assert [(line.level, line.app) for line in lines] == [("warn", "shop")]
    assert lines[0].text.startswith("GET /page: ")
    assert "https://cdn.example (script-src)" in lines[0].text
    assert lines[0].request_id


async def test_a_preflight_is_answered_by_the_engine(engine):
    for target in ("/", "/any", "/none"):
        answer = await get(engine, target, app="open", method="OPTIONS", headers=PREFLIGHT)
        assert answer.status == 204
        assert answer.header("access-control-allow-origin") == PAGE


async def test_a_program_that_answers_options_answers_preflights_too(engine):
    answer = await get(engine, "/asked", app="open", method="OPTIONS", headers=PREFLIGHT)
    assert (answer.status, answer.header("x-own")) == (204, "1")
    assert answer.header("access-control-allow-methods") is None


async def test_a_stranger_is_refused_and_nothing_is_granted(engine):
    headers = [("origin", "https://evil.example"), ("access-control-request-method", "PUT")]
    answer = await get(engine, "/", app="open", method="OPTIONS", headers=headers)
    assert (answer.status, answer.error["code"]) == (403, "origin_not_allowed")
    assert answer.header("access-control-allow-origin") is None
    assert "origin" in answer.header("vary")


@pytest.mark.parametrize(("target", "status"), [("/", 200), ("/none", 404), ("/broken", 500)])
async def test_every_answer_says_who_may_read_it(engine, target, status):
    answer = await get(engine, target, app="open", headers=[("origin", PAGE)])
    assert (answer.status, answer.header("access-control-allow-origin")) == (status, PAGE)
    assert "origin" in answer.header("vary")


async def test_without_configuration_a_preflight_is_an_ordinary_request(engine):
    answer = await get(engine, "/", method="OPTIONS", headers=PREFLIGHT)
    assert (answer.status, answer.header("allow")) == (204, "GET, HEAD, OPTIONS")
    assert [name for name, _ in answer.headers if name.startswith("access-control-")] == []
    assert (await get(engine, "/any", method="OPTIONS", headers=PREFLIGHT)).body == b"OPTIONS"


async def test_where_apps_share_an_origin_a_page_is_sandboxed_whatever_it_says(engine):
    answer = await call(AppsFace(engine), "/~shop/own", host="127.0.0.1:8890")
    policies = [value for name, value in answer.headers if name == "content-security-policy"]
    assert policies[-1].startswith("sandbox ")
    assert "allow-same-origin" not in policies[-1]
    assert answer.header("cross-origin-opener-policy") is None


async def test_a_configuration_that_cannot_be_meant_is_told_when_the_app_is_loaded(tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    settings = Settings(spare_workers=0, cors_origins=("*",), cors_credentials=True)
    async with Engine(settings, root=tmp_path, data=tmp_path / "data") as engine:
        with pytest.raises(EngineError) as caught:
            await engine.load(tmp_path / "shop.js")
        assert caught.value.code == "invalid_setting"
