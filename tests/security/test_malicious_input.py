"""UC-601 over the wire: what a stranger sends to a careless program hurts nobody else, and runs nowhere.

Tables of: name of the attack → request → what is answered. What must not happen is the same for all: no canary
of another app comes back, nothing of the engine's insides, and the bank goes on as it was (`scene`).
"""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from aiwe_engine.errors import ProgramError
from tests.engine.outbound.servers import answer as answering
from tests.engine.outbound.servers import serving
from tests.security.scene import CANARY, LEAKS, Reply, Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = (Path(__file__).parent / "careless_shop.js").read_text(encoding="utf-8")
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The shop, in production."""
    root = tmp_path_factory.mktemp("input")
    (root / "secret.txt").write_text(f"{CANARY} in a file beside the apps")
    limits = {"body_limit": 200_000, "fetch_timeout": 3.0, "cpu_limit": 2.0, "deadline": 10.0}
    async with scene(root, limits) as one:
        await one.serve("shop", SHOP)
        yield one


def clean(answer: Reply) -> Reply:
    """The same answer, which tells nothing that it must not."""
    assert LEAKS.search(answer.raw) is None, answer.raw[:2000]
    return answer


# ── prototype pollution ──

POLLUTION: list[tuple[str, str, Any, dict[str, str]]] = [
    ("JSON", "/echo", b'{"__proto__": {"polluted": 1, "isAdmin": true}}', JSON),
    ("JSON, deep", "/echo", b'{"a": [{"__proto__": {"polluted": 1}}], "constructor": {"prototype": {"polluted": 1}}}', JSON),
    ("JSON, escaped", "/echo", b'{"\\u005f_proto__": {"polluted": 1}}', JSON),
    ("JSON, as a merge", "/merge", b'{"constructor": {"name": "x"}, "toString": 1}', JSON),
    ("query", "/echo?__proto__=1&__proto__[polluted]=1&constructor[prototype][polluted]=1&__proto__.polluted=1", b"", {}),
    ("query, repeated", "/echo?__proto__=a&__proto__=b&constructor=a&constructor=b&hasOwnProperty=x", b"", {}),
    ("form", "/echo", b"__proto__=1&__proto__[polluted]=1&__proto__=2&constructor.prototype.polluted=1", FORM),
    ("multipart", "/echo", b'--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n{"polluted":1}\r\n--x\r\nContent-Disposition: form-data; name="__proto__[polluted]"\r\n\r\n1\r\n--x--\r\n',
     {"content-type": "multipart/form-data; boundary=x"}),
    ("cookies", "/echo", b"", {"cookie": "__proto__=1; constructor=2; __proto__=3"}),
    ("headers", "/echo", b"", {"__proto__": "x", "constructor": "y"}),
    ("a document", "/data/create", b'["things", {"id": "p", "__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}]', JSON),
    ("a document read", "/data/get", b'["things", "p"]', JSON),
    ("a change", "/data/modify", b'["things", "p", {"$set": {"__proto__.polluted": 1, "constructor.prototype.polluted": 1}}]', JSON),
    ("an update", "/data/update", b'["things", "p", {"__proto__": {"polluted": 1}}]', JSON),
    ("fields", "/data/query", b'["things", {"__proto__.polluted": 1}, {"fields": ["__proto__", "__proto__.polluted", "constructor.prototype"], "sort": "__proto__"}]', JSON),
    ("options", "/data/query", b'["things", {}, {"__proto__": {"limit": 1}}]', JSON),
    ("a profile", "/register", b'{"username": "proto", "password": "correct horse battery", "__proto__": {"roles": ["admin"], "isAdmin": true}, "constructor": {"prototype": {"isAdmin": true}}}', JSON),
    ("claims", "/token", b'{"username": "proto", "password": "correct horse battery", "options": {"__proto__": {"claims": {"roles": ["admin"]}}}}', JSON),
    ("params", "/items/__proto__", None, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "target", "body", "headers"), POLLUTION, ids=[one[0] for one in POLLUTION]
)
async def test_no_key_reaches_a_prototype(
    place: Scene, name: str, target: str, body: Any, headers: dict[str, str]
) -> None:
    method = "GET" if body is None else "POST"
    answer = clean(await place.ask(method, target, body, headers=headers))
    assert answer.status < 500, (name, answer.body)
    after = (await place.ask("GET", "/clean")).json
    assert after == {
        "polluted": None, "admin": None, "list": None, "text": None, "own": True, "prototype": []
    }  # fmt: skip


async def test_what_pollutes_a_program_s_own_objects_stays_in_that_app(place: Scene) -> None:
    """A merge by hand of a key that JSON.parse makes an own one is the program's mistake."""
    clumsy = SHOP + "\n// the program that the next request harms"
    await place.serve("clumsy", clumsy)
    body = b'{"__proto__": {"polluted": "yes"}}'
    await place.ask("POST", "/merge", body, app="clumsy", headers=JSON)
    assert (await place.ask("GET", "/clean")).json["polluted"] is None
    await place.unharmed()


# ── markup ──

MARKUP = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "' onmouseover='alert(1)", '" autofocus onfocus="alert(1)', "</title><script>alert(1)</script>",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "</script><script>alert(1)</script>", "<!--<script>",
    "\\u003cscript>", "\u2028alert(1)", "{{7*7}}", "${7*7}", "<%= 7*7 %>", "`${alert(1)}`", "&lt;script&gt;", "<a href=//evil.example>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
]  # fmt: skip
_LIVE = re.compile(r"<(script>alert|img|svg|a href=//|base)|\son\w+\s*=\s*.alert")
_TAG = re.compile(r"<p id=\"([^\"<>]*)\" title='([^'<>]*)'>([^<>]*)</p><a href=\"([^\"<>]*)\">")


@pytest.mark.parametrize("text", MARKUP)
async def test_what_is_put_into_a_page_is_text_there(place: Scene, text: str) -> None:
    answer = clean(await place.ask("GET", f"/page?v={quote(text)}"))
    page = answer.body.decode()
    assert answer.status == 200
    assert _TAG.search(page), page
    assert page.count("<script>") == page.count("</script>") == 1, page
    assert not re.search(r'href="\s*(javascript|data|vbscript)', page, re.IGNORECASE), page
    assert "default-src 'self'" in str(answer.one("content-security-policy"))


REFLECTING = [
    "/thrown?v=", "/refused?v=", "/text?v=", "/nothing-here/", "/items/a%zz?v=", "/assets/", "/file/", "/asset?v=", "/read?v=", "/auth/login?error=", "/auth/callback/", "/auth/login/", "/moved?v=http://[",
    "/data/", "/docs/", "/openapi.json?v=", "/health?v=", "/.well-known/",
]  # fmt: skip


@pytest.mark.parametrize("path", REFLECTING)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_no_error_shows_markup_that_was_sent(place: Scene, path: str, accept: str) -> None:
    for text in MARKUP[:6]:
        answer = clean(await place.ask("GET", path + quote(text), headers={"accept": accept}))
        kind = answer.one("content-type") or ""
        assert answer.one("x-content-type-options") == "nosniff"
        if "html" in kind or "svg" in kind or not kind:
            assert text.encode() not in answer.body, answer.body
            assert _LIVE.search(answer.body.decode()) is None
        assert answer.status < 400 or answer.body[:1] == b"{" or path.startswith("/auth/")


async def test_in_dev_the_pages_of_errors_show_no_markup_either(tmp_path: Path) -> None:
    async with scene(tmp_path, {}, env="dev") as one:
        await one.serve("shop", SHOP)
        await one.serve("bank2", "app.get('/', () => 1);")
        shown = 0
        for path in REFLECTING[:9]:
            for text in MARKUP[:3]:
                target = path + quote(text)
                answer = clean_in_dev(await one.ask("GET", target, headers={"accept": "text/html"}))
                if (answer.one("content-type") or "").startswith("text/html"):
                    shown += 1
                    assert text.encode() not in answer.body, (target, answer.body)
                    assert "script-src" in (
                        policy := str(answer.one("content-security-policy"))
                    ) or (policy.startswith("default-src 'none'"))
        assert shown > 10
        host = {"host": f"127.0.0.1:{one.port}", "accept": "text/html"}
        listed = await one.ask("GET", "/?<script>alert(1)</script>", headers=host)
        assert b"<script>alert" not in listed.body
        docs = await one.ask(
            "GET", "/docs?<script>alert(1)</script>", headers={"accept": "text/html"}
        )
        assert b"<script>alert" not in docs.body


def clean_in_dev(answer: Reply) -> Reply:
    """In dev an author is shown places in their program; never another app's data."""
    assert CANARY.encode() not in answer.body
    return answer


# name of the file, its type as the sender has it, what it holds
UPLOADS = [
    ("page.html", "text/html", b"<script>alert(1)</script>"),
    ("picture.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    ("lies.png", "image/png", b"<script>alert(1)</script>"),
    ("page.xhtml", "application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
    ("feed.xml", "text/xml", b"<?xml-stylesheet href='x'?><x/>"),
    ("script.js", "text/javascript", b"alert(1)"),
    ("x.pdf", "application/pdf", b"%PDF-1.4 /JavaScript"),
    ("odd", "text/html;charset=utf-7", b"+ADw-script+AD4-"),
    ("odd2", 'image/png"; x=", text/html', b"<script>alert(1)</script>"),
    ("odd3", "", b"<script>alert(1)</script>"),
    ('"; filename="x.html', "text/plain", b"x"),
    ("a\\..\\..\\x.html", "text/plain", b"x"),
    ("../../../secret.txt", "text/plain", b"x"),
]  # fmt: skip


_DISPOSITION = re.compile(
    r"""(inline|attachment); filename="[^"\\]*"(; filename\*=UTF-8''[^;"' ]+)?"""
)


@pytest.mark.parametrize(("name", "kind", "content"), UPLOADS, ids=[one[0] for one in UPLOADS])
async def test_what_is_uploaded_does_not_run_in_the_app_s_origin(
    place: Scene, name: str, kind: str, content: bytes
) -> None:
    escaped = name.replace('"', "%22")
    head = f'--x\r\nContent-Disposition: form-data; name="f"; filename="{escaped}"\r\n'
    head += f"Content-Type: {kind}\r\n" if kind else ""
    body = head.encode() + b"\r\n" + content + b"\r\n--x--\r\n"
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    sent = clean(await place.ask("POST", "/upload", body, headers=multipart))
    if sent.status != 200:
        assert 400 <= sent.status < 500, sent.body
        return
    (saved,) = sent.json["files"]
    got = clean(await place.ask("GET", f"/file/{saved['id']}"))
    assert (got.status, got.body) == (200, content)
    assert got.one("x-content-type-options") == "nosniff"
    shown = got.one("content-disposition") or ""
    assert _DISPOSITION.fullmatch(shown), shown
    assert ".." not in shown
    shown_safely = {
        "image/png",
        "text/plain",
        "application/pdf",
    }  # by nothing that is of the origin
    safe = (got.one("content-type") or "").split(";")[0] in shown_safely
    sandboxed = "sandbox" in (got.one("content-security-policy") or "")
    assert shown.startswith("attachment") or safe or sandboxed, got.headers


# ── headers ──

SPLITTING = [
    "a\r\nset-cookie: evil=1", "a\nset-cookie: evil=1", "a\rset-cookie: evil=1", "a\r\n\r\n<script>alert(1)</script>", "a\x00b", "a\u560d\u560aset-cookie: evil=1", "a\u2028set-cookie: evil=1", "a\x0bset-cookie: evil=1",
    "a\x85set-cookie: evil=1", "\r\n", "a\r\n b", "a; Path=/\r\nx: y", "a; Domain=localhost", "a; Domain=.localhost; Max-Age=9", "😀",
]  # fmt: skip


@pytest.mark.parametrize(
    "route", ["/header?v=", "/cookie?v=", "/moved?v=", "/moved?v=/x", "/file-as?v="]
)
@pytest.mark.parametrize("text", SPLITTING)
async def test_no_value_ends_a_line_of_the_header(place: Scene, route: str, text: str) -> None:
    target = route + quote(text)
    if route.startswith("/file-as"):
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
        multipart = {"content-type": "multipart/form-data; boundary=x"}
        sent = await place.ask("POST", "/upload", body, headers=multipart)
        target = f"/file/{sent.json['files'][0]['id']}?as={quote(text)}"
    answer = clean(await place.ask("GET", target))
    assert answer.raw.count(b"HTTP/1.1 ") == 1
    assert not any(one.startswith("evil") for one in answer.all("set-cookie"))
    assert "x" not in dict(answer.headers)
    for cookie in answer.all("set-cookie"):
        assert "domain=" not in cookie.lower()
    assert b"<script>" not in answer.raw.partition(b"\r\n\r\n")[0]


# ── paths ──

STEPS = [
    "..", "%2e%2e", "..%2f..", "..%5c..", "%252e%252e", "..%252f..", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..;", "....//..", "..%00", "%uff0e%uff0e", "\\..", "..%c0%af..", ".%00.", "..%ef%bc%8f..", "%f0%80%80%ae%f0%80%80%ae",
    "~root", "~", "%7eroot", "C:", "%5c%5chost%5cshare", "file:%2f%2f%2fetc", "/", "%2f", "%2fetc%2fpasswd%00",
]  # fmt: skip
ENDS = ["secret.txt", "shop.js", "bank.js", ".aiwe/engine.json", ".aiwe/data.duckdb", "etc/passwd"]


async def test_no_path_leads_to_a_file_that_is_not_the_app_s(place: Scene) -> None:
    targets = [
        form.format(f"{step}/{step}/{end}")
        for number, step in enumerate(STEPS)
        for end in ENDS[number % 2 :: 2]
        for form in ("/assets/{0}", "/asset?v={0}", "/read?v={0}")
    ]
    targets += [f"/file/{quote(step, safe='')}%2f{end}" for step in STEPS for end in ENDS[:3]]
    answers = await asyncio.gather(*(place.ask("GET", one) for one in targets))
    wrong = [
        (target, answer.status, answer.body[:200])
        for target, answer in zip(targets, answers, strict=True)
        if not 400 <= answer.status < 500 or LEAKS.search(answer.raw)
    ]
    assert wrong == []


async def test_no_asset_is_written_outside(place: Scene) -> None:
    before = {path for path in place.folder.rglob("*") if ".aiwe" not in path.parts}
    targets = [
        f"/write?v={step}/{end}" for step in STEPS for end in ("x.txt", "../bank/statement.txt")
    ]
    for answer in await asyncio.gather(*(place.ask("GET", one) for one in targets)):
        clean(answer)
        assert answer.status < 500
    assert {path for path in place.folder.rglob("*") if ".aiwe" not in path.parts} == before
    statement = await place.ask("GET", "/assets/statement.txt", app="bank")
    assert statement.body.decode() == f"{CANARY} statement"
    await place.unharmed()


IMPORTS = [
    "../bank.js", "./../bank.js", "/etc/passwd", "file:///etc/passwd", "../../etc/passwd", "./secret.txt", "fs", "node:fs", "child_process", "https://evil.example/x.js", "data:text/javascript,export default 1",
    "./..%2fbank.js", "./\\..\\bank.js", "blob:x", "http://127.0.0.1/x.js", "./bank.js\u0000.js", "npm:x", "aiwe:engine", "internal:x", "",
]  # fmt: skip


REFUSED = {"module_outside", "module_not_found"}


async def test_a_program_imports_its_own_files_only(place: Scene) -> None:
    folder = place.folder / "importer"
    folder.mkdir()
    for what in IMPORTS:
        (folder / "main.js").write_text(f'import * as x from "{what}";app.get("/", () => 1);')
        with pytest.raises(ProgramError) as caught:
            await place.engine.load(folder)
        assert caught.value.code in REFUSED, (what, caught.value.code)
        assert CANARY not in str(caught.value)
    # What an `import()` names is looked up when it runs, and what lies outside is told before.
    served = []
    for what in IMPORTS:
        (folder / "main.js").write_text(f'app.get("/", () => import("{what}"));')
        try:
            await place.engine.load(folder)
        except ProgramError as error:
            assert error.code in REFUSED  # noqa: PT017
            continue
        served.append(what)
        answer = clean(await place.ask("GET", "/", app="importer"))
        assert answer.status == 500, (what, answer.body)
    assert len(served) < len(IMPORTS)
    (folder / "main.js").write_text('app.get("/", (req) => import(req.query.v));')
    await place.engine.load(folder)
    for what in IMPORTS:
        answer = clean(await place.ask("GET", f"/?v={quote(what)}", app="importer"))
        assert answer.status == 500, (what, answer.body)


# ── sizes ──

DEEP = 100_000


def _bomb(size: int) -> bytes:
    return gzip.compress(b"0" * size)


# name, method, target, body, headers, statuses that may be answered
OVERSIZE: list[tuple[str, str, str, Any, dict[str, str], set[int]]] = [
    ("a body", "POST", "/echo", b"x" * 300_000, {"content-type": "text/plain"}, {413}),
    ("a body that is announced", "POST", "/echo", b"x", {"content-length": "99999999999"}, {400, 413}),
    ("a URL", "GET", "/echo?" + "a" * 20_000, None, {}, {414}),
    ("a header", "GET", "/echo", None, {"x": "a" * 70_000}, {431}),
    ("headers", "GET", "/echo", None, {f"x{number}": "a" for number in range(300)}, {431}),
    ("cookies", "GET", "/echo", None, {"cookie": "a=b; " * 14_000}, {431}),
    ("JSON depth", "POST", "/echo", b"[" * 90_000 + b"]" * 90_000, JSON, {400}),
    ("JSON depth of objects", "POST", "/echo", b'{"a":' * 30_000 + b"1" + b"}" * 30_000, JSON, {400}),
    ("JSON that ends early", "POST", "/echo", b"[" * 150_000, JSON, {400}),
    ("a number", "POST", "/echo", b"1" * 100_000, JSON, {200, 400}),
    ("an exponent", "POST", "/echo", b"1e99999999", JSON, {200, 400}),
    ("form fields", "POST", "/echo", b"a=b&" * 45_000, FORM, {400, 413}),
    ("query fields", "GET", "/echo?" + "a&" * 8_000, None, {}, {200, 400, 413, 414}),
    ("parts of a form", "POST", "/echo", b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(3_000)) + b"--x--\r\n",
     {"content-type": "multipart/form-data; boundary=x"}, {400, 413}),
    ("a header of a part", "POST", "/echo", b'--x\r\nContent-Disposition: form-data; name="' + b"a" * 100_000 + b'"\r\n\r\n\r\n--x--\r\n', {"content-type": "multipart/form-data; boundary=x"}, {400, 413, 431}),
    ("a boundary", "POST", "/echo", b"--x", {"content-type": "multipart/form-data; boundary=" + "x" * 50_000}, {400}),
    ("a gzip bomb", "POST", "/echo", _bomb(100_000_000), {"content-encoding": "gzip", "content-type": "text/plain"}, {413}),
    ("a deflate bomb", "POST", "/echo", zlib.compress(b"0" * 50_000_000), {"content-encoding": "deflate", "content-type": "text/plain"}, {413}),
    ("a bomb in a bomb", "POST", "/echo", gzip.compress(_bomb(100_000_000)), {"content-encoding": "gzip, gzip", "content-type": "text/plain"}, {200, 400, 413, 415}),
    ("a path", "GET", "/" + "a/" * 8_000, None, {}, {404, 414}),
    ("an id", "POST", "/data/get", orjson.dumps(["stock", "a" * 100_000]), JSON, {400}),
    ("a filter", "POST", "/data/query", orjson.dumps(["stock", {"$or": [{"a": 1}] * 5_000}]), JSON, {400}),
    ("a deep filter", "POST", "/data/query", b'["stock",' + b'{"$not":' * 150 + b"{}" + b"}" * 150 + b"]", JSON, {400}),
    ("a sort", "POST", "/data/query", orjson.dumps(["stock", {}, {"sort": ",".join("a" * 5_000)}]), JSON, {400}),
    ("a document's depth", "POST", "/data/create", b'["deep",' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"]", JSON, {200, 400, 413}),
    ("a path of a field", "POST", "/data/query", orjson.dumps(["stock", {".".join("a" * 5_000): 1}]), JSON, {400}),
    ("a username", "POST", "/register", orjson.dumps({"username": "a" * 100_000, "password": "correct horse"}), JSON, {422}),
    ("a password", "POST", "/login", orjson.dumps({"username": "a", "password": "a" * 150_000}), JSON, {401}),
    ("a profile", "POST", "/register", orjson.dumps({"username": "big", "password": "correct horse battery", "x": "a" * 100_000}), JSON, {422}),
    ("ranges", "GET", "/assets/x", None, {"range": "bytes=" + "0-0," * 10_000}, {404, 416}),
    ("a condition", "GET", "/text?v=1", None, {"if-none-match": '"a",' * 10_000}, {200}),
    ("an Accept", "GET", "/text?v=1", None, {"accept": "*/*;q=0.1," * 5_000, "accept-encoding": "gzip;q=0.1," * 1_000}, {200, 431}),
    ("a bearer", "GET", "/me", None, {"authorization": "Bearer " + "a" * 60_000}, {200}),
    ("a JWT", "GET", "/me", None, {"authorization": "Bearer " + ".".join(["eyJhbGciOiJub25lIn0"] * 2_000)}, {200}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method", "target", "body", "headers", "statuses"),
    OVERSIZE,
    ids=[one[0] for one in OVERSIZE],
)
async def test_what_is_too_large_is_refused_and_costs_others_nothing(
    place: Scene,
    name: str,
    method: str,
    target: str,
    body: Any,
    headers: dict[str, str],
    statuses: set[int],
) -> None:
    sent = asyncio.create_task(place.ask(method, target, body, headers=headers))
    opened = await asyncio.wait_for(place.ask("GET", "/", app="bank"), 5)
    assert opened.status == 200
    answer = clean(await sent)
    assert answer.status in statuses, (name, answer.status, answer.body[:300])
    assert len(answer.body) < 400_000


async def test_a_fetched_bomb_is_cut_where_answers_may_be_no_larger(tmp_path: Path) -> None:
    async def bomb(_: Any, writer: Any) -> None:
        writer.write(answering(_bomb(20_000_000), "200 OK", "Content-Encoding: gzip"))

    limits = {"fetch_allow_private": ("127.0.0.1:*",), "fetch_response_limit": 1_000_000}
    async with serving({"*": bomb}) as server, scene(tmp_path, limits) as one:
        await one.serve("shop", SHOP)
        got = await one.ask("GET", "/get?v=" + quote(server.url("/"), safe=""))
        assert got.status >= 400
        assert b"0000000000" not in got.body
        await one.unharmed()


async def test_the_bank_is_open_after_all_of_it(place: Scene) -> None:
    await place.unharmed()
