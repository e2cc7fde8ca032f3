"""An engine that is written to until it is killed, and its worker before that.

    python -m tests.engine.kills.bank

Each line on its input names a folder, a seed, and how long its worker lives at a time, in
milliseconds. The answer is the number of a process that opens an engine there and writes, and after
each answer appends a line to `said` in that folder: `note ID`, `move ID` or `count ID`. What is said
was acknowledged. Everything is imported once, and each round is a fork: two hundred rounds are quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import orjson

from aiwe_engine.engine import Engine
from aiwe_engine.settings import Settings
from aiwe_engine.types import Request

HERE = Path(__file__).parent
WRITERS = 12
ACCOUNTS, START = 20, 100


class Clients:
    """Writers of one engine."""

    def __init__(self, engine: Engine, said: int, chance: random.Random) -> None:
        self.engine, self.said, self.chance = engine, said, chance

    async def post(self, path: str, body: object) -> dict[str, object]:
        """An answer, empty where it was none: a worker that was killed."""
        headers = [("content-type", "application/json")]
        request = Request("POST", path, headers=headers, body=orjson.dumps(body))
        answer = await self.engine.handle("bank", request)
        if answer.status == 200:
            told: dict[str, object] = orjson.loads(answer.body)
            return told
        assert answer.status in (409, 503), answer.body
        return {}

    async def write(self) -> None:
        """One request after another."""
        chance = self.chance
        for n in range(1_000_000):
            what = chance.random()
            if what < 0.4:
                size = chance.choice((10, 100, 20_000))
                self.say("note", await self.post("/note", {"n": n, "size": size}))
            elif what < 0.6:
                self.say("count", await self.post(f"/count/account-{n % ACCOUNTS}", {}))
            else:
                one, other = chance.sample(range(ACCOUNTS), 2)
                amount = chance.randrange(1, 60)
                order = {"from": f"account-{one}", "to": f"account-{other}", "amount": amount}
                self.say("move", await self.post("/move", order))

    def say(self, what: str, answer: dict[str, object]) -> None:
        """Notes that something was acknowledged."""
        if answer.get("id"):
            os.write(self.said, f"{what} {answer['id']}\n".encode())

    async def kill_workers(self, milliseconds: int) -> None:
        """kill -9 for whatever worker there is, again and again."""
        while milliseconds:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * milliseconds / 1000)
            for pid in self.engine._pool.processes().values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def run(folder: Path, seed: int, milliseconds: int) -> None:
    """Writes until the end."""
    settings = replace(Settings(), deadline=30.0)
    async with Engine(settings, root=HERE, data=folder / "data") as engine:
        await engine.load(HERE / "bank.js")
        said = os.open(folder / "said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        clients = Clients(engine, said, random.Random(seed))
        os.write(said, b"ready -\n")
        await asyncio.gather(
            clients.kill_workers(milliseconds), *(clients.write() for _ in range(WRITERS))
        )


def main() -> None:
    """Forks an engine for each line."""
    import duckdb  # noqa: F401  once, for all that are forked

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        folder, seed, milliseconds = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(run(Path(folder), int(seed), int(milliseconds)))
            os._exit(1)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
