"""The apps' face: which app answers where, what it may see, and how errors look."""

import asyncio
import contextlib

import pytest

from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.http.asgi import SANDBOX, AppsFace
from aiwe_engine.settings import Settings
from aiwe_engine.types import Response
from tests.engine.http.fake import FakeEngine, ask, call, echo

HTML = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]


def one(**options):
    return FakeEngine({"shop": SHOP}, **options)


def two(**options):
    return FakeEngine(
        {"shop": SHOP, "blog": {"GET /": lambda _: [200, [], "blog", "text"]}}, **options
    )


def boom(_):
    raise RuntimeError("s3cret detail")


SHOP = {
    "GET /": lambda _: [200, [], "shop", "text"],
    "POST /echo": echo,
    "GET /echo": echo,
    "GET /echo/:id": echo,
    "GET /boom": boom,
    "GET /cookie": lambda _: [
        200,
        [["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/"]],
        "",
        "text",
    ],
    "GET /domain": lambda _: [200, [["set-cookie", "a=1; Domain=localhost"]], "s3cret", "text"],
    "GET /none": lambda _: [204, [], "", "text"],
    "GET /same": lambda _: [304, [["etag", '"1"']], "", "text"],
    "GET /csp": lambda _: [200, [["content-security-policy", "default-src *"]], "", "text"],
}

PLACES = [
    # One app: every name leads to it.
    (one, "shop.localhost:8890", "/", 200, b"shop"),
    (one, "shop.localhost", "/", 200, b"shop"),
    (one, "SHOP.LocalHost:80", "/", 200, b"shop"),
    (one, "shop.localhost.:80", "/", 200, b"shop"),
    (one, "localhost:8890", "/", 200, b"shop"),
    (one, "127.0.0.1:8890", "/", 200, b"shop"),
    (one, "[::1]:8890", "/", 200, b"shop"),
    (one, "127.0.0.1:8890", "/~shop/", 200, b"shop"),
    (one, "shop--dev.localhost", "/", 200, b"shop"),
    (one, "shop--staging.localhost", "/", 404, b"no_such_app"),
    (one, "other.localhost", "/", 404, b"no_such_app"),
    (one, "127.0.0.1", "/~other/", 404, b"no_such_route"),
    # Several: a name of its own, or a prefix.
    (two, "blog.localhost", "/", 200, b"blog"),
    (two, "shop.localhost", "/", 200, b"shop"),
    (two, "127.0.0.1", "/~blog/", 200, b"blog"),
    (two, "127.0.0.1", "/~shop/echo/a%2Fb", 200, b'"path": "/echo/a%2Fb"'),
    (two, "127.0.0.1", "/~other/", 404, b"no_such_app"),
    (two, "127.0.0.1", "/echo", 404, b"no_such_app"),
    (two, "shop.localhost", "/~blog/", 404, b"no_such_route"),
    # Hosts nobody allowed: a page elsewhere pointed its name here.
    (one, "evil.example", "/", 421, b"host_not_allowed"),
    (one, "shop.localhost.evil.example", "/", 421, b"host_not_allowed"),
    (one, "a.shop.localhost", "/", 421, b"host_not_allowed"),
    (one, "127.0.0.1.evil.example", "/", 421, b"host_not_allowed"),
    (one, "shop.localhost@evil", "/", 421, b"host_not_allowed"),
    (one, "localhost:80:80", "/", 421, b"host_not_allowed"),
    (one, "192.168.1.5", "/", 421, b"host_not_allowed"),
    (one, "", "/", 421, b"host_not_allowed"),
    (one, "shop.localhost, localhost", "/", 421, b"host_not_allowed"),
    (one, None, "/", 400, b"host_not_allowed"),
]


@pytest.mark.parametrize(("engine", "host", "target", "status", "part"), PLACES)
async def test_the_host_says_which_app_is_meant(engine, host, target, status, part):
    engine = engine()
    answer = await ask(engine, target, host=host)
    assert (answer.status, part in answer.body) == (status, True), answer.body
    if status == 421:
        assert engine.requests == []
        assert "allowed_hosts" in answer.error["hint"]


async def test_two_host_headers_are_refused():
    answer = await ask(one(), "/", host="shop.localhost", headers=[("host", "evil.example")])
    assert (answer.status, answer.error["code"]) == (400, "host_not_allowed")


@pytest.mark.binds("allowed_hosts")
@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (("shop.example.org",), "shop.example.org", 200),
        (("shop.example.org",), "x.shop.example.org", 421),
        (("*.example.org",), "shop.example.org", 200),
        (("*.example.org",), "blog.example.org", 404),
        (("*.example.org",), "example.org", 421),
        (("*",), "anything.example", 200),
        ((), "shop.example.org", 421),
    ],
)
async def test_the_setting_allowed_hosts_adds_names(allowed, host, status):
    answer = await ask(one(settings=Settings(allowed_hosts=allowed)), "/", host=host)
    assert answer.status == status


@pytest.mark.parametrize(("bound", "status"), [("192.168.1.5", 200), ("0.0.0.0", 421)])
async def test_the_address_listened_on_is_allowed(bound, status):
    answer = await ask(one(settings=Settings(host=bound)), "/", host="192.168.1.5:8890")
    assert answer.status == status


async def test_the_environment_of_the_engine_is_the_one_a_name_may_ask_for():
    engine = one(env="staging")
    assert (await ask(engine, "/", host="shop--staging.localhost")).status == 200
    assert (await ask(engine, "/", host="shop.localhost")).status == 200
    assert (await ask(engine, "/", host="shop--production.localhost")).status == 404


async def test_several_apps_are_listed_in_dev_and_nowhere_else():
    page = await ask(two(), "/", host="localhost:8890", headers=HTML)
    assert b'href="http://blog.localhost:8890/"' in page.body
    assert "default-src 'none'" in page.header("content-security-policy")
    listed = await ask(two(), "/", host="localhost:8890")
    assert listed.json["apps"][1] == {"app": "shop", "url": "http://shop.localhost:8890/"}
    hidden = await ask(two(env="production"), "/", host="localhost:8890", headers=HTML)
    assert hidden.status == 404
    assert b"blog" not in hidden.body


async def test_a_prefix_without_its_slash_is_redirected():
    answer = await ask(two(), "/~blog?a=1", host="127.0.0.1")
    assert (answer.status, answer.header("location")) == (308, "/~blog/?a=1")


@pytest.mark.parametrize(
    "target", ["/cookie", "/echo", "/missing", "/none", "/same", "/boom", "/health"]
)
async def test_an_origin_that_apps_share_is_sandboxed_and_keeps_no_cookie(target):
    engine = two()
    answer = await ask(
        engine, "/~shop" + target, host="127.0.0.1", headers=[("cookie", "sid=s3cret")]
    )
    assert SANDBOX in [value for name, value in answer.headers if name == "content-security-policy"]
    assert "allow-same-origin" not in SANDBOX
    assert answer.header("set-cookie") is None
    assert b"s3cret" not in answer.body


async def test_the_policy_of_an_app_does_not_replace_the_sandbox():
    answer = await ask(two(), "/~shop/csp", host="127.0.0.1")
    policies = [value for name, value in answer.headers if name == "content-security-policy"]
    assert policies == ["default-src *", SANDBOX]


@pytest.mark.parametrize(
    ("engine", "host", "target"),
    [(one, "127.0.0.1", "/cookie"), (two, "shop.localhost", "/cookie")],
)
async def test_an_origin_of_its_own_is_not_sandboxed_and_keeps_each_cookie(engine, host, target):
    answer = await ask(engine(), target, host=host)
    assert [value for name, value in answer.headers if name == "set-cookie"] == [
        "a=1",
        "b=2; Path=/",
    ]
    assert answer.header("content-security-policy") is None


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("a=1; _xsrf=x; b=2", "a=1; b=2"),
        ("username-localhost-8888=x; a=1", "a=1"),
        ('username-127-0-0-1-8888="2|1:0|10:x"', None),
        ("jupyterhub-session-id=x; jupyterhub-user-ada=y", None),
        ("_XSRF=x;a=1", "a=1"),
        ("my_xsrf=1; username=ada", "my_xsrf=1; username=ada"),
    ],
)
async def test_cookies_of_jupyter_are_stripped(sent, seen):
    answer = await ask(one(), "/echo", headers=[("cookie", sent)])
    assert answer.json["headers"].get("cookie") == seen


@pytest.mark.parametrize(("host", "allowed", "status"), [
    ("shop.localhost", (), 500),
    ("127.0.0.1", (), 500),
    ("shop.example.org", ("*.example.org",), 500),
    ("example.org", ("example.org",), 200),
])  # fmt: skip
async def test_a_cookie_that_would_reach_other_apps_is_refused(host, allowed, status):
    answer = await ask(one(settings=Settings(allowed_hosts=allowed)), "/domain", host=host)
    assert answer.status == status
    if status == 500:
        assert answer.error["code"] == "cookie_domain"
        assert answer.header("set-cookie") is None
        assert b"s3cret" not in answer.body


async def test_head_has_the_headers_of_get_and_no_body():
    answer = await ask(one(), "/", "HEAD")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "4", b"")


@pytest.mark.parametrize(("target", "status"), [("/none", 204), ("/same", 304)])
async def test_an_answer_without_a_body_has_no_length(target, status):
    answer = await ask(one(), target)
    assert (answer.status, answer.header("content-length"), answer.body) == (status, None, b"")


async def test_options_and_a_wrong_method_say_what_is_allowed():
    options = await ask(one(), "/echo", "OPTIONS")
    assert (options.status, options.header("allow"), options.body) == (
        204,
        "GET, HEAD, OPTIONS, POST",
        b"",
    )
    wrong = await ask(one(), "/echo", "DELETE")
    assert (wrong.status, wrong.error["code"]) == (405, "method_not_allowed")
    assert wrong.header("allow") == "GET, HEAD, OPTIONS, POST"


async def test_every_answer_has_a_request_id_and_nosniff():
    engine = one()
    seen = set()
    for target in ("/", "/missing", "/boom", "/health", "/x%"):
        answer = await ask(engine, target, headers=[("x-request-id", "mine")])
        seen.add(answer.header("x-request-id"))
        assert answer.header("x-content-type-options") == "nosniff"
        if answer.status >= 400:
            assert answer.error["request_id"] == answer.header("x-request-id")
    assert len(seen) == 5
    assert "mine" not in seen
    assert all(request.id in seen for _, request in engine.requests)


ERRORS = [
    ("/missing", 404, "no_such_route"),
    ("/echo/%zz", 400, "bad_path"),
    ("/boom", 500, "internal_error"),
]


@pytest.mark.parametrize(("target", "status", "code"), ERRORS)
@pytest.mark.parametrize("env", ["dev", "production"])
async def test_an_error_has_one_shape(target, status, code, env):
    answer = await ask(one(env=env), target)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    assert b"s3cret" not in answer.body
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize(("target", "status", "code"), ERRORS)
async def test_a_browser_in_dev_gets_a_page_and_in_production_json(target, status, code):
    page = await ask(one(), target, headers=HTML)
    assert (page.status, page.header("content-type")) == (status, "text/html; charset=utf-8")
    assert code.encode() in page.body
    plain = await ask(one(env="production"), target, headers=HTML)
    assert plain.error["code"] == code


async def test_what_a_visitor_typed_is_escaped_on_the_page():
    page = await ask(one(), "/<script>alert(1)</script>", headers=HTML)
    assert b"<script>" not in page.body
    assert b"&lt;script&gt;" in page.body


async def test_near_routes_are_named_in_dev_only():
    assert "/echo" in (await ask(one(), "/ecko")).error["hint"]
    assert "hint" not in (await ask(one(env="production"), "/ecko")).error


async def test_health_is_answered_without_the_program():
    engine = one(env="production")
    answer = await ask(engine, "/health")
    assert (answer.status, answer.json, engine.requests) == (200, {"status": "ok"}, [])


async def test_a_request_without_a_body_does_not_ask_for_one():
    # The client of these tests fails when it is asked for a body that it does not have.
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert await ask(one(), "/echo", method) is not None


async def test_a_body_in_pieces_is_put_together():
    answer = await ask(one(), "/echo", "POST", headers=[("content-type", "text/plain"), ("transfer-encoding", "chunked")],
                       pieces=[b"a", b"", b"bc", b""])  # fmt: skip
    assert answer.json["body"] == "abc"


SMALL = Settings(body_limit=10)


@pytest.mark.binds("body_limit")
@pytest.mark.parametrize(
    ("size", "pieces", "status"),
    [
        (10, [b"x" * 10], 200),
        (11, [b"x" * 11], 413),
        (None, [b"x" * 6, b"x" * 4], 200),
        (None, [b"x" * 6, b"x" * 5], 413),
        (None, [b"x" * 6, b"x" * 5, b"x" * 1000], 413),
        (10**20, [b"x"], 413),
    ],
)
async def test_the_body_limit_binds(size, pieces, status):
    engine = one(settings=SMALL)
    length = ("transfer-encoding", "chunked") if size is None else ("content-length", str(size))
    answer = await ask(engine, "/echo", "POST", headers=[length], pieces=pieces)
    assert answer.status == status
    if status == 413:
        assert answer.error["code"] == "body_too_large"
        assert answer.header("connection") == "close"
        assert engine.requests == []


async def test_a_body_that_is_announced_as_too_large_is_not_even_sent():
    headers = [("content-length", "11"), ("expect", "100-continue")]
    answer = await ask(one(settings=SMALL), "/echo", "POST", headers=headers)
    assert answer.status == 413


@pytest.mark.binds("body_timeout")
async def test_a_body_that_does_not_come_is_given_up():
    settings = Settings(body_timeout=0.01)
    never = asyncio.Event()
    answer = await ask(
        one(settings=settings),
        "/echo",
        "POST",
        headers=[("content-length", "9")],
        pieces=[b"x", never.wait],
    )
    assert (answer.status, answer.error["code"]) == (408, "body_timeout")
    assert answer.header("connection") == "close"


async def test_a_client_that_leaves_is_not_answered():
    engine = one()
    answer = await ask(
        engine, "/echo", "POST", headers=[("content-length", "9")], pieces=[b"x", None]
    )
    assert answer is None
    assert engine.requests == []


class Opened:
    """A body that has not been read, as of a file."""

    closed = 0

    async def read(self):
        raise AssertionError("nobody asked for it")

    async def close(self):
        self.closed += 1


class Streaming(FakeEngine):
    """Answers all with one stream, after the client has sent or left."""

    def __init__(self, status, *headers):
        super().__init__({"shop": SHOP})
        self.response = Response(status, list(headers), stream=Opened())

    async def handle(self, app, request, *, public=True):
        if request.arrival is not None:
            with contextlib.suppress(AiweError):
                await request.arrival.read()
        return self.response


async def test_a_stream_for_a_client_that_left_is_closed():
    engine = Streaming(200)
    headers = [("content-length", "9")]
    assert await ask(engine, "/", "POST", headers=headers, pieces=[None]) is None
    assert engine.response.stream.closed == 1


async def test_a_stream_with_a_cookie_that_is_refused_is_closed():
    engine = Streaming(200, ("set-cookie", "a=1; Domain=localhost"))
    answer = await ask(engine, "/")
    assert answer.error["code"] == "cookie_domain"
    assert engine.response.stream.closed == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_a_stream_with_a_status_that_allows_no_body_is_closed_unread(status):
    engine = Streaming(status, ("content-length", "5"))
    answer = await ask(engine, "/")
    assert (answer.status, answer.body, answer.header("content-length")) == (status, b"", None)
    assert engine.response.stream.closed == 1


DEEP = "x"
for _ in range(300):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("message", "details", "shown"),
    [
        ("m", DEEP, ("m", None)),
        ("m", {"a": "\ud800"}, ("m", None)),
        ("half \ud800", [1], ("half ?", None)),
        ("m", {1: {2}}, ("m", {"1": "{2}"})),
    ],
)
async def test_an_error_leaves_whatever_a_program_put_in_it(message, details, shown):
    def fail(_):
        raise ProgramError(message, code="mine", status=418, details=details)

    answer = await ask(FakeEngine({"shop": {"GET /": fail}}), "/")
    assert (answer.status, answer.error["code"]) == (418, "mine")
    assert (answer.error["message"], answer.error.get("details")) == shown


async def test_a_lifespan_is_acknowledged_and_a_websocket_refused():
    sent = []
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    face = AppsFace(one())
    await face({"type": "lifespan"}, receive, send)
    events.append({"type": "websocket.connect"})
    await face({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


NETS = ("10.0.0.0/8", "127.0.0.1")


@pytest.mark.binds("trusted_proxies")
@pytest.mark.parametrize(
    ("trusted", "client", "headers", "ip", "scheme"),
    [
        # Nobody is trusted unless named, and then only as the next hop.
        ((), "127.0.0.1", [("x-forwarded-for", "1.2.3.4")], "127.0.0.1", "http"),
        (NETS, "127.0.0.1", [("x-forwarded-for", "1.2.3.4")], "1.2.3.4", "http"),
        (NETS, "10.9.9.9", [("x-forwarded-for", "1.2.3.4")], "1.2.3.4", "http"),
        (NETS, "11.0.0.1", [("x-forwarded-for", "1.2.3.4")], "11.0.0.1", "http"),
        (NETS, "11.0.0.1", [("x-forwarded-proto", "https")], "11.0.0.1", "http"),
        (NETS, "127.0.0.1", [("x-forwarded-proto", "https")], "127.0.0.1", "https"),
        (NETS, "127.0.0.1", [("x-forwarded-proto", "javascript")], "127.0.0.1", "http"),
        # What a client wrote itself stands to the left of what its proxy added.
        (NETS, "127.0.0.1", [("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.7")], "1.2.3.4", "http"),
        (
            NETS,
            "127.0.0.1",
            [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4")],
            "1.2.3.4",
            "http",
        ),
        (NETS, "127.0.0.1", [("x-forwarded-for", "1.2.3.4:5678")], "1.2.3.4", "http"),
        (NETS, "127.0.0.1", [("x-forwarded-for", "[2001:db8::1]:99")], "2001:db8::1", "http"),
        (("::1",), "::1", [("x-forwarded-for", "2001:db8::1")], "2001:db8::1", "http"),
        (NETS, "127.0.0.1", [("x-forwarded-for", "")], "127.0.0.1", "http"),
        (NETS, "127.0.0.1", [], "127.0.0.1", "http"),
    ],
)
async def test_a_proxy_is_believed_only_where_it_is_trusted(trusted, client, headers, ip, scheme):
    engine = one(settings=Settings(trusted_proxies=trusted))
    scope = {"client": (client, 1234)}
    answer = await call(AppsFace(engine), "/echo", "POST", headers=headers, scope=scope)
    assert answer.status == 200
    ((_, request),) = engine.requests
    assert (request.client, request.scheme) == (ip, scheme)


async def test_the_face_follows_settings_that_change():
    engine = one()
    face = AppsFace(engine)
    assert (await call(face, "/", host="a.example")).status == 421
    engine.settings = Settings(allowed_hosts=("a.example",), trusted_proxies=("127.0.0.1",))
    answer = await call(face, "/", host="a.example", headers=[("x-forwarded-for", "1.2.3.4")])
    assert (answer.status, engine.requests[-1][1].client) == (200, "1.2.3.4")
    engine.settings = Settings()
    assert (await call(face, "/", host="a.example")).status == 421


WAYS = [
    ("127.0.0.1:8890", "An app is at http://APP.localhost:8890/, and at /~APP/ of a name that has"),
    ("nothing.localhost:8890", "An app is at http://APP.localhost:8890/, and at"),
    (
        "api.example.org",
        "An app is at /~APP/ here. APP is the name of an app, which is that of its",
    ),
    ("nothing.example.net", "The first part of the host's name is the name of an app."),
]


@pytest.mark.parametrize(("host", "hint"), WAYS)
async def test_a_stranger_is_told_how_apps_are_reached_and_not_which_there_are(host, hint):
    settings = Settings(allowed_hosts=("api.example.org", "*.example.net"))
    answer = await ask(two(env="production", settings=settings), "/", host=host)
    assert (answer.status, answer.error["code"]) == (404, "no_such_app")
    assert answer.error["hint"].startswith(hint)
    assert b"shop" not in answer.body
    assert b"blog" not in answer.body
