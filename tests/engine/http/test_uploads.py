"""Files the whole way: a form comes in, a handler in V8 reads and keeps, and serves what it kept."""

import asyncio
import hashlib
import json

import httpx
import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.files.store import StoredFile
from aiwe_engine.http.asgi import AppsFace
from aiwe_engine.http.kept import Wanted, kept_answer
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request
from tests.engine.files.forms import TYPE, form, part
from tests.engine.http.fake import call

PROGRAM = r"""
const kept = [];
let late;
app.post("/see", async (req) => ({
  body: req.body,
  own: Object.keys(req.body ?? {}),
  files: await Promise.all(req.files.map(async (file) => ({
    ...file, text: await file.text(), bytes: (await file.bytes()).length, again: await file.text(),
  }))),
}));
app.post("/streamed", async (req) => {
  const sizes = [];
  for await (const piece of req.files[0].stream()) sizes.push(piece.length);
  return { pieces: sizes.length, size: sizes.reduce((a, b) => a + b, 0) };
});
app.post("/echo", (req) => Response.stream(req.files[0].stream(), { headers: { "content-type": "x/y" } }));
app.post("/save", async (req) => {
  const file = await req.files[0].save();
  return { ...file, read: await file.text(), upload: await req.files[0].text() };
});
app.post("/forgotten", (req) => { req.files[0].save().then((file) => kept.push(file.id)); return "ok"; });
app.get("/forgotten", () => kept);
app.post("/form", async (req) => {
  const out = [];
  for (const [name, value] of await req.formData()) {
    out.push([name, typeof value === "string" ? value : [value instanceof File, value.name, value.type, value.size, await value.text()]]);
  }
  return out;
});
app.post("/raw/:how", async (req) => String(await req[req.params.how]()));
app.post("/late", (req) => { late = req.files[0]; return "kept"; });
app.get("/late/:how", async () => String(await late.text()));
app.post("/late/:how", async (req) => { const t = late; return String(await t[req.params.how]()); });
app.post("/log", (req) => { console.log(req.files[0]); });
app.post("/unread", (req) => Response.file(req.files[0]));
app.get("/file/:id", (req) => Response.file(req.params.id, req.query.download === undefined ? {} : { download: JSON.parse(req.query.download) }));
app.get("/typed/:id", (req) => Response.file(req.params.id, { headers: { "content-type": "text/html", "cache-control": "max-age=5", "x-mine": "1" }, download: req.query.show ? false : undefined }));
app.get("/named/:id", (req) => Response.file({ id: req.params.id }, { headers: { "content-disposition": "attachment; filename=mine" } }));
app.get("/status/:id", (req) => Response.file(req.params.id, { status: 404 }));
app.get("/text/:id", async (req) => ({ text: await Response.file(req.params.id).text() }));
app.get("/clone/:id", async (req) => { const a = Response.file(req.params.id); const b = a.clone(); return Response.json([await b.text(), await a.text()]); });
app.get("/wrong/:what", (req) => Response.file(JSON.parse(req.params.what)));
app.get("/get/:id", async (req) => { const file = await Files.get(req.params.id); return { file, text: file && await file.text() }; });
app.delete("/file/:id", async (req) => ({ gone: await Files.delete(req.params.id) }));
app.get("/many/:id", async (req) => {
  const file = await Files.get(req.params.id);
  const readers = [];
  for (let i = 0; i < 150; i++) { const r = file.stream().getReader(); readers.push(r); await r.read(); }
  return readers.length;
});
app.post("/small", (req) => req.body).describe({ bodyLimit: 300 });
app.post("/stream", async (req) => ({ size: (await req.bytes()).length, body: req.body ?? "none", files: req.files.length }))
  .describe({ body: "stream", bodyLimit: 10_000_000 });
app.post("/streamform", async (req) => [...await req.formData()].map(([name, value]) => [name, value.name ?? value])).describe({ body: "stream" });
app.post("/body", async (req) => ({
  body: req.body instanceof Uint8Array ? [...req.body] : req.body ?? "none", text: await req.text(), bytes: [...await req.bytes()],
}));
app.get("/query", (req) => req.query);
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory):
    """The face of an engine with two apps of one program, and its folder."""
    root = tmp_path_factory.mktemp("uploads")
    settings = Settings(spare_workers=0, files_limit=3_000_000)
    async with Engine(settings, env="production", root=root, data=root / "data") as engine:
        for name in ("shop", "blog"):
            (root / f"{name}.js").write_text(PROGRAM)
            await engine.load(root / f"{name}.js")
        yield AppsFace(engine), root / "data" / "files"


@pytest.fixture
def face(served):
    return served[0]


async def post(face, target, *parts, headers=(), **more):
    headers = [("content-type", TYPE), *headers]
    return await call(face, target, "POST", headers=headers, body=form(*parts), **more)


async def save(face, content, name="a.txt", kind="text/plain", **more):
    answer = await post(face, "/save", part("f", content, name, kind), **more)
    assert answer.status == 200, answer.body
    return answer.json


async def left(folder):
    """What of requests is still there, when their ends have been worked off."""
    for _ in range(200):
        found = list((folder / "incoming").iterdir())
        if not found:
            break
        await asyncio.sleep(0.01)
    return found


async def test_a_form_is_fields_and_files(served):
    face, folder = served
    answer = await post(
        face, "/see", part("title", "Grüße"), part("many", "1"), part("photo", "x\r\ny", "日 a.png", "image/png"),
        part("many", "2"), part("none", "", "", "application/octet-stream"), part("photo", "", "e.txt"),
        part("__proto__", "p"), part("photo", "mixed"),
    )  # fmt: skip
    assert answer.json == {
        "body": {"title": "Grüße", "many": ["1", "2"], "__proto__": "p", "photo": "mixed"},
        "own": ["title", "many", "__proto__", "photo"],
        "files": [
            {"field": "photo", "filename": "日 a.png", "contentType": "image/png", "size": 4,
             "text": "x\r\ny", "bytes": 4, "again": "x\r\ny"},
            {"field": "photo", "filename": "e.txt", "contentType": "text/plain", "size": 0,
             "text": "", "bytes": 0, "again": ""},
        ],
    }  # fmt: skip
    assert await left(folder) == []


async def test_a_form_without_files_is_a_form_too(face):
    answer = await post(face, "/see", part("a", "1"))
    assert answer.json == {"body": {"a": "1"}, "own": ["a"], "files": []}


CHARSETS = [
    ([(*part("a", b"\xe4")[:-1], b"\xe4")], {"a": "\ufffd"}),
    ([('Content-Disposition: form-data; name="a"', "Content-Type: text/plain; charset=iso-8859-1", b"\xe4")], {"a": "ä"}),
    ([part("_charset_", "ISO-8859-1"), part("a", b"\xe4")], {"_charset_": "ISO-8859-1", "a": "ä"}),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "body"), CHARSETS)
async def test_a_field_is_text_in_its_charset(face, parts, body):
    assert (await post(face, "/see", *parts)).json["body"] == body


async def test_an_upload_streams_in_pieces(face):
    content = b"x" * 1_000_000
    answer = await post(face, "/streamed", part("f", content, "a"))
    assert answer.json["size"] == len(content)
    assert answer.json["pieces"] > 1


async def test_an_upload_can_be_the_answer_that_streams(served):
    face, folder = served
    content = bytes(range(256)) * 4000
    answer = await post(face, "/echo", part("f", content, "a"))
    assert (answer.status, answer.body) == (200, content)
    assert await left(folder) == []


async def test_form_data_has_files_in_their_place(face):
    parts = [
        part("z", "1"),
        part("f", "eins", "e.txt", "text/plain"),
        part("a", "2"),
        part("f", b"\xff", "b", "x/y"),
    ]
    assert (await post(face, "/form", *parts)).json == [
        ["z", "1"], ["f", [True, "e.txt", "text/plain", 4, "eins"]], ["a", "2"], ["f", [True, "b", "x/y", 1, "\ufffd"]],
    ]  # fmt: skip


async def test_form_data_of_a_plain_form_keeps_its_order(face):
    answer = await call(
        face, "/form", "POST", headers=[("content-type", "application/x-www-form-urlencoded")],
        body=b"b=1&a=%C3%A4+%zz&b=%FF",
    )  # fmt: skip
    assert answer.json == [["b", "1"], ["a", "ä %zz"], ["b", "\ufffd"]]


@pytest.mark.parametrize("how", ["text", "bytes", "json", "stream"])
async def test_what_was_read_as_a_form_is_not_there_as_bytes(face, how):
    answer = await post(face, f"/raw/{how}", part("a", "1"))
    assert (answer.status, answer.error["code"]) == (500, "body_parsed")
    assert "req.formData()" in answer.error["hint"]


async def test_a_saved_file_is_described_and_served(face):
    content = "grüße".encode()
    stored = await save(face, content, "grüße.txt")
    assert stored == {
        "id": stored["id"], "filename": "grüße.txt", "contentType": "text/plain", "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "read": "grüße", "upload": "grüße",
    }  # fmt: skip
    answer = await call(face, f"/file/{stored['id']}")
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("content-type") == "text/plain"
    assert answer.header("content-disposition") == (
        "inline; filename=\"gru_e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"
    )
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "private, no-cache"
    assert answer.header("content-length") == str(len(content))
    assert (await call(face, f"/get/{stored['id']}")).json["text"] == "grüße"


@pytest.mark.parametrize("size", [1000, 300_000])
async def test_a_saved_file_answers_conditions_ranges_and_head(face, size):
    content = bytes(n % 251 for n in range(size))
    target = f"/file/{(await save(face, content, 'a.bin', 'image/png'))['id']}"
    whole = await call(face, target)
    etag = whole.header("etag")
    assert whole.body == content
    assert (await call(face, target, headers=[("if-none-match", etag)])).status == 304
    assert (await call(face, target, headers=[("if-match", '"x"')])).status == 412
    part_of = await call(face, target, headers=[("range", "bytes=10-19")])
    assert (part_of.status, part_of.body) == (206, content[10:20])
    assert part_of.header("content-range") == f"bytes 10-19/{size}"
    beyond = await call(face, target, headers=[("range", f"bytes={size}-")])
    assert (beyond.status, beyond.header("content-range")) == (416, f"bytes */{size}")
    head = await call(face, target, "HEAD")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", str(size))


SHOWN = [
    ("image/png", "inline"), ("IMAGE/JPEG", "inline"), ("audio/ogg", "inline"), ("video/mp4; codecs=x", "inline"),
    ("image/png;,text/html", "inline"), ('video/mp4; codecs="a, b"', "inline"),
    ("text/plain; charset=utf-8", "inline"), ("application/pdf", "inline"),
    ("text/html", "attachment"), ("image/svg+xml", "attachment"), ("application/xhtml+xml", "attachment"),
    ("text/xml", "attachment"), ("application/javascript", "attachment"), ("text/css", "attachment"),
    ("application/octet-stream", "attachment"), ("nonsense", "attachment"),
]  # fmt: skip


async def test_a_file_that_was_kept_under_two_types_is_not_shown(tmp_path):
    (tmp_path / "content").write_bytes(b"<script>1</script>")
    for kind in (
        "image/png;,text/html",
        'video/mp4; x="a", text/html',
        'image/png;"\\", text/html',
    ):
        stored = StoredFile("0" * 32, "a.png", kind, 18, "0" * 64, 0.0, tmp_path / "content")
        for download, shown in ((None, "attachment"), (False, "inline")):
            wanted = Wanted(200, [], stored.id, None, download)
            headers = dict(kept_answer(Request("GET", "/"), wanted, stored).headers)
            assert headers["content-disposition"].startswith(shown)
            assert ("sandbox" in headers.get("content-security-policy", "")) is (shown == "inline")


@pytest.mark.parametrize(("kind", "disposition"), SHOWN)
async def test_only_what_cannot_run_is_shown(face, kind, disposition):
    target = f"/file/{(await save(face, '<script>1</script>', 'a.x', kind))['id']}"
    answer = await call(face, target)
    assert answer.header("content-disposition") == f'{disposition}; filename="a.x"'
    shown = await call(face, f"{target}?download=false")
    assert shown.header("content-disposition") == 'inline; filename="a.x"'
    assert (disposition == "attachment") == (
        "sandbox" in (shown.header("content-security-policy") or "")
    )
    for download, name in (("true", "a.x"), ('"b.y"', "b.y")):
        answer = await call(face, f"{target}?download={download}")
        assert answer.header("content-disposition") == f'attachment; filename="{name}"'


async def test_the_programs_own_headers_come_first_and_open_no_gap(face):
    stored = (await save(face, "x", "a.png", "image/png"))["id"]
    answer = await call(face, f"/typed/{stored}")
    assert (answer.header("content-type"), answer.header("x-mine")) == ("text/html", "1")
    assert answer.header("cache-control") == "max-age=5"
    assert answer.header("content-disposition") == 'attachment; filename="a.png"'
    answer = await call(face, f"/typed/{stored}?show=1")
    assert answer.header("content-disposition") == 'inline; filename="a.png"'
    assert "sandbox" in answer.header("content-security-policy")
    answer = await call(face, f"/named/{stored}")
    assert answer.header("content-disposition") == "attachment; filename=mine"
    assert (await call(face, f"/status/{stored}")).status == 404


async def test_a_file_answer_can_be_read_by_the_program_itself(face):
    stored = (await save(face, "hello"))["id"]
    assert (await call(face, f"/text/{stored}")).json == {"text": "hello"}
    assert (await call(face, f"/clone/{stored}")).json == ["hello", "hello"]


async def test_no_other_app_has_the_file(face):
    mine = (await save(face, "mine"))["id"]
    for target in (f"/file/{mine}", f"/text/{mine}"):
        answer = await call(face, target, host="blog.localhost:8890")
        assert (answer.status, answer.error["code"]) == (404, "file_not_found")
        assert b"mine" not in answer.body
    there = await call(face, f"/get/{mine}", host="blog.localhost:8890")
    assert there.json == {"file": None, "text": None}
    gone = await call(face, f"/file/{mine}", "DELETE", host="blog.localhost:8890")
    assert gone.json == {"gone": False}
    assert (await call(face, f"/file/{mine}")).body == b"mine"


async def test_a_deleted_file_is_not_found(face):
    stored = (await save(face, "x"))["id"]
    assert (await call(face, f"/file/{stored}", "DELETE")).json == {"gone": True}
    assert (await call(face, f"/file/{stored}", "DELETE")).json == {"gone": False}
    for target in (f"/file/{stored}", f"/file/{'0' * 32}"):
        answer = await call(face, target)
        assert (answer.status, answer.error["code"]) == (404, "file_not_found")


@pytest.mark.parametrize("what", ["null", "7", '""', "{}", "[]", '{"id": 7}', "true"])
async def test_what_is_no_file_is_refused(face, what):
    answer = await call(face, f"/wrong/{what.replace('/', '%2F').replace(' ', '%20')}")
    assert (answer.status, answer.error["code"]) == (500, "invalid_argument")


async def test_an_upload_is_shown_by_its_name(served):
    face = served[0]
    await post(face, "/log", part("f", "x", "n.png", "image/png"))
    [*_, (_, line)] = face._serving.logs("shop")
    assert line.text.startswith("UploadedFile {")
    assert "filename: 'n.png'" in line.text


async def test_an_upload_is_saved_before_it_is_served(face):
    answer = await post(face, "/unread", part("f", "x", "a"))
    assert (answer.status, answer.error["code"]) == (500, "not_saved")


async def test_a_save_that_nobody_awaits_is_done_before_the_answer(face):
    assert (await post(face, "/forgotten", part("f", "remember", "a"))).body == b"ok"
    [stored] = (await call(face, "/forgotten")).json
    assert (await call(face, f"/file/{stored}")).body == b"remember"


@pytest.mark.parametrize("how", ["text", "bytes", "save"])
async def test_an_upload_is_gone_when_its_request_has_ended(face, how):
    await post(face, "/late", part("f", "x", "a"))
    answer = await call(face, f"/late/{how}", "POST")
    assert (answer.status, answer.error["code"]) == (410, "upload_gone")
    other = await post(face, f"/late/{how}", part("f", "another's", "b"))
    assert (other.status, other.error["code"]) == (410, "upload_gone")


async def test_files_that_are_read_at_a_time_are_bounded(face):
    stored = (await save(face, b"x" * 600_000))["id"]
    answer = await call(face, f"/many/{stored}")
    assert (answer.status, answer.error["code"]) == (500, "too_many_open_files")


@pytest.mark.binds("files_limit")
async def test_an_app_keeps_no_more_than_its_limit(served):
    face, folder = served
    there = {"host": "blog.localhost:8890"}
    for _ in range(2):
        await save(face, b"x" * 1_400_000, "x", "a/b", **there)
    answer = await post(face, "/save", part("f", b"x" * 1_400_000, "x"), **there)
    assert (answer.status, answer.error["code"]) == (507, "storage_full")
    assert "files.limit" in answer.error["hint"]
    assert await left(folder) == []


async def test_a_malformed_form_gets_the_reason_and_leaves_nothing(served):
    face, folder = served
    body = form(part("f", "x" * 1000, "a"))
    for length in range(1, len(body) - 2, 37):
        answer = await call(
            face, "/see", "POST", headers=[("content-type", TYPE)], body=body[:length]
        )
        assert (answer.status, answer.error["code"]) == (400, "invalid_multipart")
    assert await left(folder) == []


async def test_a_route_has_a_limit_of_its_own(face):
    assert (await post(face, "/small", part("a", "1"))).json == {"a": "1"}
    answer = await post(face, "/small", part("a", "1" * 300))
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")


async def test_a_route_may_have_the_form_as_it_comes(face):
    body = form(part("a", "1"), part("f", "x" * 5000, "n.txt"))
    answer = await call(face, "/stream", "POST", headers=[("content-type", TYPE)], body=body)
    assert answer.json == {"size": len(body), "body": "none", "files": 0}
    answer = await call(face, "/streamform", "POST", headers=[("content-type", TYPE)], body=body)
    assert answer.json == [["a", "1"], ["f", "n.txt"]]


async def test_a_client_that_leaves_amid_its_upload_leaves_nothing(served):
    face, folder = served
    body = form(part("f", b"x" * 500_000, "a"))
    headers = [("content-type", TYPE), ("content-length", str(len(body)))]
    answer = await call(face, "/see", "POST", headers=headers, pieces=[body[:400_000], None])
    assert answer is None
    assert await left(folder) == []


async def test_httpx_uploads_and_gets_back_the_same(face):
    content = bytes(range(256)) * 100
    made = httpx.Request(
        "POST", "http://x/", data={"a": ["1", "2"]}, files={"f": ("ü.bin", content, "x/y")}
    )
    answer = await call(
        face,
        "/save",
        "POST",
        headers=[("content-type", made.headers["content-type"])],
        body=made.read(),
    )
    assert answer.json["filename"] == "ü.bin"
    assert (await call(face, f"/file/{answer.json['id']}")).body == content


FORM = "application/x-www-form-urlencoded"
BODIES = [
    (FORM, b"a=1&a=2&b", {"a": ["1", "2"], "b": ""}),
    (FORM, b"a=%FF&b=%zz&c=%&d=%4&e=a+b%2B", {"a": "\ufffd", "b": "%zz", "c": "%", "d": "%4", "e": "a b+"}),
    (FORM, b"a=\xe4", {"a": "\ufffd"}),
    (FORM, b"a=\xc3%A4", {"a": "ä"}),
    (FORM, b"&&a=1&&=2&", {"a": "1", "": "2"}),
    (FORM, b"a=b=c", {"a": "b=c"}),
    (FORM, b"__proto__=1", {"__proto__": "1"}),
    (f"{FORM}; charset=iso-8859-1", b"a=%E4\xe4", {"a": "ää"}),
    ("application/json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ("application/json; charset=utf-16", '{"a": "ä"}'.encode("utf-16"), {"a": "ä"}),
    ("text/plain", b"\xef\xbb\xbfa", "\ufeffa"),
    ("text/plain", b"\xff", "\ufffd"),
    ("text/plain; charset=utf-16le", "ä".encode("utf-16le"), "ä"),
    ("application/octet-stream", b"\x00\xff", [0, 255]),
    ("application/json", b"", "none"),
    (TYPE, b"", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "body"), BODIES)
async def test_a_body_is_read_as_browsers_do_and_its_bytes_are_kept(face, kind, sent, body):
    answer = await call(face, "/body", "POST", headers=[("content-type", kind)], body=sent)
    assert answer.json["body"] == body
    assert bytes(answer.json["bytes"]) == sent
    if isinstance(body, str) and sent:
        assert answer.json["text"] == body.removeprefix("\ufeff")  # as the standard has text()


async def test_a_query_is_read_as_browsers_do(face):
    answer = await call(face, "/query?a=%FF&b=%zz&c=%C3%A4%FF+%&a=2&__proto__=1")
    assert json.loads(answer.body) == {
        "a": ["\ufffd", "2"],
        "b": "%zz",
        "c": "ä\ufffd %",
        "__proto__": "1",
    }


@pytest.mark.binds("form_fields")
async def test_a_plain_form_has_no_more_fields_than_a_form_may(face):
    headers = [("content-type", FORM)]
    assert (await call(face, "/body", "POST", headers=headers, body=b"a&" * 1000)).status == 200
    answer = await call(face, "/body", "POST", headers=headers, body=b"a&" * 1001)
    assert (answer.status, answer.error["code"]) == (400, "too_many_fields")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_compressed_body_is_read_like_any_other(face, coding):
    from aiwe_engine.http.compression import compress

    headers = [("content-encoding", coding)]
    packed = compress(coding, b'{"a": 1}')
    answer = await call(
        face, "/body", "POST", headers=[("content-type", "application/json"), *headers], body=packed
    )
    assert (answer.json["body"], answer.json["text"]) == ({"a": 1}, '{"a": 1}')
    packed = compress(coding, form(part("f", "x" * 100_000, "a.txt")))
    answer = await call(
        face, "/streamed", "POST", headers=[("content-type", TYPE), *headers], body=packed
    )
    assert answer.json["size"] == 100_000
    bomb = compress(coding, b"\0" * 11_000_000)
    assert len(bomb) < 20_000
    answer = await call(face, "/body", "POST", headers=headers, body=bomb)
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")
    answer = await call(face, "/body", "POST", headers=headers, body=bomb[:-9])
    assert answer.status in {400, 413}


async def test_an_unknown_encoding_is_refused_with_those_that_are_read(face):
    answer = await call(face, "/body", "POST", headers=[("content-encoding", "lzma")], body=b"x")
    assert (answer.status, answer.error["code"]) == (415, "unsupported_encoding")
    assert answer.header("accept-encoding") == "gzip, deflate, br, zstd"
