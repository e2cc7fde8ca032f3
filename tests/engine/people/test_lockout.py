"""Who guesses is slowed down, and nobody can be locked out by a stranger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
import pytest

from aiwe_engine.errors import RequestError
from aiwe_engine.people.lockout import Lockout
from aiwe_engine.protocols import Scope
from tests.engine.people.browser import ADA, PROGRAM, Browser
from tests.engine.runtime.bench import Bench, Open

SCOPE = Scope("app", "dev")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Guesses:
    """Tries of one account's password."""

    def __init__(self, lockout: Lockout, longest: float = 900.0) -> None:
        self.lockout, self.longest = lockout, longest

    async def one(
        self,
        name: str = "ada",
        address: str = "a",
        device: str | None = None,
        *,
        right: bool = False,
    ) -> int | None:
        """The seconds to wait, where the try was not checked."""
        try:
            async with self.lockout.trying(SCOPE, name, address, device, self.longest) as tried:
                tried.success = right
        except RequestError as error:
            wait: int = error.details["retry_after"]
            return wait
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    return Guesses(Lockout(clock=clock))


async def test_five_tries_are_free_and_then_each_failure_doubles_the_wait(
    guesses: Guesses, clock: Clock
) -> None:
    assert [await guesses.one() for _ in range(5)] == [None] * 5
    waits = []
    for _ in range(12):
        wait = await guesses.one()
        assert wait is not None
        assert await guesses.one(right=True) == wait  # refused unchecked, and not counted
        waits.append(wait)
        clock.now += wait
        assert await guesses.one() is None
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_a_success_forgets_what_failed_before(guesses: Guesses) -> None:
    for _ in range(3):
        assert [await guesses.one() for _ in range(4)] == [None] * 4
        assert await guesses.one(right=True) is None


async def test_failures_fade(guesses: Guesses, clock: Clock) -> None:
    for _ in range(5):
        await guesses.one()
    clock.now += 5 * 3600
    assert [await guesses.one() for _ in range(5)] == [None] * 5


async def test_a_stranger_does_not_lock_out_whom_the_account_knows(
    guesses: Guesses, clock: Clock
) -> None:
    assert await guesses.one(address="home", right=True) is None
    for at in range(200):  # a network of machines that guesses
        await guesses.one(address=f"bot-{at}")
    assert await guesses.one(address="bot-x") is not None
    assert await guesses.one(address="home", right=True) is None
    assert await guesses.one(address="bot-y", device="laptop", right=True) is None
    # Who comes from elsewhere waits with the guessers, and never longer than the setting says.
    wait = await guesses.one(address="new", right=True)
    assert wait is not None
    assert wait <= 900
    clock.now += wait
    assert await guesses.one(address="new", right=True) is None


async def test_a_known_device_is_bound_by_its_own_failures(guesses: Guesses) -> None:
    assert [await guesses.one(device="laptop") for _ in range(5)] == [None] * 5
    assert await guesses.one(device="laptop") is not None
    assert await guesses.one(device="phone") is None


async def test_one_address_does_not_try_everybody(guesses: Guesses) -> None:
    waits = [await guesses.one(name=f"user-{at}") for at in range(60)]
    assert waits[:50] == [None] * 50
    assert None not in waits[50:]
    # Signing in to an account of one's own does not begin the count anew.
    assert await guesses.one(name="mine", device="mine", right=True) is None
    assert await guesses.one(name="user-99") is not None
    assert await guesses.one(name="user-99", address="b") is None


async def test_tries_at_the_same_time_are_no_more_than_those_one_after_the_other(
    guesses: Guesses,
) -> None:
    waits = await asyncio.gather(*(guesses.one() for _ in range(50)))
    assert waits.count(None) == 5
    rights = await asyncio.gather(*(guesses.one("bob", right=True) for _ in range(50)))
    assert rights == [None] * 50


async def test_what_was_not_checked_does_not_count(guesses: Guesses) -> None:
    for _ in range(20):
        with pytest.raises(OSError, match="busy"):
            async with guesses.lockout.trying(SCOPE, "ada", "a", None, 900.0):
                raise OSError("busy")
    assert await guesses.one() is None


async def test_memory_is_bounded(clock: Clock) -> None:
    lockout = Lockout(size=100, clock=clock)
    guesses = Guesses(lockout)
    for at in range(1000):
        await guesses.one(f"user-{at}", f"address-{at}", right=at % 2 == 0)
    assert len(lockout._counts) <= 100
    assert len(lockout._known) <= 100


def wrong(times: int) -> Iterator[dict[str, str]]:
    return ({"username": "ada", "password": f"wrong {at}"} for at in range(times))


async def test_over_http_an_unknown_name_is_refused_as_a_known_one_is(bench: Bench) -> None:
    """Byte for byte, but for the id of the request."""
    await bench.serve(PROGRAM)
    clock = bench.engine._people.lockout.clock = Clock()
    await Browser(bench).post("/register", ADA)
    seen = []
    for name in ("Ada", "nobody"):
        browser = Browser(bench, address=f"192.0.2.{len(seen)}")
        answers = []
        for at in range(8):
            answer = await browser.ask("POST", "/login", {"username": name, "password": f"no {at}"})
            told = orjson.loads(answer.body)
            told["error"].pop("request_id")
            answers.append((answer.status, sorted(answer.headers), told))
        assert browser.cookies == {}
        seen.append(answers)
    assert seen[0] == seen[1]
    assert [status for status, *_ in seen[0]] == [401] * 5 + [429] * 3
    assert ("retry-after", "1") in seen[0][-1][1]
    clock.now += 1
    assert "user" in await Browser(bench, address="192.0.2.0").post("/login", ADA)


async def test_over_http_the_cookie_of_a_device_keeps_its_owner_in(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    bench.engine._people.lockout.clock = Clock()
    ada, mallory = Browser(bench), Browser(bench)
    await ada.post("/register", ADA)
    mal = {"username": "Mallory", "password": "another long one"}
    await mallory.post("/register", mal)
    await ada.post("/login", ADA)
    await mallory.post("/login", mal)  # has a cookie, but not one of this account
    for body in wrong(5):
        assert await mallory.post("/login", body) == "invalid_credentials"
    assert await mallory.post("/login", ADA) == "too_many_attempts"
    await ada.post("/logout")
    assert "user" in await ada.post("/login", ADA)  # from the very same address
    ada.cookies["aiwe_device"] = ada.cookies["aiwe_device"][:-1] + "!"
    assert await ada.post("/login", ADA) == "too_many_attempts"
    assert (await ada.ask("GET", "/me")).body.count(b"aiwe_device") == 0


@pytest.mark.binds("auth_lockout")
async def test_the_longest_wait_is_a_setting(open_bench: Open) -> None:
    bench: Bench = await open_bench(auth_lockout=3.0)
    await bench.serve(PROGRAM)
    clock = bench.engine._people.lockout.clock = Clock()
    browser = Browser(bench)
    for body in wrong(8):
        await browser.post("/login", body)
        clock.now += 3
    answer = await browser.ask("POST", "/login", next(wrong(1)))
    assert answer.status == 401
    assert ("retry-after", "3") in (await browser.ask("POST", "/login", ADA)).headers


async def test_a_stolen_session_cannot_guess_the_password(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    bench.engine._people.lockout.clock = Clock()
    browser = Browser(bench)
    await browser.post("/register", ADA)
    await browser.post("/login", ADA)
    for at in range(5):
        body = {"current": f"wrong {at}", "next": "a fine new password"}
        assert await browser.post("/password", body) == "invalid_credentials"
    body = {"current": ADA["password"], "next": "a fine new password"}
    assert await browser.post("/password", body) == "too_many_attempts"
