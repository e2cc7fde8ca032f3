"""The log keeps what is worth keeping: no app floods it, and none pushes out another's lines."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from aiwe_engine.logs import Log
from aiwe_engine.settings import Settings
from aiwe_engine.types import LogLine
from tests.engine.runtime.bench import Bench, Open


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def line(app: str, text: str) -> LogLine:
    return LogLine(time.time(), app, "dev", "v", "info", text)


def texts(log: Log, app: str | None = None) -> list[str]:
    return [one.text for _, one in log.read(app, limit=10_000)]


@pytest.mark.binds("log_rate")
def test_log_rate_drops_what_an_app_writes_beyond_it_and_says_once_how_much() -> None:
    clock = Clock()
    log = Log(Settings(log_rate=1100), clock=clock)
    told: list[int] = []
    log.followers.append(lambda number, _line: told.append(number))
    for number in range(20):
        log.write(line("loud", f"{number:010}"))
    log.write(line("quiet", "another app goes on"))
    assert len(texts(log, "loud")) == 10
    assert texts(log, "quiet") == ["another app goes on"]
    clock.now += 60
    log.write(line("loud", "the next minute"))
    dropped, last = texts(log, "loud")[10:]
    assert dropped.startswith("10 log lines were dropped: the app wrote more than the 1,100 bytes")
    assert dropped.endswith("or raise the setting log.rate.")
    assert last == "the next minute"
    clock.now += 60
    log.write(line("loud", "the one after"))
    assert texts(log, "loud")[12:] == ["the one after"]
    assert told == list(range(1, 15))


def test_lines_of_the_engine_itself_are_never_dropped() -> None:
    log = Log(Settings(log_rate=1))
    log.write(line("", "of the engine"))
    log.write(line("app", "of an app"))
    assert texts(log) == ["of the engine"]


def test_an_app_that_writes_much_pushes_out_its_own_lines_only() -> None:
    log = Log(Settings(log_lines=100))
    log.write(line("", "it started"))
    for number in range(20):
        log.write(line("quiet", f"q{number}"))
    for number in range(1000):
        log.write(line("loud", f"l{number}"))
    assert texts(log, "quiet") == [f"q{number}" for number in range(20)]
    assert texts(log, "loud") == [f"l{number}" for number in range(921, 1000)]
    assert texts(log, "") == ["it started"]
    together = log.read(None, limit=10_000)
    assert [number for number, _ in together] == sorted(number for number, _ in together)
    assert log.read(None, limit=2) == together[-2:]
    assert log.read("loud", after=together[-3][0]) == together[-2:]


@pytest.mark.binds("log_memory")
def test_log_memory_lets_lines_of_the_largest_app_go() -> None:
    settings = Settings(log_memory=1000)
    log = Log(settings)
    log.write(line("quiet", "q" * 100))
    for number in range(20):
        log.write(line("loud", f"{number:0100}"))
    assert len(texts(log, "quiet")) == 1
    assert texts(log, "loud") == [f"{number:0100}" for number in range(11, 20)]
    log.configure(replace(settings, log_memory=250))
    assert texts(log) == ["q" * 100, f"{19:0100}"]


async def test_an_app_has_a_rate_of_its_own(open_bench: Open) -> None:
    bench: Bench = await open_bench(log_rate=2000)
    program = 'app.get("/x", () => { for (let i = 0; i < 99; i++) console.log("hello"); });'
    await bench.serve(program, "loud")
    await bench.serve('app.get("/x", () => console.log("here"));', "quiet")
    await bench.get("/x", "loud")
    await bench.get("/x", "quiet")
    assert len(bench.engine.logs("loud")) == 2000 // 105
    assert [one.text for _, one in bench.engine.logs("quiet")] == ["here"]
