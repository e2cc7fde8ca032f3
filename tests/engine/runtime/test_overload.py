"""More at a time than there is room for: who waits, who is refused, and that the others go on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from aiwe_engine.types import Response
from tests.engine.deployments.lab import Person
from tests.engine.runtime.bench import Bench, Open, settings

APP = """
app.get("/x", () => "here");
app.get("/slow/:ms", (req) => new Promise((go) => setTimeout(go, +req.params.ms, "late")));
"""


PATIENT = {"deadline": 30.0}  # where a worker must come up in that time


def workers(bench: Bench) -> set[str]:
    """The apps and sessions that have a worker."""
    found: Any = bench.engine.status()["workers"]
    return set(found)


def refusal(response: Response) -> dict[str, Any]:
    """What an answer that refuses for want of room says; it says when to come back."""
    assert response.status == 503
    assert dict(response.headers)["retry-after"] == "1"
    error: dict[str, Any] = orjson.loads(response.body)["error"]
    assert error["code"] == "overloaded"
    return error


def lines(bench: Bench, words: str) -> list[str]:
    return [line.text for _, line in bench.engine.logs(None) if words in line.text]


# ── worker processes ──


@pytest.mark.binds("workers")
async def test_workers_is_how_many_there_are_and_those_that_rest_make_room(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(workers=2, spare_workers=3, **PATIENT)
    for name in ("one", "two", "three"):
        await bench.serve(APP, name)
        assert bench.engine._pool._count <= 2
    for name in ("one", "two", "three"):
        assert (await bench.get("/x", name)).body == b"here"
        assert f"{name}/dev" in workers(bench)
        assert bench.engine._pool._count <= 2
    await bench.engine.configure(Configuration(settings(workers=3, spare_workers=0, **PATIENT)))
    assert (await bench.get("/x", "one")).body == b"here"
    assert len(workers(bench)) == 3


async def test_the_worker_that_rested_longest_makes_room(open_bench: Open) -> None:
    bench: Bench = await open_bench(workers=3, spare_workers=0, **PATIENT)
    for name in ("one", "two", "three"):
        await bench.serve(APP, name)
    for name in ("two", "one", "three"):
        await bench.get("/slow/60", name)
    await bench.serve(APP, "four")
    assert workers(bench) == {"one/dev", "three/dev", "four/dev"}


async def test_a_request_without_a_worker_waits_until_one_rests(open_bench: Open) -> None:
    bench: Bench = await open_bench(workers=2, spare_workers=0, **PATIENT)
    for name in ("three", "two", "one"):
        await bench.serve(APP, name)
    answers = await asyncio.gather(
        bench.get("/slow/900", "one"),
        bench.get("/slow/500", "two"),
        *(bench.get("/x", "three") for _ in range(5)),
    )
    assert [answer.body for answer in answers] == [b"late", b"late", *[b"here"] * 5]


async def test_a_request_that_gets_no_worker_in_its_time_is_told_so_and_the_others_go_on(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(workers=2, spare_workers=0, **PATIENT)
    for name in ("three", "two", "one"):
        await bench.serve(APP, name)
    busy = [asyncio.create_task(bench.get("/slow/2500", name)) for name in ("one", "two")]
    await asyncio.sleep(0)
    few = settings(workers=2, spare_workers=0, **PATIENT)
    await bench.engine.configure(Configuration(replace(few, deadline=0.3)))
    refused = await asyncio.gather(*(bench.get("/x", "three") for _ in range(4)))
    error = refusal(refused[0])
    assert error["message"] == "All 2 workers are at work."
    assert error["hint"].startswith("Try again in a moment. The setting runtime.workers says")
    assert [answer.status for answer in refused] == [503] * 4
    assert [(await one).body for one in busy] == [b"late"] * 2
    assert len(lines(bench, "find no worker")) == 1
    await bench.engine.configure(Configuration(few))
    assert (await bench.get("/x", "three")).body == b"here"


async def test_a_notebook_that_gets_no_worker_says_so_and_the_others_keep_their_variables(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(workers=2, spare_workers=0, deadline=0.3)
    first, second, third = (Person(bench.engine, f"n{n}.ipynb", f"kernel-{n}") for n in range(3))
    assert (await first.run("a", "let kept = 1;")).ok
    assert (await second.run("a", "let kept = 2;")).ok
    await asyncio.sleep(0.1)  # long enough to count as at rest
    ran = await third.run("a", "let kept = 3;")
    assert not ran.ok
    assert ran.error["code"] == "overloaded"
    assert ran.error["message"] == "All 2 workers are at work, 2 of them for open notebooks."
    assert "the kernel of an open notebook keeps one until it is shut down" in ran.error["hint"]
    with pytest.raises(Exception, match="All 2 workers are at work"):
        await bench.serve(APP)
    assert (await first.run("b", "kept")).result == "1"
    assert (await second.run("b", "kept")).result == "2"
    await bench.engine.end_session("kernel-1")
    assert (await third.run("b", "3 + 1")).result == "4"


async def test_fewer_workers_end_those_that_rest(open_bench: Open) -> None:
    bench: Bench = await open_bench(workers=5, spare_workers=1, **PATIENT)
    for name in ("one", "two", "three", "four"):
        await bench.serve(APP, name)
    await bench.get("/slow/60", "one")
    await bench.engine.configure(Configuration(settings(workers=2, spare_workers=1, **PATIENT)))
    assert workers(bench) <= {"one/dev", "four/dev"}
    assert (await bench.get("/x", "two")).body == b"here"


# ── requests ──


@pytest.mark.binds("runtime_queue")
async def test_runtime_queue_refuses_what_is_over_it_at_once_and_answers_the_rest(
    open_bench: Open,
) -> None:
    bench: Bench = await open_bench(runtime_queue=20)
    await bench.serve(APP)
    await bench.serve(APP, "other")
    began = time.monotonic()
    refused: list[float] = []

    async def ask() -> Response:
        answer = await bench.get("/slow/600")
        if answer.status == 503:
            refused.append(time.monotonic() - began)
        return answer

    many = asyncio.gather(*(ask() for _ in range(200)))
    others = [await bench.get("/x", "other") for _ in range(20)]
    answers = await many
    assert [one.body for one in others] == [b"here"] * 20
    assert sorted(one.status for one in answers) == [200] * 20 + [503] * 180
    assert max(refused) < 0.6
    error = refusal(next(one for one in answers if one.status == 503))
    assert error["message"] == "This app has as many requests to answer as it may have at a time."
    assert "runtime.queue" in error["hint"]
    assert len(lines(bench, "20 requests wait for their answers (runtime.queue)")) == 1
    again = await asyncio.gather(*(bench.get("/x") for _ in range(20)))
    assert [one.body for one in again] == [b"here"] * 20


async def test_one_app_may_have_a_queue_of_its_own(open_bench: Open) -> None:
    bench: Bench = await open_bench()
    common = settings()
    own = {"small": AppConfiguration(replace(common, runtime_queue=1))}
    await bench.engine.configure(Configuration(common, apps=own))
    for name in ("small", "large"):
        await bench.serve(APP, name)
        answers = await asyncio.gather(*(bench.get("/slow/100", name) for _ in range(3)))
        expected = [200, 503, 503] if name == "small" else [200] * 3
        assert sorted(one.status for one in answers) == expected


async def test_a_new_version_shares_the_queue_of_the_one_that_ends(open_bench: Open) -> None:
    bench: Bench = await open_bench(runtime_queue=3, **PATIENT)
    await bench.serve(APP)
    under_way = [asyncio.create_task(bench.get("/slow/4000")) for _ in range(3)]
    await asyncio.sleep(0)
    await bench.serve(APP + 'app.get("/new", () => 1);')
    refusal(await bench.get("/new"))
    assert [(await one).status for one in under_way] == [200] * 3
    assert await bench.json("/new") == 1


async def test_a_streamed_answer_that_has_begun_leaves_its_place(open_bench: Open) -> None:
    bench: Bench = await open_bench(runtime_queue=1)
    await bench.serve(
        APP
        + """app.get("/stream", () => Response.stream((async function* () {
          yield "begun";
          await new Promise((go) => setTimeout(go, 300));
          yield "done";
        })()));"""
    )
    stream = (await bench.get("/stream")).stream
    assert stream is not None
    assert (await bench.get("/x")).body == b"here"
    await stream.close()


@pytest.mark.parametrize("path", ["/slow/60000", "/loop", "/crash"])
async def test_a_request_that_ends_badly_leaves_its_place(open_bench: Open, path: str) -> None:
    bench: Bench = await open_bench(runtime_queue=2, deadline=1.0)
    await bench.serve(
        APP + 'app.get("/loop", () => { for (;;); });'
        'app.get("/crash", () => new Array(1e9).fill(0).length);'
    )
    assert (await bench.get(path)).status in {500, 504}
    left = [asyncio.create_task(bench.get(path)) for _ in range(2)]
    await asyncio.sleep(0)
    for one in left:
        one.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    async with asyncio.timeout(15):
        while [one.status for one in await asyncio.gather(bench.get("/x"), bench.get("/x"))] != [
            200,
            200,
        ]:
            await asyncio.sleep(0.05)


async def test_what_is_suspected_of_a_crash_ends_in_its_time_too(open_bench: Open) -> None:
    bench: Bench = await open_bench(deadline=1.0)
    await bench.serve(
        'app.get("/never", () => new Promise(() => {}));'
        'app.get("/crash", () => new Array(1e9).fill(0).length);'
    )
    began = time.monotonic()
    asked = [bench.get("/never") for _ in range(4)]
    answers = await asyncio.gather(*asked, bench.get("/crash"))
    assert [one.status for one in answers[:4]] == [504] * 4
    assert time.monotonic() - began < 5


# ── isolates ──


@pytest.mark.binds("isolates")
async def test_isolates_is_how_many_requests_run_that_have_one_each(open_bench: Open) -> None:
    bench: Bench = await open_bench(isolation="request", isolates=3, deadline=20.0)
    await bench.serve(
        """app.get("/running", async () => {
          const { id } = await DataRepository.create("running", {});
          const { length } = await DataRepository.list("running");
          await new Promise((go) => setTimeout(go, 50));
          await DataRepository.delete("running", id);
          return length;
        });"""
    )
    counts = await asyncio.gather(*(bench.json("/running") for _ in range(15)))
    assert 1 < max(counts) <= 3


async def test_a_worker_has_memory_for_as_many_isolates_as_there_may_be(open_bench: Open) -> None:
    bench: Bench = await open_bench(isolation="request", **PATIENT)
    await bench.serve(APP)
    before = bench.engine.status()["workers"]
    answers = await asyncio.gather(*(bench.get("/slow/1000") for _ in range(40)))
    assert [one.body for one in answers] == [b"late"] * 40
    assert bench.engine.status()["workers"] == before


@pytest.mark.parametrize("path", ["/loop", "/crash", "/throws"])
async def test_an_isolate_that_ends_badly_gives_its_place_to_another(
    open_bench: Open, path: str
) -> None:
    bench: Bench = await open_bench(isolation="request", isolates=2, deadline=20.0)
    await bench.serve(
        APP + 'app.get("/loop", () => { for (;;); }); app.get("/throws", () => { throw 1; });'
        'app.get("/crash", () => new Array(1e9).fill(0).length);'
    )
    bad = [bench.get(path) for _ in range(4)]
    answers = await asyncio.gather(*bad, *(bench.get("/x") for _ in range(6)))
    assert [one.status for one in answers[:4]] == [500] * 4
    assert [one.body for one in answers[4:]] == [b"here"] * 6
