"""Bytes that no honest client sends: nothing but a 4xx or a closed connection, never two answers.

Every entry goes over a real socket to a real engine. Whatever came of it, a request on a fresh
connection is answered, and what was smuggled was not.
"""

import asyncio
import contextlib
import re

import pytest
import pytest_asyncio

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from tests.engine.http.wire import listening

PROGRAM = r"""
app.get("/", () => "home");
app.post("/", (req) => "posted");
app.get("/smuggled", () => "SMUGGLED");
app.post("/smuggled", () => "SMUGGLED");
app.get("/files/*path", (req) => "path " + req.params.path);
app.get("/header", (req) => new Response("ok", { headers: { "x-echo": req.query.v } }));
app.get("/name", (req) => new Response("ok", { headers: { [req.query.v]: "1" } }));
app.get("/moved", (req) => Response.redirect(req.query.v));
app.get("/cookie", (req) => new Response("ok", { headers: { "set-cookie": "a=" + req.query.v } }));
"""
SECRET = "the secret of the house"
HOST = "Host: shop.localhost\r\n"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"
GOOD = f"GET / HTTP/1.1\r\n{HOST}\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LEAKS = (b"Traceback", b"site-packages", b'File "', b".py", SECRET.encode(), b"SMUGGLED")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory):
    """A real engine on a real socket, in a hurry."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "secret.txt").write_text(SECRET)
    app = root / "shop"
    (app / "assets").mkdir(parents=True)
    (app / "assets" / "style.css").write_text("p { color: red }")
    (app / "shop.js").write_text(PROGRAM)
    quick = Settings(
        header_timeout=0.6, body_timeout=0.6, idle_timeout=0.6, spare_workers=0, body_limit=100_000
    )
    async with Engine(quick, env="production", root=root, data=root / "data") as engine:
        await engine.load(app)
        async with listening(engine) as (_, number):
            yield number


async def said(port, data):
    """All that the server says to these bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data if isinstance(data, bytes) else data.encode("latin-1"))
        async with asyncio.timeout(10):
            while piece := await reader.read(65_536):
                answer += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


def statuses(answer):
    return [int(status) for status in STATUS.findall(answer)]


async def unharmed(port):
    assert statuses(await said(port, GOOD)) == [200]


def get(target, headers="", version="HTTP/1.1"):
    return f"GET {target} {version}\r\n{HOST}{headers}\r\n"


def post(headers, body="", target="/"):
    return f"POST {target} HTTP/1.1\r\n{HOST}{headers}\r\n{body}"


CHUNKED = "Transfer-Encoding: chunked\r\n"
END = "0\r\n\r\n"

TRAVERSALS = [
    "..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "..%2f", "..%5c", "..\\", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e", "..;", "..%00", "%2e%2e%2f", "....//", "..%c0%af", "..%252f", "%ff", "..%ef%bc%8f", ".%00.",
]  # fmt: skip
PATHS = [
    get(f"/assets/{step}/{step}/{end}")
    for step in TRAVERSALS
    for end in ("secret.txt", "shop.js", "data/data.duckdb")
] + [
    get(target)
    for target in (
        "/assets//etc/passwd", "/assets/%2fetc%2fpasswd", "/assets/C:%5cwindows", "/assets/\\\\host\\share", "/assets/.",
        "/assets/", "/assets/style.css/", "/assets/style.css%00.png", "/assets/./../shop.js", "/assets/%", "/assets/%zz", "/assets/%c3%28",
        "/../secret.txt", "/%2e%2e/secret.txt", "/./secret.txt", "//secret.txt", "/smuggled/..", "/smuggled/%2e%2e/x", "/~shop/../secret.txt",
        "/~../secret.txt", "/%00", "/a%00b", "/aiwe/api/status", "/assets/" + "a/" * 2000, "/assets/" + "%2e%2e%2f" * 1000,
    )
]  # fmt: skip

SMUGGLING = [
    post(f"Content-Length: 6\r\n{CHUNKED}", END + SMUGGLED),
    post(f"{CHUNKED}Content-Length: 6\r\n", END + SMUGGLED),
    post("Content-Length: 0\r\nContent-Length: 5\r\n", SMUGGLED),
    post("Content-Length: 5\r\nContent-Length: 5\r\n", "abcde" + SMUGGLED),
    *(
        post(f"Content-Length: {length}\r\n", "abc" + SMUGGLED)
        for length in (
            "-1", "+3", "3, 3", "3,4", "0x3", "3.0", "3e0", " ", "", "3 3", "\t", "\xb3", "1_0", "3;", '"3"', "3\x00", "3\x0b",
            "99999999999999999999", "18446744073709551616", "-0", "00000000000000000000000000000000000000000000000000000000000003x",
        )
    ),
    *(
        post(f"Transfer-Encoding: {coding}\r\nContent-Length: 3\r\n", END + SMUGGLED)
        for coding in ("chunked", "xchunked", "identity", "gzip", "chunked, identity")
    ),
    *(
        post(f"{line}\r\n", END + SMUGGLED)
        for line in (
            "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding:\x0bchunked",
            "Transfer-Encoding:\x00chunked", 'Transfer-Encoding: "chunked"', "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding\x00: chunked",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "Transfer-Encoding: \r\n chunked", "X: y\r\n Transfer-Encoding: chunked", "Transfer-Encoding: cow",
            "Transfer-Encoding", "Transfer-Encoding: chunked\n", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r",
            "Transfer_Encoding: chunked\r\nTransfer-Encoding: gzip", "\x00Transfer-Encoding: chunked", "Transfer-Encoding: chun\x00ked", "Trans fer-Encoding: chunked",
        )
    ),
    f"POST / HTTP/1.0\r\n{HOST}{CHUNKED}\r\n{END}{SMUGGLED}",
    post("Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n", "abc" + SMUGGLED),
    post(f"Connection: upgrade\r\nUpgrade: websocket\r\n{CHUNKED}", END + SMUGGLED),
    f"CONNECT shop.localhost:80 HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}",
]  # fmt: skip

CHUNKS = [
    post(CHUNKED, body + SMUGGLED)
    for body in (
        "zz\r\nabc\r\n", "-3\r\nabc\r\n", "+3\r\nabc\r\n", "0x3\r\nabc\r\n", "3 3\r\nabc\r\n", " 3\r\nabc\r\n", "3\nabc\n0\n\n", "3\rabc\r0\r\r",
        "3\r\nabcd\r\n", "3\r\nab\r\n", "3abc\r\n", "\r\n", ";\r\n", "ffffffffffffffff\r\nabc", "fffffffffffffffff\r\nabc", "80000000000000000\r\nabc",
        "1\x00\r\na\r\n", "3\r\nabc0\r\n\r\n", "3\r\nabc\n", "0\r\n \r\n", "0\r\nX\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\nX: y\x00\r\n\r\n",
        "3;a\rb\r\nabc\r\n", "3;a\nb\r\nabc\r\n",
    )
]  # fmt: skip

LINES = [
    "nonsense\r\n\r\n", "\x00\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-x\r\n", "GET\r\n\r\n", "GET /\r\n\r\n",
    "GET / HTTP/0.9\r\n\r\n", get("/", version="HTTP/1.2"), get("/", version="HTTP/2.0"), get("/", version="HTTP/3"), get("/", version="HTTP/1.10"),
    get("/", version="http/1.1"), get("/", version="HTTP/1.1 "), get("/", version="HTTP/01.1"), get("/", version="HTTP/1,1"), get("/", version="HTTP/-1.1"), get("/", version="XTTP/1.1"),
    "GET / HTTP/1.1\n\n", f"GET / HTTP/1.1\n{HOST}\n", f"GET / HTTP/1.1\r{HOST}\r", "get / HTTP/1.1\r\n\r\n", f"BREW / HTTP/1.1\r\n{HOST}\r\n", f"G\x00ET / HTTP/1.1\r\n{HOST}\r\n",
    f"{'A' * 5000} / HTTP/1.1\r\n{HOST}\r\n", f"TRACE / HTTP/1.1\r\n{HOST}\r\n", f"DELETE / HTTP/1.1\r\n{HOST}\r\n",
    get("*"), f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", get("shop.localhost:80"), get("http://evil.example/"), get("http://evil.example/smuggled"), get("https://shop.localhost:99999/"),
    get("ftp://evil.example/"), get("http://"), get("http:///"), get("javascript:alert(1)"), get("?x"), get("#x"), get("x"), get("\\"), get("/a b"), get("/\x00"), get("/\x7f"), get("/\xff"), get("/\t"),
    get("/\xc3\xa9"), "GET http://shop.localhost/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
]  # fmt: skip

HEADERS = [
    "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n",
    "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: shop.localhost/x\r\n\r\n", "GET / HTTP/1.1\r\nHost: shop.localhost, evil\r\n\r\n", "GET / HTTP/1.1\r\nHost: a@shop.localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : shop.localhost\r\n\r\n", "GET / HTTP/1.1\r\n Host: shop.localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: shop.localhost\r\n\tfolded\r\n\r\n", f"GET / HTTP/1.0\r\nHost: {'a' * 300}\r\n\r\n",
    get("/", "X: a\r\n b\r\n"), get("/", "X: a\x00b\r\n"), get("/", "X: a\rb\r\n"), get("/", "X: a\nb\r\n"), get("/", "X\x00: a\r\n"), get("/", "X y: a\r\n"), get("/", ": a\r\n"), get("/", "X\r\n"), get("/", "X: \x7f\r\n"),
    get("/", "X: \x01\r\n"), get("/", "\xe4: a\r\n"), get("/", "X: a\r\r\n"), get("/", '"X": a\r\n'), get("/", "X: a\r\n\x00"), get("/", f"X: {'a' * 70_000}\r\n"), get("/", "X: a\r\n" * 300), get("/", "X: a\r\n" * 12_000),
    get("/", f"{'X' * 70_000}: a\r\n"), get("/" + "a" * 17_000), get("/?" + "a" * 17_000), get("/" + "a" * 300_000), get("/" + "%41" * 6_000), get("/", "Cookie: " + "a=b; " * 20_000 + "\r\n"),
    post("Expect: 200-maybe\r\nContent-Length: 3\r\n", "abc"), post("Expect: 100-continue, x\r\nContent-Length: 3\r\n", "abc"), post("Expect: \r\nContent-Length: 200000\r\n"),
    post("Expect: 100-continue\r\nContent-Length: 200000\r\n"), post("Content-Length: 200000\r\n", "x" * 200_000), post("Content-Length: 9223372036854775807\r\n", "abc"),
    post("Content-Type: application/json\r\nContent-Length: 3\r\n", "{]x"), post("Content-Type: multipart/form-data\r\nContent-Length: 3\r\n", "abc"),
    post("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n", "--x\r\n"), post("Content-Type: text/plain; charset=klingon\r\nContent-Length: 1\r\n", "a"),
    post("Content-Encoding: cow\r\nContent-Length: 1\r\n", "a"), post("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"),
]  # fmt: skip

REFUSED = {"path": PATHS, "smuggling": SMUGGLING, "chunk": CHUNKS, "line": LINES, "header": HEADERS}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_hostile_request_gets_one_refusal_at_most(port, kind):
    """All of one kind at once, and honest requests in between."""
    table = REFUSED[kind]
    answers = await asyncio.gather(*(said(port, data) for data in table), unharmed(port))
    wrong = [
        (data[:200], answer)
        for data, answer in zip(table, answers, strict=False)
        if len(statuses(answer)) > 1
        or not all(400 <= status < 500 for status in statuses(answer))
        or any(leak in answer for leak in LEAKS)
    ]
    assert wrong == []
    await unharmed(port)


GARBAGE = [
    *LINES[:6],
    "\x00" * 100,
    "GET",
    SMUGGLED[:-2] + "X y: z\r\n\r\n",
    "\r\n\r\n\x00",
    post("Content-Length: -1\r\n"),
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_after_a_good_request_is_refused_and_the_answer_stands(port, garbage):
    answer = await said(port, GOOD + garbage)
    found = statuses(answer)
    assert found[:1] == [200]
    assert len(found) <= 2
    assert all(400 <= status < 500 for status in found[1:])
    assert [leak for leak in LEAKS if leak in answer] == []


TRICKS = [
    (GOOD * 50, 50),
    (get("/", "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n") + SMUGGLED, 1),
    (get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n") + SMUGGLED, 1),
    (get("/", "Connection: close\r\n") + SMUGGLED, 1),
    (f"GET / HTTP/1.0\r\n{HOST}\r\n" + SMUGGLED, 1),
    (post(CHUNKED, '3;x="y"\r\nabc\r\n0\r\nHost: evil\r\nX-Original-URL: /smuggled\r\n\r\n'), 1),
    (post("Content-Length: 000003\r\n", "abc"), 1),
    (post("Transfer-Encoding: CHUNKED\r\n", END), 1),
    (post(f"Content-Length: {len(SMUGGLED)}\r\n", SMUGGLED), 1),
    (get("/", "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /smuggled\r\nX-Rewrite-URL: /smuggled\r\n"), 1),
    (get("/", 'Range: bytes=0-0,-1,5-2\r\nIf-Range: x\r\nIf-None-Match: "x\r\n'), 1),
    (get("/", "Accept-Encoding: " + "gzip;q=9," * 500 + "\r\nAccept: " + "*/*," * 500 + "\r\n"), 1),
]  # fmt: skip


@pytest.mark.parametrize(("data", "count"), TRICKS)
async def test_what_is_odd_but_allowed_is_answered_once(port, data, count):
    answer = await said(port, data)
    assert statuses(answer) == [200] * count, answer
    assert b"SMUGGLED" not in answer


INJECTED = ["a%0d%0aset-cookie:%20evil=1", "a%0aset-cookie:%20evil=1", "a%0d%0a%0d%0a<script>evil</script>", "%00evil", "%E5%98%8A%E5%98%8Dset-cookie:evil=1", "a%20b", ""]  # fmt: skip


@pytest.mark.parametrize("value", INJECTED)
@pytest.mark.parametrize("route", ["header", "name", "moved", "cookie"])
async def test_a_value_that_a_program_reflects_ends_no_line(port, route, value):
    """What cannot be a header is the program's failure; it is never another header or a body."""
    answer = await said(port, get(f"/{route}?v={value}", "Connection: close\r\n"))
    assert len(statuses(answer)) == 1
    head = answer.lower().partition(b"\r\n\r\n")[0]
    assert not re.search(rb"^\s*(set-cookie: *evil|<script)", head, re.MULTILINE)
    assert [leak for leak in LEAKS if leak in answer] == []
    if statuses(answer)[0] >= 300 and route != "moved":
        assert b"handler_failed" in answer or b"invalid_header" in answer


FORM = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
WHOLE = [
    get("/", "X-A: b\r\nCookie: a=b\r\n"),
    post(f"Content-Type: application/json\r\n{CHUNKED}", "3\r\n[1,\r\n2\r\n2]\r\n0\r\nX: y\r\n\r\n"),
    post(f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(FORM)}\r\n", FORM),
]  # fmt: skip


@pytest.mark.parametrize("data", WHOLE)
async def test_a_request_that_stops_at_any_byte_is_refused_or_dropped(port, data):
    answers = await asyncio.gather(*(said(port, data[:end]) for end in range(1, len(data))))
    for end, answer in enumerate(answers, 1):
        assert len(statuses(answer)) <= 1, data[:end]
        assert all(400 <= status < 500 for status in statuses(answer)), (data[:end], answer)
        assert [leak for leak in LEAKS if leak in answer] == []
    assert statuses(await said(port, data)) == [200]
