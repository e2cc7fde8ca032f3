"""What an asset may be called, and the hash in its name."""

from __future__ import annotations

import pytest

from aiwe_engine.assets.media import UNKNOWN, content_type
from aiwe_engine.assets.path import checked, problem, with_hash, without_hash
from aiwe_engine.errors import RequestError

GOOD = [
    "logo.svg",
    "css/site.css",
    "a/b/c/d.txt",
    "LICENSE",
    "Überschrift (1).png",
    "日本.webp",
    "a..b.js",
    "100%.svg",
    "x" * 255,
]
BAD = [
    ("", "empty"),
    ("/etc/passwd", "slash too many"),
    ("a//b", "slash too many"),
    ("a/", "slash too many"),
    ("..", "begins or ends with a dot"),
    ("../secret", "begins or ends with a dot"),
    ("a/../../b", "begins or ends with a dot"),
    ("./a", "begins or ends with a dot"),
    (".env", "begins or ends with a dot"),
    (".aiwe/data.duckdb", "begins or ends with a dot"),
    ("css/.hidden/a.css", "begins or ends with a dot"),
    ("a.css.", "begins or ends with a dot"),
    ("a.css ", "begins or ends with a space"),
    (" a.css", "begins or ends with a space"),
    ("a\\b", "\\ cannot stand"),
    ("..\\secret", "\\ cannot stand"),
    ("C:/secret", ": cannot stand"),
    ("a.css::$DATA", ": cannot stand"),
    ("a*", "* cannot stand"),
    ("%2e%2e/secret", "%2e cannot stand"),
    ("a%2Fb", "%2F cannot stand"),
    ("a\x00.css", "cannot be shown"),
    ("a\nb", "cannot be shown"),
    ("a\u202egpj.exe", "cannot be shown"),
    ("a\ud800", "cannot be shown"),
    ("shop.ipynb", "notebooks"),
    ("old/SHOP.IPYNB", "notebooks"),
    ("x" * 256, "longer than 255 bytes"),
    ("/".join(["x" * 200] * 6), "longer than 1024 bytes"),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_name_that_is_the_same_everywhere_is_good(path: str) -> None:
    assert checked(path) == path


@pytest.mark.parametrize(("path", "reason"), BAD, ids=[repr(path)[:30] for path, _ in BAD])
def test_a_name_that_may_lead_elsewhere_is_refused_with_the_reason(path: str, reason: str) -> None:
    assert reason in str(problem(path))
    with pytest.raises(RequestError) as refused:
        checked(path)
    assert (refused.value.code, refused.value.status) == ("invalid_asset_path", 400)
    assert reason in refused.value.message
    assert ("Export it" if "notebooks" in reason else "css/site.css") in str(refused.value.hint)


@pytest.mark.parametrize("path", [None, 7, ["a"], b"a"])
def test_what_is_no_string_is_refused(path: object) -> None:
    with pytest.raises(RequestError, match="not a string"):
        checked(path)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("app.css", "app.01234567.css"),
        ("css/app.min.css", "css/app.min.01234567.css"),
        ("LICENSE", "LICENSE.01234567"),
        ("v1.2/LICENSE", "v1.2/LICENSE.01234567"),
    ],
)
def test_the_hash_stands_before_the_ending_and_is_found_there(path: str, named: str) -> None:
    assert with_hash(path, "0123456789abcdef" * 4) == named
    assert without_hash(named) == (path, "01234567")


@pytest.mark.parametrize(
    "path", ["app.css", "app.0123456.css", "app.0123456X.css", ".01234567.css"]
)
def test_other_names_have_no_hash(path: str) -> None:
    assert without_hash(path) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.vtt", "text/vtt; charset=utf-8"),
        ("a.json", "application/json"),
        ("app.js.map", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.xml", "application/xml"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("favicon.ico", "image/x-icon"),
        ("a.woff2", "font/woff2"),
        ("a.woff", "font/woff"),
        ("a.ttf", "font/ttf"),
        ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"),
        ("a.mp3", "audio/mpeg"),
        ("a.pdf", "application/pdf"),
        ("a.zip", "application/zip"),
        ("archive.tar.gz", "application/gzip"),
        ("a.exe", UNKNOWN),
        ("LICENSE", UNKNOWN),
        ("js", UNKNOWN),
    ],
)
def test_the_content_type_comes_from_the_ending(name: str, kind: str) -> None:
    assert content_type(name) == kind
