"""The value of a secret never comes into the memory of a process that runs programs."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from ahocorasick_rs import BytesAhoCorasick

from tests.security.canary import IDS, Scene

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r")
_PIECE = 1 << 24
_OVERLAP = 4096
PLANTED = "a-word-that-is-no-secret-"


def regions(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if (found := _REGION.match(line)) and "[vvar" not in line and "[vsyscall" not in line:
            yield int(found[1], 16), int(found[2], 16)


def found_in(pid: int, needles: dict[str, list[bytes]]) -> set[str]:
    """Names of the needles that are in the memory of a process."""
    names = [name for name, some in needles.items() for _ in some]
    search = BytesAhoCorasick([needle for some in needles.values() for needle in some])
    found: set[str] = set()
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for start, end in regions(pid):
            for at in range(start, end, _PIECE):
                try:
                    data = os.pread(memory, min(_PIECE + _OVERLAP, end - at), at)
                except OSError:  # nothing is behind the address yet
                    continue
                matches = search.find_matches_as_indexes(data, overlapping=True)
                found |= {names[which] for which, _, _ in matches}
    finally:
        os.close(memory)
    return found


def written(value: bytes) -> list[bytes]:
    """As V8 and JSON may have it: one byte a letter, two, in base64, escaped."""
    text = value.decode()
    ways = {value, text.encode("utf-16-le"), b64encode(value)[:-4], b64encode(b"me:" + value)[4:-4]}
    return sorted(ways | {text.encode("unicode_escape")})


def can_read(pid: int) -> bool:
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
    except OSError:
        return False
    return True


async def test_no_worker_ever_has_a_value(scene: Scene) -> None:
    await scene.serve(
        "planted",
        f'let kept; app.get("/plant/:end", (req) => (kept = "{PLANTED}" + req.params.end));',
    )
    for name in IDS:
        for kind in ("body", "header", "url", "basic"):
            way = "plain" if kind == "url" else "forms"
            await scene.ask("careless", f"/json/{way}/{name}?as={kind}")
    await scene.ask("planted", "/plant/one")
    workers = dict(scene.engine.status()["workers"])  # type: ignore[arg-type, call-overload]
    assert workers
    if not all(map(can_read, workers.values())):
        pytest.skip("the memory of other processes cannot be read here")
    needles = {name: written(value) for name, value in IDS.items()}
    needles["planted"] = [f"{PLANTED}one".encode(), f"{PLANTED}one".encode("utf-16-le")]
    found = {worker: found_in(pid, needles) for worker, pid in workers.items()}
    assert any("planted" in some for some in found.values()), "the search finds what is there"
    assert {
        worker: some - {"planted"} for worker, some in found.items() if some - {"planted"}
    } == {}
