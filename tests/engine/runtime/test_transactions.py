"""`DataRepository.transaction` as programs meet it: again on conflict, all or nothing, never left open."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from aiwe_engine.capabilities.assets import Assets
from aiwe_engine.capabilities.body import Body
from aiwe_engine.capabilities.data import Data
from aiwe_engine.capabilities.fetch import Fetch
from aiwe_engine.capabilities.files import Files
from aiwe_engine.capabilities.transactions import MOST
from aiwe_engine.capabilities.visit import SessionCalls
from aiwe_engine.errors import RequestError
from aiwe_engine.protocols import Scope
from aiwe_engine.store.duckdb import DuckDBStore
from aiwe_engine.store.optimistic import OptimisticTransaction, conflict
from aiwe_engine.types import Invocation
from tests.engine.runtime.bench import Bench, Open

PROGRAM = """
let kept = null;
const transaction = (work) => DataRepository.transaction(work);
const told = async (call) => { try { return await call(); } catch (error) { return { code: error.code, hint: error.hint }; } };

app.get("/increment/:id", async (req) => {
  let runs = 0;
  return transaction(async (tx) => {
    runs++;
    const { id } = req.params;
    const { n } = await tx.get("counters", id) ?? await tx.create("counters", { id, n: 0 });
    await tx.update("counters", id, { n: n + 1 });
    return [n + 1, runs];
  });
});
app.get("/count/:name", (req) => DataRepository.count(req.params.name));
app.get("/all/:name", async (req) => (await DataRepository.list(req.params.name)).map((doc) => doc.n));

// Two halves of a conflict: the work waits in its first run until the other request has written.
let arrived, go;
const arrival = () => new Promise((done) => { arrived = done; });
let there = arrival();
app.get("/halted", async () => {
  let runs = 0;
  const result = await transaction(async (tx) => {
    const a = (await tx.get("pair", "a")).n;
    if (++runs === 1) await new Promise((done) => { go = done; arrived(); });
    const b = (await tx.get("pair", "b")).n;
    if (a !== b) throw new Error("impossible");
    await tx.update("pair", "a", { seen: a });
    return a;
  });
  return { result, runs };
});
app.get("/pair", () => transaction((tx) => tx.createMany("pair", [{ id: "a", n: 0 }, { id: "b", n: 0 }])));
app.get("/meanwhile", async () => {
  await there;
  for (const id of ["a", "b"]) await DataRepository.update("pair", id, { n: 1 });
  go();
});

let going = true;
app.get("/write", async () => { while (going) await DataRepository.modify("busy", "a", { $inc: { n: 1 } }); return DataRepository.get("busy", "a"); });
app.get("/long", async () => {
  let runs = 0;
  await DataRepository.upsert("busy", { id: "a", n: 0 });
  await transaction(async (tx) => {
    runs++;
    for (let i = 0; i < 5; i++) await tx.count("busy");
    await tx.update("busy", "a", { runs });
  });
  going = false;
  return runs;
});

app.get("/own", () => transaction(async (tx) => {
  await tx.createMany("own", [{ id: "a", n: 1 }, { id: "b", n: 2 }, { id: "c", n: 3 }]);
  await tx.modify("own", "a", { $inc: { n: 10 } });
  await tx.delete("own", "b");
  const page = await tx.query("own", { n: { $gt: 0 } }, { sort: "-n", limit: 1 });
  return [
    (await tx.get("own", "a")).n, await tx.get("own", "b"), await tx.count("own"), page[0].id,
    (await tx.query("own", { limit: 1, sort: "-n", cursor: page.cursor }))[0].id, (await tx.first("own", { n: 3 })).id,
    tx.sync.count("own"), (await tx.sql`SELECT sum(n) AS n FROM own WHERE n > ${0}`)[0].n, await DataRepository.count("own"), await tx.collections(), await tx.deleteMany("own", { n: 3 }),
  ];
}));
app.get("/failing", () => transaction(async (tx) => {
  await tx.create("failed", { n: 1 });
  throw Object.assign(new Error("Too much"), { code: "too_much", status: 422 });
}));
app.get("/response", () => transaction(async (tx) => { await tx.create("failed", {}); throw Response.text("no", { status: 418 }); }));
app.get("/unawaited", () => transaction((tx) => {
  tx.create("u", { n: 1 });
  (async () => { await tx.count("u"); tx.create("u", { n: 2 }); })();
}));
app.get("/floating", () => { transaction(async (tx) => { tx.create("f", { n: 1 }); await tx.count("f"); tx.create("f", { n: 2 }); }); return "answered"; });
app.get("/floating_failure", () => { transaction(async (tx) => { await tx.create("failed", {}); throw Object.assign(new Error("no"), { code: "floating" }); }); return "answered"; });
app.get("/unseen", () => transaction((tx) => { tx.create("failed", {}); tx.update("failed", "none", {}); }));
app.get("/caught", () => transaction(async (tx) => {
  try { await tx.update("caught", "none", {}); } catch (error) { await tx.create("caught", { n: error.code }); }
  return await tx.count("caught");
}));
app.get("/joined", () => transaction(async (tx) => {
  await tx.create("joined", {});
  return tx.transaction(async (inner) => { await inner.create("joined", {}); return inner.count("joined"); });
}));
app.get("/joined_failure", () => transaction(async (tx) => {
  await tx.transaction(async (inner) => { await inner.create("failed", {}); throw new Error("inner"); }).catch(() => 0);
}));
app.get("/parallel/:n", (req) => Promise.all(Array.from({ length: +req.params.n }, () => transaction(async (tx) => {
  await tx.create("parallel", { n: await tx.count("parallel") });
}))));

const outside = {
  fetch: () => fetch("http://127.0.0.1:1234/"), post: () => fetch("http://127.0.0.1:1234/", { method: "POST" }),
  create: () => DataRepository.create("o", {}), deleteMany: () => DataRepository.deleteMany("o", {}),
  sync: async () => DataRepository.sync.create("o", {}), asset: () => Assets.write("a.txt", "x"), file: () => Files.delete("x"),
  read: () => DataRepository.count("o"),
};
app.get("/outside/:what", (req) => transaction((tx) => told(outside[req.params.what])));
app.get("/define", () => transaction((tx) => tx.define("o", {})));
app.get("/no_work", () => transaction({}));
app.get("/afterwards", async () => { await transaction(async (tx) => { kept = tx; }); return told(() => kept.create("o", {})); });
app.get("/borrowed", () => told(() => kept.get("o", "x")));
app.get("/late", () => { kept.create("o", {}); return "answered"; });

app.get("/never", () => transaction(async (tx) => { await tx.create("never", {}); await new Promise(() => {}); }));
app.get("/loop", () => transaction(async (tx) => { await tx.create("never", {}); for (;;); }));
app.get("/lost", () => transaction(async (tx) => {
  await tx.create("never", {});
  if ((await tx.get("marks", "killed")) === null) { arrived(); await new Promise(() => {}); }
  return "second run";
}));
app.get("/reached", () => there);
app.get("/mark", () => DataRepository.upsert("marks", { id: "killed" }));
"""


@pytest.fixture
async def served(bench: Bench) -> Bench:
    await bench.serve(PROGRAM)
    return bench


@pytest.fixture
def under_way(monkeypatch: pytest.MonkeyPatch) -> set[Any]:
    """The store's transactions that have not ended."""
    found: set[Any] = set()
    begin = DuckDBStore.begin

    async def noted(store: DuckDBStore, *args: Any) -> Any:
        transaction = await begin(store, *args)
        found.add(transaction)
        return transaction

    monkeypatch.setattr(DuckDBStore, "begin", noted)
    for name in ("commit", "rollback"):
        end = getattr(OptimisticTransaction, name)

        async def noted_end(transaction: Any, end: Any = end) -> Any:
            found.discard(transaction)
            return await end(transaction)

        monkeypatch.setattr(OptimisticTransaction, name, noted_end)
    return found


async def ended(under_way: set[Any]) -> None:
    """Returns when nothing is under way any more; that is at once, but for a task that is to run."""
    async with asyncio.timeout(10):
        while under_way:
            await asyncio.sleep(0)


async def test_sixty_four_requests_that_increment_one_document_all_count(open_bench: Open) -> None:
    served: Bench = await open_bench(deadline=20.0)
    await served.serve(PROGRAM)
    answers = await asyncio.gather(*(served.json("/increment/hot") for _ in range(64)))
    assert sorted(n for n, _ in answers) == list(range(1, 65))
    assert max(runs for _, runs in answers) > 1


async def test_work_that_has_read_two_moments_is_run_again_and_its_error_is_not_told(
    served: Bench,
) -> None:
    await served.get("/pair")
    halted = asyncio.create_task(served.json("/halted"))
    await served.get("/meanwhile")
    assert await halted == {"result": 1, "runs": 2}


async def test_a_long_one_ends_beside_many_that_write_all_the_time(served: Bench) -> None:
    long = asyncio.create_task(served.json("/long"))
    writers = [asyncio.create_task(served.json("/write")) for _ in range(8)]
    assert 1 < await long <= 10
    for doc in await asyncio.gather(*writers):
        assert doc["n"] > 0
        assert doc["runs"] == await long


async def test_a_transaction_is_all_or_nothing_and_sees_its_own_writes(served: Bench) -> None:
    own = [11, None, 2, "a", "c", "c", 2, 14, 0, ["own"], 1]
    assert await served.json("/own") == own
    assert await served.json("/all/own") == [11]
    assert await served.code("/failing") == (422, "too_much")
    assert (await served.get("/response")).status == 418
    assert await served.code("/joined_failure") == (500, "handler_failed")
    assert await served.code("/unseen") == (404, "not_found")
    assert await served.json("/count/failed") == 0
    assert await served.json("/caught") == 1
    assert await served.json("/joined") == 2
    await served.get("/unawaited")
    assert await served.json("/all/u") == [1, 2]
    assert (await served.get("/floating")).body == b"answered"
    assert await served.json("/all/f") == [1, 2]
    assert await served.code("/floating_failure") == (500, "floating")
    assert await served.json("/count/failed") == 0


REFUSED = {
    "/outside/fetch": ("fetch_in_transaction", "before the transaction or after"),
    "/outside/post": ("fetch_in_transaction", "may run several times"),
    "/outside/create": ("outside_transaction", "tx.create"),
    "/outside/deleteMany": ("outside_transaction", "tx.create"),
    "/outside/sync": ("outside_transaction", "tx.create"),
    "/outside/asset": ("outside_transaction", "before the transaction"),
    "/outside/file": ("outside_transaction", "before the transaction"),
    "/afterwards": ("transaction_over", "Await every call of tx"),
    "/borrowed": ("transaction_over", "do not keep tx"),
}


async def test_what_a_transaction_does_not_take_is_an_error_that_says_what_to_do(
    served: Bench,
) -> None:
    for path, (code, hint) in REFUSED.items():
        answer = await served.json(path)
        assert (path, answer["code"]) == (path, code)
        assert hint in answer["hint"]
    assert await served.json("/outside/read") == 0
    assert await served.code("/late") == (500, "transaction_over")
    assert await served.code("/define") == (500, "outside_transaction")
    assert await served.code("/no_work") == (400, "invalid_argument")
    assert await served.json("/count/o") == 0


async def test_several_transactions_of_one_request_are_kept_apart_and_bounded(
    served: Bench, under_way: set[Any]
) -> None:
    await served.get(f"/parallel/{MOST}")
    assert await served.json("/all/parallel") == list(range(MOST))
    assert await served.code(f"/parallel/{MOST + 1}") == (500, "too_many_transactions")
    assert await served.json("/parallel/1") is not None
    await ended(under_way)


async def test_nothing_stays_open_of_work_that_does_not_end(
    open_bench: Open, under_way: set[Any]
) -> None:
    bench: Bench = await open_bench(deadline=1.0)
    await bench.serve(PROGRAM)
    assert await bench.code("/never") == (504, "deadline")
    assert (await bench.get("/loop")).status >= 500
    assert await bench.engine._store.within(Scope("app", "dev")).count("never", {}) == 0
    await ended(under_way)


async def test_a_worker_that_is_killed_leaves_nothing_and_the_work_runs_again(
    served: Bench, under_way: set[Any]
) -> None:
    lost = asyncio.create_task(served.get("/lost"))
    await served.get("/reached")
    await served.get("/mark")
    assert await served.json("/count/never") == 0
    (worker,) = served.engine.status()["workers"].values()  # type: ignore[union-attr]
    os.kill(int(worker), signal.SIGKILL)
    assert (await lost).body == b"second run"
    assert await served.json("/count/never") == 1
    await ended(under_way)


async def test_work_that_always_loses_is_told_so(
    served: Bench, under_way: set[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = 0

    async def lose(_: Any) -> None:
        nonlocal losses
        losses += 1
        raise conflict("counters")

    with monkeypatch.context() as patched:
        patched.setattr(OptimisticTransaction, "commit", lose)
        response = await served.get("/increment/x")
    assert (response.status, losses) == (409, 10)
    assert b"transaction_conflict" in response.body
    assert b"fewer whole collections" in response.body
    under_way.clear()
    assert await served.json("/increment/x") == [1, 1]


async def test_while_loading_it_happens_once_and_other_isolates_repeat_it_in_memory(
    bench: Bench,
) -> None:
    await bench.serve(
        """
        const made = await DataRepository.transaction(async (tx) => {
          if (await tx.count("seeds") > 0) return null;
          return tx.create("seeds", { n: 1 });
        });
        let second;
        async function init() { second = await DataRepository.transaction((tx) => tx.create("seeds", { n: 2 })); }
        app.get("/seeds", async () => [made.id, second.id, await DataRepository.count("seeds")]);
        """
    )
    before = await bench.json("/seeds")
    for worker in bench.engine.status()["workers"].values():  # type: ignore[union-attr]
        os.kill(int(worker), signal.SIGKILL)
    assert await bench.json("/seeds") == before
    assert before[2] == 2


def test_every_write_but_a_commit_is_refused_beside_a_transaction() -> None:
    declared = {
        (capability.name, method): declared
        for capability in (Assets, Body, Data, Fetch, Files, SessionCalls)
        for method, declared in capability.methods.items()
    }
    allowed = [key for key, method in declared.items() if method.write and not method.outside]
    assert allowed == [("data", "commit")]


async def test_a_worker_that_makes_up_numbers_reaches_nothing(bench: Bench) -> None:
    data = Data(bench.engine._store, bench.engine.log)
    mine, other = (Invocation(n, "http", "shop", "dev", "v", "GET /") for n in "12")
    await data.call(mine, "begin", [1, None])
    for number in (1, 0, -1, True, "2", None, 2.0, [2]):
        with pytest.raises(Exception, match="no such transaction"):
            await data.call(mine, "begin", [number, None])
    for number in (1, 2, -1, True, "1", None, 1.0, [1]):
        for method in ("within", "commit", "rollback"):
            with pytest.raises(Exception, match="no such transaction") as caught:
                await data.call(other, method, [number, "get", ["tasks", "x"]])
            assert caught.value.code == "no_such_transaction"  # type: ignore[attr-defined]
    for method in ("begin", "define", "transaction", "nothing", None, ["get"]):
        with pytest.raises(RequestError, match="A transaction has no"):
            await data.call(mine, "within", [1, method, []])
    assert await data.call(mine, "within", [1, "get", ["tasks", "x"]]) is None
    await mine.transactions.close()
