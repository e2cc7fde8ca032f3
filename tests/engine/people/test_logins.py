"""Logins under way: how long they are good, and that what is over is forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from aiwe_engine.errors import RequestError
from aiwe_engine.people.logins import LIFETIME, Login, Logins
from aiwe_engine.protocols import Scope
from tests.engine.runtime.bench import Bench

SHOP = Scope("app", "dev")
LOGIN = Login("house", "nonce", "verifier", "http://x/auth/callback/house", "/")


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (599, True), (601, False), (9e6, False)])
async def test_a_login_is_good_for_ten_minutes(bench: Bench, seconds: float, good: bool) -> None:
    clock = Clock()
    logins = Logins(bench.engine._store, clock)
    await logins.begin(SHOP, "state", "browser", LOGIN)
    clock.now += seconds
    if good:
        assert await logins.take(SHOP, "state", "browser", "house") == LOGIN
        return
    with pytest.raises(RequestError) as caught:
        await logins.take(SHOP, "state", "browser", "house")
    assert caught.value.code == "login_expired"


async def test_logins_that_nobody_ended_are_forgotten_when_others_begin(bench: Bench) -> None:
    clock = Clock()
    logins = Logins(bench.engine._store, clock)
    await logins.begin(SHOP, "one", "browser", LOGIN)
    clock.now += LIFETIME + 1
    await logins.begin(SHOP, "two", "browser", LOGIN)
    kept = await bench.engine._store.within(SHOP.own).query("logins", {}, {})
    assert len(kept) == 1
    assert await logins.take(SHOP, "two", "browser", "house") == LOGIN
