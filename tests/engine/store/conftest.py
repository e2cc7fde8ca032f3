"""The stores under test. The conformance tests know no vendor: a backend is a row of BACKENDS."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from aiwe_engine.protocols import Page, Scope, Store
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.store.postgres import PostgresStore
from tests.postgres import Cluster

URL = "database.url"  # where a folder says which database belongs to it
BACKENDS: dict[str, Callable[[Path, Settings], Store]] = {
    "duckdb": lambda folder, settings: DuckDBStore(folder / "data.duckdb", settings),
    "postgres": lambda folder, settings: PostgresStore(url_of(folder), settings),
}
Open = Callable[..., Store]


def url_of(folder: Path) -> str:
    """The database of a folder, or of one that it is in."""
    return next(
        place.read_text() for one in (folder, *folder.parents) if (place := one / URL).exists()
    )


class Documents:
    """A store as programs see it: documents as objects, one scope."""

    def __init__(self, store: Store, scope: Scope) -> None:
        self.store, self.scope, self.calls = store, scope, store.within(scope)

    async def create(self, collection: str, doc: Any) -> dict[str, Any]:
        return orjson.loads((await self.calls.create(collection, [doc]))[0])

    async def create_many(self, collection: str, docs: list[Any]) -> list[dict[str, Any]]:
        return [orjson.loads(t) for t in await self.calls.create(collection, docs)]

    async def get(self, collection: str, doc_id: Any) -> dict[str, Any] | None:
        text = await self.calls.get(collection, doc_id)
        return None if text is None else orjson.loads(text)

    async def query(self, collection: str, where: Any = None, **options: Any) -> list[Any]:
        found = await self.calls.query(collection, where, options)
        return [orjson.loads(text) for text in found]

    async def page(self, collection: str, where: Any = None, **options: Any) -> Page:
        return await self.calls.query(collection, where, options)

    async def count(self, collection: str, where: Any = None) -> int:
        return await self.calls.count(collection, where)

    async def update(self, collection: str, doc_id: str, patch: Any, if_version=None) -> Any:
        text = await self.calls.update(collection, doc_id, patch, if_version)
        return orjson.loads(text)

    async def replace(self, collection: str, doc_id: str, doc: Any, if_version=None) -> Any:
        text = await self.calls.replace(collection, doc_id, doc, if_version)
        return orjson.loads(text)

    async def upsert(self, collection: str, doc: Any) -> Any:
        return orjson.loads(await self.calls.upsert(collection, doc))

    async def modify(self, collection: str, doc_id: str, change: Any) -> Any:
        return orjson.loads(await self.calls.modify(collection, doc_id, change))

    async def delete(self, collection: str, doc_id: str) -> bool:
        return await self.calls.delete(collection, doc_id)

    async def delete_many(self, collection: str, where: Any) -> int:
        return await self.calls.delete_many(collection, where)

    async def collections(self) -> list[str]:
        return await self.calls.collections()


@pytest.fixture(scope="session")
def shared_database(postgres: Cluster) -> Iterator[str]:
    """One database for all tests of stores; making one costs more than most of them."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def fresh_database(shared_database: str) -> str:
    """The address of the same, without what another test left in it."""
    with psycopg.connect(shared_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS aiwe CASCADE")
    return shared_database


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of a backend, whose place is the test's folder."""
    name: str = request.param
    if name == "postgres":
        (tmp_path / URL).write_text(request.getfixturevalue("fresh_database"))
    return name


@pytest.fixture
async def opened(backend: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens stores on one place, with settings of choice; closes them after the test."""
    stores: list[Store] = []

    def open_store(**settings: Any) -> Store:
        store = BACKENDS[backend](tmp_path, replace(Settings(), **settings))
        stores.append(store)
        return store

    yield open_store
    for store in stores:
        await store.close()


@pytest.fixture
def store(opened: Open) -> Store:
    return opened()


@pytest.fixture
def data(store: Store) -> Documents:
    return Documents(store, Scope("shop", "dev"))


@pytest.fixture
def refused() -> Callable[[Awaitable[Any], str], Awaitable[Any]]:
    """The error of a call that must fail with this code, and a hint."""
    from aiwe_engine.errors import AiweError

    async def check(call: Awaitable[Any], code: str) -> AiweError:
        with pytest.raises(AiweError) as caught:
            await call
        assert caught.value.code == code
        assert caught.value.hint
        return caught.value

    return check
