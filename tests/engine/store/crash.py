"""A process that writes until it is killed, and says what was acknowledged.

    python -m tests.engine.store.crash BACKEND FOLDER SEED

Each line on its output: `+ collection id n` for a document that is stored with this n, `? collection
id` before one is deleted, `- collection id` after. What is `+` or `-` was acknowledged before it was
said, so it must hold afterwards.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from tests.engine.store.conftest import BACKENDS, Documents

SCOPE = Scope("shop", "dev")
BATCH = 5


async def write(data: Documents, collection: str, caller: int, chance: random.Random) -> None:
    there: list[str] = []
    for n in range(1_000_000):
        what = chance.random()
        if there and what < 0.15:
            doc_id = there.pop(chance.randrange(len(there)))
            say(f"? {collection} {doc_id}")
            await data.delete(collection, doc_id)
            say(f"- {collection} {doc_id}")
        elif there and what < 0.5:
            doc_id = chance.choice(there)
            await data.update(collection, doc_id, {"n": n})
            say(f"+ {collection} {doc_id} {n}")
        elif what < 0.6:
            docs = [{"n": n, "batch": f"{os.getpid()}-{caller}-{n}"} for _ in range(BATCH)]
            for doc in await data.create_many("batches", docs):
                say(f"+ batches {doc['id']} {n}")
        else:
            doc = await data.create(
                collection, {"n": n, "text": "x" * chance.randrange(20_000)}
            )  # checkpoints too
            there.append(doc["id"])
            say(f"+ {collection} {doc['id']} {n}")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def main(backend: str, folder: str, seed: str) -> None:
    chance = random.Random(seed)
    data = Documents(BACKENDS[backend](Path(folder), Settings()), SCOPE)
    await data.count("batches")
    say("ready")
    await asyncio.gather(
        *(write(data, f"tasks{n % 3}", n, random.Random(chance.random())) for n in range(16))
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
