"""What is not of the public internet is not reached: by no spelling, name, redirect or second answer."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from aiwe_engine.outbound.addresses import Allowed
from aiwe_engine.outbound.guard import Guard
from tests.engine.outbound.conftest import Open
from tests.engine.outbound.servers import answer, serving

CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:0:7f00:1::",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fec0::1", "ff02::1", "5f00::1", "4000::1",
]  # fmt: skip
OPEN = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
        "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"]  # fmt: skip
SPELLINGS = [
    "127.1", "127.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0X7F.1", "0x7f.0x0.0x0.0x1", "017700000001",
    "0177.0.0.01", "0177.1", "127.0x1", "0", "0x0", "00", "10.1", "0xa9fea9fe", "2852039166", "%31%32%37.0.0.1",
    "%ef%bc%91%ef%bc%92%ef%bc%97.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:0001::1]", "[fe80::1]",
]  # fmt: skip
NONSENSE = [
    "256.1.1.1", "1.2.3.4.5", "0x100000000", "4294967296", "a.1", "1.2.3.08", "1..2", "[::1", "::1",
    "[::1%25lo]", "[fe80::1%eth0]", "[127.0.0.1]", "", "-1.2.3.0x", "ex<ample", "a b", "a%00b", "a%2fb", ".", "x" * 300,
]  # fmt: skip


async def nowhere(host: str, _: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.mark.parametrize("address", CLOSED)
async def test_a_name_for_what_is_not_public_is_refused(open_client: Open, address: str) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["8.8.8.8", address]

    client = open_client(lookup, fetch_allow_private=())
    error = await client.error("http://harmless.example/")
    assert (error.code, error.name) == ("fetch_blocked", "TypeError")
    assert "harmless.example:80" in error.message
    assert 'fetch.allow_private = ["harmless.example:80"]' in str(error.hint)
    assert address not in error.message + str(error.hint)


@pytest.mark.parametrize("address", OPEN)
async def test_a_name_for_what_is_public_is_passed(address: str) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return [address]

    found = await Guard(lookup, Allowed([])).resolve("harmless.example", 80)
    assert [ip_address(one["host"]) for one in found] == [ip_address(address)]


@pytest.mark.parametrize("host", [*CLOSED[:21], *(f"[{one}]" for one in CLOSED[21:]), *SPELLINGS])
async def test_an_address_in_the_url_is_refused_in_every_spelling(
    open_client: Open, host: str
) -> None:
    client = open_client(nowhere, fetch_allow_private=())
    assert (await client.error(f"http://{host}/")).code == "fetch_blocked"
    assert (await client.error(f"https://{host}:8443/")).code == "fetch_blocked"


@pytest.mark.parametrize("host", NONSENSE)
async def test_what_is_neither_name_nor_address_is_told_so(open_client: Open, host: str) -> None:
    client = open_client(nowhere, fetch_allow_private=())
    assert (await client.error(f"http://{host}/")).code == "fetch_bad_url"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "fetch_bad_scheme"),
        ("file:///etc/passwd", "fetch_bad_scheme"),
        ("gopher://127.0.0.1:70/_x", "fetch_bad_scheme"),
        ("unix:///run/docker.sock", "fetch_bad_scheme"),
        ("http://user:pa55@example.org/", "fetch_bad_url"),
        ("http://example.org@127.0.0.1/", "fetch_bad_url"),
        ("http://127.0.0.1\\@example.org/", "fetch_blocked"),
        ("http://", "fetch_bad_url"),
        ("https:///?x", "fetch_bad_url"),
        ("//example.org/", "fetch_bad_url"),
        ("/path", "fetch_bad_url"),
        ("http://example.org:0/", "fetch_bad_url"),
        ("http://example.org:65536/", "fetch_bad_url"),
        ("http://example.org:x/", "fetch_bad_url"),
    ],
)
async def test_a_url_that_is_not_of_the_web_is_refused(
    open_client: Open, url: str, code: str
) -> None:
    client = open_client(nowhere, fetch_allow_private=())
    error = await client.error(url)
    assert error.code == code
    assert "pa55" not in error.message


ALLOWED = [
    # pairs of the setting, the URL's host, may it be reached
    (["127.0.0.1:PORT"], "127.0.0.1", True),
    (["127.0.0.1:*"], "127.0.0.1", True),
    (["127.0.0.1:1"], "127.0.0.1", False),
    (["127.0.0.1:*"], "2130706433", True),
    (["127.0.0.1:*"], "[::ffff:127.0.0.1]", True),
    (["127.0.0.2:*", "10.0.0.1:*"], "127.0.0.1", False),
    (["localhost:PORT"], "localhost", True),
    (["LocalHost.:PORT"], "LOCALHOST", True),
    (["localhost:PORT"], "localhost.", True),
    (["localhost:PORT"], "127.0.0.1", False),
    (["localhost:PORT"], "other.example", False),
    (["127.0.0.1:PORT"], "other.example", True),
    (["other.example:*"], "other.example", True),
    (["example:*"], "other.example", False),
    (["[::1]:PORT"], "127.0.0.1", False),
    ([], "127.0.0.1", False),
]  # fmt: skip


@pytest.mark.binds("fetch_allow_private")
@pytest.mark.parametrize(("pairs", "host", "reached"), ALLOWED)
async def test_allow_private_opens_exactly_what_it_names(
    open_client: Open, pairs: list[str], host: str, reached: bool
) -> None:
    async def lookup(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with serving({"/": answer("inside")}) as server:
        allowed = tuple(pair.replace("PORT", str(server.port)) for pair in pairs)
        client = open_client(lookup, fetch_allow_private=allowed)
        url = server.url("/", host)
        if reached:
            assert await client.text(url) == "inside"
        else:
            error = await client.error(url)
            assert error.code == "fetch_blocked"
            assert server.connections == 0


async def test_an_ipv6_pair_is_written_in_brackets(open_client: Open) -> None:
    try:
        async with serving({"/": answer("six")}, host="::1") as server:
            client = open_client(fetch_allow_private=(f"[0:0::1]:{server.port}",))
            assert await client.text(server.url("/", "[::1]")) == "six"
            error = await client.error(f"http://[::1]:{server.port + 1}/")
            assert f'["[::1]:{server.port + 1}"]' in str(error.hint)
    except OSError:
        pytest.skip("no IPv6 on this machine")


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:PORT/secret", "http://2130706433:PORT/secret", "//127.1:PORT/secret",
     "http://[::ffff:7f00:1]:PORT/secret", "http://inside.example:PORT/secret", "http:\\\\127.0.0.1:PORT\\secret",
     "http://169.254.169.254/latest/meta-data/", "http://\uff11\uff12\uff17.0.0.1:PORT/secret"],
)  # fmt: skip
async def test_a_redirect_into_the_private_network_is_refused(
    open_client: Open, location: str
) -> None:
    async def lookup(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with serving({"/secret": answer("secret")}) as server:
        target = location.replace("PORT", str(server.port))
        header = f"Location: {target}".encode().decode("latin-1")
        server.routes["/go"] = answer("", "302 Found", header)
        client = open_client(lookup, fetch_allow_private=(f"public.example:{server.port}",))
        error = await client.error(server.url("/go", "public.example"))
        assert error.code == "fetch_blocked"
        assert [seen.target for seen in server.seen] == ["/go"]


async def test_a_name_that_changes_its_mind_is_connected_to_as_it_was_judged(
    open_client: Open,
) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"]])
    asked: list[str] = []

    async def lookup(name: str, port: int) -> list[str]:
        asked.append(name)
        return next(answers)

    async with serving({"/": answer("first", "200 OK", "Connection: close")}) as server:
        client = open_client(lookup, fetch_allow_private=(f"127.0.0.1:{server.port}",))
        url = server.url("/", "rebinding.example")
        assert await client.text(url) == "first"
        assert asked == ["rebinding.example"], (
            "what was judged is connected to, not asked for again"
        )
        assert (await client.error(url)).code == "fetch_blocked"
        assert (await client.error(url)).code == "fetch_blocked"
        assert server.connections == 1


async def test_a_connection_is_shared_by_those_of_the_same_rules_only(open_client: Open) -> None:
    async with serving({"/": answer("inside")}) as server:
        client = open_client(fetch_allow_private=(server.place,))
        assert await client.text(server.url()) == "inside"
        other = open_client(fetch_allow_private=()).settings
        client.settings = other
        assert (await client.error(server.url())).code == "fetch_blocked"


@pytest.mark.parametrize("place", [("127.0.0.1", 80), ("::1", 80, 0, 0), ("::ffff:127.0.0.1", 80)])
def test_no_socket_is_made_for_an_address_that_nobody_passed(place: tuple[Any, ...]) -> None:
    guard = Guard(nowhere, Allowed([]))
    with pytest.raises(OSError, match="not passed"):
        guard.open((2, 1, 6, "", place))


async def test_a_name_without_an_address_is_told_by_name(open_client: Open) -> None:
    async def lookup(name: str, port: int) -> list[str]:
        raise OSError

    error = await open_client(lookup).error("http://no.such.example/")
    assert (error.code, error.name) == ("fetch_dns", "TypeError")
    assert '"no.such.example"' in error.message


async def test_the_system_resolves_names(client: Any) -> None:
    async with serving({"/": answer("here")}) as server:
        assert await client.text(server.url("/", "localhost")) == "here"
