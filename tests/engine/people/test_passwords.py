"""How passwords are kept and compared: parameters, threads, and the same work whoever asks."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from argon2 import PasswordHasher

from aiwe_engine.errors import AiweError, EngineError
from aiwe_engine.people import hasher
from aiwe_engine.people.passwords import Passwords
from aiwe_engine.protocols import Scope
from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench, Open

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
    done: list[tuple[str | None, bytes]] = []
    passwords = bench.engine._people.passwords
    ask = passwords._ask

    async def counted(kept: str | None, given: bytes, address: str) -> Any:
        done.append((kept, given))
        return await ask(kept, given, address)

    monkeypatch.setattr(passwords, "_ask", counted)
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
    assert done == [("", b"")]  # too long for anybody's: nothing of it is hashed


async def test_nobodys_password_takes_as_long_as_somebodys() -> None:
    """The fastest of many, taken in turn: what else the machine does only ever makes one slower."""
    passwords = Passwords(lambda: 10)
    kept = await passwords.hash("right")
    fastest = {"": 10.0, kept: 10.0}
    for _ in range(15):
        for hashed in ("", kept):
            began = time.perf_counter()
            assert not await passwords.matches(hashed or None, "wrong")
            fastest[hashed] = min(fastest[hashed], time.perf_counter() - began)
    assert 0.6 < fastest[""] / fastest[kept] < 1.6
    passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
async def test_hashing_gives_way_to_everything_else() -> None:
    passwords = Passwords(lambda: 100)
    await passwords.hash("x")
    threads = [int(path.name) for path in Path(f"/proc/{passwords.pid}/task").iterdir()]
    found = sorted(os.getpriority(os.PRIO_PROCESS, one) for one in threads)
    assert found == [hasher.SHARE] * (1 + hasher.THREADS) + [hasher.LOWEST] * hasher.THREADS
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0
    passwords.close()


async def test_a_process_that_dies_is_told_and_replaced() -> None:
    passwords = Passwords(lambda: 100)
    kept = await passwords.hash("x")
    assert passwords.pid is not None
    os.kill(passwords.pid, signal.SIGSTOP)
    asked = asyncio.create_task(passwords.matches(kept, "x"))
    await asyncio.sleep(0)
    os.kill(passwords.pid, signal.SIGKILL)
    with pytest.raises(EngineError) as caught:
        await asked
    assert (caught.value.code, caught.value.status) == ("busy", 503)
    assert await passwords.matches(kept, "x")
    before = passwords.pid
    passwords.close()
    assert not Path(f"/proc/{before}").exists()
    assert await passwords.matches(kept, "x")
    passwords.close()


ENGINE = """
import asyncio, sys
from aiwe_engine.people.passwords import Passwords

async def main():
    passwords = Passwords(lambda: 10)
    await passwords.hash("x")
    print(passwords.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="a process that is no child is waited for by pidfd"
)
def test_the_process_ends_with_an_engine_that_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", ENGINE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as engine:
        assert engine.stdout is not None
        handle = os.pidfd_open(int(engine.stdout.readline()))
        engine.kill()
        ended, _, _ = select.select([handle], [], [], 20)
        os.close(handle)
        assert ended == [handle]


def test_what_nobody_begins_with_in_time_is_taken_up_by_others() -> None:
    now = [0.0]
    jobs = hasher.Jobs(lambda: now[0])
    jobs.add([1, None, ""])
    jobs.add([2, None, ""])
    jobs.add([3, None, ""])
    jobs.add([2])  # nobody wants it any more
    assert jobs.take(after=0)[0] == 1
    taken: list[int] = []
    other = threading.Thread(target=lambda: taken.append(jobs.take(after=1)[0]))
    other.start()
    other.join(0.05)
    assert taken == []
    now[0] = 1.0
    jobs.add([4, None, ""])  # whoever waits looks again
    other.join(10)
    assert taken == [3]
    assert jobs.take(after=0)[0] == 4


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


async def test_waiting_for_others_passwords_does_not_cost_a_handler_its_time(
    open_bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench: Bench = await open_bench(deadline=1.0)
    await bench.serve(PROGRAM + 'app.post("/slow", async () => { await new Promise(() => {}); });')
    browser = Browser(bench)
    await browser.post("/register", ADA)
    matches = bench.engine._people.passwords.matches

    async def late(kept: str | None, password: str, address: str) -> bool:
        await asyncio.sleep(2)  # longer than a handler may take: so busy is the machine
        return await matches(kept, password, address)

    monkeypatch.setattr(bench.engine._people.passwords, "matches", late)
    assert "user" in await browser.post("/login", ADA)
    assert await browser.post("/slow") == "deadline"


async def test_a_password_given_while_loading_is_kept_and_told_nowhere(bench: Bench) -> None:
    """What a program asks for while it loads is compared when another isolate loads it."""
    text = """
    async function init() { await Auth.register("owner" + Math.random(), "correct horse battery"); }
    app.get("/", () => "hi");
    """
    await bench.serve(text)
    release = bench.engine._live["app"]
    assert ADA["password"] not in str(release.effects)
    assert release.effects.entries != {}
    with pytest.raises(AiweError) as caught:
        await release.serving.renew(release.settings)
    assert caught.value.code == "init_diverged"
    assert ADA["password"] not in caught.value.message
