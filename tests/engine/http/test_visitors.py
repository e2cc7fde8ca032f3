"""Sessions and rate limits as clients meet them, on a real socket."""

import asyncio
import contextlib

import httpx
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.cookies import NO_COOKIES
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from tests.engine.http.fake import call
from tests.engine.http.wire import Wire, listening

PROGRAM = r"""
app.use((req, next) => { if (req.path === "/nowhere") req.session.set("lost", true); return next(); });
app.get("/count", (req) => { req.session.set("n", (req.session.get("n") ?? 0) + 1); return { n: req.session.get("n") }; });
app.get("/value/:key", (req) => ({ value: req.session.get(req.params.key) ?? null }));
app.get("/put/:key", async (req) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  req.session.set(req.params.key, true);
});
app.get("/stream", (req) => {
  const session = req.session;
  session.set("before", true);
  return Response.stream((async function* () { yield "a"; session.set("during", true); yield "b"; })());
});
app.get("/stream-large", (req) => {
  req.session.set("before", true);
  return Response.stream((async function* () { yield "a"; })(), { status: 200, headers: { "x-large": "1" } });
});
app.post("/limited", (req) => req.body.length).limit("2/hour");
app.get("/limited-stream", () => Response.stream((async function* () { yield "a"; })())).limit("2/hour");
"""


@contextlib.asynccontextmanager
async def served(tmp_path, *names, env="dev", **settings):
    settings = Settings(spare_workers=0, **settings)
    async with Engine(settings, env=env, root=tmp_path, data=tmp_path / "data") as engine:
        for name in names or ["shop"]:
            path = tmp_path / f"{name}.js"
            path.write_text(PROGRAM)
            await engine.load(path)
        yield engine


@pytest.fixture
async def engine(tmp_path):
    async with served(tmp_path) as engine:
        yield engine


@contextlib.asynccontextmanager
async def browsing(engine):
    """A client that keeps cookies, as a browser does."""
    async with (
        listening(engine) as (_, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield client


async def test_a_client_that_keeps_cookies_is_known_again(engine):
    async with browsing(engine) as client:
        first = await client.get("/count")
        assert (first.json()["n"], first.headers["cache-control"]) == (1, "private")
        assert [(await client.get("/count")).json()["n"] for _ in range(2)] == [2, 3]
        assert list(client.cookies) == ["aiwe_session"]
        client.cookies.clear()
        assert (await client.get("/count")).json() == {"n": 1}


async def test_requests_at_the_same_time_keep_each_what_they_set(engine):
    async with browsing(engine) as client:
        await client.get("/count")
        await asyncio.gather(*[client.get(f"/put/k{n}") for n in range(20)])
        values = [(await client.get(f"/value/k{n}")).json()["value"] for n in range(20)]
        assert values == [True] * 20


async def test_a_stream_takes_along_what_was_set_before_it(engine):
    async with browsing(engine) as client:
        answer = await client.get("/stream")
        assert (answer.status_code, answer.text) == (200, "ab")
        assert list(client.cookies) == ["aiwe_session"]
        assert (await client.get("/value/before")).json() == {"value": True}
        assert (await client.get("/value/during")).json() == {"value": None}
    lines = [line for _, line in engine.logs("shop")]
    (late,) = [line for line in lines if "after the answer had begun" in line.text]
    assert late.level == "warn"
    assert 'req.session.set("during")' in late.text


async def test_a_stream_whose_session_cannot_be_stored_is_an_error_and_ends(tmp_path):
    async with served(tmp_path) as engine:

        async def fail(*_):
            raise AiweError("The disk is full.", code="store_unavailable", status=503)

        engine._store.write = fail
        async with browsing(engine) as client:
            answer = await client.get("/stream-large")
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                503,
                "store_unavailable",
            )
            assert "set-cookie" not in answer.headers
            assert (await client.get("/value/before")).json() == {"value": None}


async def test_what_no_route_answers_changes_a_session_too_where_middleware_does(engine):
    async with browsing(engine) as client:
        assert (await client.get("/nowhere")).status_code == 404
        assert (await client.get("/value/lost")).json() == {"value": True}


async def test_a_place_that_apps_share_keeps_no_session(tmp_path):
    async with served(tmp_path, "shop", "other") as engine:
        face = AppsFace(engine)
        for _ in range(2):
            answer = await call(face, "/~shop/count", host="127.0.0.1")
            assert answer.json == {"n": 1}
            assert answer.header("set-cookie") is None
        assert any("keep no cookies" in line.text for _, line in engine.logs("shop"))
        assert await engine._store.within(Scope("~shop", "dev")).collections() == []


async def test_a_way_in_that_drops_cookies_can_say_so(engine):
    face = AppsFace(engine)
    answer = await call(face, "/count", scope={"extensions": {NO_COOKIES: {}}})
    assert (answer.json, answer.header("set-cookie")) == ({"n": 1}, None)
    assert any("keep no cookies" in line.text for _, line in engine.logs("shop"))


async def test_who_is_over_the_limit_is_told_before_a_byte_of_the_body_is_read(engine):
    async with browsing(engine) as client:
        port = client.base_url.port
        assert [(await client.post("/limited", content=b"abc")).status_code for _ in range(2)] == [
            200
        ] * 2
        async with Wire(port) as wire:
            wire.send(
                "POST /limited HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 100000\r\n\r\n"
            )
            status, headers, body = await wire.answer()
            assert (status, b"rate_limited" in body) == (429, True)
            assert headers["retry-after"] == headers["ratelimit-reset"]
            assert headers["ratelimit-remaining"] == "0"


async def test_a_stream_says_how_things_stand(engine):
    async with browsing(engine) as client:
        answer = await client.get("/limited-stream")
        assert (answer.text, answer.headers["ratelimit-remaining"]) == ("a", "1")


async def test_limits_count_in_production_and_say_it_in_json(tmp_path):
    async with served(tmp_path, env="production") as engine, browsing(engine) as client:
        answers = [
            await client.post("/limited", content=b"abc", headers={"accept": "text/html"})
            for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        error = answers[2].json()["error"]
        assert error["code"] == "rate_limited"
        assert error["message"] == "Too many requests: the limit is 2 in one hour."
        assert "Retry-After" in error["hint"]
        assert int(answers[2].headers["retry-after"]) > 3500
        health = [(await client.get("/health")).status_code for _ in range(5)]
        assert health == [200] * 5
