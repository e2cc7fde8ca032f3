"""Which usernames, passwords and addresses are taken, and what a refusal says."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from aiwe_engine.people.directory import folded
from tests.engine.people.browser import PROGRAM, Browser
from tests.engine.runtime.bench import Bench, Open

GOOD = "correct horse battery"
#: Fields of a registration, and the code and a word of the hint; "" where it is taken.
CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "short": ({"password": "x7Gk2pq"}, "password_too_weak", "fewer than 8"),
    "just long enough": ({"password": "x7Gk2pqz"}, "", ""),
    "common": ({"password": "password1"}, "password_too_weak", "tried first"),
    "common in capitals": ({"password": "PassWord1"}, "password_too_weak", "tried first"),
    "repeated": ({"password": "zzzzzzzzzzzz"}, "password_too_weak", "over and over"),
    "a row": ({"password": "hijklmnopqr"}, "password_too_weak", "a row"),
    "the username": ({"username": "AdaLovelace", "password": "adalovelace"}, "password_too_weak", "others know"),
    "the address": ({"email": "lovelace@example.org", "password": "lovelace@example.org"}, "password_too_weak", "others know"),
    "the name in it": ({"email": "adalovelace@example.org", "password": "AdaLovelace"}, "password_too_weak", "others know"),
    "words without digits": ({"password": "quiet river stone"}, "", ""),
    "spaces are characters": ({"password": "   x   y"}, "", ""),
    "other scripts": ({"password": "пароль-и-ещё"}, "", ""),
    "1,024 bytes": ({"password": "ab" * 512}, "", ""),
    "too long": ({"password": "ab" * 512 + "c"}, "password_too_weak", "1,024"),
    "no name": ({"username": ""}, "invalid_username", "Choose another"),
    "a long name": ({"username": "a" * 129}, "invalid_username", "Choose another"),
    "the longest name": ({"username": "a" * 128}, "", ""),
    "a space at the end": ({"username": "ada "}, "invalid_username", "Choose another"),
    "a line break": ({"username": "a\nb"}, "invalid_username", "Choose another"),
    "a zero": ({"username": "a\0b"}, "invalid_username", "Choose another"),
    "an invisible sign": ({"username": "ad\u200ba"}, "invalid_username", "Choose another"),
    "a filler": ({"username": "ada\u3164"}, "invalid_username", "Choose another"),
    "a selector": ({"username": "ada\ufe00"}, "invalid_username", "Choose another"),
    "a joiner": ({"username": "a\u034fda"}, "invalid_username", "Choose another"),
    "an empty cell": ({"username": "\u2800"}, "invalid_username", "Choose another"),
    "other letters": ({"username": "Адá 😀"}, "", ""),
    "no address": ({"email": "nobody"}, "invalid_email", "ada@example.org"),
    "an address with a break": ({"email": "a@b.example\n"}, "invalid_email", "ada@example.org"),
    "a number as address": ({"email": 5}, "invalid_email", "ada@example.org"),
    "an empty address": ({"email": ""}, "", ""),
    "large": ({"about": "x" * 9000}, "profile_too_large", "DataRepository"),
    "no password": ({"password": None}, "invalid_argument", "nothing"),
    "a number": ({"username": 7}, "invalid_argument", "a number"),
    "a filter": ({"username": {"$ne": ""}}, "invalid_argument", "an object"),
}  # fmt: skip


async def test_what_may_be_chosen(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    wrong = []
    for at, (case, (given, code, hint)) in enumerate(CASES.items()):
        body = {"username": f"ada {at}", "password": GOOD, **given}
        browser = Browser(bench)
        answer = await browser.ask("POST", "/register", body)
        told = orjson.loads(answer.body)
        if code:
            status = 400 if code == "invalid_argument" else 422
            error = told.get("error", {"code": "", "hint": ""})
            shown = error["code"] + error.get("message", "") + error["hint"]
            leaks = isinstance(body["password"], str) and body["password"] in error.get(
                "message", ""
            )
            right = answer.status == status and code in shown and hint in shown and not leaks
        else:
            right = answer.status == 200 and "user" in await browser.post("/login", body)
        if not right:
            wrong.append((case, answer.status, told))
    assert wrong == []


@pytest.mark.binds("auth_password_length")
async def test_how_long_a_password_must_be_is_a_setting(open_bench: Open) -> None:
    bench: Bench = await open_bench(auth_password_length=12)
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    body = {"username": "ada", "password": "x7Gk2pqz9Lm"}
    assert await browser.post("/register", body) == "password_too_weak"
    assert "id" in await browser.post("/register", {**body, "password": "x7Gk2pqz9LmQ"})


async def test_a_name_is_the_same_whatever_its_form(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.post("/register", {"username": "Straße", "password": GOOD})
    for name in ("STRASSE", "straße", "Ｓtraße"):  # noqa: RUF001
        body = {"username": name, "password": GOOD}
        assert await browser.post("/register", body) == "username_taken"
        assert "user" in await browser.post("/login", body)


async def test_a_password_is_the_same_however_it_was_typed(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.post("/register", {"username": "ada", "password": "Ångström und Café"})
    body = {"username": "ada", "password": "A\u030angstro\u0308m und Cafe\u0301"}
    assert "user" in await browser.post("/login", body)


async def test_no_text_holds_up_the_engine_however_many_accents_it_has(open_bench: Open) -> None:
    bench: Bench = await open_bench()
    await bench.serve(PROGRAM)
    browser, accents = Browser(bench), "a" + "\u0301\u0327" * 80_000  # NFKC of it takes 20 s
    texts = ["a" + "\u0301\u0327" * 8_000] * 60  # as long, one by one
    began = time.monotonic()
    assert (
        await browser.post("/login", {"username": "ada", "password": accents})
        == "invalid_credentials"
    )
    assert (
        await browser.post("/login", {"username": accents, "password": GOOD})
        == "invalid_credentials"
    )
    assert (
        await browser.post("/register", {"username": accents, "password": GOOD})
        == "invalid_username"
    )
    assert (
        await browser.post("/register", {"username": "a", "password": accents})
        == "password_too_weak"
    )
    for about in (accents, texts):
        given = {"username": "a", "password": GOOD, "about": about}
        assert await browser.post("/register", given) == "profile_too_large"
    assert time.monotonic() - began < 10


def test_a_name_that_is_too_long_for_anybody_is_not_kept_whole() -> None:
    assert len(folded("x" * 1_000_000)) < 100
    assert len(folded("\ufdfa" * 500)) < 100  # 18 characters each
    assert folded("x" * 1_000_000) != folded("x" * 1_000_001)
    assert folded("ΐ" * 128) == folded("Ϊ́" * 128)  # one of 128 characters may be


async def test_capitals_that_are_composed_otherwise_are_the_same_name(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.post("/register", {"username": "ΐ", "password": GOOD})
    assert await browser.post("/register", {"username": "Ϊ́", "password": GOOD}) == "username_taken"
