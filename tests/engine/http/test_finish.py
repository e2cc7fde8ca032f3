"""Entity tags and 304: what a client that has an answer already is told."""

import pytest

from aiwe_engine.http.finish import Finish
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request, Response

JSON = ("content-type", "application/json")
BODY = b'{"a":1}'
OLD, NOW, LATER = (f"Mon, 0{day} Jun 2026 10:00:00 GMT" for day in (1, 8, 9))


async def finished(response, method="GET", **asked):
    headers = [(name.replace("_", "-"), value) for name, value in asked.items()]
    return await Finish(Settings(), dev=False)(Request(method, "/", headers=headers), response)


def named(response, name):
    values = [value for key, value in response.headers if key == name]
    assert len(values) < 2
    return values[0] if values else None


async def test_the_same_answer_has_the_same_tag_and_another_has_another():
    tags = [
        named(await finished(Response(200, [JSON], body)), "etag") for body in (BODY, BODY, b"[]")
    ]
    assert tags[0] == tags[1] != tags[2]
    assert tags[0].startswith('W/"')


NO_TAG = [
    ("POST", Response(200, [JSON], BODY)),
    ("GET", Response(201, [JSON], BODY)),
    ("GET", Response(404, [JSON], BODY)),
    ("GET", Response(500, [JSON], BODY)),
    ("GET", Response(200, [JSON, ("cache-control", "No-Store")], BODY)),
    (
        "GET",
        Response(200, [JSON, ("cache-control", "private"), ("cache-control", "no-store")], BODY),
    ),
    ("GET", Response(206, [JSON], BODY)),
]


@pytest.mark.parametrize(("method", "response"), NO_TAG)
async def test_what_no_client_may_keep_has_no_tag(method, response):
    status = response.status
    await finished(response, method, if_none_match="*")
    assert named(response, "etag") is None
    assert (response.status, response.body) == (status, BODY)


async def test_a_tag_of_the_program_is_kept():
    assert named(await finished(Response(200, [JSON, ("etag", '"v1"')], BODY)), "etag") == '"v1"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_has_the_answer_is_told_so_without_its_body(method):
    headers = [
        JSON, ("cache-control", "max-age=60"), ("set-cookie", "a=1"), ("content-language", "en"),
        ("content-location", "/x"), ("expires", NOW), ("vary", "cookie"), ("x-mine", "1"),
    ]  # fmt: skip
    tag = named(await finished(Response(200, list(headers), BODY)), "etag")
    response = await finished(Response(200, list(headers), BODY), method, if_none_match=tag)
    assert (response.status, response.body) == (304, b"")
    assert dict(response.headers) == {
        "cache-control": "max-age=60", "set-cookie": "a=1", "content-location": "/x", "expires": NOW,
        "vary": "cookie", "x-mine": "1", "etag": tag,
    }  # fmt: skip


MATCHES = [
    ('"v1"', True), ('W/"v1"', True), ("*", True), (' "v0" , "v1"', True), ('"v0",W/"v1"', True), ('"a,b", "v1"', True),
    ('"v2"', False), ("v1", False), ('"v1', False), ("", False), ("W/v1", False), ('"V1"', False), ('w/"v2"', False),
]  # fmt: skip


@pytest.mark.parametrize("own", ['"v1"', 'W/"v1"'])
@pytest.mark.parametrize(("header", "known"), MATCHES)
async def test_tags_are_compared_weakly(own, header, known):
    response = await finished(Response(200, [JSON, ("etag", own)], BODY), if_none_match=header)
    assert response.status == (304 if known else 200)


DATES = [
    ({"if_modified_since": NOW}, NOW, 304),
    ({"if_modified_since": LATER}, NOW, 304),
    ({"if_modified_since": OLD}, NOW, 200),
    ({"if_modified_since": "nonsense"}, NOW, 200),
    ({"if_modified_since": ""}, NOW, 200),
    ({"if_modified_since": NOW}, "nonsense", 200),
    ({"if_modified_since": NOW}, None, 200),
    # Where there are tags, dates count for nothing.
    ({"if_modified_since": LATER, "if_none_match": '"other"'}, NOW, 200),
    ({"if_modified_since": OLD, "if_none_match": '"v1"'}, NOW, 304),
    # It is too late to refuse: the handler has run.
    ({"if_match": '"other"'}, NOW, 200),
    ({"if_unmodified_since": OLD}, NOW, 200),
    # Parts are for files.
    ({"range": "bytes=0-1"}, NOW, 200),
]


@pytest.mark.parametrize(("asked", "modified", "status"), DATES)
async def test_dates_count_where_the_program_gave_one(asked, modified, status):
    headers = [JSON, ("etag", '"v1"')]
    if modified is not None:
        headers.append(("last-modified", modified))
    response = await finished(Response(200, headers, BODY), **asked)
    assert response.status == status


async def test_a_304_says_what_the_200_would_have_said_of_codings():
    long = b"x" * 5000
    asked = {"accept_encoding": "gzip"}
    first = await finished(Response(200, [JSON], long), **asked)
    again = await finished(Response(200, [JSON], long), if_none_match=named(first, "etag"), **asked)
    assert again.status == 304
    for name in ("vary", "etag"):
        assert named(again, name) == named(first, name)
    assert named(again, "content-encoding") is None


async def test_a_stream_that_the_client_has_is_closed():
    class Stream:
        closed = False

        async def read(self):
            raise AssertionError("nobody wants it")

        async def close(self):
            self.closed = True

    stream = Stream()
    response = await finished(
        Response(200, [JSON, ("etag", '"a"')], stream=stream), if_none_match='"a"'
    )
    assert (response.status, response.stream, stream.closed) == (304, None, True)


async def test_a_stream_gets_no_tag_because_nobody_knows_its_end():
    class Stream:
        async def read(self):
            return b""

        async def close(self):
            pass

    assert named(await finished(Response(200, [JSON], stream=Stream())), "etag") is None
