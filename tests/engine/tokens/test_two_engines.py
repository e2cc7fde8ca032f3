"""Two engines on one PostgreSQL: one first key, and what one revokes the other refuses."""

import asyncio

import pytest

from aiwe_engine.settings import Settings
from aiwe_engine.store.postgres import PostgresStore
from tests.engine.tokens.conftest import House


@pytest.fixture
async def engines(database, clock):
    stores = [PostgresStore(database, Settings()) for _ in range(2)]
    yield [House(store, clock) for store in stores]
    for store in stores:
        await store.close()


async def test_they_make_one_first_key(engines):
    one, two = engines
    ada = await one.person()
    published = await asyncio.gather(
        *(engine.keys.published(engine.scope, 1e6) for engine in (one, two) * 3)
    )
    assert len({key["kid"] for keys in published for key in keys}) == 1
    tokens = await asyncio.gather(*(engine.issue(ada) for engine in (one, two) * 3))
    for token in tokens:
        assert (await one.owner(token)).id == (await two.owner(token)).id == ada.id


async def test_what_one_revokes_the_other_refuses_at_once(engines):
    one, two = engines
    ada = await one.person(roles=["editor"])
    token = await one.issue(ada)
    made = await one.api_keys.create(one.scope, ada, "script", {})
    for given in (token, made["key"]):
        assert (await two.owner(given)).roles == ("editor",)
    await one.change(ada, roles=[])
    for given in (token, made["key"]):
        assert (await two.owner(given)).roles == ()
    await one.tokens.revoke(one.scope, (await one.owner(token)).claims)
    await one.api_keys.revoke(one.scope, ada, made["id"])
    assert await two.owner(token) == "The token was revoked."
    assert await two.owner(made["key"]) == "There is no such API key."
    last = await two.keys.rotate(two.scope, revoke=True)
    fresh = await one.issue(ada)
    assert (await two.owner(fresh)).id == ada.id
    assert [key["kid"] for key in await two.keys.published(two.scope, 1e6)] == [last]
