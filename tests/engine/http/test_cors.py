"""Which pages of other origins may read answers, and that nobody may who was not named."""

import pytest

from aiwe_engine import checks
from aiwe_engine.errors import EngineError, RequestError
from aiwe_engine.http.cors import Cors
from aiwe_engine.http.finish import Finish
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

PAGE = "https://shop.example"
PREFIX = "access-control-"


def finish(**cors):
    return Finish(Settings(**{f"cors_{name}": value for name, value in cors.items()}), dev=False)


def asking(origin, method="GET", **headers):
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, "/", headers=[*pairs, *([("origin", origin)] if origin else [])])


def preflight(origin=PAGE, method="PUT", **headers):
    return asking(origin, "OPTIONS", access_control_request_method=method, **headers)


def said(response):
    return {
        name: value for name, value in response.headers if name.startswith(PREFIX) or name == "vary"
    }


ALLOWED = [
    (["https://shop.example"], "https://shop.example"),
    (["https://Shop.Example:443"], "https://shop.example"),
    (["http://localhost:3000"], "http://localhost:3000"),
    (["http://[::1]:3000"], "http://[::1]:3000"),
    (["https://a.example", "https://b.example"], "https://b.example"),
    (["https://*.example"], "https://a.b.example"),
    (["https://*.example:8443"], "https://a.example:8443"),
    (["null"], "null"),
    (["*"], "https://anything.example"),
    (["*"], "null"),
    (["capacitor://localhost"], "capacitor://localhost"),
]


@pytest.mark.parametrize(("origins", "origin"), ALLOWED)
def test_an_origin_that_was_named_is_allowed(origins, origin):
    assert Cors(Settings(cors_origins=tuple(origins))).allows(origin)


REFUSED = [
    (["https://shop.example"], "http://shop.example"),
    (["https://shop.example"], "https://shop.example:8443"),
    (["https://shop.example"], "https://shop.example.evil.example"),
    (["https://shop.example"], "https://evilshop.example"),
    (["https://shop.example"], "https://shop.example/"),
    (["https://shop.example"], "null"),
    (["https://shop.example"], ""),
    (["https://*.example"], "https://example"),
    (["https://*.example"], "https://.example"),
    (["https://*.example"], "http://a.example"),
    (["https://*.example"], "https://a.example:8443"),
    (["https://*.example"], "https://evil.test/.example"),
    (["https://*.example"], "https://evil.test#.example"),
    (["https://*.example"], "https://evil.test:1@a.example"),
    (["https://*.example"], "https://aexample"),
]


@pytest.mark.parametrize(("origins", "origin"), REFUSED)
def test_an_origin_that_only_looks_like_one_is_not(origins, origin):
    assert not Cors(Settings(cors_origins=tuple(origins))).allows(origin)


MISTAKES = [
    ({"cors_origins": ("*",), "cors_credentials": True}, "cors.credentials"),
    ({"cors_origins": ("https://a.example/path",)}, "without a path"),
    ({"cors_origins": ("shop.example",)}, '"https://example.org"'),
    ({"cors_origins": ("https://a.*.example",)}, "is no origin"),
    ({"cors_origins": ("",)}, "is no origin"),
]


@pytest.mark.parametrize(("settings", "words"), MISTAKES)
def test_a_configuration_that_cannot_be_meant_is_refused(settings, words):
    with pytest.raises(EngineError) as caught:
        Finish(Settings(**settings), dev=False)
    assert caught.value.code == "invalid_setting"
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_an_answer_says_who_may_read_it_errors_too(status):
    response = await finish(origins=(PAGE,))(asking(PAGE), Response(status))
    assert said(response) == {"access-control-allow-origin": PAGE, "vary": "origin"}


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
async def test_others_are_told_nothing_and_caches_know_why(origin):
    response = await finish(origins=(PAGE,), credentials=True)(asking(origin), Response(200))
    assert said(response) == {"vary": "origin"}


async def test_without_configuration_nothing_is_said():
    one = finish()
    assert said(await one(asking(PAGE), Response(200))) == {}
    assert one.preflight(preflight()) is None


async def test_everybody_is_one_answer_for_all():
    response = await finish(origins=("*",))(asking(PAGE), Response(200))
    assert said(response) == {"access-control-allow-origin": "*"}


@pytest.mark.binds(
    "cors_origins",
    "cors_methods",
    "cors_headers",
    "cors_expose",
    "cors_credentials",
    "cors_max_age",
)
async def test_the_settings_bind():
    one = finish(
        origins=(PAGE,), methods=("GET", "PURGE"), headers=("x-one", "x-two"), expose=("x-total",),
        credentials=True, max_age=7.0,
    )  # fmt: skip
    assert said(await one(asking(PAGE), Response(200))) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-total",
        "vary": "origin",
    }
    answer = one.preflight(preflight())
    assert answer.status == 204
    assert said(answer) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, PURGE",
        "access-control-allow-headers": "x-one, x-two",
        "access-control-max-age": "7",
        "vary": "origin, access-control-request-headers",
    }


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("x-one, Content-Type", "x-one, Content-Type"),
        ("x-one", "x-one"),
        ("", None),
        ("x-one\r\nset-cookie: a=1", None),
        ("x one", None),
        ("x-one,,", None),
    ],
)
def test_any_header_may_be_sent_that_is_one(asked, granted):
    answer = finish(origins=(PAGE,)).preflight(preflight(access_control_request_headers=asked))
    assert said(answer).get("access-control-allow-headers") == granted


def test_a_preflight_of_a_stranger_is_refused_with_what_to_do():
    with pytest.raises(RequestError) as caught:
        finish(origins=(PAGE,)).preflight(preflight("https://evil.example"))
    assert (caught.value.status, caught.value.code) == (403, "origin_not_allowed")
    assert "cors.origins" in caught.value.hint


@pytest.mark.parametrize(
    "request_",
    [
        asking(PAGE, "OPTIONS"),
        asking(None, "OPTIONS", access_control_request_method="PUT"),
        asking(PAGE, "GET", access_control_request_method="PUT"),
    ],
)
def test_what_is_no_preflight_goes_to_the_program(request_):
    assert finish(origins=(PAGE,)).preflight(request_) is None


def test_a_private_network_is_never_granted():
    request = preflight(access_control_request_private_network="true")
    answer = finish(origins=(PAGE,)).preflight(request)
    assert [name for name, _ in answer.headers if "network" in name] == []


async def test_a_program_that_speaks_for_itself_is_not_contradicted():
    mine = [("access-control-allow-origin", "https://mine.example"), ("vary", "accept")]
    response = await finish(origins=(PAGE,), credentials=True)(
        asking(PAGE), Response(404, list(mine))
    )
    assert response.headers == mine


async def test_vary_is_added_to():
    response = await finish(origins=(PAGE,))(asking(PAGE), Response(200, [("vary", "Accept")]))
    assert said(response)["vary"] == "Accept, origin"


@pytest.mark.parametrize("text", ["GET", "x-one", "*", "m-search"])
def test_a_name_that_the_configuration_may_hold(text):
    assert checks.token(text) is None


@pytest.mark.parametrize("text", ["", "x one", "x,y", "x\n", "größe", "a:b"])
def test_a_name_that_no_header_could_hold(text):
    assert "letters, digits and dashes" in checks.token(text)
    assert "header" in checks.one_line("a\nb")
