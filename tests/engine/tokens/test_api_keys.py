"""What is kept of an API key, how long it is good for, and everything that is none."""

import hashlib

import orjson
import pytest

from aiwe_engine.errors import AiweError, EngineError

HOUR, DAY = 3600, 86_400


async def create(house, user, name="script", **options):
    return await house.api_keys.create(house.scope, user, name, options)


async def stored(house):
    texts = await house.store.within(house.scope.own).query("api_keys", {}, {})
    return [orjson.loads(text) for text in texts]


async def test_only_the_hash_of_a_key_is_kept(house):
    made = await create(house, await house.person())
    prefix, key_id, secret = made["key"].split("_")
    assert (prefix, key_id) == ("aiwe", made["id"])
    assert (len(key_id), len(secret)) == (16, 43)
    (document,) = await stored(house)
    assert document["hash"] == hashlib.sha256(made["key"].encode()).hexdigest()
    assert secret not in str(document)


async def test_keys_differ(house):
    ada = await house.person()
    keys = [(await create(house, ada))["key"] for _ in range(20)]
    assert (
        len({key.split("_")[1] for key in keys}) == len({key.split("_")[2] for key in keys}) == 20
    )


async def test_a_key_of_another_secret_or_another_id_is_none(house):
    ada = await house.person()
    one, two = [(await create(house, ada))["key"] for _ in range(2)]
    (_, id_one, secret_one), (_, id_two, secret_two) = one.split("_"), two.split("_")
    for wrong in (
        f"aiwe_{id_one}_{secret_two}",
        f"aiwe_{id_two}_{secret_one}",
        f"aiwe_{id_one}_{secret_one.swapcase()}",
        f"aiwe_{id_one}_{'A' * 43}",
        f"aiwe_{'a' * 16}_{secret_one}",
    ):
        assert await house.owner(wrong) == "There is no such API key."
    for none in (
        f"aiwe_{id_one}",
        f"aiwe_{id_one}_",
        f"aiwe_{id_one}_{secret_one}x",
        f"aiwe_{id_one.upper()}_{secret_one}x",
        f"aiwe_{id_one}_{secret_one[:-1]}é",
        f"aiwe_{id_one}_{secret_one}\n",
        "aiwe_",
    ):
        assert await house.owner(none) is None
    assert (await house.owner(one)).id == (await house.owner(two)).id == ada.id


async def test_a_key_ends_in_the_second_that_it_says_or_never(house, clock):
    ada = await house.person()
    short, ever = await create(house, ada, expiresIn="90d"), await create(house, ada)
    clock.now += 90 * DAY - 1
    assert (await house.owner(short["key"])).id == ada.id
    clock.now += 1
    assert await house.owner(short["key"]) == "The API key has expired."
    clock.now += 3650 * DAY
    assert (await house.owner(ever["key"])).id == ada.id
    assert [one["id"] for one in await house.api_keys.list(house.scope, ada)] == [ever["id"]]
    with pytest.raises(AiweError) as caught:
        await create(house, ada, expiresIn="5000d")
    assert caught.value.code == "lifetime_too_long"


async def test_it_is_noted_once_an_hour_that_a_key_is_in_use(house, clock):
    ada = await house.person()
    key = (await create(house, ada))["key"]
    versions = []
    for step in (0, 60, HOUR, 10, 2 * HOUR):
        clock.now += step
        await house.owner(key)
        versions.append((await stored(house))[0]["version"])
    assert versions == [2, 2, 3, 3, 4]
    (listed,) = await house.api_keys.list(house.scope, ada)
    assert listed["lastUsedAt"] > listed["createdAt"]


async def test_a_key_works_where_nothing_can_be_written(house, monkeypatch):
    ada = await house.person()
    key = (await create(house, ada))["key"]

    async def full(*_):
        raise EngineError("There is no room.", code="storage_full", status=507)

    documents = type(house.store.within(house.scope.own))
    monkeypatch.setattr(documents, "modify", full)
    assert (await house.owner(key)).id == ada.id


async def test_somebody_has_a_hundred_keys_and_void_ones_make_room(house, clock):
    ada, eve = await house.person(), await house.person("eve")
    for n in range(100):
        await create(house, ada, f"k{n}", expiresIn="1h" if n % 2 else "2h")
    with pytest.raises(AiweError) as caught:
        await create(house, ada)
    assert (caught.value.code, caught.value.status) == ("too_many_api_keys", 409)
    assert caught.value.message == "Somebody may have 100 API keys."
    assert "Auth.revokeApiKey" in caught.value.hint
    assert (await create(house, eve))["key"]
    clock.now += HOUR + 1
    assert (await create(house, ada))["key"]
    assert len(await stored(house)) == 52  # what has expired is gone
    await house.change(ada, epoch=1)
    assert await house.api_keys.list(house.scope, ada) == []
    await create(house, ada)
    assert len(await stored(house)) == 2


async def test_keys_are_revoked_by_their_owner_only(house, another):
    ada, eve = await house.person(), await house.person("eve")
    made = await create(house, ada)
    for key_id in (made["id"], made["key"], "", None, 7, "a" * 16, "../people"):
        assert await house.api_keys.revoke(house.scope, eve, key_id) is False
    assert (await another.owner(made["key"])).id == ada.id
    assert await house.api_keys.revoke(house.scope, ada, made["id"]) is True
    assert await house.owner(made["key"]) == await another.owner(made["key"])
    assert await house.owner(made["key"]) == "There is no such API key."


async def test_whoever_is_gone_makes_none(house):
    ada = await house.person()
    await house.change(ada, disabled=True)
    with pytest.raises(AiweError) as caught:
        await create(house, ada)
    assert caught.value.code == "not_authenticated"
    assert await stored(house) == []
