"""What is DuckDB's own: opened late, one file, its settings, and recovery when it fails."""

import asyncio
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import MB, Settings
from aiwe_engine.store.duckdb import DuckDBStore, database
from tests.engine.store.conftest import Documents

SCOPE = Scope("shop", "dev")
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def place(tmp_path):
    """Opens stores on one file; closes them after the test."""
    stores = []

    def open_store(**settings):
        stores.append(DuckDBStore(tmp_path / "data.duckdb", replace(Settings(), **settings)))
        return Documents(stores[-1], SCOPE)

    yield open_store
    for store in stores:
        await store.close()


def run(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_database_is_imported_on_the_first_call_only(tmp_path):
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from aiwe_engine.store.duckdb import DuckDBStore\n"
        "from aiwe_engine.settings import Settings\n"
        "from aiwe_engine.protocols import Scope\n"
        "async def main():\n"
        "    store = DuckDBStore(Path(sys.argv[1]), Settings())\n"
        "    print('duckdb' in sys.modules)\n"
        "    await store.within(Scope('a', 'dev')).count('x', {})\n"
        "    print('duckdb' in sys.modules)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    result = run(code, str(tmp_path / "data.duckdb"))
    assert (result.stdout.split(), result.stderr) == (["False", "True"], "")


async def test_a_store_that_was_never_used_makes_no_file(place, tmp_path):
    await place().store.close()
    assert list(tmp_path.iterdir()) == []


async def test_warming_opens_the_file_and_the_loop_goes_on(place, tmp_path):
    data = place()
    data.store.warm()
    data.store.warm()
    for _ in range(1000):
        await asyncio.sleep(0.005)
        if (tmp_path / "data.duckdb").exists():
            break
    assert (tmp_path / "data.duckdb").exists()
    assert await data.count("tasks") == 0


async def test_a_file_that_another_process_holds_is_told_so(tmp_path, place):
    path = str(tmp_path / "data.duckdb")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held'); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        await asyncio.to_thread(holder.stdout.readline)
        with pytest.raises(AiweError) as caught:
            await place().create("tasks", {})
        assert caught.value.code == "data_in_use"
        assert str(holder.pid) in caught.value.message
        holder.communicate()


async def test_a_file_that_is_no_database_is_told_so_and_left_alone(tmp_path, place):
    (tmp_path / "data.duckdb").write_bytes(b"not a database" * 1000)
    data = place()
    for call in (data.create("tasks", {}), data.query("tasks"), data.get("t", "x")):
        with pytest.raises(AiweError) as caught:
            await call
        assert caught.value.code == "store_unavailable"
    assert (tmp_path / "data.duckdb").read_bytes() == b"not a database" * 1000


@pytest.mark.binds("database_memory", "database_threads")
async def test_memory_and_threads_are_those_of_the_settings(place):
    data = place(database_memory=64 * MB, database_threads=1)
    await data.create("tasks", {})
    connection = data.store._database.connection()
    wanted = "SELECT current_setting(?)"
    assert connection.execute(wanted, ["threads"]).fetchone() == (1,)
    assert connection.execute(wanted, ["memory_limit"]).fetchone() == ("64.0 MiB",)
    assert connection.execute(wanted, ["autoload_known_extensions"]).fetchone() == (False,)


@pytest.mark.binds("database_temp")
async def test_a_large_sort_takes_so_much_of_the_disk_and_no_more(place, refused):
    sort = [
        "SELECT n, md5(n::VARCHAR) AS m FROM range(600000) r(n) ORDER BY m DESC, n OFFSET 599999"
    ]
    data = place(database_memory=32 * MB, database_temp=5 * MB)
    error = await refused(data.calls.sql(sort, []), "query_too_large")
    assert "data.database_temp" in error.hint
    await data.store.close()
    data = place(database_memory=32 * MB)
    assert len((await data.calls.sql(sort, [])).rows) == 1


@pytest.mark.binds("document_cache")
async def test_the_cache_has_the_size_of_the_settings(place):
    data = place(document_cache=10_000)
    docs = await data.create_many("tasks", [{"text": "x" * 1000} for _ in range(50)])
    for doc in docs:
        assert await data.get("tasks", doc["id"]) == doc
    assert 0 < data.store._cache._size <= 10_000


async def test_a_change_that_is_too_much_for_the_database_fails_alone(place):
    data = place(database_memory=24 * MB)
    await data.create("tasks", {})
    large = [{"text": "x" * 900_000} for _ in range(100)]
    calls = [data.create("tasks", {"n": n}) for n in range(10)]
    calls.insert(5, data.create_many("tasks", large))
    results = await asyncio.gather(*calls, return_exceptions=True)
    failed = [result for result in results if isinstance(result, Exception)]
    assert [(error.code, error.status) for error in failed] == [("query_too_large", 503)]
    assert "data.database_memory" in failed[0].hint
    assert await data.count("tasks") == 11


@pytest.fixture
def full_disk():
    """Files of this process cannot grow over so many bytes, until told so or the test ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size=None):
        soft = before[0] if size is None else size
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1]))

    yield limit
    limit()


async def fill(data, count):
    """Creates documents of 10 KB until there are so many or a write fails; returns their ids."""
    stored = []
    for _ in range(count):
        try:
            stored.append((await data.create("tasks", {"text": os.urandom(5000).hex()}))["id"])
        except AiweError as error:
            if error.code != "storage_full":
                raise
            break
    return stored


async def test_a_full_disk_fails_writes_and_loses_none_that_was_acknowledged(place, full_disk):
    data = place()
    stored = await fill(data, 5)
    full_disk(200_000)
    more = await fill(data, 100)
    assert len(more) < 20
    with pytest.raises(AiweError, match=r"The disk is full: data\.duckdb cannot grow") as caught:
        await data.create("tasks", {"text": os.urandom(5000).hex()})
    assert caught.value.status == 507
    assert "by itself" in caught.value.hint
    stored += more
    assert await data.count("tasks") == len(stored)
    full_disk()
    stored += await fill(data, 3)
    assert {doc["id"] for doc in await data.query("tasks")} == set(stored)
    await data.store.close()
    assert {doc["id"] for doc in await place().query("tasks")} == set(stored)


async def test_a_checkpoint_that_fails_costs_no_write(place, full_disk, monkeypatch):
    """DuckDB gives the whole database up then; it is opened again, and nobody notices."""
    monkeypatch.setattr(database, "LOG_LIMIT", 300_000)
    data = place()
    stored = await fill(data, 100)
    opened = data.store._database._opened
    full_disk(1_500_000)
    stored += await fill(data, 90)
    assert len(stored) == 190
    assert data.store._database._opened > opened
    full_disk()
    stored += await fill(data, 3)
    assert {doc["id"] for doc in await data.query("tasks")} == set(stored)


async def test_checkpoints_go_on_while_queries_run(place, monkeypatch, tmp_path):
    monkeypatch.setattr(database, "LOG_LIMIT", 100_000)
    data = place()
    await data.create_many("tasks", [{"n": n, "text": "x" * 500} for n in range(1000)])
    done = asyncio.Event()

    async def reader():
        while not done.is_set():
            assert len(await data.query("tasks", {"text": {"$like": "%x"}})) >= 1000

    readers = [asyncio.create_task(reader()) for _ in range(3)]
    assert len(await fill(data, 60)) == 60
    done.set()
    await asyncio.gather(*readers)
    assert data.store._database._opened == 1
    log = tmp_path / "data.duckdb.wal"
    assert not log.exists() or log.stat().st_size < 500_000


@pytest.mark.binds("query_limit")
async def test_a_query_that_takes_too_long_is_ended(place):
    data = place(query_limit=0.05)
    await data.create_many("tasks", [{"n": n, "text": "x" * 100} for n in range(10_000)])
    calls = [data.count("tasks", slow(n)) for n in range(4)]
    started = asyncio.get_running_loop().time()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {getattr(result, "code", result) for result in results} == {"query_too_slow"}
    assert asyncio.get_running_loop().time() - started < 2
    async with asyncio.timeout(20):  # DuckDB ends a statement between two portions of rows
        while (await answered(data.count("tasks", {"n": 5}))) != 1:
            pass


async def test_a_query_that_is_under_way_ends_with_the_store(place):
    data = place()
    await data.create_many("tasks", [{"n": n, "text": "x" * 100} for n in range(10_000)])
    asked = [asyncio.create_task(data.count("tasks", slow(n))) for n in range(2)]
    await asyncio.sleep(0.05)
    await asyncio.wait_for(data.store.close(), 10)
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert {getattr(result, "code", result) for result in results} <= {"store_closed", 0}


async def answered(call):
    try:
        return await call
    except AiweError as error:
        if error.code != "query_too_slow":
            raise


def slow(n):
    """A filter that looks at each text two hundred times."""
    return {"n": {"$ne": n}, "$or": [{"text": {"$like": f"%{m}%x%y%z"}} for m in range(190)]}
