"""The whole way: a request on the apps' face, a handler in V8, and what comes back."""

import json
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call

PROGRAM = r"""
app.get("/", (req) => "home");
app.get("/see/:id", (req) => ({
  params: req.params, query: req.query, path: req.path, url: req.url, method: req.method,
  cookies: req.cookies, agent: req.headers["user-agent"], ip: req.ip, env: req.env,
}));
app.post("/body", async (req) => ({
  body: req.body instanceof Uint8Array ? { bytes: [...req.body] } : req.body ?? "none",
  text: await req.text(),
}));
app.get("/files/*path", (req) => req.params.path);
app.all("/any", (req) => req.method);
app.get("/nothing", () => {});
app.get("/html", () => html`<p>${"<&>"}</p>`);
app.get("/bytes", () => new Response(new Uint8Array([0, 255]), { headers: { "content-type": "image/x" } }));
app.get("/cookies", () => {
  const headers = new Headers();
  headers.append("set-cookie", "a=1; Path=/");
  headers.append("set-cookie", "b=2");
  return new Response("", { headers });
});
app.get("/moved", () => Response.redirect("/see/1", 303));
app.get("/teapot", () => Response.json({ short: true }, { status: 418 }));
app.get("/split", () => new Response("", { headers: { "x-a": "b\r\nset-cookie: evil=1" } }));
app.get("/large", () => "x".repeat(2000));
app.get("/broken", () => { throw new TypeError("s3cret detail"); });
app.get("/lone", () => "a\ud800b");
"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(params=["dev", "production"], scope="module", loop_scope="module")
async def face(request, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("whole")
    path = tmp_path / "shop.js"
    path.write_text(PROGRAM)
    settings = Settings(response_limit=1000, spare_workers=0)
    async with Engine(settings, env=request.param, root=tmp_path, data=tmp_path / "data") as engine:
        await engine.load(path)
        yield AppsFace(engine), request.param


@dataclass
class Scenario:
    """One request, what comes back, and what must not."""

    line: str
    status: int = 200
    body: object = None
    headers: dict = field(default_factory=dict)
    sent: bytes | None = None
    kind: str | None = None
    also: tuple = ()
    code: str | None = None
    absent: tuple = ()


JSON = "application/json"
SCENARIOS = [
    Scenario("GET /", body="home", headers={"content-type": "text/plain; charset=utf-8"}),
    Scenario("HEAD /", body="", headers={"content-length": "4"}),
    Scenario("OPTIONS /", 204, body="", headers={"allow": "GET, HEAD, OPTIONS"}),
    Scenario("DELETE /", 405, code="method_not_allowed", headers={"allow": "GET, HEAD, OPTIONS"}),
    Scenario("GET /none", 404, code="no_such_route"),
    Scenario("GET /see/%zz", 400, code="bad_path"),
    Scenario("GET /files/a/b%20c", body="a/b c"),
    Scenario("PATCH /any", body="PATCH"),
    Scenario("OPTIONS /any", body="OPTIONS"),
    Scenario("GET /nothing", 204, body=""),
    Scenario("GET /html", body="<p>&lt;&amp;&gt;</p>", headers={"content-type": "text/html; charset=utf-8"}),
    Scenario("GET /bytes", body=b"\x00\xff", headers={"content-type": "image/x"}),
    Scenario("GET /moved", 303, headers={"location": "/see/1"}),
    Scenario("GET /teapot", 418, body={"short": True}),
    Scenario("GET /split", 500, absent=("evil",)),
    Scenario("GET /large", 500, code="response_too_large", absent=("xxx",)),
    Scenario("GET /lone", body="a\ufffdb"),
    Scenario("POST /body", body={"body": "none", "text": ""}),
    Scenario("POST /body", sent=b'{"a": 1}', kind=JSON, body={"body": {"a": 1}, "text": '{"a": 1}'}),
    Scenario("POST /body", 400, sent=b"{", kind=JSON, code="invalid_json"),
    Scenario("POST /body", 400, sent=b"[NaN]", kind=JSON, code="invalid_json"),
    Scenario("POST /body", sent=b"a=1&a=2&b=", kind="application/x-www-form-urlencoded",
             body={"body": {"a": ["1", "2"], "b": ""}, "text": "a=1&a=2&b="}),
    Scenario("POST /body", sent="ü".encode(), kind="text/plain", body={"body": "ü", "text": "ü"}),
    Scenario("POST /body", sent=b"\x00\x01", body={"body": {"bytes": [0, 1]}, "text": "\x00\x01"}),
    Scenario("POST /body", sent=b'{"__proto__": {"polluted": 1}}', kind=JSON,
             body={"body": {"__proto__": {"polluted": 1}}, "text": '{"__proto__": {"polluted": 1}}'}),
]  # fmt: skip


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: f"{one.line} {one.status} {one.kind}")
async def test_a_request_is_answered(face, one):
    method, target = one.line.split(" ")
    headers = [("content-type", one.kind)] if one.kind else []
    answer = await call(face[0], target, method, headers=headers, body=one.sent)
    assert answer.status == one.status, answer.body
    for name, value in one.headers.items():
        assert answer.header(name) == value
    if one.code:
        assert answer.error["code"] == one.code
        assert answer.error["request_id"] == answer.header("x-request-id")
    elif isinstance(one.body, dict):
        assert answer.json == one.body
    elif one.body is not None:
        assert answer.body == (one.body.encode() if isinstance(one.body, str) else one.body)
    wire = answer.body.decode("latin-1") + str(answer.headers)
    assert [text for text in one.absent if text in wire] == []


async def test_a_handler_sees_the_request_as_it_came(face):
    headers = [("cookie", "sid=1; _xsrf=s3cret; name=%C3%BC"), ("user-agent", "test")]
    answer = await call(face[0], "/see/a%2Fb?x=1&x=2&y=%20", headers=headers)
    assert answer.json == {
        "params": {"id": "a/b"},
        "query": {"x": ["1", "2"], "y": " "},
        "path": "/see/a%2Fb",
        "url": "http://shop.localhost:8890/see/a%2Fb?x=1&x=2&y=%20",
        "method": "GET",
        "cookies": {"sid": "1", "name": "ü"},
        "agent": "test",
        "ip": "127.0.0.1",
        "env": face[1],
    }


async def test_each_cookie_leaves_as_a_header_of_its_own(face):
    answer = await call(face[0], "/cookies")
    assert [value for name, value in answer.headers if name == "set-cookie"] == [
        "a=1; Path=/",
        "b=2",
    ]


async def test_the_place_of_a_failure_is_for_developers_only(face):
    plain = await call(face[0], "/broken")
    page = await call(face[0], "/broken", headers=[("accept", "text/html")])
    assert plain.status == page.status == 500
    if face[1] == "dev":
        assert plain.error["where"]["file"].endswith("shop.js")
        assert "s3cret detail" in plain.error["message"]
        assert b"shop.js" in page.body
        assert page.header("content-type").startswith("text/html")
    else:
        assert json.loads(page.body).keys() == {"error"}
        for answer in (plain, page):
            assert b"s3cret" not in answer.body
            assert b"shop.js" not in answer.body
