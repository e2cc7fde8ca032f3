"""`DataRepository` as a program meets it: the whole way from JavaScript into the file."""

from contextlib import asynccontextmanager

import orjson
import pytest

from aiwe_engine.engine import Engine
from aiwe_engine.errors import AiweError
from aiwe_engine.logs import Log
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import Settings
from aiwe_engine.types import Caller, Invocation
from tests.engine.runtime.bench import Bench, settings


@asynccontextmanager
async def bench(folder):
    async with Engine(settings(), root=folder, data=folder / ".aiwe") as engine:
        yield Bench(engine, folder)


PROGRAM = """
app.get("/life", async () => {
  const made = await DataRepository.create("tasks", { title: "Milk", when: new Date(0), gone: undefined });
  const got = await DataRepository.get("tasks", made.id);
  const changed = await DataRepository.update("tasks", made.id, { done: true }, { ifVersion: 1 });
  await DataRepository.modify("tasks", made.id, { $inc: { views: 2 } });
  const many = await DataRepository.createMany("tasks", [{ title: "A" }, { title: "B" }]);
  const found = await DataRepository.query("tasks", { done: true, limit: 5, sort: "recent" });
  const listed = await DataRepository.list("tasks", { sort: "-title", limit: 2 });
  const first = await DataRepository.first("tasks", { title: "B" });
  const missing = [await DataRepository.get("tasks", "x"), await DataRepository.first("tasks", { title: "C" })];
  const counts = [await DataRepository.count("tasks"), await DataRepository.count("tasks", { done: true })];
  const replaced = await DataRepository.replace("tasks", made.id, { title: "New" });
  const upserted = await DataRepository.upsert("tasks", { id: "mine", title: "Up" });
  const gone = [await DataRepository.delete("tasks", made.id), await DataRepository.delete("tasks", made.id)];
  const many_gone = await DataRepository.deleteMany("tasks", { title: { $in: ["A", "B"] } });
  const left = (await DataRepository.list("tasks")).map((doc) => doc.id);
  return { made, same: JSON.stringify(made) === JSON.stringify(got), changed, many: many.length, found, missing,
           listed: listed.map((doc) => doc.title), first: first.title, counts, replaced, upserted, gone, many_gone,
           left, collections: await DataRepository.collections() };
});
app.get("/failure/:what", async (req) => {
  const calls = {
    missing: () => DataRepository.update("tasks", "x", {}),
    unnamed: () => DataRepository.create("a b", {}),
    nothing: () => DataRepository.create("tasks"),
    undefined_id: () => DataRepository.get("tasks", undefined),
    undefined_filter: () => DataRepository.deleteMany("tasks", { owner: undefined }),
    no_filter: () => DataRepository.deleteMany("tasks"),
    operator: () => DataRepository.query("tasks", { n: { $get: 1 } }),
    options: () => DataRepository.update("tasks", "x", {}, { version: 1 }),
    twice: async () => { await DataRepository.upsert("t", { id: "1" }); await DataRepository.create("t", { id: "1" }); },
    other_name: () => DataRepository.find("tasks"),
    sync_later: () => DataRepository.sync.transaction(() => 1),
    sync_other_name: () => DataRepository.sync.find("tasks"),
    bigint: () => DataRepository.create("tasks", { n: 10n }),
    undefined_inside: () => DataRepository.deleteMany("tasks", { $and: [{ owner: undefined }] }),
    undefined_operand: () => DataRepository.count("tasks", { n: { $in: [1, undefined] } }),
    function_filter: () => DataRepository.query("tasks", (task) => task.done),
    expression: () => DataRepository.query("tasks", { title: /milk/ }),
    not_a_number: () => DataRepository.count("tasks", { n: NaN }),
    regex: () => DataRepository.query("tasks", { title: { $regex: "milk" } }),
    delete_if: () => DataRepository.delete("tasks", "x", { ifVersion: 1 }),
    modify_if: () => DataRepository.modify("tasks", "x", { $inc: { n: 1 } }, { ifVersion: 1 }),
    begin: () => DataRepository.beginTransaction(),
    rollback: () => DataRepository.transaction((tx) => tx.rollback()),
    promise: () => DataRepository.sql`SELECT * FROM tasks WHERE ${Promise.resolve(1)}`,
  };
  try {
    await calls[req.params.what]();
  } catch (error) {
    return { code: error.code, hint: error.hint, is: error instanceof Error };
  }
});
app.get("/unhandled", () => DataRepository.update("tasks", "x", {}));
app.get("/unawaited", () => { DataRepository.create("later", { n: 1 }); DataRepository.create("later", { n: 2 }); return "ok"; });
app.get("/later", () => DataRepository.list("later"));
app.get("/mine", () => { DataRepository.create("w", { version: 3, updatedAt: "x" }); return "ok"; });
"""


async def test_a_program_lives_with_its_documents(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        answer = await served.json("/life")
    assert answer["same"] is True
    assert answer["made"]["when"] == "1970-01-01T00:00:00.000Z"
    assert "gone" not in answer["made"]
    assert (answer["changed"]["version"], answer["changed"]["title"]) == (2, "Milk")
    assert answer["many"] == 2
    assert [doc["views"] for doc in answer["found"]] == [2]
    assert answer["listed"] == ["Milk", "B"]
    assert answer["first"] == "B"
    assert answer["missing"] == [None, None]
    assert answer["counts"] == [3, 1]
    assert answer["replaced"]["version"] == 4
    assert answer["upserted"]["id"] == "mine"
    assert answer["gone"] == [True, False]
    assert (answer["many_gone"], answer["left"], answer["collections"]) == (2, ["mine"], ["tasks"])


FAILURES = {
    "missing": ("not_found", "upsert"),
    "unnamed": ("invalid_collection", "letters"),
    "nothing": ("invalid_argument", "nothing"),
    "undefined_id": ("invalid_id", "undefined"),
    "undefined_filter": ("invalid_filter", "null"),
    "no_filter": ("invalid_argument", "nothing"),
    "operator": ("invalid_filter", "$gte"),
    "options": ("invalid_argument", "ifVersion"),
    "twice": ("already_exists", "upsert"),
    "other_name": ("unknown_call", "DataRepository.query"),
    "sync_later": ("unknown_call", "await DataRepository.transaction"),
    "sync_other_name": ("unknown_call", "DataRepository.sync.query"),
    "bigint": ("not_json", "BigInt"),
    "undefined_inside": ("invalid_filter", "null"),
    "undefined_operand": ("invalid_filter", "null"),
    "function_filter": ("invalid_filter", "status"),
    "expression": ("invalid_filter", "$like"),
    "not_a_number": ("invalid_filter", "variable"),
    "regex": ("invalid_filter", "$like"),
    "delete_if": ("invalid_argument", "transaction"),
    "modify_if": ("invalid_argument", "update"),
    "begin": ("unknown_call", "async (tx)"),
    "rollback": ("unknown_call", "throws"),
    "promise": ("invalid_sql", "variable"),
}


async def test_what_a_program_does_wrong_is_an_error_with_code_and_hint(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        for what, (code, hint) in FAILURES.items():
            answer = await served.json(f"/failure/{what}")
            assert (what, answer["code"], answer["is"]) == (what, code, True)
            assert hint in answer["hint"]
        assert await served.code("/unhandled") == (404, "not_found")


FORGOTTEN = {
    "json": "({ tasks: DataRepository.list('tasks') })",
    "inside": "Response.json([{ n: DataRepository.count('tasks') }])",
    "page": "html`<p>${DataRepository.count('tasks')}</p>`",
    "text": "`There are ${DataRepository.count('tasks')}`",
    "write": "DataRepository.create('tasks', { owner: DataRepository.get('people', 'ann') })",
}


async def test_a_call_that_stands_where_its_value_is_meant_is_told(tmp_path):
    async with bench(tmp_path) as served:
        routes = "".join(f'app.get("/{name}", () => {text});' for name, text in FORGOTTEN.items())
        shown = 'app.get("/", async () => { console.log(DataRepository.count("tasks")); return "ok"; });'
        await served.serve(f"{routes}{shown}")
        for name in FORGOTTEN:
            answer = await served.json(f"/{name}")
            assert (name, answer["error"]["code"]) == (name, "not_awaited")
            assert "await" in answer["error"]["hint"]
        assert (await served.get("/")).body == b"ok"


async def test_options_that_are_undefined_are_not_given_wherever_they_stand(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve("""
          app.get("/", async () => {
            await DataRepository.createMany("p", [{ n: 1, s: 1 }, { n: 2, s: 1 }, { n: 3, s: 2 }]);
            const page = { limit: 1, cursor: undefined, sort: "-n" };
            return [
              (await DataRepository.query("p", { s: 1, ...page })).map((doc) => doc.n),
              (await DataRepository.first("p", { s: 1, ...page })).n,
              (await DataRepository.first("p", { s: 1 }, { sort: "-n" })).n,
              (await DataRepository.first("p", null, { sort: "-n", fields: ["n"] })).s ?? null,
            ];
          });
        """)
        assert await served.json("/") == [[2], 2, 2, None]


async def test_writes_that_nobody_awaits_are_done_in_order_before_the_answer(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        assert (await served.get("/unawaited")).status == 200
        assert [doc["n"] for doc in await served.json("/later")] == [1, 2]


async def test_documents_are_there_after_the_engine_began_anew(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        await served.get("/unawaited")
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        assert [doc["n"] for doc in await served.json("/later")] == [1, 2]


async def test_a_field_of_the_engine_is_ignored_with_one_warning(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM)
        for _ in range(3):
            await served.get("/mine")
        lines = [line for _, line in served.engine.logs(None) if line.level == "warn"]
    assert len(lines) == 1
    assert 'version and updatedAt given for "w" is ignored' in lines[0].text


async def test_apps_see_their_own_documents_only(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PROGRAM, "one")
        await served.serve(PROGRAM, "two")
        await served.get("/unawaited", "one")
        assert await served.json("/later", "two") == []
        assert len(await served.json("/later", "one")) == 2


class Recorder:
    """A store that says under which scope it was asked."""

    def __init__(self):
        self.asked = []

    def within(self, scope):
        self.asked.append(scope)
        return self

    async def get(self, collection, doc_id):
        self.asked.append((collection, doc_id))
        return b'{"id":"x"}'


async def test_the_scope_is_that_of_the_invocation_whatever_a_program_sends():
    from aiwe_engine.capabilities.data import Data

    store = Recorder()
    invocation = Invocation("i", "http", "shop", "staging", "v1", "GET /")
    args = ["tasks", "x", {"app": "other"}, "staging"]
    answer = await Data(store, Log(Settings())).call(invocation, "get", args)
    assert orjson.dumps(answer) == b'{"id":"x"}'
    assert store.asked == [Scope("shop", "staging", Caller()), ("tasks", "x")]


@pytest.mark.parametrize("args", [[], [None], ["tasks", None, None, None, None], ["tasks", [[]]]])
async def test_no_arguments_of_a_hostile_worker_are_more_than_an_error(tmp_path, args):
    from aiwe_engine.capabilities.data import Data
    from aiwe_engine.store.duckdb import DuckDBStore

    store = DuckDBStore(tmp_path / "data.duckdb", Settings())
    data = Data(store, Log(Settings()))
    invocation = Invocation("i", "http", "shop", "dev", "v1", "GET /")
    for method in data.methods:
        try:
            orjson.dumps(await data.call(invocation, method, args))
        except AiweError as error:
            assert error.hint  # noqa: PT017  both outcomes are right, another exception is not
    await store.close()


PAGES = """
app.get("/page", async (req) => {
  const page = await DataRepository.query("tasks", {}, { sort: "n", limit: 2, cursor: req.query.cursor });
  const same = DataRepository.sync.list("tasks", { sort: "n", limit: 2, cursor: req.query.cursor });
  return { n: page.map((doc) => doc.n), text: JSON.stringify(page.map((doc) => doc.n)), keys: Object.keys(page),
           next: page.cursor, same: same.cursor === page.cursor && same.length === page.length };
});
app.get("/fill", async () => { await DataRepository.createMany("tasks", [1, 2, 3, 4, 5].map((n) => ({ n }))); return "ok"; });
"""


async def test_a_page_tells_a_program_where_the_next_one_begins(tmp_path):
    async with bench(tmp_path) as served:
        await served.serve(PAGES)
        await served.get("/fill")
        seen, cursor = [], ""
        while cursor is not None:
            page = await served.json("/page", query=f"cursor={cursor}")
            assert (page["keys"], page["same"]) == ([str(i) for i in range(len(page["n"]))], True)
            seen.append(page["n"])
            cursor = page["next"]
        assert seen == [[1, 2], [3, 4], [5]]
        assert await served.code("/page", query="cursor=nobody") == (400, "invalid_cursor")
