"""Each thing that can go wrong on the way has a code, a sentence and a hint; nothing hangs or leaks."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from aiwe_engine.errors import AiweError
from tests.engine.outbound.conftest import Client, Open
from tests.engine.outbound.servers import (
    Reply,
    Seen,
    Writer,
    answer,
    serving,
    then_close,
    then_reset,
    then_silence,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def bit_by_bit(*parts: bytes) -> Reply:
    """Writes parts that arrive one by one, and leaves the connection open."""

    async def reply(seen: Seen, writer: Writer) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        await seen.reader.read()
        writer.close()

    return reply


async def test_a_port_where_nobody_listens(client: Client) -> None:
    port = free_port()
    error = await client.error(f"http://127.0.0.1:{port}/")
    assert (error.code, error.name) == ("fetch_refused", "TypeError")
    assert error.message == f"127.0.0.1:{port} refused the connection."
    assert "port" in str(error.hint)


BROKEN = {
    # what the server sends: the code that reading it to its end gives
    "nothing": (then_close(b""), "fetch_reset"),
    "reset at once": (then_reset(), "fetch_reset"),
    "half a head": (then_close(b"HTTP/1.1 200 OK\r\nX-A: "), "fetch_reset"),
    "reset in the head": (then_reset(b"HTTP/1.1 200 OK\r\nX"), "fetch_reset"),
    "too short": (then_close(HEAD + b"Content-Length: 10\r\n\r\nfive!"), "fetch_reset"),
    "reset in the body": (then_reset(HEAD + b"Content-Length: 10\r\n\r\nfive!"), "fetch_reset"),
    "half a chunk": (then_close(CHUNKED + b"a\r\nfive!"), "fetch_reset"),
    "no last chunk": (then_close(CHUNKED + b"5\r\nfive!\r\n"), "fetch_reset"),
    "no number at once": (then_close(CHUNKED + b"zz\r\nfive!\r\n0\r\n\r\n"), "fetch_invalid_answer"),
    "no number": (bit_by_bit(CHUNKED, b"5\r\nfive!\r\n", b"zz\r\n"), "fetch_invalid_answer"),
    "a chunk that does not end": (bit_by_bit(CHUNKED, b"5\r\nfive!!", b"!!\r\n"), "fetch_invalid_answer"),
    "a huge chunk": (bit_by_bit(CHUNKED, b"fffffffffffffffffff\r\nx"), "fetch_invalid_answer"),
    "garbage": (then_close(b"\x00\x01\x02 SSH-2.0-x\r\n\r\n"), "fetch_invalid_answer"),
    "a greeting": (then_close(b"220 mail.example ESMTP\r\n"), "fetch_invalid_answer"),
    "a bad length": (then_close(HEAD + b"Content-Length: x\r\n\r\n"), "fetch_invalid_answer"),
    "two lengths": (then_close(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), "fetch_invalid_answer"),
    "an endless head": (then_silence(HEAD + b"X-A: " + b"x" * 100_000), "fetch_invalid_answer"),
    "an upgrade": (then_silence(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "fetch_invalid_answer"),
    "not gzip": (answer(b"plain text", "200 OK", "Content-Encoding: gzip"), "fetch_bad_encoding"),
    "not brotli": (answer(b"\xff" * 50, "200 OK", "Content-Encoding: br"), "fetch_bad_encoding"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_answer_is_told_as_what_it_is(client: Client, what: str) -> None:
    reply, code = BROKEN[what]
    async with serving({"/": reply}) as server:
        error = await client.error(server.url())
        assert (error.code, error.name, error.status) == (code, "TypeError", 502)
        assert server.place in error.message
        assert "\r" not in error.message
        assert "\n" not in error.message
        assert error.hint
        server.routes["/"] = answer("well")
        assert await client.text(server.url()) == "well", "the next request is not spoilt by it"


async def test_interim_answers_are_passed_over(client: Client) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with serving({"/": early + answer("final")}) as server:
        assert await client.text(server.url()) == "final"


# ── time ──


@pytest.mark.binds("fetch_timeout")
@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nX", HEAD + b"Content-Length: 9\r\n\r\nbegin", CHUNKED + b"5\r\nbegin\r\n"]
)  # fmt: skip
async def test_fetch_timeout_ends_a_wait_for_what_does_not_come(
    open_client: Open, sent: bytes
) -> None:
    client = open_client(fetch_timeout=0.1)
    async with serving({"/": then_silence(sent)}) as server:
        error = await client.error(server.url())
        assert (error.code, error.name) == ("fetch_timeout", "TimeoutError")
        assert error.message == f"{server.place} did not answer within 0.1 s."
        assert "timeout" in str(error.hint)
        await asyncio.wait_for(server.gone.wait(), 5)


async def trickle(_: Seen, writer: Writer) -> None:
    writer.write(HEAD + b"Content-Length: 8\r\n\r\n")
    for _ in range(8):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_what_trickles_in_has_time_as_long_as_it_comes(open_client: Open) -> None:
    client = open_client(fetch_timeout=0.25)
    async with serving({"/": trickle}) as server:
        assert await client.text(server.url()) == "x" * 8


async def test_a_timeout_of_ones_own_is_for_all_of_it(open_client: Open) -> None:
    client = open_client(fetch_timeout=0.1)
    async with serving({"/": trickle}) as server:
        error = await client.error(server.url(), timeout=0.2)
        assert (error.code, error.name) == ("fetch_timeout", "TimeoutError")
        assert "within 0.2 s" in error.message
        assert await client.text(server.url(), timeout=5) == "x" * 8, (
            "it may be longer than fetch.timeout, too"
        )


class Slow:
    """A body that takes its time."""

    def __init__(self) -> None:
        self.left = 8

    async def read(self) -> bytes:
        await asyncio.sleep(0.05)
        self.left -= 1
        return b"x" if self.left >= 0 else b""

    async def close(self) -> None:
        self.left = 0


async def test_sending_slowly_is_no_silence(open_client: Open) -> None:
    client = open_client(fetch_timeout=0.25)
    async with serving({"/": answer("ok")}) as server:
        assert await client.text(server.url(), "POST", body=Slow()) == "ok"
        assert server.seen[0].body == b"x" * 8


# ── certificates ──


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


@pytest.fixture
def trusting(open_client: Open, authority: trustme.CA, tmp_path: Path) -> Client:
    """A client that trusts the authority of these tests."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return open_client(fetch_ca_file=str(file))


@pytest.mark.binds("fetch_ca_file")
async def test_ca_file_is_who_else_is_trusted(
    trusting: Client, client: Client, authority: trustme.CA
) -> None:
    tls = server_tls(authority.issue_cert("localhost", "127.0.0.1"))
    async with serving({"/": answer("safe")}, tls=tls) as server:
        for host in ("localhost", "127.0.0.1"):
            assert await trusting.text(server.url("/", host)) == "safe"
        error = await client.error(server.url())
        assert (error.code, error.name) == ("fetch_tls", "TypeError")
        assert "signed by an authority that is not trusted here" in error.message
        assert "fetch.ca_file" in str(error.hint)
        assert len(server.seen) == 2


async def test_a_certificate_for_another_is_not_accepted(
    trusting: Client, authority: trustme.CA
) -> None:
    async with serving(tls=server_tls(authority.issue_cert("other.example"))) as server:
        error = await trusting.error(server.url("/", "localhost"))
        assert error.code == "fetch_tls"
        assert "its certificate is for another host name" in error.message
        error = await trusting.error(server.url())
        assert "its certificate is for another address" in error.message
        assert server.seen == []


async def test_an_expired_certificate_is_not_accepted(
    trusting: Client, authority: trustme.CA
) -> None:
    old = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    async with serving(tls=server_tls(old)) as server:
        assert "its certificate has expired" in (await trusting.error(server.url())).message


async def test_a_certificate_of_its_own_making_is_not_accepted(
    trusting: Client, tmp_path: Path
) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "own.pem").write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    async with serving(tls=context) as server:
        error = await trusting.error(server.url("/", "localhost"))
        assert "its certificate is self-signed" in error.message


async def test_https_where_there_is_none(client: Client) -> None:
    async with serving({"/": answer()}) as server:
        error = await client.error(f"https://127.0.0.1:{server.port}/")
        assert error.code == "fetch_tls"
        assert "does not speak TLS" in error.message


async def test_a_file_without_certificates_is_told_so(open_client: Open, tmp_path: Path) -> None:
    for name, text in (("none.pem", None), ("empty.pem", "nothing")):
        if text is not None:
            (tmp_path / name).write_text(text)
        client = open_client(fetch_ca_file=str(tmp_path / name))
        error = await client.error("https://127.0.0.1:81/")
        assert error.code == "fetch_ca_file"
        assert name in error.message


# ── proxies ──


class Proxy:
    """A proxy that knows one password, and notes what it was asked for."""

    def __init__(self, credentials: str | None = None) -> None:
        self.asked: list[str] = []
        self.credentials = credentials
        self.tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, seen: Seen, writer: Writer) -> None:
        self.asked.append(f"{seen.method} {seen.target}")
        if self.credentials != seen.header("proxy-authorization"):
            writer.write(answer("", "407 Who are you", "Connection: close"))
            return
        if seen.method != "CONNECT":
            writer.write(answer("by proxy"))
            return
        port = int(seen.target.rpartition(":")[2])
        reader, there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        back = asyncio.create_task(_pump(reader, writer))
        await _pump(seen.reader, there)
        await back


async def _pump(reader: asyncio.StreamReader, writer: Writer) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
    writer.close()


async def public(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host in ("proxy.internal", "inside.example") else ["8.8.8.8"]


@pytest.mark.binds("fetch_proxy")
async def test_a_proxy_is_asked_for_what_it_may_be_asked_for(open_client: Open) -> None:
    proxy = Proxy("Basic dTpwQA==")
    async with serving({"*": proxy}) as server:
        address = f"http://u:p%40@proxy.internal:{server.port}"
        client = open_client(public, fetch_allow_private=(), fetch_proxy=address)
        assert await client.text("http://far.example/x?y=1") == "by proxy"
        assert await client.text("http://far.example:8080/") == "by proxy"
        assert proxy.asked == ["GET http://far.example/x?y=1", "GET http://far.example:8080/"]
        for inside in (
            "http://inside.example/",
            "http://127.0.0.1/",
            f"http://proxy.internal:{server.port}/",
            "http://169.254.169.254/",
        ):
            assert (await client.error(inside)).code == "fetch_blocked"
        assert len(proxy.asked) == 2
        assert "proxy-authorization" in server.seen[0].names


async def test_https_goes_through_a_tunnel(
    open_client: Open, authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    proxy = Proxy("Basic dTpw")
    tls = server_tls(authority.issue_cert("far.example"))
    async with (
        serving({"*": proxy}) as server,
        serving({"/": answer("end to end")}, tls=tls) as far,
    ):
        client = open_client(
            public,
            fetch_allow_private=(),
            fetch_proxy=f"http://u:p@127.0.0.1:{server.port}",
            fetch_ca_file=str(file),
        )
        assert await client.text(f"https://far.example:{far.port}/") == "end to end"
        assert proxy.asked == [f"CONNECT far.example:{far.port}"]
        assert "proxy-authorization" not in far.seen[0].names
        error = await client.error(f"https://other.example:{far.port}/")
        assert error.code == "fetch_tls"


async def test_a_proxy_that_does_not_help_is_told_apart(open_client: Open) -> None:
    async with serving({"*": Proxy("Basic x")}) as server:
        client = open_client(public, fetch_proxy=f"http://127.0.0.1:{server.port}")
        error = await client.error("https://far.example/")
        assert error.code == "fetch_proxy"
        assert "other credentials" in error.message
    client = open_client(public, fetch_proxy=f"http://127.0.0.1:{free_port()}")
    error = await client.error("http://far.example/")
    assert error.code == "fetch_proxy"
    assert "fetch.proxy" in str(error.hint)


@pytest.mark.binds("fetch_no_proxy")
@pytest.mark.parametrize(
    ("patterns", "host", "direct"),
    [
        (["*"], "localhost", True),
        (["localhost"], "localhost", True),
        (["LOCALHOST:PORT"], "localhost", True),
        (["localhost:1"], "localhost", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["10.0.0.0/8", "host"], "127.0.0.1", False),
        (["localhost"], "a.localhost", True),
        ([".localhost"], "a.localhost", True),
        (["localhost"], "notlocalhost", False),
        ([], "localhost", False),
    ],
)
async def test_no_proxy_names_what_is_reached_without_it(
    open_client: Open, patterns: list[str], host: str, direct: bool
) -> None:
    async def lookup(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    proxy = Proxy()
    async with serving({"*": proxy}) as gate, serving({"/": answer("direct")}) as server:
        client = open_client(
            lookup,
            fetch_allow_private=(f"{host}:*",),
            fetch_proxy=f"http://127.0.0.1:{gate.port}",
            fetch_no_proxy=tuple(one.replace("PORT", str(server.port)) for one in patterns),
        )
        assert await client.text(server.url("/", host)) == ("direct" if direct else "by proxy")
        assert bool(proxy.asked) is not direct


async def test_the_environment_is_not_asked_for_a_proxy(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with serving({"/": answer("direct")}) as server:
        assert await client.text(server.url()) == "direct"


async def test_an_engine_that_closes_ends_what_is_under_way(open_client: Open) -> None:
    client = open_client()
    async with serving({"/": then_silence(HEAD + b"Content-Length: 9\r\n\r\n")}) as server:
        found = await client.send(server.url())
        await client.outbound.close()
        await asyncio.wait_for(server.gone.wait(), 5)
        assert found.body is not None
        with pytest.raises(AiweError):
            await found.body.whole()
