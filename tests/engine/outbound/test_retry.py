"""Trying again, where a program asks for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aiwe_engine.outbound.retry import STATUSES, Retry
from tests.engine.outbound.conftest import Client
from tests.engine.outbound.servers import answer, in_turn, serving, then_reset

QUICK = Retry(attempts=3, delay=0.001)


@pytest.mark.parametrize("status", sorted(STATUSES))
async def test_a_status_that_may_pass_is_tried_again(client: Client, status: int) -> None:
    busy = answer("", f"{status} Later")
    async with serving({"/": in_turn(busy, busy, answer("now"))}) as server:
        assert await client.text(server.url(), retry=QUICK) == "now"
        assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
async def test_a_status_that_stays_is_an_answer(client: Client, status: int) -> None:
    async with serving({"/": answer("no", f"{status} No")}) as server:
        assert (await client.send(server.url(), retry=QUICK)).status == status
        assert len(server.seen) == 1


async def test_the_last_answer_counts_whatever_it_is(client: Client) -> None:
    async with serving({"/": answer("still busy", "503 Busy")}) as server:
        assert await client.text(server.url(), retry=QUICK) == "still busy"
        assert len(server.seen) == 4


async def test_nothing_is_tried_again_unasked(client: Client) -> None:
    async with serving({"/": answer("busy", "503 Busy"), "/reset": then_reset()}) as server:
        assert await client.text(server.url(), "POST") == "busy"
        assert (await client.error(server.url("/reset"), "POST")).code == "fetch_reset"
        assert len(server.seen) == 2


async def test_a_broken_connection_is_tried_again_with_the_body(client: Client) -> None:
    async with serving({"/": in_turn(then_reset(), then_reset(), answer("now"))}) as server:
        assert await client.text(server.url(), "POST", body=b"data", retry=QUICK) == "now"
        assert [seen.body for seen in server.seen] == [b"data"] * 3


async def test_what_will_not_pass_is_not_tried_again(client: Client) -> None:
    async with serving() as server:
        server.routes["/"] = answer("", "302 Go", "Location: http://10.0.0.1/")
        assert (await client.error(server.url(), retry=QUICK)).code == "fetch_blocked"
        assert len(server.seen) == 1


async def test_other_statuses_may_be_named(client: Client) -> None:
    async with serving({"/": in_turn(answer("", "404 Not yet"), answer("now"))}) as server:
        retry = Retry(attempts=1, delay=0.001, statuses=frozenset([404]))
        assert await client.text(server.url(), retry=retry) == "now"
        server.routes["/busy"] = answer("busy", "503 Busy")
        assert await client.text(server.url("/busy"), retry=retry) == "busy"


async def test_a_server_says_when(client: Client) -> None:
    loop = asyncio.get_running_loop()
    slow = answer("", "429 Slow down", "Retry-After: 3600")
    async with serving({"/": in_turn(slow, answer("now"))}) as server:
        started = loop.time()
        retry = Retry(attempts=1, delay=0.001, max_delay=0.2)
        assert await client.text(server.url(), retry=retry) == "now"
        assert 0.15 < loop.time() - started < 5, "as long as the longest delay, and no longer"


async def test_no_attempt_begins_that_cannot_end_in_time(client: Client) -> None:
    async with serving({"/": answer("busy", "503 Busy", "Retry-After: 20")}) as server:
        assert await client.text(server.url(), retry=Retry(attempts=1), timeout=2) == "busy"
        assert len(server.seen) == 1


async def test_a_stream_cannot_be_tried_again(client: Client) -> None:
    class Source:
        async def read(self) -> bytes:
            return b""

        async def close(self) -> None:
            pass

    async with serving() as server:
        error = await client.error(server.url(), "POST", body=Source(), retry=QUICK)
        assert error.code == "fetch_bad_option"
        assert "retry" in str(error.hint)
        assert server.seen == []


def test_waits_grow_with_some_chance_in_them_and_have_a_bound() -> None:
    retry = Retry(attempts=9, delay=1, max_delay=10)
    waits = [[retry.wait(made) for _ in range(50)] for made in range(1, 7)]
    for made, given in enumerate(waits):
        most = min(2**made, 10)
        assert all(min(most / 2, 10) <= one <= most for one in given)
    assert len(set(waits[2])) > 1


def date(**later: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


def test_retry_after_is_read_in_both_forms() -> None:
    retry = Retry(attempts=1, delay=1)
    for after, least, most in [
        ("7", 7, 7), ("0", 0, 0), ("99999999999", 30, 30), (date(seconds=20), 18, 20), (date(days=-1), 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 30, 30), ("Wed, 21 Foo 2099 07:28:00 GMT", 0.5, 1), ("-1", 0.5, 1),
        ("soon", 0.5, 1), ("", 0.5, 1), ("1.5", 0.5, 1), ("\u0663", 0.5, 1),
    ]:  # fmt: skip
        assert least <= retry.wait(1, after) <= most, after
