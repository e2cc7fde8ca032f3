"""What a handler is given, and what of its answer goes out."""

import base64

import orjson
import pytest

from aiwe_engine.errors import AiweError, RequestError
from aiwe_engine.http.payload import answer, payload
from aiwe_engine.routing.table import Match
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Route

MATCH = Match(Route("POST", "/x/:id", "POST /x/:id"), {"id": "ä/b"})


def sent(body=b"", content_type=None, headers=(), query=""):
    pairs = [("host", "shop.localhost:8890"), *headers]
    if content_type is not None:
        pairs.append(("content-type", content_type))
    request = Request("POST", "/x/%C3%A4%2Fb", query, pairs, body, "10.0.0.7", "https")
    return orjson.loads(orjson.dumps(payload(request, MATCH, Settings())))


def test_a_request_is_handed_over_as_it_came():
    assert sent(query="a=%20&a=2", headers=[("x-one", "1")]) == {
        "method": "POST",
        "url": "https://shop.localhost:8890/x/%C3%A4%2Fb?a=%20&a=2",
        "path": "/x/%C3%A4%2Fb",
        "params": {"id": "ä/b"},
        "query": "a=%20&a=2",
        "headers": {"host": "shop.localhost:8890", "x-one": "1"},
        "ip": "10.0.0.7",
    }


def test_repeated_headers_are_joined_and_cookies_in_their_own_way():
    headers = [("accept", "a"), ("accept", "b"), ("cookie", "x=1"), ("cookie", "y=2")]
    found = sent(headers=headers)["headers"]
    assert (found["accept"], found["cookie"]) == ("a, b", "x=1; y=2")


BODIES = [
    ("application/json", b'{"a": [1, null]}', {"body": {"a": [1, None]}, "text": '{"a": [1, null]}'}),
    ("application/json; charset=utf-8", b'"\xc3\xa4"', {"body": "ä", "text": '"ä"'}),
    ("Application/JSON", b"0", {"body": 0, "text": "0"}),
    ("application/merge-patch+json", b"{}", {"body": {}, "text": "{}"}),
    ("application/json;charset=iso-8859-1", b'"\xe4"', {"body": "ä", "text": '"ä"'}),
    ("application/json", b'{"__proto__": {"x": 1}}',
     {"body": {"__proto__": {"x": 1}}, "text": '{"__proto__": {"x": 1}}'}),
    ("application/x-www-form-urlencoded", b"a=1&b=%C3%A4+x&a=2&c=&a=3",
     {"body": {"a": ["1", "2", "3"], "b": "ä x", "c": ""}, "text": "a=1&b=%C3%A4+x&a=2&c=&a=3"}),
    ("text/plain", "grüß".encode(), {"body": "grüß"}),
    ("text/plain; charset=ISO-8859-1", b"gr\xfc\xdf", {"body": "grüß"}),
    ('text/csv; charset="windows-1252"', b"\x80", {"body": "€"}),
    ("text/plain", b"\xff", {"body": "\ufffd"}),
    ("application/xml", b"<a/>", {"body": "<a/>"}),
    ("image/svg+xml", b"<svg/>", {"body": "<svg/>"}),
    ("application/octet-stream", b"\x00\xff", {"base64": base64.b64encode(b"\x00\xff").decode()}),
    ("image/png", b"x" * 100, {"base64": base64.b64encode(b"x" * 100).decode()}),
    (None, b"abc", {"base64": "YWJj"}),
    ("nonsense", b"abc", {"base64": "YWJj"}),
    ("application/json", b"", {}),
    ("text/plain", b"", {}),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "expected"), BODIES)
def test_a_body_is_what_its_type_says(content_type, body, expected):
    found = sent(body, content_type)
    assert {key: found[key] for key in ("body", "text", "base64") if key in found} == expected


REFUSED = [
    ("application/json", b"{", 400, "invalid_json"),
    ("application/json", b" ", 400, "invalid_json"),
    ("application/json", b"NaN", 400, "invalid_json"),
    ("application/json", b"[Infinity]", 400, "invalid_json"),
    ("application/json", b"{'a':1}", 400, "invalid_json"),
    ("application/json", b"[1,]", 400, "invalid_json"),
    ("application/json", b'{"a":1}x', 400, "invalid_json"),
    ("application/json", b'"\xff"', 400, "invalid_json"),
    ("application/json", b"[" * 100_000, 400, "invalid_json"),
    ("application/json", b"[" * 201 + b"]" * 201, 400, "invalid_json"),
    ("application/json", b'{"a":[' * 101 + b"]}" * 101, 400, "invalid_json"),
    ("application/json", b"[" + b"[]," * 3_300_000 + b"[]]", 413, "too_many_values"),
    ("application/json", b'["' + b'","' * 250_000 + b'"]', 413, "too_many_values"),
    ("application/json", b'["' + b'\\" ' * 500_000, 400, "invalid_json"),
    ("application/x-www-form-urlencoded", b"&" * 5_000_000, 400, "too_many_fields"),
    ("text/plain; charset=klingon", b"a", 415, "unsupported_charset"),
    ("text/plain; charset=rot13", b"a", 415, "unsupported_charset"),
    ("text/plain; charset=zlib", b"a", 415, "unsupported_charset"),
    ("text/plain; charset=iso-8859-99", b"a", 415, "unsupported_charset"),
    ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1001), 400, "too_many_fields"),
]


@pytest.mark.parametrize(("content_type", "body", "status", "code"), REFUSED)
def test_a_body_that_is_not_what_its_type_says_is_refused(content_type, body, status, code):
    with pytest.raises(RequestError) as caught:
        sent(body, content_type)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.hint


WITHIN = [
    ("as many levels as may be", b"[" * 200 + b"]" * 200),
    ("many small lists", b"[" + b"[[]]," * 1000 + b"[]]"),
    ("brackets and commas in a string", b'["' + b"[,{" * 300_000 + b'"]'),
    ("quotes in a string", b'["' + rb"\"[,\\" * 100_000 + b'"]'),
]


@pytest.mark.parametrize("body", [case[1] for case in WITHIN], ids=[case[0] for case in WITHIN])
def test_json_is_measured_by_its_values_and_not_by_its_text(body):
    assert sent(body, "application/json")["body"] == orjson.loads(body)


@pytest.mark.binds("json_values")
@pytest.mark.parametrize("body", [b"[1, 2, 3]", b'{"a": {"b": "c,d,[", "e": 0}}'])
def test_a_body_has_no_more_values_than_it_may(body):
    request = Request("POST", "/", "", [("content-type", "application/json")], body, "")
    assert payload(request, MATCH, Settings(json_values=3))["text"] == body.decode()
    with pytest.raises(RequestError) as caught:
        payload(request, MATCH, Settings(json_values=2))
    assert (caught.value.status, caught.value.code) == (413, "too_many_values")
    assert "http.json_values" in caught.value.hint


def test_broken_json_is_told_with_its_position():
    with pytest.raises(RequestError) as caught:
        sent(b'{\n "a": nope}', "application/json")
    assert caught.value.details == {"line": 2, "column": 7, "position": 8}


ANSWERS = [
    ([200, [["Content-Type", "text/plain"]], "grüß", "text"],
     (200, [("content-type", "text/plain")], "grüß".encode())),
    ([201, [["set-cookie", "a=1"], ["set-cookie", "b=2"]], "", "text"],
     (201, [("set-cookie", "a=1"), ("set-cookie", "b=2")], b"")),
    ([200, [], base64.b64encode(b"\x00\xff").decode(), "base64"], (200, [], b"\x00\xff")),
    ([204, [], "", "text"], (204, [], b"")),
    ([404, [["x-latin", "gr\xfc\xdf"]], "", "text"], (404, [("x-latin", "gr\xfc\xdf")], b"")),
    ([200, [["set-cookie", "__Host-a=b%20c; Path=/"], ["link", "</a>"], ["link", "</b>"]], "", "text"],
     (200, [("set-cookie", "__Host-a=b%20c; Path=/"), ("link", "</a>"), ("link", "</b>")], b"")),
    ([200, [["x-none", ""], ["Content-Length", "1"], ["Content-Length", "2"]], "", "text"], (200, [("x-none", "")], b"")),
    # What belongs to the connection or the server is not the handler's to say.
    ([200, [["Connection", "close"], ["Transfer-Encoding", "chunked"], ["Content-Length", "9"],
            ["Upgrade", "h2c"], ["Keep-Alive", "x"], ["Date", "x"], ["X-Request-Id", "x"],
            ["Trailer", "x"], ["TE", "x"], ["X-Mine", "kept"]], "", "text"],
     (200, [("x-mine", "kept")], b"")),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), ANSWERS)
def test_an_answer_goes_out_as_the_handler_made_it(raw, expected):
    response = answer(raw)
    assert (response.status, response.headers, response.body) == expected


MALFORMED = [
    ([200, [["x", "a\r\nset-cookie: b=1"]], "", "text"], "invalid_header"),
    ([200, [["x", "a\nb"]], "", "text"], "invalid_header"),
    ([200, [["x", "a\0b"]], "", "text"], "invalid_header"),
    ([200, [["x y", "a"]], "", "text"], "invalid_header"),
    ([200, [["x:", "a"]], "", "text"], "invalid_header"),
    ([200, [["", "a"]], "", "text"], "invalid_header"),
    ([200, [["x\r\ny", "a"]], "", "text"], "invalid_header"),
    ([200, [["x", "€"]], "", "text"], "invalid_header"),
    ([200, [["x\n", "a"]], "", "text"], "invalid_header"),
    ([200, [["connection", "a\r\nb: c"]], "", "text"], "invalid_header"),
    ([200, [["content-type", "a/b"], ["Content-Type", "c/d"]], "", "text"], "invalid_header"),
    ([302, [["location", "/a"], ["location", "/b"]], "", "text"], "invalid_header"),
    ([200, [["x", "a" * 70_000]], "", "text"], "invalid_header"),
    ([200, [["x", "a" * 1_000]] * 70, "", "text"], "invalid_header"),
    ([200, [["set-cookie", "no name"]], "", "text"], "invalid_cookie"),
    ([200, [["set-cookie", "=value"]], "", "text"], "invalid_cookie"),
    ([200, [["set-cookie", "a b=1"]], "", "text"], "invalid_cookie"),
    ([200, [["set-cookie", "a(b)=1"]], "", "text"], "invalid_cookie"),
    ([200, [["set-cookie", ""]], "", "text"], "invalid_cookie"),
    ([101, [], "", "text"], "invalid_status"),
    ([100, [], "", "text"], "invalid_status"),
    ([0, [], "", "text"], "invalid_status"),
    ([-200, [], "", "text"], "invalid_status"),
    ([600, [], "", "text"], "invalid_status"),
    ([True, [], "", "text"], "invalid_status"),
    (["200", [], "", "text"], "invalid_status"),
    ([200.5, [], "", "text"], "invalid_status"),
    ([200, [], "x" * 11, "text"], "response_too_large"),
    ([200, [], "ä" * 6, "text"], "response_too_large"),
    ([200, [], "not base64!", "base64"], "invalid_answer"),
    ([200, [], "", "rot13"], "invalid_answer"),
    ([200, [], 7, "text"], "invalid_answer"),
    ([200, [], None, "base64"], "invalid_answer"),
    ([200, [["x", 7]], "", "text"], "invalid_answer"),
    ([200, [[7, "x"]], "", "text"], "invalid_answer"),
    ([200, [["x"]], "", "text"], "invalid_answer"),
    ([200, None, "", "text"], "invalid_answer"),
    ([200, [], "", []], "invalid_answer"),
    ([200, []], "invalid_answer"),
    (None, "invalid_answer"),
    ("ok", "invalid_answer"),
    ({"status": 200}, "invalid_answer"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "code"), MALFORMED)
def test_a_malformed_answer_never_reaches_the_wire(raw, code):
    with pytest.raises(AiweError) as caught:
        answer(raw, limit=10)
    assert (caught.value.status, caught.value.code) == (500, code)


HINTS = [
    (
        [200, [["content-type", "a/b"], ["content-type", "c/d"]], "", "text"],
        'headers.set("content-type", …)',
    ),
    ([200, [["set-cookie", "a b=1"]], "", "text"], "name=value"),
    ([200, [["x", "€"]], "", "text"], "encodeURIComponent"),
    ([200, [["x", "a" * 70_000]], "", "text"], "into the body"),
    ([99, [], "", "text"], "200 to 599"),
]


@pytest.mark.parametrize(("raw", "words"), HINTS)
def test_the_hint_says_what_to_write_instead(raw, words):
    with pytest.raises(AiweError) as caught:
        answer(raw)
    assert words in caught.value.hint
