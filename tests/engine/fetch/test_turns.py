"""All invocations of an app together fetch so much at a time; what is more waits, and is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aiwe_engine.outbound.turns import AppTurns
from tests.engine.fetch.conftest import Open, Trial, whole
from tests.engine.outbound.servers import Seen, Writer, answer, then_silence

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONE = 'app.get("/x", async () => (await fetch("BASE/x")).text());'


class Gate:
    """A server's route that answers once it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = self.most = 0
        self.changed = asyncio.Event()

    async def __call__(self, _: Seen, writer: Writer) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.changed.set()
        await self.open.wait()
        self.inside -= 1
        writer.write(answer("x"))

    async def holds(self, number: int) -> None:
        async with asyncio.timeout(10):
            while self.inside < number:
                self.changed.clear()
                await self.changed.wait()


@pytest.mark.binds("fetch_app_concurrency")
async def test_fetch_app_concurrency_is_how_many_go_at_a_time_of_all_requests(
    open_trial: Open,
) -> None:
    gate = Gate()
    trial: Trial = await open_trial({"/x": gate, "/y": answer("y")}, fetch_app_concurrency=3)
    await trial.serve(ONE)
    await trial.serve(ONE.replace("BASE/x", "BASE/y"), "other")
    asked = [asyncio.create_task(trial.get("/x")) for _ in range(8)]
    await gate.holds(3)
    # Another app does not wait for this one.
    assert (await trial.get("/x", "other")).body == b"y"
    gate.open.set()
    assert [(await one).body for one in asked] == [b"x"] * 8
    assert gate.most == 3


async def test_who_gets_no_turn_in_time_is_told_whose_they_are(open_trial: Open) -> None:
    routes = {"/x": then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")}
    trial: Trial = await open_trial(routes, fetch_app_concurrency=1, fetch_timeout=0.3)
    look = "{ code: e.code, name: e.name, message: e.message, hint: e.hint }"
    await trial.serve(
        f"""
        app.get("/hold", async () => Response.stream((await fetch("BASE/x")).body));
        app.get("/try", () => fetch("BASE/x").then(() => "it went", (e) => ({look})));
        """
    )
    held = await trial.get("/hold")
    found = await trial.json("/try")
    assert found == {
        "code": "fetch_busy",
        "name": "TimeoutError",
        "message": "The fetch waited 0.3 s for one of the 1 others of this app to end.",
        "hint": "Read or cancel the bodies of answers before fetching more, or raise the setting "
        "fetch.app_concurrency.",
    }
    assert held.stream is not None
    await held.stream.close()


async def test_a_request_that_ends_gives_its_turns_back(open_trial: Open) -> None:
    routes = {"/x": then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!")}
    trial: Trial = await open_trial(routes, fetch_app_concurrency=1, fetch_timeout=5.0)
    await trial.serve('app.get("/x", async () => (await fetch("BASE/x")).status);')
    for _ in range(4):  # each leaves the body of its answer unread
        assert (await whole(await trial.get("/x"))).body == b"200"


async def until(what: Callable[[], bool], do: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(5):
        while not what():
            await do()


async def test_turns_go_in_line_also_when_some_give_up_and_when_there_are_more() -> None:
    turns = AppTurns()
    order: list[int] = []

    async def one(number: int) -> None:
        await turns.acquire()
        order.append(number)

    async def step() -> None:
        await asyncio.sleep(0)

    tasks = [asyncio.create_task(one(number)) for number in range(6)]
    await until(lambda: order == [0], step)
    await step()
    tasks[1].cancel()
    turns.release()
    await until(lambda: order == [0, 2], step)
    turns.release()
    tasks[3].cancel()  # its turn has come, and goes to the next
    await until(lambda: order == [0, 2, 4], step)
    turns.limit = 3
    tasks.append(asyncio.create_task(one(6)))
    await until(lambda: sorted(order) == [0, 2, 4, 5, 6], step)
    await asyncio.gather(*tasks, return_exceptions=True)
