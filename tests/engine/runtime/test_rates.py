"""Rate limits the whole way: what a program says, and what a caller is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiwe_engine.configuration.configuration import AppConfiguration, Configuration
from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.types import Response
from tests.engine.runtime.bench import Bench, Open, settings

TOLD = [
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
]

PROGRAM = """
app.get("/two", () => "two").limit("2/hour");
app.get("/free", () => "free");
app.get("/fails", () => { throw new Error("no"); }).limit("2/hour");
app.all("/all", () => "all").limit("2/hour");
app.options("/two", () => "asked");
app.get("/thing/:id", () => "thing").limit("2/hour");
app.get("/keys", () => "keys").limit("1/hour per key").describe({ summary: "s", limits: ["1/day"] });
"""


def told(response: Response) -> dict[str, str]:
    return {name: value for name, value in response.headers if name in [*TOLD, "retry-after"]}


async def statuses(bench: Bench, *paths: str, app: str = "app", **more: Any) -> list[int]:
    return [(await bench.get(path, app, **more)).status for path in paths]


async def test_a_route_answers_as_often_as_its_limit_says(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    first = await bench.get("/two")
    assert (first.status, first.body) == (200, b"two")
    assert sorted(told(first)) == TOLD
    assert told(first)["ratelimit"] == '"2/hour";r=1;t=3600'
    await bench.get("/two")
    refused = await bench.get("/two")
    assert await bench.code("/two") == (429, "rate_limited")
    assert sorted(told(refused)) == [*TOLD, "retry-after"]
    assert 3590 < int(told(refused)["retry-after"]) <= 3600
    assert told(await bench.get("/free")) == {}


async def test_routes_count_apart_and_their_parameters_together(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    assert await statuses(bench, "/two", "/two", "/two") == [200, 200, 429]
    assert await statuses(bench, "/thing/1", "/thing/2", "/thing/3") == [200, 200, 429]
    await bench.serve(PROGRAM, "other")
    assert await statuses(bench, "/two", app="other") == [200]


async def test_head_counts_with_get_and_options_does_not_count(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    assert await statuses(bench, "/two", "/two", "/two", method="OPTIONS") == [200] * 3
    assert await statuses(bench, "/all", "/all", "/all", method="OPTIONS") == [200] * 3
    assert await statuses(bench, "/two", method="HEAD") == [200]
    assert await statuses(bench, "/two", "/two") == [200, 429]
    assert await statuses(bench, "/two", method="HEAD") == [429]
    assert await statuses(bench, "/all", method="PUT") == [200]
    assert await statuses(bench, "/all", method="DELETE") == [200]
    assert await statuses(bench, "/all", method="POST") == [429]


async def test_a_failed_answer_counts_and_says_how_things_stand(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    failed = await bench.get("/fails")
    assert (failed.status, told(failed)["ratelimit-remaining"]) == (500, "1")
    assert await statuses(bench, "/fails", "/fails") == [500, 429]


async def test_what_describe_says_of_limits_is_no_limit(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    assert await statuses(bench, "/keys", headers=[("x-api-key", "a")]) == [200]
    assert await statuses(bench, "/keys", headers=[("x-api-key", "b")]) == [200]
    assert await statuses(bench, "/keys", headers=[("x-api-key", "a")]) == [429]


async def test_counters_outlive_a_new_version_and_not_a_new_limit(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    assert await statuses(bench, "/two", "/two") == [200, 200]
    await bench.serve(PROGRAM.replace('"two").', '"2").'))
    assert await statuses(bench, "/two") == [429]
    await bench.serve(PROGRAM.replace("2/hour", "3/hour"))
    assert await statuses(bench, "/two", "/two", "/two", "/two") == [200, 200, 200, 429]


async def test_limits_add_up(bench: Bench) -> None:
    await bench.serve(
        'app.get("/", () => 1).limit("5/hour, 3/min").limit("2/day").limit("5/hours");'
    )
    answer = await bench.get("/")
    assert told(answer)["ratelimit-policy"] == (
        '"5/hour";q=5;w=3600, "3/minute";q=3;w=60, "2/day";q=2;w=86400'
    )
    assert await statuses(bench, "/", "/") == [200, 429]


WRONG = {
    '"100/fortnight"': '"fortnight" in the limit "100/fortnight" is no unit of time.',
    '"10"': '"10" is no rate limit.',
    '"1/s,2/s,3/s,4/s,5/s,6/s").limit("7/s,8/s,9/s,10/s,11/s"': "11 limits are too many for one route.",
}


@pytest.mark.parametrize("rule", WRONG)
async def test_a_limit_that_says_nothing_fails_the_load_at_its_place(
    bench: Bench, rule: str
) -> None:
    with pytest.raises(AiweError) as caught:
        await bench.serve(f'app.get("/",\n  () => 1)\n  .limit({rule});')
    error = caught.value
    assert error.code == "invalid_limit"
    assert error.message == f"GET /: {WRONG[rule]}"
    assert error.hint
    assert error.where is not None
    assert (error.where.file, error.where.line) == (str(bench.folder / "app.js"), 3)
    assert error.excerpt is not None
    assert ".limit(" in error.excerpt


LATE = {
    "app.get('/', () => 1).limit(100)": ("invalid_limit", "not number"),
    "app.get('/', () => 1).limit(null)": ("invalid_limit", "not null"),
    "app.get('/', () => 1).limit()": ("invalid_limit", "not undefined"),
}


@pytest.mark.parametrize("statement", LATE)
async def test_a_limit_is_text(bench: Bench, statement: str) -> None:
    with pytest.raises(AiweError) as caught:
        await bench.serve(statement)
    code, message = LATE[statement]
    assert caught.value.code == code
    assert message in caught.value.message
    assert ".limit(" in str(caught.value.hint)


async def test_no_handler_gives_its_route_a_limit(bench: Bench) -> None:
    await bench.serve('const route = app.get("/", () => { route.limit("1/min"); });')
    assert await bench.code("/") == (500, "registration_closed")


@pytest.mark.binds("rate_limit")
async def test_an_app_has_a_limit_by_configuration(tmp_path: Path) -> None:
    own = AppConfiguration(settings(rate_limit="2/hour"))
    configuration = Configuration(settings(rate_limit="3/hour"), apps={"small": own})
    async with Engine(configuration, root=tmp_path, data=tmp_path / ".aiwe") as engine:
        bench = Bench(engine, tmp_path)
        for app, most in [("app", 3), ("small", 2)]:
            await bench.serve(PROGRAM, app)
            answer = await bench.get("/free", app)
            assert told(answer)["ratelimit-policy"] == f'"{most}/hour, all routes";q={most};w=3600'
            assert await statuses(bench, *["/thing/1"] * (most - 1), app=app) == [200] * (most - 1)
            assert await statuses(bench, "/free", "/two", app=app) == [429, 429]


@pytest.mark.binds("rate_subjects")
async def test_the_longest_unused_are_forgotten_when_there_are_too_many(open_bench: Open) -> None:
    bench: Bench = await open_bench(rate_subjects=10)
    await bench.serve(PROGRAM)
    assert await statuses(bench, "/two", "/two", client="192.0.2.99") == [200, 200]
    for n in range(9):
        await bench.get("/two", client=f"192.0.2.{n}")
    assert await statuses(bench, "/two", client="192.0.2.99") == [429]
    await bench.get("/two", client="192.0.2.10")
    assert await statuses(bench, "/two", client="192.0.2.99") == [200]
