"""Middleware sees every request to its prefix, also one that no route answers."""

import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call

PROGRAM = r"""
app.get("/known", () => "known");
app.get("/api/known", () => "known");
app.use("/api", async (req, next) => {
  const answer = await next();
  answer.headers.set("x-seen", `${req.method} ${answer.status}`);
  return answer;
});
app.use("/api/pages", async (req, next) => {
  const answer = await next();
  return answer.status === 404 ? Response.html(html`<h1>No ${req.path}</h1>`, { status: 404 }) : answer;
});
"""


@pytest.fixture
async def face(tmp_path):
    path = tmp_path / "shop.js"
    path.write_text(PROGRAM)
    settings = Settings(spare_workers=0)
    async with Engine(settings, env="production", root=tmp_path, data=tmp_path / "d") as engine:
        await engine.load(path)
        yield AppsFace(engine)


async def test_middleware_sees_what_no_route_answers(face):
    cases = [
        ("GET /api/known", 200, "GET 200"),
        ("GET /api/none", 404, "GET 404"),
        ("POST /api/known", 405, "POST 405"),
        ("OPTIONS /api/known", 204, "OPTIONS 204"),
        ("GET /api/%zz", 400, "GET 400"),
        ("GET /apis", 404, None),
        ("GET /none", 404, None),
    ]
    for line, status, seen in cases:
        answer = await call(face, line.split(" ")[1], line.split(" ")[0])
        assert (line, answer.status, answer.header("x-seen")) == (line, status, seen)
        if status == 405:
            assert answer.header("allow") == "GET, HEAD, OPTIONS"
        if status in {400, 404, 405}:
            assert answer.error["request_id"] == answer.header("x-request-id")


async def test_middleware_may_answer_instead(face):
    answer = await call(face, "/api/pages/x")
    assert (answer.status, answer.body) == (404, b"<h1>No /api/pages/x</h1>")


async def test_the_body_of_a_request_that_no_route_answers_is_not_read(face):
    answer = await call(face, "/api/none", "POST", body=b"x" * 100)
    assert (answer.status, answer.header("x-seen")) == (404, "POST 404")
