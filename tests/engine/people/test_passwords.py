"""How passwords are kept and compared: parameters, threads, and the same work whoever asks."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import orjson
import pytest
from argon2 import PasswordHasher

from aiwe_engine.people import passwords as module
from aiwe_engine.people.passwords import Passwords
from aiwe_engine.protocols import Scope
from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench

OWN = Scope("app", "dev").own


async def stored(bench: Bench) -> dict[str, object]:
    """The account as it lies in the store."""
    [text] = await bench.engine._store.within(OWN).query("people", {}, {})
    document: dict[str, object] = orjson.loads(text)
    return document


async def test_a_password_is_kept_as_argon2id_at_owasps_parameters_and_nowhere_else(
    bench: Bench,
) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.post("/register", {**ADA, "again": ADA["password"]})
    await browser.post("/login", ADA)
    kept = await stored(bench)
    assert str(kept["password"]).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert ADA["password"] not in str(kept)
    for path in [path for path in bench.folder.rglob("*") if path.is_file()]:
        assert ADA["password"].encode() not in path.read_bytes(), path
    assert ADA["password"] not in str([line.text for _, line in bench.engine.logs(None)])


async def test_two_accounts_of_one_password_have_two_hashes(bench: Bench) -> None:
    passwords = Passwords(lambda: 10)
    first, second = await asyncio.gather(*(passwords.hash("same") for _ in range(2)))
    assert first != second
    assert await passwords.matches(first, "same")
    assert not await passwords.matches(first, "Same")
    passwords.close()


async def test_a_hash_of_older_parameters_is_made_anew_when_its_owner_signs_in(
    bench: Bench,
) -> None:
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    await browser.post("/register", ADA)
    documents, person = bench.engine._store.within(OWN), await stored(bench)
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(ADA["password"])
    await documents.modify("people", str(person["id"]), {"$set": {"password": old}})
    assert await browser.post("/login", {**ADA, "password": "wrong"}) == "invalid_credentials"
    assert (await stored(bench))["password"] == old
    assert "user" in await browser.post("/login", ADA)
    assert str((await stored(bench))["password"]).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "user" in await browser.post("/login", ADA)


async def test_whoever_is_asked_about_one_hash_is_compared(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, since time on a busy machine tells little: what costs time is done as often."""
    await bench.serve(PROGRAM)
    browser = Browser(bench)
    for name in ("ada", "disabled", "elsewhere", "broken"):
        await browser.post("/register", {**ADA, "username": name})
    documents = bench.engine._store.within(OWN)
    changes = {
        "disabled": {"disabled": True},
        "elsewhere": {"password": None},
        "broken": {"password": "$argon2id$nonsense"},
    }
    for text in await documents.query("people", {}, {}):
        person = orjson.loads(text)
        if person["username"] in changes:
            change = {"$set": changes[person["username"]]}
            await documents.modify("people", person["id"], change)
    done: list[bytes] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            done.append(password if isinstance(password, bytes) else password.encode())
            return super().verify(hash, password)

    await browser.post("/login", {"username": "nobody", "password": "warm"})
    monkeypatch.setattr(module, "_HASHER", Counting(time_cost=2, memory_cost=19456, parallelism=1))
    answers = {}
    for at, name in enumerate(("ada", "nobody", "disabled", "elsewhere", "broken", "x" * 500, "")):
        stranger = Browser(bench, address=f"192.0.2.{at}")
        right = ADA["password"] if name not in {"ada", "nobody"} else "wrong password"
        done.clear()
        answer = await stranger.ask("POST", "/login", {"username": name, "password": right})
        answers[name] = answer.body.partition(b"request_id")[0], answer.status, len(done)
    assert set(answers.values()) == {(answers["ada"][0], 401, 1)}
    done.clear()
    body = {"username": "ada", "password": "x" * 5000}
    assert await browser.post("/login", body) == "invalid_credentials"
    assert done == [b""]  # too long for anybody's: nothing of it is hashed


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
async def test_hashing_gives_way_to_everything_else() -> None:
    passwords = Passwords(lambda: 100)
    await passwords.hash("x")
    found = {
        os.getpriority(os.PRIO_PROCESS, one.native_id)
        for one in threading.enumerate()
        if one.name.startswith("passwords") and one.native_id
    }
    assert found
    assert min(found) >= 10
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == 0
    passwords.close()


async def test_who_leaves_before_their_turn_costs_no_hash() -> None:
    passwords = Passwords(lambda: 100)
    tasks: list[asyncio.Task[str]] = [asyncio.create_task(passwords.hash("x")) for _ in range(40)]
    await asyncio.sleep(0)
    for task in tasks[2:]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, str) for one in done) == 2
    assert passwords.waiting == 0
    passwords.close()
