"""kill -9 at any instant: what was acknowledged is there, and no write by half."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from aiwe_engine.settings import Settings
from tests.engine.store.conftest import BACKENDS, Documents
from tests.engine.store.crash import BATCH, SCOPE

ROOT = Path(__file__).parents[3]
ROUNDS = 5


def until_killed(backend: str, folder: Path, seed: int) -> list[str]:
    """The acknowledgements of a process that was killed at a random moment."""
    delay = random.Random(seed).uniform(0.0, 0.7)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'engine'}{os.pathsep}{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.store.crash", backend, str(folder), str(seed)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    threading.Timer(delay, process.send_signal, [signal.SIGKILL]).start()
    text = process.stdout.read()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return text.splitlines()


async def check(backend: str, folder: Path, lines: list[str]) -> None:
    data = Documents(BACKENDS[backend](folder, Settings()), SCOPE)
    found: dict[tuple[str, str], int] = {}
    batches: Counter[str] = Counter()
    for collection in await data.collections():
        for doc in await data.query(collection):
            found[collection, doc["id"]] = doc["n"]
            batches.update([doc["batch"]] if "batch" in doc else [])
            assert await data.get(collection, doc["id"]) == doc
        assert await data.count(collection) == len(await data.query(collection))
    await data.store.close()
    deleting = {tuple(line.split()[1:]) for line in lines if line[0] == "?"}
    for line in lines:
        sign, collection, doc_id, *n = line.split()
        key = (collection, doc_id)
        if sign == "-":
            assert key not in found, f"{key} came back"
        elif sign == "+" and key not in deleting:
            assert found.get(key, -1) >= int(n[0]), f"{key} was lost"
    assert set(batches.values()) <= {BATCH}, "a write was stored by half"


async def test_no_acknowledged_write_is_lost(backend, tmp_path):
    acknowledged = 0
    for seed in range(ROUNDS):
        folder = tmp_path / str(seed)
        lines = await asyncio.to_thread(until_killed, backend, folder, seed)
        await check(backend, folder, lines)
        acknowledged += len(lines)
    assert acknowledged > 1000
