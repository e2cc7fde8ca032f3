"""A URL is read as the URL standard has it, whatever its spelling; what is read is what is connected to."""

from __future__ import annotations

import pytest

from aiwe_engine.outbound.target import follow, read_target

READ = [
    ("http://example.org", "http://example.org/"),
    ("HTTPS://EXAMPLE.Org:443/A", "https://example.org/A"),
    ("http://example.org:80/", "http://example.org/"),
    ("http://example.org:8080?x", "http://example.org:8080/?x"),
    ("http:example.org/x", "http://example.org/x"),
    ("http:\\\\example.org\\a\\b?c\\d", "http://example.org/a/b?c\\d"),
    ("  http://example.org/a b\t?ü='\"#f g\n", "http://example.org/a%20b?%C3%BC=%27%22#f%20g"),
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
    assert read_target(given).full == read


LED = [
    # from http://example.org/a/b?q#f
    ("", "http://example.org/a/b?q#f"),
    ("?x", "http://example.org/a/b?x#f"),
    ("#x", "http://example.org/a/b?q#x"),
    ("c", "http://example.org/a/c#f"),
    ("./c/../d", "http://example.org/a/d#f"),
    ("../../../c", "http://example.org/c#f"),
    ("/c", "http://example.org/c#f"),
    ("\\c", "http://example.org/c#f"),
    ("//other.example:81/c", "http://other.example:81/c#f"),
    ("\\\\other.example", "http://other.example/#f"),
    ("http:c", "http://example.org/a/c#f"),
    ("https:c", "https://c/#f"),
    ("https://other.example/c#x", "https://other.example/c#x"),
    ("/c:d", "http://example.org/c:d#f"),
]


@pytest.mark.parametrize(("location", "led"), LED)
def test_a_location_leads_on(location: str, led: str) -> None:
    assert follow(read_target("http://example.org/a/b?q#f"), location).full == led
