"""Tokens and keys on a real store, with a clock of the test's own."""

import pytest

from aiwe_engine.errors import EngineError
from aiwe_engine.people.api_keys import ApiKeys
from aiwe_engine.people.directory import Directory
from aiwe_engine.people.keys import SigningKeys
from aiwe_engine.people.tokens import InvalidToken, Tokens
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore

SHOP = Scope("shop", "dev")


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


class Sealing:
    """A cipher that only turns a text around, and holds to its context."""

    def __init__(self, key="1"):
        self.key = key

    def seal(self, plain, context):
        return f"{self.key}|{context}|{plain.decode()[::-1]}"

    def open(self, sealed, context):
        key, said, text = sealed.split("|")
        assert said == context
        if key != self.key:
            raise EngineError("It is another key.", code="vault_key_wrong")
        return text[::-1].encode()


class House:
    """All that tokens and keys need, as one engine has it; several may share a store."""

    def __init__(self, store, clock, key="1"):
        self.store, self.clock = store, clock
        self.directory = Directory(store)
        self.keys = SigningKeys(store, Sealing(key), clock)
        self.tokens = Tokens(self.keys, self.directory, store, clock)
        self.api_keys = ApiKeys(self.directory, store, clock)
        self.settings = Settings()
        self.scope = SHOP

    async def person(self, name="ada", **fields):
        person = await self.directory.create(self.scope, name, {"roles": ["editor"], **fields})
        return person.user("session")

    async def change(self, user, **fields):
        await self.directory.change(self.scope, user.id, {"$set": fields})

    async def issue(self, user, **options):
        return (await self.tokens.issue(self.scope, self.settings, user, options)).token

    async def owner(self, token):
        """Whom a token or a key makes of its sender; a text: why nobody."""
        try:
            if token.startswith("aiwe_"):
                return await self.api_keys.owner(self.scope, token)
            return await self.tokens.owner(self.scope, self.settings, token)
        except InvalidToken as error:
            return str(error)


@pytest.fixture
async def store(tmp_path):
    store = DuckDBStore(tmp_path / "data.duckdb", Settings())
    yield store
    await store.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def house(store, clock):
    return House(store, clock)


@pytest.fixture
def another(store, clock):
    """Another engine on the same store."""
    return House(store, clock)
