"""`DataRepository.define` as a program has it: when it loads, and in a cell."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from aiwe_engine.capabilities.data import Data
from aiwe_engine.errors import AiweError
from aiwe_engine.logs import Log
from aiwe_engine.protocols import Store
from aiwe_engine.settings import Settings
from aiwe_engine.types import Cell, Invocation
from tests.engine.runtime.bench import Bench

PROGRAM = """
DataRepository.define("users", {
  schema: { type: "object", required: ["email"], properties: { email: { type: "string", format: "email" }, age: { type: "integer" } } },
  unique: [["email"]],
});
DataRepository.create("users", { id: "first", email: "first@example.com" });
app.post("/users", (req) => DataRepository.create("users", req.body));
app.get("/users", () => DataRepository.list("users"));
app.get("/late", () => { DataRepository.define("late", {}); });
app.get("/sync", () => { DataRepository.sync.define("late", {}); });
"""


async def post(bench: Bench, body: Any) -> tuple[int, Any]:
    headers = [("content-type", "application/json")]
    answer = await bench.get("/users", method="POST", headers=headers, body=orjson.dumps(body))
    return answer.status, orjson.loads(answer.body)


async def test_what_a_program_declares_while_it_loads_its_handlers_meet(bench: Bench) -> None:
    await bench.serve(PROGRAM)
    assert [user["id"] for user in await bench.json("/users")] == ["first"]
    assert (await post(bench, {"email": "ann@example.com"}))[0] == 200

    status, answer = await post(bench, {"email": "first@example.com"})
    assert (status, answer["error"]["code"]) == (409, "already_exists")
    assert "email" in answer["error"]["message"]

    status, answer = await post(bench, {"age": "x"})
    assert (status, answer["error"]["code"]) == (400, "invalid_document")
    assert answer["error"]["details"] == [
        {"path": "/email", "message": "is required"},
        {"path": "/age", "message": "must be a whole number, not a string"},
    ]

    for path, code in (("/late", "registration_closed"), ("/sync", "unknown_call")):
        error = (await bench.json(path))["error"]
        assert error["code"] == code
        assert "top level" in error["hint"]
    assert [user["id"] for user in await bench.json("/users")][:1] == ["first"]
    said = [line.text for _, line in bench.engine.logs("app") if line.level == "info"]
    assert said == [
        'DataRepository.define: "users": collection made.',
        'DataRepository.define: "users": schema declared.',
        'DataRepository.define: "users": unique key email added.',
    ]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('DataRepository.define("a", { uniqe: [] });', "invalid_definition", 2),
        ('DataRepository.define("a", { schema: { type: "strnig" } });', "invalid_definition", 2),
        ('DataRepository.define("a b", {});', "invalid_collection", 2),
        ('DataRepository.define("a");', "invalid_definition", 2),
        (
            """DataRepository.createMany("a", [{ k: 1 }, { k: 1 }]);
            DataRepository.define("a", { unique: [["k"]] });""",
            "not_unique",
            3,
        ),
        (
            'function init() {\n  DataRepository.define("a", { index: 5 });\n}',
            "invalid_definition",
            3,
        ),
    ],
)
async def test_a_definition_that_fails_fails_the_load_with_the_authors_line(
    bench: Bench, text: str, code: str, line: int
) -> None:
    with pytest.raises(AiweError) as caught:
        await bench.serve(f"const one = 1;\n{text}\n")
    assert caught.value.code == code
    assert caught.value.hint
    assert caught.value.where is not None
    assert caught.value.where.line == line


async def test_a_cell_declares_and_is_told_its_mistake(bench: Bench) -> None:
    async def run(text: str, cell: str) -> list[dict[str, Any]]:
        made = Cell(session="s", app="app", cell=cell, text=text, path="app.ipynb")
        return [event async for event in bench.engine.run_cell(made)]

    await run('DataRepository.define("tasks", { unique: [["title"]] });', "a")
    events = await run(
        'await DataRepository.create("tasks", { title: "a" });\n'
        'await DataRepository.create("tasks", { title: "a" });',
        "b",
    )
    errors = [event for event in events if event["type"] == "error"]
    assert errors[0]["error"]["code"] == "already_exists"
    events = await run('DataRepository.define("tasks", { unique: "title" });', "c")
    errors = [event for event in events if event["type"] == "error"]
    assert errors[0]["error"]["code"] == "invalid_definition"
    assert errors[0]["error"]["where"]["line"] == 1


async def test_documents_of_users_are_out_of_reach_for_whoever_is_not_signed_in(
    bench: Bench,
) -> None:
    await bench.serve("""
    DataRepository.define("notes", { owner: true });
    DataRepository.create("notes", { id: "first", owner: "ann" });
    app.get("/list", () => DataRepository.list("notes"));
    app.get("/get", () => DataRepository.get("notes", "first"));
    app.get("/count", async () => ({ n: await DataRepository.count("notes") }));
    app.get("/sync", () => DataRepository.sync.get("notes", "first"));
    app.get("/tx", () => DataRepository.transaction((tx) => tx.deleteMany("notes", {})));
    app.get("/page", () => DataRepository.query("notes", { owner: "ann" }, { cursor: "first" }));
    """)
    for path in ("/list", "/get", "/count", "/sync", "/tx", "/page"):
        assert await bench.code(path) == (401, "sign_in_required"), path


async def test_the_host_lets_no_handler_define_whatever_its_worker_says() -> None:
    call = Invocation("i", "http", "app", "dev", "v1", "GET /")
    data = Data(cast(Store, None), Log(Settings()))
    with pytest.raises(AiweError) as caught:
        await data.call(call, "define", ["users", {"owner": False}])
    assert caught.value.code == "registration_closed"
