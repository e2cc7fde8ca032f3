"""kill -9 of the host and of its worker, at random instants, two hundred times.

What was acknowledged is there, no transaction is there by half, and the next engine opens the folder
as if nothing had been.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore
from tests.engine.kills.bank import ACCOUNTS, START

ROOT = Path(__file__).parents[3]
ROUNDS = 200
FOLDERS = 4  # each is written to, killed and opened again fifty times
LONGEST = 0.6  # seconds that an engine writes
WORKER = 60  # milliseconds that a worker lives, in every other round


@pytest.fixture
async def forks() -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'engine'}{os.pathsep}{ROOT}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engine.kills.bank",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment, cwd=ROOT,
    )  # fmt: skip
    yield process
    process.kill()
    await process.wait()


async def write_until_killed(
    forks: asyncio.subprocess.Process, lock: asyncio.Lock, folder: Path, chance: random.Random
) -> None:
    """One engine's life."""
    said = folder / "said"
    before = said.read_bytes().count(b"ready") if said.exists() else 0
    async with lock:
        assert forks.stdin is not None
        assert forks.stdout is not None
        worker = WORKER if chance.random() < 0.5 else 0
        forks.stdin.write(f"{folder} {chance.randrange(10**9)} {worker}\n".encode())
        pid = int(await forks.stdout.readline())
    async with asyncio.timeout(40):
        while not said.exists() or said.read_bytes().count(b"ready") == before:
            assert Path(f"/proc/{pid}").exists(), "the engine did not start"
            await asyncio.sleep(0.01)
    await asyncio.sleep(chance.uniform(0.0, LONGEST))
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        await asyncio.sleep(0.005)


async def check(folder: Path) -> Counter[str]:
    """Looks whether all that was said is there; how much that was."""
    store = DuckDBStore(folder / "data" / "data.duckdb", Settings())
    documents = store.within(Scope("bank", "dev"))
    stored = {
        name: {doc["id"]: doc for doc in map(orjson.loads, await documents.query(name, {}, {}))}
        for name in ("notes", "lines", "accounts")
    }
    await store.close()
    said: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for line in (folder / "said").read_text().splitlines():
        what, doc_id = line.split()
        said[what] += 1
        if what == "count":
            counted[doc_id] += 1
        elif what != "ready":
            assert doc_id in stored["notes" if what == "note" else "lines"], f"{line} was lost"
    accounts = stored["accounts"]
    assert len(accounts) == ACCOUNTS
    assert sum(one["balance"] for one in accounts.values()) == ACCOUNTS * START
    assert all(accounts[doc_id].get("counted", 0) >= n for doc_id, n in counted.items())
    moves: Counter[str] = Counter()
    balances = dict.fromkeys(accounts, START)
    for line in stored["lines"].values():
        moves.update((line["from"], line["to"]))
        balances[line["from"]] -= line["amount"]
        balances[line["to"]] += line["amount"]
    assert {doc_id: one["balance"] for doc_id, one in accounts.items()} == balances
    assert {doc_id: one["moves"] for doc_id, one in accounts.items()} == {
        doc_id: moves[doc_id] for doc_id in accounts
    }
    return said


@pytest.mark.slow
@pytest.mark.timeout(360)
async def test_what_was_acknowledged_outlives_every_kill(
    forks: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    lock = asyncio.Lock()

    async def series(number: int) -> Counter[str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        chance = random.Random(number)
        for _ in range(ROUNDS // FOLDERS):
            await write_until_killed(forks, lock, folder, chance)
            said = await check(folder)
        return said

    said: Counter[str] = sum(
        await asyncio.gather(*(series(number) for number in range(FOLDERS))), Counter()
    )
    assert said["ready"] == ROUNDS
    assert min(said["note"], said["move"], said["count"]) > 200
