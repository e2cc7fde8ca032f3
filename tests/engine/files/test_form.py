"""multipart/form-data: what clients send is read, what is malformed is refused with the reason."""

import contextlib
import hashlib
import io
import random
from itertools import pairwise

import httpx
import pytest
import requests
from urllib3.filepost import encode_multipart_formdata

from aiwe_engine.errors import RequestError
from aiwe_engine.files.form import read_form
from aiwe_engine.files.incoming import Incoming
from aiwe_engine.settings import KB, MB, Settings
from tests.engine.files.forms import BOUNDARY, TYPE, form, part, read, seen

CHROME = (
    "multipart/form-data; boundary=----WebKitFormBoundaryMyS9pW3c4hA2lL0z",
    (
        b"------WebKitFormBoundaryMyS9pW3c4hA2lL0z\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\n'
        b"Gr\xc3\xbc\xc3\x9fe\r\nzwei\r\n"
        b"------WebKitFormBoundaryMyS9pW3c4hA2lL0z\r\n"
        b'Content-Disposition: form-data; name="photo"; filename="a %22b%22 \xe6\x97\xa5.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
        b"\x89PNG\r\n\x1a\n\r\n"
        b"------WebKitFormBoundaryMyS9pW3c4hA2lL0z\r\n"
        b'Content-Disposition: form-data; name="nothing"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        b"\r\n"
        b"------WebKitFormBoundaryMyS9pW3c4hA2lL0z--\r\n"
    ),
)
FIREFOX = (
    "multipart/form-data; boundary=---------------------------9051914041544843365972754266",
    (
        b"-----------------------------9051914041544843365972754266\r\n"
        b'Content-Disposition: form-data; name="agree"\r\n\r\non\r\n'
        b"-----------------------------9051914041544843365972754266\r\n"
        b'Content-Disposition: form-data; name="agree"\r\n\r\nmore\r\n'
        b"-----------------------------9051914041544843365972754266--\r\n"
    ),
)
CLIENTS = [
    (*CHROME, [("title", "Grüße\r\nzwei")], [("photo", 'a "b" 日.png', "image/png", b"\x89PNG\r\n\x1a\n")]),
    (*FIREFOX, [("agree", "on"), ("agree", "more")], []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "fields", "files"), CLIENTS, ids=["chrome", "firefox"])
def test_what_browsers_send_is_read(tmp_path, kind, body, fields, files):
    assert seen(read(tmp_path, [body], kind)) == (fields, files)


FIELDS = {"text": "ä\r\nb", "many": ["1", "2"]}
FILES = [
    ("one", ("grüße.txt", b"hello\r\n--no-boundary", "text/plain")),
    ("one", ("two.bin", bytes(range(256)) * 20, "application/x-two")),
]


def test_what_httpx_sends_is_read(tmp_path):
    request = httpx.Request("POST", "http://a/", data=FIELDS, files=FILES)
    check_client(tmp_path, request.read(), request.headers["content-type"])


def test_what_requests_sends_is_read(tmp_path):
    request = requests.Request("POST", "http://a/", data=FIELDS, files=FILES).prepare()
    check_client(tmp_path, request.body, request.headers["content-type"])


def test_what_urllib3_sends_is_read(tmp_path):
    pairs = [("text", "ä\r\nb"), ("many", "1"), ("many", "2"), *FILES]
    check_client(tmp_path, *encode_multipart_formdata(pairs))


def check_client(tmp_path, body, content_type):
    fields, files = seen(read(tmp_path, [body], content_type))
    assert fields == [("text", "ä\r\nb"), ("many", "1"), ("many", "2")]
    assert files == [(field, name, kind, content) for field, (name, content, kind) in FILES]


def disposition(rest):
    return f"Content-Disposition: form-data; {rest}"


NAMES = [
    ('name="f"; filename="a.txt"', "f", "a.txt"),
    ("name=f; filename=a.txt", "f", "a.txt"),
    ("name=f;filename=a.txt;", "f", "a.txt"),
    ('NAME="f"; FileName="a.txt"', "f", "a.txt"),
    ('filename="a.txt"; name="f"', "f", "a.txt"),
    ('name="f"; filename="a;b=c, d.txt"', "f", "a;b=c, d.txt"),
    ('name="f"; filename="a\\"b.txt"', "f", 'a"b.txt'),
    ('name="f"; filename="a%22b%0d%0A.txt"', "f", 'a"b.txt'),
    ('name="f"; filename="100%25.txt"', "f", "100%25.txt"),
    ('name="a%22%0D%0Ab"; filename="x"', 'a"\r\nb', "x"),
    ('name="f"; filename="C:\\photos\\a.png"', "f", "a.png"),
    ('name="f"; filename="C:\\\\fakepath\\\\a.png"', "f", "a.png"),
    ('name="f"; filename="../../etc/passwd"', "f", "passwd"),
    ('name="f"; filename="/"', "f", ""),
    ('name="f"; filename=".."', "f", ""),
    ('name="f"; filename="a\x00b\x7f.txt"', "f", "ab.txt"),
    ('name="f"; filename="日本 😀.txt"', "f", "日本 😀.txt"),
    ("name=\"f\"; filename*=UTF-8''%E6%97%A5.txt", "f", "日.txt"),
    ("name=\"f\"; filename*=utf-8'de'..%2Fa.txt", "f", "a.txt"),
    ('name="f"; filename="plain.txt"; filename*=UTF-8\'\'other.txt', "f", "plain.txt"),
    ("name*=UTF-8''%C3%BC; filename=a", "ü", "a"),
    ('name=""; filename="a"', "", "a"),
    ('name="f"; name="g"; filename="a"', "f", "a"),
    ('name="files[]"; filename="a"', "files[]", "a"),
    ('name="f"; filename="' + "a" * 300 + '.txt"', "f", "a" * 251 + ".txt"),
]


@pytest.mark.parametrize(("header", "field", "filename"), NAMES)
def test_names_are_read_as_their_writers_meant_them(tmp_path, header, field, filename):
    _, [(found, name, _, content)] = seen(read(tmp_path, [form((disposition(header), "x"))]))
    assert (found, name, content) == (field, filename, b"x")


TYPES = [
    (None, "text/plain"),
    ("image/png", "image/png"),
    ("text/html; charset=utf-8", "text/html; charset=utf-8"),
    ("nonsense", "application/octet-stream"),
    ("text/html\x00", "application/octet-stream"),
    ("text/ü", "application/octet-stream"),
    ("a/" + "b" * 300, "application/octet-stream"),
    ("image/png;,text/html", "image/png"),
    ("image/png ; x=y, text/html", "image/png"),
    ('image/png; x=",text/html', "image/png"),
    ("image/png,text/html", "application/octet-stream"),
    ("video/webm;codecs=vp8,opus", "video/webm"),
    ('video/mp4; codecs="avc1, mp4a"', 'video/mp4; codecs="avc1, mp4a"'),
    ("text/plain; x=" + "y" * 600, "text/plain"),
]


@pytest.mark.parametrize(("sent", "expected"), TYPES)
def test_a_content_type_is_one_or_none(tmp_path, sent, expected):
    found = read(tmp_path, [form(part("f", "x", "a", sent))])
    assert found.uploads[0].content_type == expected


WELL_FORMED = [
    ("no parts", form(), [], []),
    ("an empty field", form(part("a", "")), [("a", "")], []),
    ("an empty file with a name", form(part("a", "", "e.txt")), [], [("a", "e.txt", "text/plain", b"")]),
    ("no file was chosen", form(part("a", "", "", "application/octet-stream")), [], []),
    ("a file without a name", form(part("a", "x", "", "a/b")), [], [("a", "", "a/b", b"x")]),
    ("no line end at the end", form(part("a", "1"))[:-2], [("a", "1")], []),
    ("an LF at the end", form(part("a", "1"))[:-2] + b"\n", [("a", "1")], []),
    ("an epilogue", form(part("a", "1")) + b"bye\r\n--bye", [("a", "1")], []),
    ("a preamble", b"This is MIME.\r\n" + form(part("a", "1")), [("a", "1")], []),
    ("an empty line before", b"\r\n" + form(part("a", "1")), [("a", "1")], []),
    ("spaces after boundaries", form(part("a", "1"), part("b", "2")).replace(
        b"1\r\n--b0undary", b"1\r\n--b0undary \t"), [("a", "1"), ("b", "2")], []),
    ("a boundary inside a line", form(part("a", f"x--{BOUNDARY}--")), [("a", f"x--{BOUNDARY}--")], []),
    ("almost a boundary", form(part("a", "\r\n--b0undar\r\n--b0undarz\r\n-\r\n\r")),
     [("a", "\r\n--b0undar\r\n--b0undarz\r\n-\r\n\r")], []),
    ("lower-case headers", form(("content-disposition: form-data; name=a", "1")), [("a", "1")], []),
    ("further headers", form((disposition("name=a"), "X-One: 1", "Content-Length: 1", "1")), [("a", "1")], []),
    ("plain transfer encoding", form((disposition("name=a"), "Content-Transfer-Encoding: 8BIT", "1")), [("a", "1")], []),
    ("the same name again", form(part("a", "1"), part("a", "2"), part("a", "x", "a.txt")),
     [("a", "1"), ("a", "2")], [("a", "a.txt", "text/plain", b"x")]),
    ("a name of the language", form(part("__proto__", "1")), [("__proto__", "1")], []),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields", "files"), [c[1:] for c in WELL_FORMED], ids=[c[0] for c in WELL_FORMED])  # fmt: skip
def test_a_form_is_read(tmp_path, body, fields, files):
    assert seen(read(tmp_path, [body])) == (fields, files)


@pytest.mark.parametrize(
    ("parameter", "boundary"),
    [
        ("boundary=abc", "abc"),
        ("BOUNDARY=abc", "abc"),
        ('boundary="abc"', "abc"),
        ('boundary="a b:c"', "a b:c"),
        ("charset=utf-8; boundary=abc; x=y", "abc"),
        ("boundary=abc ", "abc"),
        ("boundary='()+_,-./:=?", "'()+_,-./:=?"),
        (f"boundary={'x' * 70}", "x" * 70),
        ("boundary=-", "-"),
        ("boundary=----", "----"),
    ],
)
def test_a_boundary_is_read_from_the_content_type(tmp_path, parameter, boundary):
    body = form(part("a", "1"), part("b", "2", "b.txt"), boundary=boundary)
    found = seen(read(tmp_path, [body], f"multipart/form-data; {parameter}"))
    assert found == ([("a", "1")], [("b", "b.txt", "text/plain", b"2")])


GOOD = form(part("a", "1"))
MALFORMED = [
    ("multipart/form-data", GOOD, "has no boundary"),
    ("multipart/form-data; boundary=", GOOD, "1 to 70 printable"),
    ("multipart/form-data; boundary=" + "x" * 71, GOOD, "1 to 70 printable"),
    ('multipart/form-data; boundary="a\x00b"', GOOD, "1 to 70 printable"),
    ("multipart/form-data; boundary=ü", GOOD, "1 to 70 printable"),
    ('multipart/form-data; boundary="a "', GOOD, "1 to 70 printable"),
    ("multipart/form-data; boundary=other", GOOD, 'no line with the boundary "other"'),
    (TYPE, b"", "no line with the boundary"),
    (TYPE, b"a=1&b=2", "no line with the boundary"),
    (TYPE, b"\r\n" * 5000 + GOOD, "no line with the boundary"),
    (TYPE, GOOD.replace(b"\r\n", b"\n"), "malformed"),
    (TYPE, GOOD[: -len(b"--\r\n")], "ends before its last boundary"),
    (TYPE, GOOD[:-2] + b"more", "data after its last boundary"),
    (TYPE, GOOD[:-2] + b" -", "data after its last boundary"),
    (TYPE, form(("X: 1", "1")), 'no header "Content-Disposition: form-data"'),
    (TYPE, form(("1",)), 'no header "Content-Disposition: form-data"'),
    (TYPE, form(('Content-Disposition: attachment; name="a"', "1")), 'no header "Content'),
    (TYPE, form(("Content-Disposition: form-data", "1")), "part 1 has no name"),
    (TYPE, form(part("a", "1"), (disposition('filename="x"'), "1")), "part 2 has no name"),
    (TYPE, form((disposition("name=a"), disposition("name=b"), "1")), "two headers content-disp"),
    (TYPE, form((disposition("name=a"), "no colon", "1")), "header of part 1 is malformed"),
    (TYPE, form((disposition("name=a"), ": x", "1")), "header of part 1 is malformed"),
    (TYPE, form((disposition("name=a"), " folded", "1")), "header of part 1 is malformed"),
    (TYPE, form((disposition("name=a") + "\r", "1")), "header of part 1 is malformed"),
    (TYPE, form((disposition("name=a"), "Content-Transfer-Encoding: base64", "MQ==")),
     'transfer encoding "base64"'),
    (TYPE, form((disposition("name=a"), "Content-Transfer-Encoding: quoted-printable", "1")),
     'transfer encoding "quoted-printable"'),
    (TYPE, f"--{BOUNDARY}x\r\n".encode() + GOOD, "malformed"),
    (TYPE, f"--{BOUNDARY}-\r\n".encode() + GOOD, "malformed"),
    (TYPE, GOOD.replace(b"1\r\n--b0undary--", b"1\r\n--b0undary \t--"), "malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "reason"), MALFORMED)
def test_a_malformed_form_is_refused_with_the_reason(tmp_path, caplog, kind, body, reason):
    with pytest.raises(RequestError) as caught:
        read(tmp_path, [body], kind)
    error = caught.value
    assert (error.status, error.code) == (400, "invalid_multipart")
    assert reason in error.message
    assert error.hint
    assert caplog.records == []


MIXED = form(
    part("a", "one\r\n--b0undar"),
    part("photo", b"\x00\r\n--b0undar\r\n-\xff" * 3, "p.png", "image/png"),
    part("none", "", "", "application/octet-stream"),
    part("a", "two"),
)


def test_a_form_that_breaks_off_anywhere_is_refused(tmp_path):
    for length in range(len(MIXED) - 2):
        with pytest.raises(RequestError) as caught:
            read(tmp_path, [MIXED[:length]])
        assert (caught.value.status, caught.value.code) == (400, "invalid_multipart"), length


def test_a_form_is_the_same_in_pieces_of_any_size(tmp_path):
    random.seed(7)
    for body in (MIXED, b"pre\r\n" + MIXED + b"post", MIXED[:-2]):
        whole = seen(read(tmp_path, [body]))
        splits = [range(len(body)), range(0, len(body), 2), *([at] for at in range(len(body)))]
        splits += [sorted(random.sample(range(len(body)), 7)) for _ in range(50)]
        for cuts in splits:
            places = [0, *cuts, len(body)]
            pieces = [body[a:b] for a, b in pairwise(places)]
            assert seen(read(tmp_path, pieces)) == whole, cuts


def test_a_malformed_form_is_refused_in_pieces_of_any_size(tmp_path):
    for kind, body, _ in MALFORMED:
        for size in (1, 2, 3, 7, 64):
            with pytest.raises(RequestError) as caught:
                read(tmp_path, [body[i : i + size] for i in range(0, len(body), size)], kind)
            assert caught.value.status == 400, (body, size)


def test_whatever_is_broken_in_a_form_is_read_or_refused(tmp_path):
    """Bytes are changed, lost, doubled and moved: there is a form, or a RequestError."""
    random.seed(11)
    for _ in range(800):
        body = bytearray(MIXED)
        for _ in range(random.randrange(1, 4)):
            at = random.randrange(len(body))
            size = random.randrange(1, 12)
            kind = random.randrange(4)
            if kind == 0:
                body[at] = random.choice(b'\r\n-:;="\x00\xffb \t')
            elif kind == 1:
                del body[at : at + size]
            elif kind == 2:
                body[at:at] = body[at : at + size]
            else:
                body[at:at] = random.choice([b"\r\n", b"\r\n--b0undary", b"--", b"\r", b'"'])
        with contextlib.suppress(RequestError):
            read(tmp_path, [bytes(body)])


LIMITS = [
    ("form_fields", 2, [part("a", "1")] * 2, [part("a", "1")] * 3, 400, "too_many_fields"),
    ("form_files", 2, [part("a", "1", "x")] * 2, [part("a", "1", "x")] * 3, 413, "too_many_files"),
    ("form_files", 1, [part("a", "", "x")], [part("a", "", "x")] * 2, 413, "too_many_files"),
    ("form_field_limit", 5, [part("a", "1" * 5)] * 3, [part("a", "1" * 6)], 413, "field_too_large"),
    ("form_text_limit", 5, [part("a", "12"), part("b", "345")], [part("a", "123")] * 2, 413, "fields_too_large"),
    ("form_header_limit", 46, [part("a" * 9, "1")], [part("a" * 10, "1")], 413, "part_header_too_large"),
    ("form_header_limit", 100, [part("a", "1")] * 9, [part("a", "1", "x" * 300)], 413, "part_header_too_large"),
]  # fmt: skip


@pytest.mark.binds("form_fields", "form_files")
@pytest.mark.binds("form_field_limit", "form_text_limit", "form_header_limit")
@pytest.mark.parametrize(("setting", "value", "within", "over", "status", "code"), LIMITS)
def test_each_limit_of_a_form_binds(tmp_path, setting, value, within, over, status, code):
    assert read(tmp_path, [form(*within)], **{setting: value})
    for size in (1, 10_000):
        body = form(*over)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        with pytest.raises(RequestError) as caught:
            read(tmp_path, pieces, **{setting: value})
        assert (caught.value.status, caught.value.code) == (status, code)
        assert f"http.{setting}" in caught.value.hint


def test_a_file_is_no_field_and_counts_for_no_limit_of_text(tmp_path):
    body = form(part("a", "x" * 100, "a.txt"))
    assert read(tmp_path, [body], form_fields=1, form_field_limit=1, form_text_limit=1).uploads


def test_parts_that_are_nothing_are_not_endless(tmp_path):
    with pytest.raises(RequestError) as caught:
        read(tmp_path, [form(*[part("a", "", "")] * 5)], form_fields=2, form_files=2)
    assert caught.value.code == "too_many_fields"


class Pieces:
    """A body that comes in pieces, and says when it was asked for too much."""

    def __init__(self, content, size):
        self.file, self.size = io.BytesIO(content), size

    async def read(self):
        return self.file.read(self.size)

    async def close(self):
        pass


@pytest.mark.parametrize("size", [1 * KB, 64 * KB, 3 * MB])
async def test_a_large_file_goes_to_disk_with_its_hash(tmp_path, size):
    content = random.Random(3).randbytes(2 * MB + 17)
    body = form(part("before", "1"), part("big", content, "big.bin", "a/b"), part("after", "2"))
    found = await read_form(Pieces(body, size), TYPE, Incoming(tmp_path), Settings())
    fields, files = seen(found)
    assert fields == [("before", "1"), ("after", "2")]
    assert files == [("big", "big.bin", "a/b", content)]
    assert found.uploads[0].sha256 == hashlib.sha256(content).hexdigest()
