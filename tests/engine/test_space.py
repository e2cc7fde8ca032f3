"""The data folder holds so much and no more; what is there stays, and deleting makes room again."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.space import Space
from aiwe_engine.store.duckdb import DuckDBStore

SCOPE = Scope("shop", "dev")


async def fill(documents, most=1000):
    """Creates documents of 3 KB, 30 at a time, until it is told to stop; the ids of those that are stored."""
    stored = []
    for _ in range(most):
        try:
            texts = await documents.create("blobs", [{"text": "x" * 3_000}] * 30)
        except AiweError as error:
            assert (error.code, error.status) == ("storage_full", 507)  # noqa: PT017
            assert "data.limit" in error.hint  # noqa: PT017
            return stored
        stored += [orjson.loads(text)["id"] for text in texts]
    raise AssertionError("nothing said stop")


async def room(engine):
    """Waits until the engine has made room by itself."""
    async with asyncio.timeout(30):
        while engine._space.is_full:
            await asyncio.sleep(0.05)


@pytest.mark.binds("data_limit")
async def test_a_full_folder_refuses_what_grows_and_lets_delete(tmp_path):
    settings = replace(Settings(), data_limit=8 * MB)
    async with Engine(settings, root=tmp_path, data=tmp_path / "data") as engine:
        documents = engine._store.within(SCOPE)
        stored = await fill(documents)
        assert 600 < len(stored) < 2_800
        with pytest.raises(AiweError, match="may"):
            await documents.update("blobs", stored[0], {"more": 1}, None)
        assert await documents.count("blobs", {}) == len(stored)
        assert await documents.get("blobs", stored[0])
        await documents.delete_many("blobs", {})
        async with asyncio.timeout(20):
            while engine._space.is_full:
                await asyncio.to_thread(engine._space.measure)
                await documents.delete("blobs", "nothing")
        assert await fill(documents)


@pytest.mark.parametrize("kept", [0, 7])
async def test_the_room_of_large_documents_that_were_deleted_comes_back(tmp_path, kept):
    settings = replace(Settings(), data_limit=12 * MB)
    texts = [f"{number}" + "x" * 100_000 for number in range(500)]
    async with Engine(settings, root=tmp_path, data=tmp_path / "data") as engine:
        documents = engine._store.within(SCOPE)
        definition = {"unique": [["n"]], "schema": {"properties": {"n": {"type": "integer"}}}}
        await engine._store.define(SCOPE, "blobs", definition, "1")

        async def fill(begin):
            for number in range(begin, 500):
                try:
                    await documents.create("blobs", [{"n": number, "text": texts[number]}])
                except AiweError as error:
                    assert error.code == "storage_full"  # noqa: PT017
                    return number - begin
            raise AssertionError("nothing said stop")

        first = await fill(0)
        assert await documents.delete_many("blobs", {"n": {"$gte": kept}}) == first - kept
        await room(engine)
        assert await fill(first) > (first - kept) // 2
        found = await documents.query("blobs", {"n": {"$lt": kept}}, {"sort": "n"})
        assert [orjson.loads(text)["text"] for text in found] == texts[:kept]
        assert await documents.delete_many("blobs", {"n": {"$gte": first}})
        await room(engine)
        if kept:
            with pytest.raises(AiweError) as refused:
                await documents.create("blobs", [{"n": 0}])
            assert refused.value.code == "already_exists"


def test_what_was_taken_counts_until_it_is_measured(tmp_path):
    space = Space(tmp_path, 1000)
    space.took(999)
    space.admit()
    space.took(1)
    with pytest.raises(AiweError, match="1,000 bytes"):
        space.admit()
    space.measure()
    space.admit()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 1000)
    space.measure()
    assert space.is_full
    space.limit = 0
    space.admit()


def test_room_in_the_files_of_the_database_counts_as_room(tmp_path):
    space = Space(tmp_path, 1000)
    space.spare = lambda: 400
    (tmp_path / "file").write_bytes(b"x" * 1200)
    space.measure()
    assert not space.is_full


async def test_a_store_without_a_room_knows_no_limit(tmp_path):
    store = DuckDBStore(tmp_path / "data.duckdb", Settings())
    assert await store.within(SCOPE).create("blobs", [{}])
    await store.close()
