"""What host names, addresses and networks look like, and what does not."""

import pytest

from aiwe_engine import checks

GOOD = {
    checks.host: [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "localhost",
        "a-b.example.org",
        "my_host",
        "xn--a",
    ],
    checks.allowed_host: ["example.org", "*.example.org", "*", "10.0.0.1", "::1"],
    checks.network: ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0"],
    checks.host_port: [
        "127.0.0.1:80",
        "[::1]:8080",
        "db.internal:5432",
        "localhost:1",
        "a.b:65535",
        "db.internal:*",
        "[::1]:*",
    ],
    checks.proxy: [
        "",
        "http://proxy:3128",
        "https://u:p%40@[::1]:3128/",
        "http://proxy",
        "HTTP://10.0.0.1:1",
    ],
    checks.unproxied: [
        "*",
        "localhost",
        ".example.org",
        "10.0.0.0/8",
        "fd00::/8",
        "[::1]:80",
        "localhost:80",
        "10.0.0.1:80",
    ],
    checks.certificates: [""],
}
BAD = {
    checks.host: ["", " ", "a b", "localhost:80", "http://a", "256.1.1.1", "1.2.3", "-a", "a..b"],
    checks.allowed_host: ["", "*.", "*.*", "a.*", "https://example.org", "example.org:80", "a/b"],
    checks.network: ["", "localhost", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "10.0.0.1:80", "*"],
    checks.host_port: [
        "",
        "localhost",
        "127.0.0.1",
        ":80",
        "a:0",
        "a:65536",
        "a:b",
        "a:-1",
        "::1:80",
        "[127.0.0.1]:80",
        "[::1]",
        "http://a:80",
        "a:80/x",
        "1.2.3.999:80",
        "a b:80",
        "a:**",
        "*:80",
    ],
    checks.proxy: [
        "proxy:3128",
        "socks5://proxy:1",
        "http://",
        "http://a b",
        "http://proxy/path",
        "http://proxy:0",
    ],
    checks.unproxied: ["", "a b", "http://a", "10.0.0.0/33", "a/b", "*.x.*", "localhost:x"],
    checks.certificates: ["/", "/no/such.pem", "/dev/null"],
}


def cases(table):
    return [
        pytest.param(check, text, id=f"{check.__name__} {text}")
        for check in table
        for text in table[check]
    ]


@pytest.mark.parametrize(("check", "text"), cases(GOOD))
def test_what_is_well_formed_passes(check, text):
    assert check(text) is None


@pytest.mark.parametrize(("check", "text"), cases(BAD))
def test_what_is_not_is_named_in_the_complaint(check, text):
    said = check(text)
    assert said is not None
    assert f'"{text}"' in said


def test_a_network_with_host_bits_is_told_which_was_meant():
    assert checks.network("10.1.2.3/8").endswith('did you mean "10.0.0.0/8"?')
