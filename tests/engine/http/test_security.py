"""What browsers are told of pages, and what authors are told of what their pages may not load."""

import time

import pytest

from aiwe_engine.http.finish import Finish
from aiwe_engine.http.policy import amended, blocked
from aiwe_engine.http.security import sandboxed
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

HTML = ("content-type", "text/html; charset=utf-8")
CSP = "content-security-policy"
OWN = "http://shop.localhost:8890"
DEFAULT = Settings().security_csp


async def finished(response, *, settings=None, dev=False, scheme="http", tell=None):
    request = Request("GET", "/page", headers=[("host", "shop.localhost:8890")], scheme=scheme)
    return await Finish(settings or Settings(), dev=dev, tell=tell)(request, response)


def named(response, name):
    values = [value for key, value in response.headers if key == name]
    assert len(values) < 2, values
    return values[0] if values else None


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "Text/HTML;charset=x",
        "image/svg+xml",
        "application/xhtml+xml",
        "image/png;,text/html",
        'image/png; a="b", text/html',
        'image/png; a=", text/html',
    ],
)
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_page_is_sent_with_care(kind, status):
    response = await finished(Response(status, [("content-type", kind)], b"<p>"))
    assert named(response, CSP) == DEFAULT
    assert named(response, "x-frame-options") == "SAMEORIGIN"
    assert named(response, "referrer-policy") == "strict-origin-when-cross-origin"
    assert named(response, "cross-origin-opener-policy") == "same-origin"
    assert "camera=()" in named(response, "permissions-policy")


def test_the_policy_forbids_what_pages_seldom_need():
    directives = dict(one.strip().split(" ", 1) for one in DEFAULT.split(";"))
    assert directives["object-src"] == "'none'"
    for name in ("default-src", "connect-src", "base-uri", "form-action", "frame-ancestors"):
        assert directives[name] == "'self'"
    assert "'unsafe-eval'" not in DEFAULT


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "image/png", 'video/mp4; codecs="a, b"', None]
)
async def test_other_answers_stay_lean(kind):
    headers = [("content-type", kind)] if kind else []
    response = await finished(Response(200, list(headers), b"{}"))
    assert [name for name, _ in response.headers] == [*(name for name, _ in headers), "etag"]


async def test_what_the_program_says_wins():
    mine = [
        (CSP, "default-src *"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "unsafe-none"), ("permissions-policy", "camera=(self)"),
    ]  # fmt: skip
    response = await finished(Response(500, [HTML, *mine], b"<p>"))
    assert response.headers == [HTML, *mine]


async def test_a_policy_of_the_program_is_not_narrowed_by_an_older_header():
    response = await finished(Response(200, [HTML, (CSP, "frame-ancestors *")], b"<p>"))
    assert named(response, "x-frame-options") is None


@pytest.mark.binds("security_csp")
@pytest.mark.parametrize(
    ("csp", "policy", "framed"),
    [
        ("", None, None),
        ("default-src 'none'", "default-src 'none'", None),
        ("frame-ancestors 'self'", "frame-ancestors 'self'", "SAMEORIGIN"),
        (
            "frame-ancestors 'self' https://a.example",
            "frame-ancestors 'self' https://a.example",
            None,
        ),
        ("frame-ancestors *; img-src *", "frame-ancestors *; img-src *", None),
    ],
)
async def test_the_policy_is_a_setting(csp, policy, framed):
    response = await finished(Response(200, [HTML], b"<p>"), settings=Settings(security_csp=csp))
    assert (named(response, CSP), named(response, "x-frame-options")) == (policy, framed)


async def test_in_dev_a_notebook_of_this_machine_may_show_a_page():
    response = await finished(Response(200, [HTML], b"<p>"), dev=True)
    assert "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*" in named(response, CSP)
    assert named(response, "x-frame-options") is None


@pytest.mark.binds("security_hsts")
@pytest.mark.parametrize(
    ("seconds", "scheme", "expected"),
    [(0, "https", None), (600, "http", None), (600, "https", "max-age=600")],
)
async def test_https_is_asked_for_where_it_is_wanted_and_spoken(seconds, scheme, expected):
    for headers in ([HTML], [("content-type", "application/json")]):
        response = await finished(
            Response(200, headers, b"{}"), settings=Settings(security_hsts=seconds), scheme=scheme
        )
        assert named(response, "strict-transport-security") == expected


def test_a_sandbox_stands_whatever_else_is_said():
    headers = [HTML, (CSP, "default-src *; sandbox allow-same-origin"), ("set-cookie", "a=1"),
               ("cross-origin-opener-policy", "same-origin")]  # fmt: skip
    assert sandboxed(headers, "sandbox") == [*headers[:2], (CSP, "sandbox")]


LOADS = [
    ('<script src="https://cdn.example/x.js"></script>', {"script-src": ["https://cdn.example"]}),
    ("<SCRIPT async SRC=https://cdn.example/x.js></SCRIPT>", {"script-src": ["https://cdn.example"]}),
    ("<script src='//cdn.example/x.js'></script>", {"script-src": ["http://cdn.example"]}),
    ('<link rel="stylesheet" href="https://cdn.example/x.css">', {"style-src": ["https://cdn.example"]}),
    ("<link href='https://cdn.example/x.css' rel='preload StyleSheet'>", {"style-src": ["https://cdn.example"]}),
    ('<iframe src="https://video.example/1">', {"frame-src": ["https://video.example"]}),
    ('<script type="module">import x from "https://esm.example/x";</script>', {"script-src": ["https://esm.example"]}),
    ('<script type="importmap">{"imports": {"x": "https://esm.example/x"}}</script>',
     {"script-src": ["https://esm.example"]}),
    ('<script>fetch("https://api.example/v1").then(x)</script>', {"connect-src": ["https://api.example"]}),
    ('<script src="https://a.example/1.js"></script><script src="https://a.example/2.js"></script>',
     {"script-src": ["https://a.example"]}),
    ('<script src="https://a.example/1.js"></script><link rel=stylesheet href="https://a.example/x.css">',
     {"script-src": ["https://a.example"], "style-src": ["https://a.example"]}),
    ('<script>1</script><script>import("https://a.example/x")</SCRIPT >', {"script-src": ["https://a.example"]}),
    ('<script src="https://cdn.example:8443/x.js">', {"script-src": ["https://cdn.example:8443"]}),
]  # fmt: skip
LOADED = [
    '<script src="/x.js"></script>',
    '<script src="x.js"></script>',
    f'<script src="{OWN}/x.js"></script>',
    '<script src="//shop.localhost:8890/x.js"></script>',
    "<script>fetch('/api')</script>",
    '<img src="https://cdn.example/x.png">',
    '<link rel="icon" href="https://cdn.example/x.ico">',
    '<a href="https://elsewhere.example/">there</a>',
    '<pre>&lt;script src="https://cdn.example/x.js"&gt;</pre>',
    '<script src="data:text/javascript,1"></script>',
    '<script src="https://[broken"></script>',
    """<script>x = '<iframe src="https://video.example/1">';</script>""",
    '<script>import("https://a.example/x")',
    '<script src="https://a.example/x.js"',
    "",
]


@pytest.mark.parametrize(("page", "expected"), LOADS)
def test_what_a_page_may_not_load_is_found(page, expected):
    assert blocked(page.encode(), DEFAULT, OWN) == expected


@pytest.mark.parametrize("page", LOADED)
def test_what_a_page_may_load_is_not_complained_of(page):
    assert blocked(page.encode(), DEFAULT, OWN) == {}


ENDLESS = [
    "<script" * 37_000, "<script>" * 32_000, "<link src=" * 26_000, '<script src="' * 20_000,
    "<script>from" + " " * 260_000 + "</script>", "<script>" + "fetch ( " * 32_000 + "</script>",
    "<script " + "src " * 65_000 + ">", "<script src=" + " " * 260_000 + ">",
    "<script>" + '"https://' * 28_000 + "</script>",
]  # fmt: skip


@pytest.mark.parametrize("page", ENDLESS)
def test_a_page_that_is_hard_to_read_is_read_in_no_time(page):
    began = time.process_time()
    assert blocked(f"{page}//".encode(), DEFAULT, OWN) == {}
    assert time.process_time() - began < 0.5


def test_of_many_origins_some_are_told():
    tags = "".join(f"<script src=https://{n}.example></script>" for n in range(5000))
    found = blocked(tags.encode(), DEFAULT, OWN)
    assert found == {"script-src": [f"https://{n}.example" for n in range(20)]}


def test_a_port_that_is_none_is_no_reason_to_fail():
    page = f"<script src=https://a.example:{'9' * 5000}></script>".encode()
    assert list(blocked(page, "script-src https://a.example:443", OWN)) == ["script-src"]


CDN = b'<script src="https://a.cdn.example/x.js"></script>'
POLICIES = [
    ("script-src 'self' https://a.cdn.example", True),
    ("script-src a.cdn.example", True),
    ("script-src https://*.cdn.example", True),
    ("script-src *.cdn.example:443", True),
    ("script-src https://a.cdn.example/x.js", True),
    ("script-src http://a.cdn.example", True),
    ("script-src https:", True),
    ("script-src http:", True),
    ("script-src *", True),
    ("script-src-elem *; script-src 'none'", True),
    ("script-src 'nonce-abc'", True),
    ("default-src *", True),
    ("img-src 'none'", True),
    ("default-src 'none'", False),
    ("script-src", False),
    ("script-src 'none'; default-src *", False),
    ("script-src https://cdn.example", False),
    ("script-src https://*.a.cdn.example", False),
    ("script-src a.cdn.example:8443", False),
    ("script-src wss:", False),
    ("script-src *, script-src 'self'", False),
]


@pytest.mark.parametrize(("policy", "allowed"), POLICIES)
def test_a_policy_is_read_as_browsers_read_it(policy, allowed):
    assert (blocked(CDN, policy, OWN) == {}) is allowed


@pytest.mark.parametrize("policy", [DEFAULT, "default-src 'none'", "script-src 'none'; img-src *"])
def test_the_policy_that_is_proposed_lets_it_in_and_nothing_else(policy):
    proposed = amended(policy, blocked(CDN, policy, OWN))
    assert blocked(CDN, proposed, OWN) == {}
    assert blocked(CDN.replace(b"a.cdn", b"b.cdn"), proposed, OWN) != {}


async def test_in_dev_the_author_is_told_once_what_to_change():
    lines = []
    one = Finish(Settings(), dev=True, tell=lambda text, _: lines.append(text))
    request = Request("GET", "/page/7", headers=[("host", "shop.localhost:8890")])
    for _ in range(3):
        await one(request, Response(200, [HTML], CDN), "/page/:id")
    assert len(lines) == 1
    assert lines[0].startswith("GET /page/:id: ")
    for words in ("https://a.cdn.example (script-src)", "security.csp", CSP,
                  "script-src 'self' 'unsafe-inline' https://a.cdn.example;"):  # fmt: skip
        assert words in lines[0]
    assert "\n" not in lines[0]
    assert "localhost" not in lines[0]  # what dev lets in is nothing to copy
    other = CDN.replace(b"a.cdn", b"b.cdn")
    await one(request, Response(200, [HTML], other), "/page/:id")
    assert len(lines) == 2


@pytest.mark.parametrize(
    "page",
    [
        Response(200, [HTML], b"<script src='/x.js'></script>"),
        Response(200, [HTML, (CSP, "script-src *")], CDN),
        Response(200, [("content-type", "text/plain")], CDN),
        Response(404, [HTML], CDN),
    ],
)
async def test_nobody_is_told_of_a_page_that_loads_what_it_may(page):
    lines = []
    await finished(page, dev=True, tell=lambda text, _: lines.append(text))
    assert lines == []


FLAWED = [
    ("a=1; SameSite=None", "SameSite=None needs Secure"),
    ("a=1; samesite=none; Path=/", "SameSite=None needs Secure"),
    ("a=1; SameSite=Maybe", "Strict, Lax or None"),
    ("__Secure-a=1; Path=/", "needs Secure"),
    ("__Host-a=1; Secure", "needs Path=/"),
    ("__Host-a=1; Secure; Path=/; Domain=a.example", "no Domain"),
    (f"a={'x' * 5000}", "4096 bytes"),
]


@pytest.mark.parametrize(("cookie", "words"), FLAWED)
async def test_in_dev_the_author_is_told_once_of_a_cookie_that_browsers_drop(cookie, words):
    lines = []
    one = Finish(Settings(), dev=True, tell=lambda text, _: lines.append(text))
    for _ in range(2):
        response = await one(
            Request("POST", "/login"), Response(200, [("set-cookie", cookie)]), "/login"
        )
        assert named(response, "set-cookie") == cookie
    assert len(lines) == 1
    assert lines[0].startswith('POST /login: browsers will drop the cookie "')
    assert words in lines[0]


@pytest.mark.parametrize(
    "cookie",
    [
        "a=1",
        "a=1; SameSite=Lax; HttpOnly",
        "a=; Max-Age=0",
        "a=1; SameSite=None; Secure",
        "__Host-a=1; Secure; Path=/",
    ],
)
async def test_nobody_is_told_of_a_cookie_that_browsers_keep(cookie):
    lines = []
    response = Response(200, [("set-cookie", cookie), ("set-cookie", "b=2")])
    await finished(response, dev=True, tell=lambda text, _: lines.append(text))
    assert lines == []
