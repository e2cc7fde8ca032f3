"""A file keeps its name on the way to a client, and a hostile name stays a name."""

from email.message import EmailMessage
from urllib.parse import unquote

import pytest

from aiwe_engine.http.disposition import content_disposition

SAME = [
    "report.pdf",
    "two words.txt",
    "semi;colon, comma=equals.txt",
    "it's.txt",
    'say "cheese".png',
    "100%.txt",
    "100%25.txt",
    "%22.txt",
    "back`tick~{}|^.txt",
    "grüße.txt",
    "cafe\u0301.txt",
    "日本語のファイル.txt",
    "שלום.docx",
    "مرحبا.pdf",
    "👩‍👩‍👧‍👦 family.png",
    "naïve (1) [draft] #2 & more!.md",
    ".hidden",
    "no extension",
    "a" * 255,
    "文" * 83 + ".txt",
]
CHANGED = [
    ("C:\\fakepath\\a.png", "a.png"),
    ("/etc/passwd", "passwd"),
    ("../../secret.txt", "secret.txt"),
    ("..", "download"),
    (".", "download"),
    ("", "download"),
    ("a/", "download"),
    ("  ", "download"),
    ("a\r\nset-cookie: x=1.txt", "aset-cookie: x=1.txt"),
    ("a\x00b\x7f\x85.txt", "ab.txt"),
    ("\u202egpj.exe", "gpj.exe"),
    ("a\u2028b.txt", "ab.txt"),
    ("half \ud83d.txt", "half .txt"),
    ("x" * 300 + ".tar", "x" * 251 + ".tar"),
    ("文" * 100 + ".txt", "文" * 83 + ".txt"),
    ("y" * 10 + "." + "z" * 300, ("y" * 10 + "." + "z" * 300)[:255]),
    ("😀" * 100, "😀" * 63),
]


def read(header):
    """The name as a reader of RFC 6266 takes it, and the plain one for those that cannot."""
    message = EmailMessage()
    message["content-disposition"] = header
    extended = header.partition("filename*=UTF-8''")[2]
    plain = message["content-disposition"].params["filename"] if not extended else None
    return unquote(extended, errors="strict") if extended else plain


@pytest.mark.parametrize("name", SAME)
def test_a_name_arrives_as_it_is(name):
    assert read(content_disposition(name, attachment=True)) == name


@pytest.mark.parametrize(("name", "expected"), CHANGED)
def test_a_name_is_never_a_path_a_header_or_a_disguise(name, expected):
    assert read(content_disposition(name, attachment=True)) == expected


@pytest.mark.parametrize("name", [*SAME, *(name for name, _ in CHANGED)])
def test_a_header_is_plain_text_of_one_line_with_a_closed_quote(name):
    header = content_disposition(name, attachment=False)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('inline; filename="')
    assert header.count('"') == 2
    assert "\\" not in header
    assert len(header) < 1200


FALLBACKS = [
    ("grüße.txt", "attachment; filename=\"gru_e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"),
    ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
    ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
    ("a%20b.txt", "attachment; filename=\"a_20b.txt\"; filename*=UTF-8''a%2520b.txt"),
    ("it's*.txt", 'attachment; filename="it\'s*.txt"'),
    ("ß's*.txt", "attachment; filename=\"_'s*.txt\"; filename*=UTF-8''%C3%9F%27s%2A.txt"),
]


@pytest.mark.parametrize(("name", "header"), FALLBACKS)
def test_old_clients_get_a_name_too(name, header):
    assert content_disposition(name, attachment=True) == header


def test_a_nameless_file_is_shown_or_kept_all_the_same():
    assert content_disposition(None, attachment=True) == "attachment"
    assert content_disposition(None, attachment=False) == "inline"
