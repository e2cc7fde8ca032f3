"""A URL is read as the URL standard has it, whatever its spelling; what is read is what is connected to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aiwe_engine
from aiwe_engine.errors import AiweError
from aiwe_engine.outbound.target import BAD_PORTS, follow, read_target

ENGINE = Path(aiwe_engine.__file__).parent

READ = [
    ("http://example.org", "http://example.org/"),
    ("HTTPS://EXAMPLE.Org:443/A", "https://example.org/A"),
    ("http://example.org:80/", "http://example.org/"),
    ("http://example.org:8080?x", "http://example.org:8080/?x"),
    ("http:example.org/x", "http://example.org/x"),
    ("http:\\\\example.org\\a\\b?c\\d", "http://example.org/a/b?c\\d"),
    ("  http://example.org/a b\t?ü='\"#f g\n", "http://example.org/a%20b?%C3%BC=%27%22"),
    ("http://example.org/a/./b/../c/%2e%2E/d/..", "http://example.org/a/"),
    ("http://example.org/../../etc", "http://example.org/etc"),
    ("http://example.org/%7e%zz[|]^`{}", "http://example.org/%7e%zz[|]%5E%60%7B%7D"),
    ("http://example.org/\ud83d", "http://example.org/%3F"),
    ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
    ("http://ex%41mple.org/", "http://example.org/"),
    ("http://0x7f.1:8080/", "http://127.0.0.1:8080/"),
    ("http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"),
    ("http://example.org.", "http://example.org./"),
]


@pytest.mark.parametrize(("given", "read"), READ)
def test_an_absolute_url_is_read(given: str, read: str) -> None:
    assert read_target(given).text == read


LED = [
    # from http://example.org/a/b?q#f
    ("", "http://example.org/a/b?q"),
    ("?x", "http://example.org/a/b?x"),
    ("#x", "http://example.org/a/b?q"),
    ("c", "http://example.org/a/c"),
    ("./c/../d", "http://example.org/a/d"),
    ("../../../c", "http://example.org/c"),
    ("/c", "http://example.org/c"),
    ("\\c", "http://example.org/c"),
    ("//other.example:81/c", "http://other.example:81/c"),
    ("\\\\other.example", "http://other.example/"),
    ("http:c", "http://example.org/a/c"),
    ("https:c", "https://c/"),
    ("https://other.example/c#x", "https://other.example/c"),
    ("/c:d", "http://example.org/c:d"),
]


@pytest.mark.parametrize(("location", "led"), LED)
def test_a_location_leads_on(location: str, led: str) -> None:
    assert follow(read_target("http://example.org/a/b?q"), location).text == led


@pytest.mark.parametrize("port", [1, 22, 25, 143, 993, 6000, 6667, 10080])
def test_a_port_of_another_protocol_is_refused(port: int) -> None:
    with pytest.raises(AiweError) as caught:
        read_target(f"http://example.org:{port}/")
    assert caught.value.code == "fetch_bad_port"
    with pytest.raises(AiweError) as caught:
        follow(read_target("http://example.org/"), f"//example.org:{port}/")
    assert caught.value.code == "fetch_bad_port"


def test_both_halves_refuse_the_same_ports() -> None:
    text = (ENGINE / "runtime/js/platform/bad_ports.ts").read_text()
    listed = re.search(r"new Set\(\[(.*?)\]\)", text, re.DOTALL)
    assert listed is not None
    assert frozenset(map(int, re.findall(r"\d+", listed[1]))) == BAD_PORTS
