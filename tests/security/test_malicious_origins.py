"""Attacks by where a request says it comes from or goes to: hosts, origins, cookies, redirects, other servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.http.listener import Listener, bind
from aiwe_engine.http.management import ManagementFace
from aiwe_engine.settings import Settings
from tests.engine.http.wire import exchange
from tests.engine.outbound.servers import answer as answering
from tests.engine.outbound.servers import serving
from tests.security.scene import CANARY, LEAKS, Scene, scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = (Path(__file__).parent / "careless_shop.js").read_text(encoding="utf-8")
ADA = {"username": "ada", "password": "correct horse battery"}
TOKEN = "the-token-of-engine.json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    limits = {
        "deadline": 10.0,
        "cpu_limit": 2.0,
        "cors_origins": ("https://example.org",),
        "cors_credentials": True,
    }
    async with scene(tmp_path_factory.mktemp("origins"), limits) as one:
        await one.serve("shop", SHOP)
        assert (await one.ask("POST", "/register", ADA)).status == 200
        yield one


# ── hosts ──

HOSTS = [
    "bank.localhost.evil.example", "evil.example", "bank.evil.example", "bank.localhost@evil.example", "evil.example#bank.localhost", "bank.localhost/", "bank.localhost, shop.localhost", "bank--staging.localhost",
    "bank.localhost:80:80", "bank.localhost:x", "[::1", "bank%2elocalhost", "bank\x00.localhost", "127.0.0.1.nip.io", "0x7f000001", "xn--bnk-hla.localhost", "b\xe4nk.localhost", "..localhost", ".localhost", "-.localhost",
    "169.254.169.254", "bank.localhost.", "",
]  # fmt: skip


async def test_no_host_makes_the_engine_answer_for_another_name(place: Scene) -> None:
    for host in HOSTS:
        answer = await place.ask("GET", "/books", headers={"host": host})
        if host == "bank.localhost.":  # the same name, written out
            continue
        assert 400 <= answer.status < 500, (host, answer.raw[:300])
        assert LEAKS.search(answer.raw) is None, host


FORWARDED = [
    {"x-forwarded-host": "bank.localhost"}, {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"}, {"x-original-url": "/books", "x-rewrite-url": "/books"}, {"forwarded": "host=bank.localhost;for=127.0.0.1"},
    {"x-http-method-override": "DELETE"}, {"x-forwarded-server": "bank"}, {"x-aiwe-app": "bank"}, {"x-forwarded-prefix": "/~bank"}, {"via": "bank"}, {"x-forwarded-user": "ada", "remote-user": "ada", "x-auth-request-user": "ada"},
]  # fmt: skip


async def test_no_header_says_who_or_what_is_meant(place: Scene) -> None:
    for headers in FORWARDED:
        answer = await place.ask("GET", "/me", headers=headers)
        assert (answer.status, answer.json) == (200, {"user": None, "roles": [], "tenant": None})
        assert LEAKS.search((await place.ask("GET", "/books", headers=headers)).raw) is None


@contextlib.asynccontextmanager
async def management(one: Scene) -> AsyncIterator[int]:
    face = ManagementFace(one.engine, Settings(), TOKEN)
    listener = Listener(face, bind("127.0.0.1", 0), Settings())
    _, port = await listener.start()
    try:
        yield port
    finally:
        await listener.close(0)


# what a page of the web can have a browser send to the management listener, with a token that it has learnt
REBOUND = [
    {"host": "evil.example"}, {"host": "bank.localhost"}, {"host": "127.0.0.1.evil.example"}, {"host": "localhost.evil.example"}, {"host": "127.0.0.1", "origin": "https://evil.example"}, {"host": "127.0.0.1", "origin": "null"},
    {"host": "127.0.0.1", "origin": "http://shop.localhost:8890"}, {"host": "127.0.0.1", "sec-fetch-site": "cross-site"}, {"host": "127.0.0.1", "sec-fetch-site": "same-site"}, {"host": "127.0.0.1", "origin": "http://127.0.0.1:1"},
    {"host": "0.0.0.0"}, {"host": "127.1"}, {"host": "2130706433"}, {"host": "127.0.0.1", "origin": "http://127.0.0.1@evil.example"}, {"host": "[::ffff:127.0.0.1]"},
]  # fmt: skip


async def test_no_page_reaches_the_management_by_any_name(place: Scene) -> None:
    async with management(place) as port:
        for headers in REBOUND:
            for path in ("/aiwe/api/status", "/aiwe/api/data/bank/accounts", "/editor/api/secrets"):
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                request = f"GET {path} HTTP/1.1\r\n{lines}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
                statuses, body = await exchange(port, request)
                assert statuses in ([403], [421]), (headers, statuses)
                assert CANARY.encode() not in body
        good = f"GET /aiwe/api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        assert (await exchange(port, good))[0] == [200]
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            body_text = '{"app":"bank","expression":"1"}'
            form = (
                f"POST /aiwe/api/live HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body_text)}\r\n\r\n{body_text}"
            )
            assert (await exchange(port, form))[0] == [415]


async def test_no_app_origin_has_the_management(place: Scene) -> None:
    for path in ("/aiwe/api/status", "/editor/api/secrets", "/aiwe/apps/bank/", "/~bank/books", "/aiwe", "/%61iwe/api/status", "//aiwe/api/status"):  # fmt: skip
        answer = await place.ask("GET", path, headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status in {400, 404}, (path, answer.status)
        assert LEAKS.search(answer.raw) is None


# ── origins ──

ORIGINS = [
    "null", "https://example.org.evil", "https://evil-example.org", "https://evil.example", "http://example.org", "https://example.org:8443", "https://sub.example.org", "https://example.org@evil.example", "https://EXAMPLE.org.evil",
    "https://example.org%00.evil.example", "https://example.org`.evil.example", "https://example.org\u2024evil", "file://", "https://example.orgx", "xhttps://example.org", "https://example.org, https://evil.example", "*",
]  # fmt: skip


async def test_no_origin_but_the_named_one_reads_an_answer(place: Scene) -> None:
    for origin in ORIGINS:
        sent = {"origin": origin.encode().decode("latin-1"), "cookie": "a=b"}
        for method, more in (("GET", {}), ("OPTIONS", {"access-control-request-method": "POST"})):
            answer = await place.ask(method, "/me", headers={**sent, **more})
            assert answer.one("access-control-allow-origin") is None, (origin, answer.headers)
            assert answer.one("access-control-allow-credentials") is None
    named = await place.ask("GET", "/me", headers={"origin": "https://example.org"})
    assert named.one("access-control-allow-origin") == "https://example.org"
    assert "origin" in (named.one("vary") or "").lower()


async def test_no_foreign_page_acts_for_who_is_signed_in(place: Scene) -> None:
    signed = await place.ask("POST", "/login", ADA)
    cookie = "; ".join(one.partition(";")[0] for one in signed.all("set-cookie"))
    for headers in (
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}, {"origin": "http://bank.localhost"}, {"origin": f"http://shop.localhost.evil:{place.port}"},
        {"origin": f"http://bank.localhost:{place.port}"},
    ):  # fmt: skip
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
            sent = {"cookie": cookie, "content-type": kind, **headers}
            answer = await place.ask("POST", "/notes", b"{}", headers=sent)
            assert (answer.status, answer.code) == (403, "csrf_refused"), (headers, answer.status)
            login = await place.ask("POST", "/login", ADA, headers=headers)
            assert login.code == "csrf_refused"


# ── cookies and sessions ──


async def test_a_session_that_a_stranger_chose_is_never_anybodys(place: Scene) -> None:
    visited = await place.ask("GET", "/visit")
    (planted,) = (one.partition(";")[0] for one in visited.all("set-cookie"))
    name = planted.partition("=")[0]
    for cookie in (
        planted,
        f"{name}=chosen",
        f"{name}={'a' * 43}",
        f"{planted}; {planted}",
        f"{name}=; {planted}",
    ):
        answer = await place.ask("POST", "/login", ADA, headers={"cookie": cookie})
        set_now = [one.partition(";")[0] for one in answer.all("set-cookie")]
        assert not {*set_now} & {planted, f"{name}=chosen", f"{name}={'a' * 43}"}, (cookie, set_now)
        after = await place.ask("GET", "/me", headers={"cookie": planted})
        assert after.json["user"] is None, cookie  # what the stranger planted signs nobody in


async def test_a_cookie_of_one_app_is_nothing_to_another(place: Scene) -> None:
    opened = await place.ask("POST", "/open", {}, app="bank")
    (bank,) = (one.partition(";")[0] for one in opened.all("set-cookie"))
    answer = await place.ask("GET", "/visit", headers={"cookie": bank})
    assert answer.json == {"seen": 0}
    signed = await place.ask("POST", "/login", ADA)
    own = [one.partition(";")[0] for one in signed.all("set-cookie")]
    tossed = "; ".join(["session=evil", "__Host-session=evil", *own, *reversed(own)])
    assert (await place.ask("GET", "/me", headers={"cookie": tossed})).json["user"] in {"ada", None}
    for one in signed.all("set-cookie"):
        assert "httponly" in one.lower()
        assert "samesite=lax" in one.lower()
        assert "domain=" not in one.lower()


# ── redirects at sign-in ──

RETURNS = ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "javascript:alert(1)", "https:evil.example", "/\t/evil.example", "///evil.example", "http:///evil.example", "@evil.example", "/..//evil.example"]  # fmt: skip


async def test_signing_in_and_out_leads_to_no_other_site(place: Scene) -> None:
    names = ("to", "next", "return", "returnTo", "redirect", "redirect_uri", "url", "continue")
    for to in RETURNS:
        for path in ("/auth/login", "/auth/logout", "/auth/callback/x", "/auth/login/x"):
            query = "&".join(f"{name}={quote(to, safe='')}" for name in names)
            answer = await place.ask("GET", f"{path}?{query}")
            assert "evil" not in (answer.one("location") or ""), (path, to)


# ── other servers ──

INSIDE = [
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://localhost:{port}/", "http://bank.localhost:{port}/books", "http://0.0.0.0:{port}/", "http://0:{port}/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://127.0.0.1.:{port}/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1/", "data:text/plain,{port}", "http://①②⑦.⓪.⓪.①:{port}/", "http://example.org@127.0.0.1:{port}/", "unix:///run/x", "dict://127.0.0.1:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "//127.0.0.1:{port}/", "blob:http://127.0.0.1:{port}/", "http:127.0.0.1:{port}/",
]  # fmt: skip


async def test_no_address_fetches_what_is_inside(place: Scene) -> None:
    for form in INSIDE:
        url = form.format(port=place.port)
        got = await place.ask("GET", f"/get?v={quote(url, safe='')}", headers={"accept": "*/*"})
        if url.startswith("data:"):
            continue
        assert got.status in {500, 502}, (url, got.body)  # blocked, or no such name
        assert LEAKS.search(got.raw) is None
        assert b"the bank is open" not in got.body


def leading_inside(port: int) -> Iterator[tuple[str, Any]]:
    """Answers of a server that may be reached, which lead to what may not."""
    for at, where in enumerate((f"http://127.0.0.1:{port}/books", f"http://[::1]:{port}/", f"http://2130706433:{port}/", "file:///etc/passwd", f"//127.0.0.1:{port}/", "http://169.254.169.254/")):  # fmt: skip

        def reply(_: Any, writer: Any, where: str = where) -> Any:
            async def answered() -> None:
                writer.write(answering(b"", "302 Found", f"Location: {where}"))

            return answered()

        yield f"/{at}", reply


async def test_no_redirect_and_no_second_answer_leads_inside(tmp_path: Path) -> None:
    async with scene(tmp_path, {"deadline": 10.0}) as one:
        async with serving(dict(leading_inside(one.port))) as server:
            allowed = Settings(spare_workers=0, fetch_allow_private=(server.place,), deadline=10.0)
            await one.engine.configure(Configuration(allowed))
            await one.serve("shop", SHOP)
            for path in [f"/{at}" for at in range(6)]:
                got = await one.ask("GET", f"/get?v={quote(server.url(path), safe='')}")
                assert got.status == 500, (path, got.body)
                assert LEAKS.search(got.raw) is None
            assert len(server.seen) == 6  # it was reached, and where it led was not
        await one.unharmed()


async def test_the_bank_is_open_after_all_of_it(place: Scene) -> None:
    await place.unharmed()
