"""Sessions of visitors on a real store, with a clock of the test's own."""

import asyncio
import re
from dataclasses import replace
from hashlib import sha256

import orjson
import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.types import Request
from aiwe_engine.visits import Visits

SHOP = Scope("shop", "dev")
HOUR = 3600.0
COOKIE = re.compile(r"(?:__Host-)?aiwe_session=([A-Za-z0-9_-]{43}); (.*)")


class Browser:
    """Somebody who keeps cookies, and a handler that does what it is told."""

    def __init__(self, visits, *, scope=SHOP, scheme="http", settings=None):
        self.visits, self.scope, self.scheme = visits, scope, scheme
        self.settings = settings or Settings()
        self.cookie = ""

    def request(self):
        headers = [("cookie", self.cookie)] if self.cookie else []
        return Request("GET", "/", headers=headers, scheme=self.scheme)

    async def find(self):
        return await self.visits.find(self.scope, self.settings, self.request())

    async def values(self):
        return (await self.find()).values

    async def keep(self, visit, delete=(), **values):
        changes = {"set": values, "delete": list(delete)}
        sent = await self.visits.keep(self.scope, self.settings, visit, changes)
        for name, value in sent:
            assert name == "set-cookie"
            self.cookie = value.partition(";")[0]
        return [value for _, value in sent]

    async def set(self, **values):
        return await self.keep(await self.find(), **values)


class Clock:
    now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def store(tmp_path):
    store = DuckDBStore(tmp_path / "data.duckdb", Settings())
    yield store
    await store.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def visits(store, clock):
    return Visits(store, clock)


@pytest.fixture
def browser(visits):
    return Browser(visits)


async def stored(store, scope=SHOP):
    texts = await store.within(Scope(f"~{scope.app}", scope.env)).query("sessions", {}, {})
    return [orjson.loads(text) for text in texts]


async def test_what_is_set_is_there_at_the_next_request(browser):
    assert await browser.values() == {}
    assert await browser.keep(await browser.find()) == []  # nothing is made for nothing
    cookies = await browser.set(name="Ada", cart=[1, {"a": None}])
    assert len(cookies) == 1
    assert await browser.values() == {"name": "Ada", "cart": [1, {"a": None}]}
    assert await browser.set(name="Bob") == []
    assert await browser.keep(await browser.find(), delete=["cart", "never"]) == []
    assert await browser.values() == {"name": "Bob"}


async def test_a_request_changes_so_many_names_and_no_more(browser):
    await browser.set(kept=1)
    names = [f"n{n}" for n in range(9_999)]
    assert await browser.keep(await browser.find(), delete=names, other=2) == []
    with pytest.raises(AiweError) as caught:
        await browser.keep(await browser.find(), delete=[*names, "kept"], other=3)
    assert (caught.value.code, caught.value.status) == ("too_many_changes", 500)
    assert "10,000 names" in caught.value.message
    assert "destroy()" in caught.value.hint
    assert await browser.values() == {"kept": 1, "other": 2}


@pytest.mark.parametrize(
    ("scheme", "name", "more"),
    [("http", "aiwe_session", ""), ("https", "__Host-aiwe_session", "; Secure")],
)
async def test_the_cookie_is_opaque_and_only_its_hash_is_stored(visits, store, scheme, name, more):
    browser = Browser(visits, scheme=scheme)
    (cookie,) = await browser.set(a=1)
    given, attributes = COOKIE.fullmatch(cookie).groups()
    assert cookie.startswith(f"{name}={given};")
    assert attributes == f"Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax{more}"
    (document,) = await stored(store)
    assert document["id"] == sha256(given.encode()).hexdigest()
    assert given not in str(document)
    assert await browser.values() == {"a": 1}


async def test_ids_differ(visits):
    cookies = [(await Browser(visits).set(a=1))[0] for _ in range(20)]
    assert len({COOKIE.fullmatch(cookie)[1] for cookie in cookies}) == 20


async def test_a_cookie_of_http_is_none_over_https(visits):
    plain = Browser(visits)
    await plain.set(a=1)
    secure = Browser(visits, scheme="https")
    secure.cookie = plain.cookie
    assert await secure.values() == {}


FORGED = [
    "x" * 43,
    "",
    "a" * 500,
    "ü" * 43,
    "../../etc",
    '"; drop',
    "A" * 42,
    "x" * 43 + "=",
    "%00" * 20,
]


@pytest.mark.parametrize("forged", FORGED)
async def test_an_id_that_nobody_gave_is_ignored_and_never_adopted(browser, store, forged):
    browser.cookie = f"aiwe_session={forged}"
    assert await browser.values() == {}
    (cookie,) = await browser.set(a=1)
    assert COOKIE.fullmatch(cookie)[1] != forged
    assert sha256(forged.encode()).hexdigest() not in [doc["id"] for doc in await stored(store)]


async def test_the_hash_of_an_id_does_not_open_a_session(browser, store):
    await browser.set(a=1)
    browser.cookie = f"aiwe_session={(await stored(store))[0]['id'][:43]}"
    assert await browser.values() == {}


async def test_a_program_does_not_see_the_cookie(browser, visits):
    await browser.set(a=1)
    request = Request("GET", "/", headers=[
        ("cookie", f"theme=dark; {browser.cookie}; aiwe_session_2=x"), ("host", "h"),
        ("cookie", "__Host-aiwe_session=y"), ("cookie", "b=aiwe_session"),
    ])  # fmt: skip
    visit = await visits.find(SHOP, Settings(), request)
    assert visit.values == {"a": 1}
    assert request.headers == [
        ("cookie", "theme=dark; aiwe_session_2=x"), ("host", "h"), ("cookie", "b=aiwe_session")
    ]  # fmt: skip


@pytest.mark.parametrize("other", [Scope("other", "dev"), Scope("shop", "staging")])
async def test_a_session_belongs_to_one_app_and_environment(browser, visits, other):
    await browser.set(a=1)
    stranger = Browser(visits, scope=other)
    stranger.cookie = browser.cookie
    assert await stranger.values() == {}
    await stranger.set(a=2)
    assert stranger.cookie != browser.cookie
    assert await browser.values() == {"a": 1}


async def test_requests_at_the_same_time_do_not_lose_each_others_keys(browser):
    await browser.set(start=True)
    visits = [await browser.find() for _ in range(40)]
    await asyncio.gather(*[browser.keep(visit, **{f"k{n}": n}) for n, visit in enumerate(visits)])
    await asyncio.gather(
        browser.keep(await browser.find(), delete=["start"]),
        browser.keep(await browser.find(), more=1),
    )
    assert await browser.values() == {**{f"k{n}": n for n in range(40)}, "more": 1}


KEYS = [
    "",
    "a.b",
    "$set",
    "=",
    "%2E",
    "values",
    "id",
    "\0",
    "a b",
    "ü",
    "__proto__",
    "x" * 300,
    "seen",
    "~",
]


async def test_any_text_is_a_key(browser):
    await browser.set(first=1)
    await browser.keep(await browser.find(), **{key: key for key in KEYS})
    assert await browser.values() == {"first": 1, **{key: key for key in KEYS}}
    await browser.keep(await browser.find(), delete=KEYS)
    assert await browser.values() == {"first": 1}


async def test_a_destroyed_session_is_gone_at_once_and_its_cookie_with_the_answer(
    browser, store, visits
):
    await browser.set(a=1)
    old = browser.cookie
    visit = await browser.find()
    await visits.end(SHOP, visit)
    assert await stored(store) == []
    (cookie,) = await browser.keep(visit)
    assert cookie == "aiwe_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    browser.cookie = old
    assert await browser.values() == {}


async def test_what_is_set_after_destroying_begins_another_session(browser, visits):
    await browser.set(a=1)
    old, visit = browser.cookie, await browser.find()
    await visits.end(SHOP, visit)
    assert len(await browser.keep(visit, user="ada")) == 1
    assert browser.cookie != old
    assert await browser.values() == {"user": "ada"}


async def test_a_session_destroyed_meanwhile_does_not_come_back(browser, visits, store):
    await browser.set(a=1)
    late = await browser.find()
    await visits.end(SHOP, await browser.find())
    (cookie,) = await browser.keep(late, a=2)
    assert "Max-Age=0" in cookie
    assert await stored(store) == []


@pytest.mark.binds("session_idle")
async def test_a_session_that_is_not_used_ends(visits, clock):
    browser = Browser(visits, settings=Settings(session_idle=HOUR, session_lifetime=9 * HOUR))
    await browser.set(a=1)
    for _ in range(5):  # reading is use
        clock.now += 0.9 * HOUR
        visit = await browser.find()
        assert visit.values == {"a": 1}
        assert await browser.keep(visit) == []
    clock.now += 1.01 * HOUR
    assert await browser.values() == {}


@pytest.mark.binds("session_lifetime")
async def test_no_use_makes_a_session_live_for_ever(visits, clock):
    browser = Browser(visits, settings=Settings(session_idle=HOUR, session_lifetime=2 * HOUR))
    (cookie,) = await browser.set(a=1)
    assert "Max-Age=7200;" in cookie
    for _ in range(4):
        clock.now += 0.5 * HOUR - 1
        await browser.set(a=2)
    clock.now += 5
    assert await browser.values() == {}


async def test_a_session_in_use_is_not_written_at_every_request(browser, store, clock):
    await browser.set(a=1)
    for _ in range(20):
        clock.now += 60
        await browser.keep(await browser.find())
    assert (await stored(store))[0]["version"] == 1


async def test_what_has_expired_is_swept_away_and_nothing_else(visits, store, clock):
    settings = Settings(session_idle=HOUR, session_lifetime=3 * HOUR)
    old, fresh = Browser(visits, settings=settings), Browser(visits, settings=settings)
    other = Browser(visits, scope=Scope("other", "dev"))
    await old.set(who="old")
    await other.set(who="other")
    clock.now += 2 * HOUR
    await fresh.set(who="fresh")
    assert await visits.sweep() == 1
    assert [doc["values"] for doc in await stored(store)] == [{"=who": "fresh"}]
    assert await other.values() == {"who": "other"}
    assert await visits.sweep() == 0


async def test_an_engine_that_was_started_again_knows_its_sessions(tmp_path, clock):
    browser = Browser(None)
    for turn in range(2):
        store = DuckDBStore(tmp_path / "again.duckdb", Settings())
        browser.visits = Visits(store, clock)
        assert await browser.values() == ({"a": 1} if turn else {})
        await browser.set(a=1)
        await store.close()


async def test_a_session_holds_no_more_than_it_may(visits):
    browser = Browser(visits, settings=Settings(session_limit=1000))
    await browser.set(a="x" * 900)
    for values, delete in [({"b": "x" * 100}, []), ({"a": "y" * 1000}, [])]:
        with pytest.raises(AiweError) as caught:
            await browser.keep(await browser.find(), delete=delete, **values)
        assert caught.value.code == "session_too_large"
        assert "1,000 bytes" in caught.value.message
        assert "session.limit" in caught.value.hint
    assert await browser.values() == {"a": "x" * 900}
    await browser.keep(await browser.find(), delete=["a"], b="x" * 900)
    assert await browser.values() == {"b": "x" * 900}


async def test_what_is_over_the_limit_together_is_refused_by_the_store(tmp_path, clock):
    store = DuckDBStore(tmp_path / "small.duckdb", replace(Settings(), document_limit=2000))
    browser = Browser(Visits(store, clock), settings=Settings(session_limit=1500))
    await browser.set(a="x" * 1000)
    late = await browser.find()
    late.values = {}
    with pytest.raises(AiweError) as caught:
        await browser.keep(late, b="x" * 1000)
    assert caught.value.code == "session_too_large"
    await store.close()


async def test_where_no_cookies_are_kept_nothing_is_stored(browser, store):
    visit = await browser.find()
    visit.kept = False
    assert await browser.keep(visit, a=1) == []
    assert await stored(store) == []


HOSTILE = [1, "x", [], {}, {"set": {}}, {"set": [], "delete": []}, {"set": {}, "delete": {}},
           {"set": {}, "delete": [1]}, {"set": {"a": 1}, "delete": ["a"]}]  # fmt: skip


@pytest.mark.parametrize("changes", HOSTILE, ids=str)
async def test_a_worker_that_does_not_keep_to_the_form_changes_nothing(
    browser, visits, store, changes
):
    await browser.set(a=0)
    with pytest.raises(AiweError) as caught:
        await visits.keep(SHOP, Settings(), await browser.find(), changes)
    assert caught.value.code == "invalid_answer"
    assert await browser.values() == {"a": 0}
