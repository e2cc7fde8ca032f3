"""What is PostgreSQL's own: several engines on one database, servers that go away, what it needs."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import psycopg
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.store.postgres import PostgresStore
from aiwe_engine.types import Caller
from tests.engine.runtime.bench import Bench, settings
from tests.engine.store.conftest import Documents
from tests.postgres import Cluster, cluster, require

SCOPE = Scope("shop", "dev")


@pytest.fixture
async def host(fresh_database):
    """Opens stores on one database, as several engines do; closes them after the test."""
    stores = []

    def open_store(url=fresh_database, **changes):
        stores.append(PostgresStore(url, replace(Settings(), **changes)))
        return Documents(stores[-1], SCOPE)

    yield open_store
    for store in stores:
        await store.close()


# ── several engines on one database ──


async def test_no_update_of_two_engines_is_lost(host):
    hosts = [host(), host()]
    await hosts[0].create("counters", {"id": "c", "n": 0})
    change = {"$inc": {"n": 1}}
    calls = [hosts[n % 2].modify("counters", "c", change) for n in range(200)]
    calls += [hosts[n % 2].update("counters", "c", {f"by{n}": n}) for n in range(100)]
    docs = await asyncio.gather(*calls)
    assert sorted(doc["version"] for doc in docs) == list(range(2, 302))
    doc = await hosts[1].get("counters", "c")
    assert doc["n"] == 200
    assert [doc[f"by{n}"] for n in range(100)] == list(range(100))


async def test_of_two_engines_one_wins_with_a_version(host):
    hosts = [host(), host()]
    await hosts[0].create("tasks", {"id": "a"})
    for version in range(1, 20):
        calls = [one.update("tasks", "a", {"n": version}, version) for one in hosts]
        results = await asyncio.gather(*calls, return_exceptions=True)
        codes = [getattr(result, "code", "done") for result in results]
        assert sorted(codes) == ["done", "version_conflict"]


async def test_an_id_is_given_once_whoever_asks(host):
    hosts = [host(), host(), host()]
    for n in range(20):  # the first time, the table is made by all of them too
        calls = [one.create("tasks", {"id": f"{n}", "by": by}) for by, one in enumerate(hosts)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        codes = sorted(getattr(result, "code", "done") for result in results)
        assert codes == ["already_exists", "already_exists", "done"]
    assert await hosts[0].count("tasks") == 20
    calls = [hosts[n % 3].upsert("tasks", {"id": "u", "n": n}) for n in range(60)]
    docs = await asyncio.gather(*calls)
    assert sorted(doc["version"] for doc in docs) == list(range(1, 61))


async def test_what_one_engine_was_told_is_stored_every_other_finds(host):
    one, other = host(), host()
    assert await other.get("tasks", "a") is None
    await one.create("tasks", {"id": "a", "n": 1})
    assert (await other.get("tasks", "a"))["n"] == 1
    await one.update("tasks", "a", {"n": 2})
    assert (await other.get("tasks", "a"))["n"] == 2
    assert await other.count("tasks", {"n": 2}) == 1
    assert await one.delete_many("tasks", {}) == 1
    assert await other.query("tasks") == []
    assert await other.collections() == ["tasks"]


async def test_what_one_engine_declares_holds_for_every_other_at_once(host, refused):
    one, other = host(), host()
    await one.create("users", {"id": "a", "email": "a", "owner": "ann"})
    assert await other.count("users") == 1
    unique = {"unique": [["email"]], "schema": {"required": ["email"]}, "owner": True}
    await one.store.define(SCOPE, "users", unique, "v1")
    await refused(other.create("users", {"email": "a"}), "already_exists")
    await refused(other.create("users", {"name": "b"}), "invalid_document")
    ben = Documents(other.store, Scope("shop", "dev", Caller("ben")))
    assert await ben.get("users", "a") is None
    await one.store.define(SCOPE, "users", {"owner": False}, "v2")
    assert (await ben.get("users", "a"))["email"] == "a"
    await one.store.define(SCOPE, "users", {"owner": True}, "v3")
    assert await ben.query("users") == []
    await one.store.define(SCOPE, "users", {"owner": False}, "v4")
    assert await ben.count("users") == 1


async def test_a_unique_key_is_taken_once_whoever_asks(host):
    hosts = [host(), host()]
    await hosts[0].store.define(SCOPE, "users", {"unique": [["email"]]}, "v1")
    for n in range(10):
        calls = [one.create("users", {"email": f"{n}"}) for one in hosts for _ in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        codes = sorted(getattr(result, "code", "done") for result in results)
        assert codes == ["already_exists"] * 5 + ["done"]


async def test_engines_that_declare_and_write_at_once_agree(host):
    hosts = [host(), host()]
    declare = {"unique": [["n"]]}
    calls = [one.store.define(SCOPE, "tasks", declare, "v1") for one in hosts]
    calls += [hosts[n % 2].create("tasks", {"n": n % 7}) for n in range(40)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    codes = {getattr(result, "code", None) for result in results}
    assert codes == {None, "already_exists"}
    assert sorted(doc["n"] for doc in await hosts[0].query("tasks")) == list(range(7))


async def test_a_transaction_here_meets_a_write_there(host):
    one, other = host(), host()
    await one.create("accounts", {"id": "a", "n": 1})
    tx = await one.store.begin(SCOPE)
    await tx.get("accounts", "a")
    await other.update("accounts", "a", {"n": 5})
    with pytest.raises(AiweError) as caught:
        await tx.update("accounts", "a", {"n": 2}, None)
    assert caught.value.code == "transaction_conflict"
    assert await tx.rollback() is False
    assert (await one.get("accounts", "a"))["n"] == 5


async def test_writes_go_on_while_transactions_are_open(host):
    one, other = host(), host()
    await one.create_many("tasks", [{"id": f"{n}"} for n in range(20)])
    tx = await one.store.begin(SCOPE)
    assert await tx.count("tasks", {}) == 20
    calls = [
        (one, other)[n % 2].modify("tasks", f"{n % 20}", {"$inc": {"n": 1}}) for n in range(200)
    ]
    await asyncio.gather(*calls)
    assert await tx.count("tasks", {"n": 10}) == 0
    await tx.commit()
    assert await other.count("tasks", {"n": 10}) == 20


# ── an index ──


async def test_a_declared_index_is_used_and_finds_the_same(host, fresh_database):
    data = host()
    values = [n - 50 for n in range(100)] + [f"{n:02d}" for n in range(50)]
    values += ["x" * 70 + str(n) for n in range(5)] + [None, True, 0.5, -0.5, 1e300, -1e300]
    docs = [{"id": f"{n:04d}", "v": value, "w": n % 3} for n, value in enumerate(values)]
    filters = [
        {"v": value} for value in (5, -5, 0, -0.0, 0.5, 1e300, "07", "x" * 70 + "3", True, None)
    ]
    bounds = [-50, -0.5, 0, 3, 1e300, "", "07", "x" * 70, "x" * 70 + "3", "zz"]
    filters += [{"v": {op: b}} for b in bounds for op in ("$gt", "$gte", "$lt", "$lte", "$ne")]
    filters += [{"v": {"$in": [5, "07", None]}}, {"v": {"$nin": [5, "07"]}}, {"v": 5, "w": 1}]
    await data.create_many("plain", docs)
    await data.store.define(SCOPE, "tasks", {"index": [["v", "w"], ["v"]]}, "v1")
    await data.create_many("tasks", docs)
    for where in filters:
        found = [doc["id"] for doc in await data.query("tasks", where, sort="id")]
        assert (where, found) == (
            where,
            [doc["id"] for doc in await data.query("plain", where, sort="id")],
        )
    await data.create_many("tasks", [{"v": f"many{n}"} for n in range(3000)])
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("ANALYZE aiwe.documents_2")
    await data.count("tasks", {"v": "many7"})
    await data.store.close()
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aiwe'"
        while connection.execute(others).fetchone() != (0,):
            pass  # what they did is counted when they have ended
        used = connection.execute(
            "SELECT idx_scan > 0 FROM pg_stat_user_indexes "
            "WHERE indexrelid::regclass::text LIKE 'aiwe.documents_2%' "
            "AND pg_get_indexdef(indexrelid) LIKE '%rank%' ORDER BY 1 DESC LIMIT 1"
        ).fetchone()
    assert used == (True,)


# ── SQL is confined by the database ──

ELSEWHERE = [
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM pg_class",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM aiwe.documents_1",
    "SELECT * FROM aiwe.documents_2",
    "SELECT * FROM secret",
    "SELECT * FROM tasks, LATERAL (SELECT * FROM aiwe.documents_2) AS x",
    "SELECT (SELECT count(*) FROM aiwe.documents_2)",
    "SELECT id FROM tasks WHERE id IN (SELECT app FROM aiwe.collections)",
    "SELECT ctid FROM tasks",
]
CALLS = [
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT set_config('role', 'postgres', true)",
    "SELECT set_config('role', 'none', true), query_to_xml('SELECT 1 FROM aiwe.documents_2', true, true, '')",
    "SELECT query_to_xml('SELECT * FROM aiwe.documents_2', true, true, '')",
    "SELECT table_to_xml('aiwe.documents_2', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT current_setting('data_directory')",
    "SELECT current_user",
    "SELECT session_user",
    "SELECT current_schema",
    "SELECT version()",
    "SELECT pg_sleep(20)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT nextval('aiwe.collections_number_seq')",
    "SELECT * FROM dblink('x', 'y') AS t (a int)",
    "SELECT 'aiwe.documents_2'::regclass",
    "SELECT repeat('x', 1000000000)",
    "SELECT array_fill(1, ARRAY[100000000])",
    "SELECT public.own()",
    "SELECT 1 OPERATOR(public.<+>) 2",
]
WRITES = [
    "DELETE FROM tasks",
    "WITH x AS (DELETE FROM tasks RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO tasks (id) VALUES ('a') RETURNING *) SELECT * FROM x",
    "SELECT 1 INTO x",
    "SELECT * FROM tasks FOR UPDATE",
    "SELECT 1) AS found; DELETE FROM tasks; SELECT * FROM (SELECT 1",
    "SELECT 1) AS found; END; DROP TABLE aiwe.documents_1; --",
    "SELECT 1; COMMIT; DROP TABLE aiwe.documents_1",
    "COPY tasks TO PROGRAM 'true'",
    "SET ROLE postgres",
    "RESET ROLE",
    "DO $$ BEGIN DROP TABLE aiwe.documents_1; END $$",
    "EXPLAIN ANALYZE SELECT 1",
]


@pytest.fixture
async def confined(host, fresh_database):
    data = host()
    await data.create("tasks", {"id": "a", "n": 1})
    await data.calls.sql(["SELECT 1 FROM tasks"], [])  # from now on it has a schema of its own
    await Documents(data.store, Scope("other", "dev")).create("secret", {"id": "s"})
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION public.own() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'"
        )
        connection.execute("DROP OPERATOR IF EXISTS public.<+> (int, int)")
        connection.execute(
            "CREATE OPERATOR public.<+> (leftarg = int, rightarg = int, function = int4pl)"
        )
    return data


async def test_no_statement_gets_anywhere_else(confined):
    for text in [*ELSEWHERE, *CALLS, *WRITES]:
        with pytest.raises(AiweError) as caught:
            await confined.calls.sql([text], [])
        assert (text, caught.value.code) in [
            (text, "invalid_sql"),
            (text, "unknown_collection"),
        ]
        assert caught.value.hint
    assert (await confined.calls.sql(["SELECT id FROM tasks"], [])).rows == [("a",)]
    assert len(await confined.query("tasks")) == 1


async def test_a_collection_with_the_name_of_a_catalog_answers_for_nothing(
    confined, fresh_database
):
    tree = {"proname": "aiwe_statement", "prosqlbody": "{QUERY :commandType 1", "oid": 0}
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        schemas = connection.execute("SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_temp%'")
        forged = [tree | {"pronamespace": oid} for (oid,) in schemas.fetchall()]
    await confined.create_many("pg_proc", [tree | {"pronamespace": 0}, *forged])
    await confined.create_many("pg_class", [{"oid": 1, "relname": "tasks", "relkind": "v"}])
    for call in CALLS:
        with pytest.raises(AiweError) as caught:
            await confined.calls.sql([f"{call} /* pg_proc, pg_class */"], [])
        assert (call, caught.value.code) == (call, "invalid_sql")
    found = await confined.calls.sql(["SELECT oid FROM pg_class, tasks /* pg_proc */"], [])
    assert found.rows == [(1,)]


async def test_long_statements_leave_connections_to_others(host):
    data = host(data_connections=4, query_limit=2.0)
    await data.create("tasks", {"id": "a"})
    long = "SELECT count(*) FROM generate_series(1, 1000000000000)"
    asked = [asyncio.ensure_future(data.calls.sql([long], [])) for _ in range(8)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert await data.get("tasks", "a")
    await data.create("tasks", {"id": "b"})
    assert not all(one.done() for one in asked)
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_value_is_a_value_whatever_it_says(confined):
    for value in ("x' OR 'a' = 'a", "'; DROP TABLE aiwe.documents_1; --", "\\' OR 1=1 --", "a\0b"):
        found = await confined.calls.sql(["SELECT id FROM tasks WHERE id = ", ""], [value])
        assert found.rows == []
        found = await confined.calls.sql(["SELECT ", " AS x"], [value])
        assert found.rows == [(value,)]


async def test_a_user_who_may_make_no_role_is_told_what_to_grant(postgres, host, refused):
    with postgres.database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS plain")
            connection.execute("CREATE ROLE plain LOGIN")
            name = connection.info.dbname
            connection.execute(f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO plain".encode())
        data = host(url.replace("user=postgres", "user=plain"))
        await data.create("tasks", {"id": "a"})
        error = await refused(data.calls.sql(["SELECT id FROM tasks"], []), "store_unavailable")
        assert "GRANT aiwe_reader TO plain;" in error.hint
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "DO $$ BEGIN CREATE ROLE aiwe_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
            connection.execute("GRANT aiwe_reader TO plain")
        assert (await data.calls.sql(["SELECT id FROM tasks"], [])).rows == [("a",)]
        await data.store.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY plain")
            connection.execute("DROP ROLE plain")


# ── settings ──


@pytest.mark.binds("data_url")
async def test_a_whole_engine_lives_on_a_database_that_its_settings_name(fresh_database, tmp_path):
    program = """
      app.get("/", async (req) => {
        req.session.set("count", (req.session.get("count") ?? 0) + 1);
        await DataRepository.create("tasks", { n: 1 });
        return { count: await DataRepository.count("tasks") };
      });
    """
    for count in (1, 2):
        changed = settings(data_url=fresh_database)
        async with Engine(changed, root=tmp_path, data=tmp_path / ".aiwe") as engine:
            served = Bench(engine, tmp_path)
            await served.serve(program)
            assert await served.json("/") == {"count": count}
    assert not (tmp_path / ".aiwe" / "data.duckdb").exists()
    with psycopg.connect(fresh_database) as connection:
        rows = connection.execute("SELECT app, name FROM aiwe.collections ORDER BY name").fetchall()
    assert ("app", "tasks") in rows


@pytest.mark.binds("data_connections")
async def test_there_are_no_more_connections_than_the_settings_allow(host, fresh_database):
    data = host(data_connections=4, query_limit=0.3)
    await data.create("tasks", {})
    await asyncio.gather(*(data.count("tasks", {"n": n}) for n in range(50)))
    with psycopg.connect(fresh_database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aiwe'"
        ).fetchone()
    assert row is not None
    assert 0 < row[0] <= 4
    open_ones = [await data.store.begin(SCOPE) for _ in range(2)]
    with pytest.raises(AiweError) as caught:
        await data.store.begin(SCOPE)
    assert caught.value.code == "too_many_transactions"
    assert await data.count("tasks") == 1
    await open_ones[0].rollback()
    await (await data.store.begin(SCOPE)).rollback()
    await open_ones[1].rollback()


async def test_a_query_that_takes_too_long_is_ended(host):
    data = host(query_limit=0.2)
    await data.create_many("tasks", [{"text": "x" * 100} for _ in range(5000)])
    slow = {"$or": [{"text": {"$like": f"%{m}%x%y%z"}} for m in range(190)]}
    started = asyncio.get_running_loop().time()
    results = await asyncio.gather(
        *(data.count("tasks", {"n": n, **slow}) for n in range(4)),
        *(data.count("tasks", slow) for n in range(4)),
        return_exceptions=True,
    )
    assert {getattr(result, "code", result) for result in results[4:]} == {"query_too_slow"}
    assert asyncio.get_running_loop().time() - started < 5
    assert await data.count("tasks", {"text": "x"}) == 0


# ── a server that goes away ──


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """A server that tests may stop."""
    require()
    with cluster() as running:
        yield running


async def test_a_lost_server_is_told_loses_nothing_and_is_taken_up_again(own, host, refused):
    data = host(own.url())
    kept = [await data.create("tasks", {"id": "a"})]
    tx = await data.store.begin(SCOPE)
    await tx.update("tasks", "a", {"lost": True}, None)
    own.stop("immediate")
    try:
        calls = [
            data.create("tasks", {"id": "b"}),
            data.get("tasks", "a"),
            data.query("tasks"),
            data.count("tasks", {"n": 1}),
            data.collections(),
            data.store.begin(SCOPE),
            data.store.define(SCOPE, "tasks", {}, "v1"),
            tx.commit(),
        ]
        for call in calls:
            error = await refused(call, "store_unavailable")
            assert error.status == 503
            assert str(own.url()).split("host=")[1].split("&")[0] in error.hint
    finally:
        own.start()
    assert await data.query("tasks") == kept
    kept.append(await data.create("tasks", {"id": "c"}))
    assert await data.query("tasks") == kept


async def test_writes_under_way_when_the_server_dies_are_stored_or_told(own, host):
    data = host(own.url())
    await data.delete_many("tasks", {})
    acknowledged, unknown, codes = set(), set(), set()
    stop = asyncio.Event()

    async def writer(name):
        for n in range(100_000):
            try:
                await data.create("tasks", {"id": f"{name}-{n}"})
                acknowledged.add(f"{name}-{n}")
            except AiweError as error:
                codes.add(error.code)
                if error.code == "outcome_unknown":
                    unknown.add(f"{name}-{n}")
                if stop.is_set():
                    return

    writers = [asyncio.create_task(writer(name)) for name in range(16)]
    while len(acknowledged) < 200:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(own.stop, "immediate")
    stop.set()
    await asyncio.gather(*writers)
    await asyncio.to_thread(own.start)
    found = {doc["id"] for doc in await data.query("tasks")}
    assert acknowledged <= found <= acknowledged | unknown
    assert codes <= {"store_unavailable", "outcome_unknown"}


async def test_an_engine_starts_without_its_database_and_says_so(own, tmp_path, caplog):
    program = 'app.get("/", async () => (await DataRepository.create("t", {})).version);'
    secret = f"postgresql://postgres:hunter-two@/postgres?host={quote(own.url().split('host=')[1].split('&')[0])}"
    own.stop()
    try:
        with caplog.at_level(logging.WARNING):
            changed = settings(data_url=secret)
            async with Engine(changed, root=tmp_path, data=tmp_path / ".aiwe") as engine:
                served = Bench(engine, tmp_path)
                await served.serve(program)
                answer = await served.get("/")
                assert answer.status == 503
                assert b"store_unavailable" in answer.body
                assert "cannot be reached" in caplog.text
                own.start()
                assert await served.json("/") == 1
                assert "hunter-two" not in caplog.text + answer.body.decode() + str(engine.status())
    finally:
        own.stop()
        own.start()


async def test_a_name_that_needs_quotes_in_sql_is_told_with_them(host, refused):
    data = host()
    await data.create("orders", {"customerId": "c1"})
    error = await refused(data.calls.sql(["SELECT customerId FROM orders"], []), "invalid_sql")
    assert '"customerId" in double quotes' in error.hint
    found = await data.calls.sql(['SELECT "customerId" FROM orders'], [])
    assert found.rows == [("c1",)]


async def test_what_another_engine_has_written_counts_once_it_is_counted_again(host, monkeypatch):
    here, there = host(), host()
    for one in (here, there):
        one.store.quota.limit_of = lambda _app: 10_000
        await one.create("notes", {"t": "x" * 100})
    await there.create("notes", {"t": "x" * 9000})
    monkeypatch.setattr("aiwe_engine.store.postgres.counting.AGAIN", -1.0)
    async with asyncio.timeout(10):
        while (code := await _code(here.create("notes", {"t": "x" * 50}))) is None:
            pass
    assert code == "storage_full"


async def _code(call):
    try:
        await call
    except AiweError as error:
        return error.code
