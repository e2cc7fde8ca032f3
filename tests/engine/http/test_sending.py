"""Files as answers: validators, ranges, and how they are read."""

import asyncio
import email
import email.policy
import hashlib
import io
import threading

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.files.reading import PIECE, FileSource
from aiwe_engine.http.ranges import MOST_RANGES
from aiwe_engine.http.sending import SMALL, File, file_answer
from aiwe_engine.types import Request

TEXT = b"0123456789" * 10
TIME = 784111777.9
DATE, BEFORE, AFTER = (
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:36 GMT",
    "Sun, 06 Nov 1994 08:49:38 GMT",
)
ETAG = f'"{hashlib.sha256(TEXT).hexdigest()[:32]}"'


@pytest.fixture(params=["path", "bytes"])
def file(request, tmp_path):
    """A hundred bytes, on disk or in memory."""
    content = TEXT
    if request.param == "path":
        content = tmp_path / "file"
        content.write_bytes(TEXT)
    return File(content, len(TEXT), "text/plain", hashlib.sha256(TEXT).hexdigest(), TIME)


async def ask(file, headers=(), method="GET", **more):
    """Status, headers and the whole body, or the error."""
    try:
        response = file_answer(Request(method, "/f", headers=list(headers)), file, **more)
    except AiweError as error:
        return error.status, dict(error.headers), error.code
    headers = dict(response.headers)
    assert len(headers) == len(response.headers)
    body = response.body if response.stream is None else await drain(response.stream)
    if "content-length" in headers:
        assert int(headers["content-length"]) == len(body)
    return response.status, headers, body


async def drain(source):
    pieces = []
    while piece := await source.read():
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_whole_file_tells_what_it_is(file):
    assert await ask(file) == (
        200,
        {
            "content-type": "text/plain",
            "accept-ranges": "bytes",
            "etag": ETAG,
            "last-modified": DATE,
        },
        TEXT,
    )


CONDITIONS = [
    (200, {}),
    (304, {"if-none-match": ETAG}),
    (304, {"if-none-match": f"W/{ETAG}"}),
    (304, {"if-none-match": f'"a", "b,c", {ETAG}'}),
    (304, {"if-none-match": "*"}),
    (200, {"if-none-match": '"other"'}),
    (200, {"if-none-match": ETAG.strip('"')}),
    (200, {"if-none-match": ""}),
    (304, {"if-modified-since": DATE}),
    (304, {"if-modified-since": AFTER}),
    (304, {"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}),
    (304, {"if-modified-since": "Sun Nov  6 08:49:37 1994"}),
    (200, {"if-modified-since": BEFORE}),
    (200, {"if-modified-since": "yesterday"}),
    (200, {"if-modified-since": "Sun, 06 Nov 99999999999 08:49:37 GMT"}),
    # The entity tag decides where there is one.
    (200, {"if-none-match": '"other"', "if-modified-since": AFTER}),
    (304, {"if-none-match": ETAG, "if-modified-since": BEFORE}),
    (200, {"if-match": ETAG}),
    (200, {"if-match": "*"}),
    (200, {"if-match": f'"a", {ETAG}'}),
    (412, {"if-match": '"other"'}),
    (412, {"if-match": f"W/{ETAG}"}),
    (412, {"if-match": '"other"', "if-none-match": ETAG}),
    (304, {"if-match": ETAG, "if-none-match": ETAG}),
    (200, {"if-unmodified-since": DATE}),
    (412, {"if-unmodified-since": BEFORE}),
    (200, {"if-unmodified-since": "never"}),
    (200, {"if-match": ETAG, "if-unmodified-since": BEFORE}),
    # Conditions come before ranges.
    (304, {"if-none-match": ETAG, "range": "bytes=0-1"}),
    (412, {"if-match": '"other"', "range": "bytes=0-1"}),
]


@pytest.mark.parametrize(("status", "headers"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_condition_is_held_against_the_file(file, status, headers, method):
    found, sent, body = await ask(file, headers.items(), method)
    assert found == status
    if status == 304:
        assert body == b""
        assert sent.keys() == {"accept-ranges", "etag", "last-modified"}
    elif status == 412:
        assert body == "precondition_failed"


WHOLE = (200, None, TEXT)
RANGES = [
    ("bytes=0-9", (206, "bytes 0-9/100", TEXT[:10])),
    ("bytes=0-0", (206, "bytes 0-0/100", b"0")),
    ("bytes=90-", (206, "bytes 90-99/100", TEXT[90:])),
    ("bytes=99-99", (206, "bytes 99-99/100", b"9")),
    ("bytes=0-", (206, "bytes 0-99/100", TEXT)),
    ("bytes=95-1000", (206, "bytes 95-99/100", TEXT[95:])),
    ("bytes=-5", (206, "bytes 95-99/100", TEXT[95:])),
    ("bytes=-1000", (206, "bytes 0-99/100", TEXT)),
    ("bytes=0-" + "9" * 5000, (206, "bytes 0-99/100", TEXT)),
    ("bytes=000000000000000000000005-6", (206, "bytes 5-6/100", b"56")),
    ("Bytes=1-2", (206, "bytes 1-2/100", b"12")),
    ("bytes= 1-2 , ", (206, "bytes 1-2/100", b"12")),
    ("bytes=200-300, 1-2", (206, "bytes 1-2/100", b"12")),
    ("bytes=100-", (416, "bytes */100", "range_not_satisfiable")),
    ("bytes=100-200", (416, "bytes */100", "range_not_satisfiable")),
    ("bytes=" + "9" * 5000 + "-", (416, "bytes */100", "range_not_satisfiable")),
    ("bytes=-0", (416, "bytes */100", "range_not_satisfiable")),
    ("bytes=100-,200-", (416, "bytes */100", "range_not_satisfiable")),
    ("bytes=5-4", WHOLE),
    ("bytes=a-b", WHOLE),
    ("bytes=1", WHOLE),
    ("bytes=-", WHOLE),
    ("bytes=--5", WHOLE),
    ("bytes=1-2-3", WHOLE),
    ("bytes=+1-2", WHOLE),
    ("bytes=1 -2", WHOLE),
    ("bytes=\u0661-\u0662", WHOLE),
    ("bytes=", WHOLE),
    ("bytes=,", WHOLE),
    ("bytes", WHOLE),
    ("", WHOLE),
    ("items=0-1", WHOLE),
    ("bytes 0-1", WHOLE),
    ("bytes=" + ",".join(["500-"] * MOST_RANGES) + ",1-2", WHOLE),
    # The same bytes again and again, and many small pieces, are not worth it.
    ("bytes=0-,0-", WHOLE),
    ("bytes=" + ",".join(["0-99"] * 1000), WHOLE),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(MOST_RANGES + 1)), WHOLE),
]


@pytest.mark.parametrize(("header", "expected"), RANGES)
async def test_a_range_is_what_is_sent(file, header, expected):
    status, headers, body = await ask(file, [("range", header)])
    assert (status, headers.get("content-range"), body) == expected


@pytest.mark.parametrize(
    "header", ["bytes=0-1,10-12", "bytes=-3,0-0", "bytes=5-5,3-3,1-1", "bytes=0-9,500-600,20-29"]
)
async def test_several_ranges_come_as_parts_in_their_order(file, header):
    status, headers, body = await ask(file, [("range", header)])
    assert (status, "content-range" in headers) == (206, False)
    kind = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(kind + body, policy=email.policy.HTTP).get_payload()
    found = []
    for part in parts:
        assert part["content-type"] == "text/plain"
        first, last = part["content-range"].removesuffix("/100").removeprefix("bytes ").split("-")
        assert part.get_payload(decode=True) == TEXT[int(first) : int(last) + 1]
        found.append(f"{first}-{last}")
    asked = header.replace("=-3,", "=97-99,").replace(",500-600", "")
    assert found == asked.removeprefix("bytes=").split(",")


async def test_head_has_no_ranges(file):
    for header in ("bytes=0-1", "bytes=500-"):
        assert (await ask(file, [("range", header)], "HEAD"))[0] == 200


async def test_two_range_headers_are_none(file):
    assert (await ask(file, [("range", "bytes=0-1"), ("range", "bytes=2-3")]))[0] == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, 206),
        (f"W/{ETAG}", 200),
        ('"other"', 200),
        (DATE, 206),
        (AFTER, 200),
        (BEFORE, 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
async def test_a_range_of_another_version_is_the_whole_file(file, condition, status):
    assert (await ask(file, [("range", "bytes=0-1"), ("if-range", condition)]))[0] == status


@pytest.mark.parametrize(("header", "status"), [("bytes=-5", 200), ("bytes=0-", 416)])
async def test_nothing_is_not_divided(header, status):
    empty = File(b"", 0, "text/plain", "e3" * 32)
    assert (await ask(empty, [("range", header)]))[0] == status


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 404)])
async def test_other_answers_are_the_whole_file(file, method, status):
    headers = [("range", "bytes=0-1"), ("if-none-match", ETAG), ("if-match", '"x"')]
    found, _, body = await ask(file, headers, method, status=status)
    assert (found, body) == (status, TEXT)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("large", [False, True])
async def test_a_status_that_allows_no_body_has_none(tmp_path, status, large):
    path = tmp_path / "f"
    path.write_bytes(b"x" * (SMALL + 1 if large else 1))
    file = File(path, path.stat().st_size, "text/plain", "e3" * 32)
    response = file_answer(Request("GET", "/f"), file, status=status)
    assert (response.status, response.body, response.stream) == (status, b"", None)
    assert not {"content-length", "content-type"} & dict(response.headers).keys()


async def test_given_headers_come_along_and_replace_what_the_file_says(file):
    given = [("content-type", "a/b"), ("etag", '"mine"'), ("cache-control", "no-cache")]
    request = Request("GET", "/f", headers=[("if-none-match", '"mine"')])
    assert dict(file_answer(Request("GET", "/f"), file, headers=given).headers) == {
        "accept-ranges": "bytes",
        "last-modified": DATE,
        **dict(given),
    }
    response = file_answer(request, file, headers=given)
    assert response.status == 304
    assert dict(response.headers) == {
        "accept-ranges": "bytes",
        "last-modified": DATE,
        "etag": '"mine"',
        "cache-control": "no-cache",
    }


async def test_a_file_that_is_gone_is_not_found(tmp_path):
    gone = File(tmp_path / "gone", 10, "text/plain", "00" * 32)
    assert (await ask(gone))[::2] == (404, "file_not_found")


def large(tmp_path, size):
    path = tmp_path / "large"
    path.write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    return File(path, size, "application/octet-stream", "ab" * 32), path.read_bytes()


async def test_a_large_file_comes_in_pieces_and_is_closed(tmp_path):
    file, content = large(tmp_path, 2 * PIECE + 1)
    response = file_answer(Request("GET", "/f"), file)
    sizes = []
    while piece := await response.stream.read():
        sizes.append(len(piece))
    assert sizes == [PIECE, PIECE, 1]
    assert await response.stream.read() == b""
    assert response.stream._file.closed
    assert dict(response.headers)["content-length"] == str(len(content))


async def test_parts_of_a_large_file_are_those_bytes(tmp_path):
    file, content = large(tmp_path, SMALL * 8)
    _, headers, body = await ask(file, [("range", f"bytes=7-{SMALL + 50}")])
    assert body == content[7 : SMALL + 51]
    assert headers["content-range"] == f"bytes 7-{SMALL + 50}/{SMALL * 8}"
    _, _, body = await ask(file, [("range", f"bytes=0-{SMALL},{SMALL * 4}-")])
    assert content[: SMALL + 1] in body
    assert content[SMALL * 4 :] in body


async def test_an_answer_that_nobody_wants_any_more_closes_its_files(tmp_path):
    file, _ = large(tmp_path, SMALL * 8)
    for header in ("bytes=0-", f"bytes=0-{SMALL},{SMALL * 4}-"):
        response = file_answer(Request("GET", "/f", headers=[("range", header)]), file)
        await response.stream.read()
        await response.stream.close()
        await response.stream.close()
        assert await response.stream.read() == b""


async def test_a_file_that_shrinks_meanwhile_breaks_the_answer(tmp_path):
    file, _ = large(tmp_path, 3 * PIECE)
    response = file_answer(Request("GET", "/f"), file)
    await response.stream.read()
    with file.content.open("r+b") as opened:
        opened.truncate(PIECE)
    with pytest.raises(AiweError) as caught:
        await drain(response.stream)
    assert caught.value.code == "file_changed"
    await response.stream.close()


async def test_a_file_is_read_beside_the_loop():
    """While a disk takes its time, the loop goes on: it is the loop that ends the wait here."""
    ready = threading.Event()

    class Slow(io.BytesIO):
        def read(self, size=-1):
            ready.wait(10)
            return super().read(size)

    source = FileSource(Slow(b"late"), 0, 4)
    reading = asyncio.create_task(source.read())
    asyncio.get_running_loop().call_soon(ready.set)
    assert await reading == b"late"
    await source.close()
